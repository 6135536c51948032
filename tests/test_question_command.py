"""A study of the loss after a budget, by the command that a person types, from its trials to its report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bs_study import analyse, open_study
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from tests.grid_command import command_in_this_process

TYPED = ("digits", "--local", "--batch-sizes", "64", "256", "--lrs", "0.1", "0.4", "--seeds", "0", "1")


def test_a_study_trains_each_trial_to_the_budget_and_says_which_loss_is_the_lowest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "small"
    run, report = command_in_this_process(), command_in_this_process("report")
    question = ("--question", "loss-at", "--at", "examples=2000")
    assert run([*TYPED, *question, "--store", str(tmp_path), "--name", "small"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "held-out loss at examples=2000" in printed
    assert "After 2,000 examples its held-out loss is" in printed
    trials = open_study(folder).trials()
    assert len(trials) == 8
    assert (trials["examples"] >= 2000).all()
    assert not list(problems(study_paths(str(folder))))
    found = analyse(folder)
    assert found.loss_at is not None
    assert found.loss_at.best is not None
    assert (found.tables.loss_at["read"] == 2).all()
    assert json.loads((folder / "report/answer.json").read_text())["loss_at"]["missed"] == []

    assert report([str(folder), "--question", "time-to-target"]) == 0
    assert (folder / "report-loss-at-most-0.3/report.html").exists()
    assert analyse(folder, target="loss<=0.5").loss_at is None
