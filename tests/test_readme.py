"""The README's own two set-up commands, and its tutorial word by word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bs_study.workloads.base import Workload
from bs_study.workloads.check import read_data
from bs_study.workloads.check_batch import look_at
from tests.docs import ours
from tests.docs.pages import ROOT, blocks, commands

COMMANDS = [command for block in blocks("bash", page="README.md") for command in commands(block)]
INSTALLS = [command for command in COMMANDS if "-e '.[sweep" in command]


def test_two_commands_install_everything_and_the_second_is_what_ci_runs() -> None:
    assert len(INSTALLS) == 2
    assert INSTALLS[0].endswith("sweeps/grid.py")
    assert INSTALLS[1] in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the README's own workload in it."""
    (tmp_path / "my_task.py").write_text(python("# my_task.py"))
    return tmp_path


def python(begin: str) -> str:
    """Return the one block of the pages that begins so."""
    (text,) = [block.text for block in blocks("python") if block.text.startswith(begin)]
    return text


def test_the_tutorial_word_by_word_checks_a_workload_and_runs_its_study(folder: Path) -> None:
    check, study = (command for command in COMMANDS if "my_task" in command)
    done = ours.run(check, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    (shown,) = [block.text for block in blocks("text") if block.text.startswith("training set: ")]
    assert without_loss(done.stdout) == without_loss(shown)
    assert not (folder / "results").exists()
    done = ours.run(study, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("target reached at iteration") >= 2
    assert (folder / "results" / "my_task" / "report" / "report.html").exists()


def test_the_metric_of_the_pages_that_is_no_mean_can_be_trained_to() -> None:
    names: dict[str, Any] = {}
    for begin in ("# my_task.py", "from torchmetrics"):
        exec(python(begin), names)  # noqa: S102  it is the page's own
    workload = type("MyTaskByF1", (names["MyTaskByF1"], Workload), {})()
    seen = look_at(workload, *read_data(workload, ROOT))
    assert seen.metrics == ("f1", "loss")
    assert seen.warnings == ()


def without_loss(text: str) -> str:
    """Return what a check prints but for the loss, which differs from one machine to another."""
    return re.sub(r"^loss: \S+", "loss:", text, flags=re.MULTILINE)
