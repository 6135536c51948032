"""Every block of code of the pages is run, or checked where it needs a cluster."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import torch
import yaml
from torch import nn

from bs_study.config import StudyConfig
from bs_study.config.asked import asked
from bs_study.workloads.black_box import black_box
from tests.docs import ours, shipped
from tests.docs.made import without_made
from tests.docs.pages import ROOT, Block, blocks, code_spans, commands, pages

LANGUAGES = {"bash", "diff", "python", "sql", "yaml", "json", "text", ""}
OTHERS = r"(\S+=\S+ )*(python3? -m|python tests/|\.venv/bin/|ray|aws|nohup|for|mlflow|source)\b"
PLACES = {
    "report results/my_task": "report results/digits",
    "s3://YOUR-BUCKET/studies/mnist": "results/digits",
    "s3://YOUR-BUCKET/studies": "studies",
    "s3://bucket/results": "studies",
    "/mnt/shared/studies": "studies",
}
"""Studies and stores that are not here, and those in their place."""
TO_THE_CLUSTER = r"python sweeps/grid\.py [^'\"]*"


def ids(block: Block) -> str:
    return block.place


def ours_in(text: str) -> list[str]:
    """Return the commands of ours in a text, those that are handed to a cluster included."""
    own = re.sub(r"^nohup (.*?) >.*", r"\1", text.strip())
    own = own.replace("ray submit cluster.yaml sweeps/grid.py -- ", "python sweeps/grid.py ")
    return [own] if ours.is_ours(own) else [found.strip() for found in re.findall(TO_THE_CLUSTER, own)]


def all_commands() -> list[str]:
    """Return each command of ours that a page shows, once."""
    shown = [command for block in blocks("bash") for command in commands(block)]
    shown += [span for page in pages() for span in code_spans(page) if " --" in span]
    found = [command for text in shown for command in ours_in(text)]
    for place, here in PLACES.items():
        found = [command.replace(place, here) for command in found]
    return [command for command in dict.fromkeys(found) if "NAME" not in command]


def trains(command: str) -> bool:
    return command.startswith(("bs-study run", "python sweeps/grid.py")) and "--check" not in command


def is_work(command: str) -> bool:
    """Return whether a command is to be carried out here. The README's workload is checked in the test of it."""
    return not trains(command) and command != "bs-study run my_task:MyTask --check"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the studies and the workload that the pages name."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(shipped.unpacked(folder), folder / f"{shipped.SHOWN}-2")
    (workload,) = [block.text for block in blocks("python") if block.text.startswith("# my_task.py")]
    (folder / "my_task.py").write_text(workload)
    (function,) = [block.text for block in blocks("python") if block.text.startswith("# train.py")]
    (folder / "train.py").write_text(function)
    (study_file,) = [block.text for block in blocks("yaml", page="settings.md")]
    (folder / "my_study.yaml").write_text(study_file)
    (table,) = [block.text for block in blocks("", page="import.md")]
    (folder / "runs.csv").write_text(table)
    (folder / "sweeps").symlink_to(ROOT / "sweeps")
    return folder


@pytest.mark.parametrize("block", blocks(), ids=ids)
def test_a_block_is_of_a_language_that_is_checked(block: Block) -> None:
    assert block.language in LANGUAGES


@pytest.mark.parametrize("block", blocks("bash"), ids=ids)
def test_a_shell_reads_each_block(block: Block) -> None:
    subprocess.run(["bash", "-n", "-c", block.text], check=True, timeout=60)
    for command in commands(block):
        assert ours.is_ours(command) or re.match(OTHERS, command), command


@pytest.mark.parametrize("command", [command for command in all_commands() if trains(command)])
def test_each_study_would_start(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", [*sys.path])
    status = ours.run_here(command, *([] if "--dry-run" in command else ["--dry-run"]))
    printed = capsys.readouterr()
    assert (status, printed.err) == (0, "")
    assert re.search(r"\d+ trials?( in all)?\b.*\(dry run, nothing was started\)", printed.out)


@pytest.mark.parametrize("command", [command for command in all_commands() if is_work(command)])
def test_each_other_command_does_its_work(command: str, folder: Path) -> None:
    done = ours.run(command, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")


def is_run(block: Block) -> bool:
    """Return whether a block of Python stands by itself."""
    return re.match(r"# my_task\.py|# train\.py|def |from torchmetrics", block.text) is None


@pytest.mark.parametrize("block", [block for block in blocks("python") if is_run(block)], ids=ids)
def test_a_block_of_python_runs(block: Block, folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", block.text], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def method(name: str) -> object:
    """Return a method that the page of workloads shows by itself."""
    (text,) = [block.text for block in blocks("python", page="workloads.md") if block.text.startswith(f"def {name}(")]
    names: dict[str, object] = {"torch": torch, "nn": nn}
    exec(text, names)  # noqa: S102  it is the page's own
    return names[name]


def test_the_page_s_weight_of_a_loss_counts_the_tokens_that_are_not_ignored() -> None:
    labels = torch.tensor([[3, -100], [1, 2]])
    assert method("loss_weight")(None, labels, labels) == 3  # type: ignore[operator]


def test_the_page_s_collate_pads_examples_of_different_length() -> None:
    words, labels = method("collate")(None, [(torch.ones(2), 0), (torch.ones(3), 1)])  # type: ignore[operator]
    assert words.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert labels.tolist() == [0, 1]


@pytest.mark.parametrize("block", blocks("sql"), ids=ids)
def test_a_query_runs(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert len(duckdb.sql(block.text).df()) > 1


def test_the_study_of_the_settings_is_one() -> None:
    (block,) = blocks("yaml", page="settings.md")
    assert asked(yaml.safe_load(block.text)).config.batch_sizes == (16, 64, 256)


def test_the_recipes_are_as_many_as_their_page_says() -> None:
    grid = {"batch_sizes": [64], "lrs": [0.1], "max_epochs": 5}
    found = [yaml.safe_load(block.text) for block in blocks("yaml", page="recipes.md")]
    assert [len(StudyConfig(**grid, **block).each_recipe()) for block in found] == [3, 4]


def test_a_sample_is_made_or_is_that_of_the_tutorial() -> None:
    by_hand = [without_made(page.read_text(encoding="utf-8")) for page in pages()]
    samples = [line for text in by_hand for line in re.findall(r"^ *```(?:text|json)\n(.*)", text, re.MULTILINE)]
    assert samples == ["training set: 4000 examples of float32 (2,), int64 ()"]


def test_the_function_of_its_page_is_trained_to_its_target(folder: Path, tmp_path: Path) -> None:
    command = "bs-study run train.py:train --local --batch-sizes 64 --lrs 0.1 --target accuracy>=0.8 --store"
    done = ours.run(f"{command} {tmp_path}", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "target reached at iteration" in done.stdout


def test_the_readme_s_trainers_train_by_themselves_with_callbacks_that_are_there() -> None:
    """Without their packages; the tests of the callbacks run them."""
    (text,) = [block.text for block in blocks("python", page="README.md") if "bs_study.callbacks" in block.text]
    assert len(text.splitlines()) <= 15
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102  it is the page's own
    assert all(black_box(names[name]) for name in ("with_lightning", "with_transformers"))
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in imports] == ["bs_study.callbacks.lightning", "bs_study.callbacks.transformers"]
    for node in imports:
        file = ROOT / f"{str(node.module).replace('.', '/')}.py"
        classes = {own.name for own in ast.parse(file.read_text()).body if isinstance(own, ast.ClassDef)}
        assert {alias.name for alias in node.names} <= classes


def test_the_page_shows_how_a_script_becomes_a_function() -> None:
    (shown,) = [block.text for block in blocks("diff")]
    applied = (ROOT / "tests/training/black_box/script.diff").read_text()
    assert [line.rstrip() for line in shown.splitlines()] == [line.rstrip() for line in applied.splitlines()]
