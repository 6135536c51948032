"""What the page says of the study itself."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.analysis.rows import State
from bs_study.report.setup import ends, settings, state_text, surroundings
from tests.report.demo_store import write_demo_study


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(1, 1, 0, 0), "Its trial has ended."),
        (State(4, 4, 0, 0), "All 4 trials have ended."),
        (State(4, 0, 2, 2), "Not finished: 0 of 4 trials have ended, 2 are running and 2 are missing."),
    ],
)
def test_the_state_says_what_is_left(state: State, text: str) -> None:
    assert state_text(state) == text


def test_trials_that_ended_alike_are_one_row_with_one_of_their_messages() -> None:
    trials = pd.DataFrame(
        {
            "status": ["completed", "diverged", "diverged", "completed"],
            "stop_reason": ["target", "non_finite", "non_finite", None],
            "message": [None, None, "x" * 400, None],
        }
    )
    rows = {(row["status"], row["reason"]): (row["trials"], row["message"]) for row in ends(trials)}
    assert rows == {
        ("completed", ""): ("1", ""),
        ("completed", "target"): ("1", ""),
        ("diverged", "non_finite"): ("2", "x" * 300 + "…"),
    }


def test_settings_are_shown_as_they_were_asked_and_what_was_not_given_is_left_out(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), batch_sizes=(64, 256), lrs=(0.05,), seeds=(0,), max_epochs=3)
    study = open_study(tmp_path / "s")
    shown = settings(study)
    assert (shown["batch_sizes"], shown["lrs"], shown["max_epochs"]) == ("64, 256", "0.05", "3")
    assert "max_iterations" not in shown
    around = surroundings(study, study.trials())
    assert around["device"] == "cuda"
    assert around["train examples"] == "12000"
    assert around["first start"].endswith(" UTC")
