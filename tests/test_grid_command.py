"""The command a person types, in a folder of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bs_study import open_study
from tests.grid_command import FULL_GRID, GRID, command_in_this_process, is_one_line_that_tells

TOY = Path(__file__).parent / "toy"
SMALL = (
    *FULL_GRID, "--batch-sizes", "64", "256", "--lrs", "0.1", "0.4", "--max-iterations", "40", "--min-iterations", "0",
)  # fmt: skip
TWO_RECIPES = """
workload: toy_workloads:Line
batch_sizes: [32, 64]
lrs: [0.02]
seeds: [0, 1]
momentum: [0, 0.9]
max_iterations: 1000
min_iterations: 0
"""
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def grid(tmp_path: Path) -> Command:
    """Run the command in an empty folder, without a terminal."""

    def run(*arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(GRID), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=seconds)

    return run


def test_a_dry_run_prints_the_trials_and_leaves_nothing(grid: Command, tmp_path: Path) -> None:
    ended = grid("--dry-run", *SMALL)
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert len(lines) == 5
    assert [line.split()[0].rpartition("-")[0] for line in lines[:4]] == [
        "b64-lr0.1-s0", "b64-lr0.4-s0", "b256-lr0.1-s0", "b256-lr0.4-s0",
    ]  # fmt: skip
    assert "4 trials" in lines[4]
    assert list(tmp_path.iterdir()) == []


def test_a_bare_dry_run_is_the_embedded_digits_study(grid: Command) -> None:
    ended = grid("--dry-run")
    assert len(ended.stdout.splitlines()) >= 5 * 4 + 1
    assert "digits" in ended.stdout


@pytest.fixture(scope="module")
def local_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of a study that ran without Ray, and how the command ended."""
    folder = tmp_path_factory.mktemp("local")
    command = [sys.executable, str(GRID), "--local", "--name", "try1", *SMALL]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return folder / "results" / "try1", ended


def test_a_local_study_says_what_runs_then_a_plain_line_per_trial_then_the_recommendation_and_what_is_next(
    local_study: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    study, ended = local_study
    out = ended.stdout
    lines = out.splitlines()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\x1b" not in out
    assert lines[0] == "digits: a grid over 2 batch sizes. Loading PyTorch"
    assert "4 trials of digits" in lines[1]
    assert "in this process" in lines[2]
    assert lines[3] == f"to {study}"
    trials = open_study(study).trials()
    assert len(trials) == 4
    assert all(sum(trial_id in line for line in lines) == 1 for trial_id in trials["trial_id"])
    card = lines[next(n for n, line in enumerate(lines) if line.startswith("Train with batch size")) :]
    assert len(card) <= 12
    assert any(line.startswith("Next: ") for line in card)


def test_the_last_line_of_a_study_is_where_its_page_is(
    local_study: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    study, ended = local_study
    place = Path(ended.stdout.splitlines()[-1].removeprefix("Report: "))
    assert place == study / "report" / "report.html"
    assert place.exists()


def test_a_study_that_exists_is_left_as_it_is_and_the_way_to_continue_it_is_told(
    grid: Command, local_study: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    study, _ = local_study
    before = {file: file.stat().st_mtime_ns for file in study.rglob("*")}
    again = grid("--local", *SMALL, "--store", str(study.parent), "--name", "try1")
    assert again.returncode == 2
    assert is_one_line_that_tells(again.stderr, ("name", "'try1'", f"--resume {study}"))
    assert {file: file.stat().st_mtime_ns for file in study.rglob("*")} == before


def test_a_finished_study_can_still_be_timed_once(
    local_study: tuple[Path, subprocess.CompletedProcess[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.setattr("bs_study.training.repeats.are_disturbed", lambda *_, **__: False)  # as on a quiet machine
    study = shutil.copytree(local_study[0], tmp_path / "try1")
    timed = ["--resume", str(study), "--timing", "--local"]
    assert command_in_this_process()(timed) == 0
    out = capsys.readouterr().out
    assert sorted(open_study(study).timings()["batch_size"]) == [64, 256]
    assert all(re.search(rf"batch size {size}: [\d.]+ (µs|ms) an iteration", out) for size in (64, 256))
    assert "clean training time" in " ".join(out.split())
    assert command_in_this_process()(timed) == 0
    assert capsys.readouterr().out.startswith("nothing to do")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with a few files that are not what they should be."""
    (tmp_path / "unknown.yaml").write_text("batchsizes: [4]\n")
    (tmp_path / "scalar.yaml").write_text("batch_sizes: [4]\nlrs: 0.1\nmax_epochs: 1\n")
    (tmp_path / "syntax.py").write_text("class Mine(:\n")
    (tmp_path / "summed.py").write_text(SUMMED)
    (tmp_path / "occupied").write_text("a file, where a folder should be")
    (tmp_path / "results" / "taken").mkdir(parents=True)
    (tmp_path / "results" / "taken" / "study.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delenv("BS_STUDY_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


SUMMED = """
from toy_workloads import Line

class Mine(Line):
    name = "mine"
    def loss(self, model, x, y):
        return ((model(x) - y) ** 2).sum()

class Named(Line):
    name = "named"
    def metrics(self, model, x, y):
        return {"epoch": y.squeeze(1)}
"""


BAD_INPUT = {
    "--batch-sizes 0": ("batch_sizes", "0"),
    "--batch-sizes 4.5": ("--batch-sizes", "4.5"),
    "--batch-sizes 1438": ("batch_sizes", "1438", "1437"),
    "--batch-sizes 1438 --dry-run": ("batch_sizes", "1438", "1437"),
    "--lrs nan": ("lrs", "nan"),
    "--lrs -0.1": ("lrs", "-0.1"),
    "--seeds -1": ("seeds", "-1"),
    "--config unknown.yaml": ("'batchsizes'", "'batch_sizes'", "unknown.yaml"),
    "--config scalar.yaml": ("lrs", "0.1", "list"),
    "--config nowhere.yaml": ("config", "nowhere.yaml"),
    "--workload digit": ("workload", "'digit'", "'digits'"),
    "--workload mine:Mine": ("workload", "'mine:Mine'"),
    "--name ../elsewhere": ("name", "'../elsewhere'"),
    "--name taken": ("name", "taken", "is damaged", "--name"),
    "--resume results/nothing": ("results/nothing",),
    "--store occupied --local": ("store", "occupied"),
    "--store nowhere://bucket": ("store", "nowhere://bucket"),
    "--workload digits --check --target precision>=0.9": ("target", "'precision'", "accuracy"),
    "--workload syntax:Mine": ("workload", "syntax", "SyntaxError"),
    "--workload summed:Mine --check": ("mine.loss", "sum"),
    "--workload summed:Named --check": ("named.metrics", "'epoch'"),
    "--workload summed:Mine --batch-sizes 4 --lrs 0.1": ("mine.loss", "sum"),
    "--target precision>=0.9": ("target", "'precision'", "accuracy"),
    "--target high": ("target", "'high'"),
    "--target accuracy>=90": ("target", "fraction", "'accuracy>=0.9'"),
    "--workload toy_workloads:Unsaid --batch-sizes 64 --lrs 0.1": ("target", "'score<=0.5'", "'score>=0.5'"),
    "--lr-decay step": ("lr_decay", "lr_decay_epochs"),
    "--batchsizes 4": ("--batchsizes", "--batch-sizes"),
    "--workload mnist": ("data_dir", "MNIST/raw", "--data-dir", "--workload digits"),
}


def test_a_study_of_two_recipes_names_the_sooner_at_each_batch_size_on_the_terminal_and_on_the_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "toy_workloads.py").write_text((TOY / "toy_workloads.py").read_text())
    (folder / "recipes.yaml").write_text(TWO_RECIPES)
    assert command_in_this_process()(["--config", "recipes.yaml", "--local"]) == 0
    out = capsys.readouterr().out
    assert "2 recipes: momentum 0; momentum 0.9" in out
    assert "with the recipe “momentum 0.9”" in " ".join(out.split())  # a line is a bowl, where momentum pays
    assert open_study("results/line").trials()["momentum"].value_counts().to_dict() == {0.0: 4, 0.9: 4}
    report = folder / "results/line/report"
    recipes = pd.read_csv(report / "tables/recipes.csv")
    assert list(recipes.loc[recipes["rank_by_iterations"] == 1, "recipe"]) == ["momentum 0.9"] * 2
    page = (report / "report.html").read_text()
    assert "at batch size 64: “momentum 0.9”" in page or "At batch size 64, “momentum 0.9”" in page
    assert set(re.findall(r'<details class="recipe"><summary>(.*?)</summary>', page)) == {"momentum 0"}  # folded
    assert command_in_this_process()(["--resume", "results/line", "--momentum", "0"]) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("momentum", "recipes"))


@pytest.mark.parametrize("arguments", BAD_INPUT)
def test_bad_input_is_refused_in_one_line_with_exit_status_2_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], without_network: object, arguments: str
) -> None:
    not_ours = {".cache", ".ray"}  # Ray's token: a Ray comes up while the data is looked at
    before = {file for file in folder.rglob("*") if not_ours.isdisjoint(file.parts)}
    assert command_in_this_process()(arguments.split(" ")) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, BAD_INPUT[arguments])
    assert {file for file in folder.rglob("*") if not_ours.isdisjoint(file.parts)} == before


@pytest.mark.parametrize("arguments", ["--batch-sizes 1438", "--batchsizes 4", "--store occupied --local"])
def test_a_refusal_shows_no_traceback_to_the_person_at_the_terminal(
    grid: Command, folder: Path, arguments: str
) -> None:
    ended = grid(*arguments.split())
    assert ended.returncode == 2
    said = [line for line in ended.stdout.splitlines() if not line.endswith(" so far")]  # of a slow machine
    assert len(said) <= 1  # what is being loaded
    assert is_one_line_that_tells(ended.stderr, BAD_INPUT[arguments])
