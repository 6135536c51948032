"""A race and a bracket that grow by the command a person types."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from tests.grid_command import command_in_this_process, is_one_line_that_tells

Command = Callable[..., int]
DIGITS = ("--local", "--no-timing", "--batch-sizes", "64", "--max-iterations", "120", "--target", "loss<=1")


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in an empty folder and in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    command = command_in_this_process()

    def run(*flags: str) -> int:
        capsys.readouterr()
        return command(list(flags))

    return run


def starts(study: Path) -> dict[str, pd.Timestamp]:
    trials = open_study(study).trials()
    return dict(zip(trials["trial_id"], trials["start_time"], strict=True))


def cells(study: Path) -> set[tuple[int, float]]:
    trials = open_study(study).trials()
    return set(zip(trials["batch_size"], trials["lr"], strict=True))


@pytest.mark.parametrize("search", ["race", "bracket"])
def test_lrs_batch_sizes_and_seeds_are_added_to_a_search_and_nothing_is_trained_twice(
    grid: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], search: str
) -> None:
    study = tmp_path / "results" / "digits"
    begun = ("--search", search, "--seeds", "auto", "--max-seeds", "2", "--lrs", "0.1", "0.4")
    assert grid(*DIGITS, *begun) == 0
    resume = ("--resume", str(study), "--local", "--no-timing")
    for flags, added in [
        (("--lrs", "0.07"), {(64, 0.07)}),
        (("--batch-sizes", "256"), {(256, 0.07), (256, 0.1)}),
        (("--max-seeds", "3"), set()),
    ]:
        before = starts(study)
        assert grid(*resume, *flags) == 0
        assert added <= cells(study)
        after = starts(study)
        assert {trial_id: after[trial_id] for trial_id in before} == before
    told = json.loads((study / "study.json").read_text())["history"]
    assert [config["config"]["max_seeds"] for config in told] == [2, 2, 2, 3]
    assert {config["config"]["search"] for config in told} == {search}
    assert list(problems(study_paths(str(study)))) == []
    assert grid(*resume, "--max-seeds", "3") == 0
    assert capsys.readouterr().out.startswith("nothing to do")
    assert grid(*resume, "--max-seeds", "2") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("max_seeds: 2 is less", "3"))
    assert grid(*resume, "--seeds", "0", "1") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("seeds: 0 1", "auto", "--max-seeds", "--name"))
    assert grid(*resume, "--search", "grid", "--seeds", "0") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("search: grid", search, "--name"))


def test_a_grid_with_seeds_0_and_1_adds_further_ones_where_they_decide(grid: Command, tmp_path: Path) -> None:
    study = tmp_path / "results" / "digits"
    begun = ("--search", "grid", "--seeds", "0", "1", "--lrs", "0.1", "0.4", "--min-iterations", "0")
    assert grid(*DIGITS, *begun, "--batch-sizes", "64", "256") == 0
    before = starts(study)
    resume = ("--resume", str(study), "--local", "--no-timing")
    assert grid(*resume, "--seeds", "auto", "--max-seeds", "3") == 0
    after = starts(study)
    assert {trial_id: after[trial_id] for trial_id in before} == before
    assert len(before) == 8
    assert set(open_study(study).trials()["seed"]) <= {0, 1, 2}


def test_what_is_asked_is_kept_also_where_nothing_is_to_be_trained(
    grid: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "results" / "digits"
    assert grid(*DIGITS, "--search", "race", "--seeds", "auto", "--max-seeds", "2", "--lrs", "0.4") == 0
    before = starts(study)
    resume = ("--resume", str(study), "--local", "--no-timing")
    assert grid(*resume, "--max-seeds", "3") == 0
    assert capsys.readouterr().out.startswith("nothing to do")  # of one cell there is nothing to decide
    assert starts(study) == before
    stored = json.loads((study / "study.json").read_text())
    assert (stored["config"]["max_seeds"], len(stored["history"])) == (3, 2)
    assert json.loads((study / "report" / "answer.json").read_text())["search"]["max_seeds"] == 3
    assert grid(*resume, "--max-seeds", "2") == 2
