"""What a person is told of a study before it runs."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from bs_study.config import StudyConfig
from bs_study.launch.course import full_grid
from bs_study.launch.outlook import longest, search_rules, trials_ahead
from bs_study.search.record import Plan
from tests.launch.racing import RACE

EPOCHS = {"max_iterations": None, "max_epochs": 2}


def config(**settings: Any) -> StudyConfig:
    return StudyConfig.model_validate(RACE | settings)


def plan_of(study: StudyConfig, *, at_most: int, expected: int) -> Plan:
    return Plan(full_grid(study, answered=()).wanted[:1], at_most=at_most, expected=expected)


def timings(*rows: tuple[int, float], status: str = "completed") -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["batch_size", "iteration_seconds"])
    return frame.assign(status=status)


def test_a_full_grid_has_one_number_of_trials_and_no_rules() -> None:
    grid = config(search="grid", min_iterations=0)
    assert trials_ahead(grid, full_grid(grid, answered=())) == "10 trials"
    assert trials_ahead(grid, full_grid(grid, answered={full_grid(grid, answered=()).wanted[0].trial.trial_id})) == (
        "9 trials"
    )
    assert list(search_rules(grid)) == []


def test_a_search_tells_how_many_trials_it_takes_at_most_and_as_a_rule() -> None:
    assert trials_ahead(config(), plan_of(config(), at_most=45, expected=23)) == (
        "at most 45 trials in all (about 23 as a rule)"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ["race: a trial ends after at least 1.25 times the iterations in which another lr of its batch size has"]),
        ({"race_margin": 1}, ["after at least the iterations in which another lr"]),
        ({"search": "bracket"}, ["bracket: a trial ends after", "steps of 2, the first from 0.4"]),
        ({"search": "bracket", "lrs": (0.4, 3.0), "lr_start": 0.4, "lr_factor": 4}, ["", "steps of 4", "tries lr 3"]),
        ({"search": "bracket", "refine": True}, ["", "", "half a step on each side"]),
        ({"search": "grid", "seeds": "auto", "max_seeds": 5}, ["one of each cell first, then more, up to 5"]),
    ],
)
def test_the_rules_of_a_search_are_told_in_a_line_each(settings: dict[str, Any], words: list[str]) -> None:
    lines = list(search_rules(config(**settings)))
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True))


def test_a_full_grid_takes_at_most_the_budgets_of_its_trials_shared_by_the_slots() -> None:
    grid = config(search="grid", min_iterations=0, max_iterations=1000)
    told = timings((64, 0.01), (256, 0.02))
    # 5 lrs of 10 s and 5 of 20 s; side by side the last may be the longest: 20 + (150 - 20) / 2
    for slots, words in ((1, "about 2 min 30 s of training"), (2, "about 85 s of training")):
        said = longest(grid, full_grid(grid, answered=()), told, train_examples=1437, slots=slots)
        assert said
        assert words in said


def test_a_search_takes_at_most_all_trials_that_it_may_need_and_a_budget_in_seconds_ends_them() -> None:
    race = config(max_iterations=1000, max_train_seconds=15)
    said = longest(
        race,
        plan_of(race, at_most=20, expected=4),
        timings((64, 0.01), (256, 0.02)),
        train_examples=1437,
        slots=1,
    )
    assert said
    assert "4 min 10 s for all that it may take" in said  # ten of 10 s, ten of 15 s


def test_nothing_is_told_of_the_time_where_a_batch_size_was_not_timed_or_nothing_is_wanted() -> None:
    race = config()
    ahead = plan_of(race, at_most=20, expected=4)
    for told in (timings((64, 0.01)), timings((64, 0.01), (256, 0.02), status="failed")):
        assert longest(race, ahead, told, train_examples=1437, slots=1) is None
    whole = timings((64, 0.01), (256, 0.02))
    assert longest(race, Plan(()), whole, train_examples=1437, slots=1) is None
