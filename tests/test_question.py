"""A study that asks for the lowest held-out loss after a budget: what it may ask, and what it leaves as it was."""

from __future__ import annotations

import pytest

from bs_study.config.asked import asked
from bs_study.config.growth import grown, resumed_settings
from bs_study.config.search import overridden
from bs_study.config.study import StudyConfig
from bs_study.grid import study_trials

GRID = {"workload": "digits", "batch_sizes": (8, 16), "lrs": (0.1,)}
LOSS = GRID | {"question": "loss-at", "at": "examples=50000"}


@pytest.mark.parametrize(
    ("at", "budget", "value"),
    [
        ("examples=50000", "max_examples", 50_000),
        ("iterations=2e3", "max_iterations", 2000),
        ("seconds=60", "max_train_seconds", 75.0),
    ],
)
def test_trials_go_on_to_the_budget_whatever_target_they_meet(at: str, budget: str, value: float) -> None:
    config = asked(LOSS | {"at": at}).config
    assert getattr(config.settings, budget) == value
    assert not config.settings.stop_at_target


def test_a_config_reads_back_as_it_was_stored() -> None:
    config = asked(LOSS).config
    assert asked(config.model_dump(mode="json")).config == config


def test_a_larger_budget_of_trials_stays() -> None:
    assert asked(LOSS | {"max_examples": 60_000}).config.settings.max_examples == 60_000


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"at": None}, "at"),
        ({"at": "epochs=3"}, "at"),
        ({"at": "examples=-3"}, "at"),
        ({"at": "examples=1.5"}, "at"),
        ({"at": "examples=1e300"}, "at"),
        ({"at": "seconds=nan"}, "at"),
        ({"at": 50_000}, "at"),
        ({"question": "loss"}, "question"),
        ({"question": "time-to-target", "max_epochs": 1}, "at"),
        ({"max_examples": 49_999}, "max_examples"),
        ({"max_epochs": 3}, "max_epochs"),
        ({"max_train_seconds": 9}, "max_train_seconds"),
        ({"search": "race"}, "search"),
        ({"search": "bracket"}, "search"),
        ({"seeds": "auto"}, "seeds"),
        ({"stop_at_target": True}, "stop_at_target"),
    ],
)
def test_what_does_not_go_with_it_is_refused_in_a_line_that_names_the_setting(
    settings: dict[str, object], setting: str
) -> None:
    with pytest.raises(ValueError, match=f"^{setting}: ") as refused:
        asked(LOSS | settings)
    assert "\n" not in str(refused.value)


def test_trials_of_other_studies_keep_their_ids() -> None:
    config = StudyConfig(workload="digits", batch_sizes=(8,), lrs=(0.1,), max_epochs=1, target="accuracy>=0.9")
    (trial,) = study_trials(config)
    assert trial.trial_id == "b8-lr0.1-s0-323f01fcfbe55ba1"


def test_a_study_without_the_settings_asks_for_the_target() -> None:
    older = {
        k: v
        for k, v in asked(GRID | {"max_epochs": 1}).config.model_dump(mode="json").items()
        if k not in ("question", "at")
    }
    config = asked(older).config
    assert (config.question, config.at) == ("time-to-target", None)


def test_a_typed_question_leaves_out_what_a_file_says_for_another() -> None:
    file = {"search": "race", "seeds": "auto", "max_seeds": 4, "max_epochs": 3, **GRID}
    config = asked(overridden(file, {"question": "loss-at", "at": "iterations=9"})).config
    assert (config.search, config.seeds, config.settings.max_epochs) == ("grid", (0,), None)
    assert config.settings.max_iterations == 9


def test_a_study_that_goes_on_keeps_its_question_and_takes_more_seeds() -> None:
    stored = asked(LOSS).config
    more = asked(resumed_settings(stored, {"seeds": (1,)})).config
    assert grown(stored, more, uri="results/x").seeds == (0, 1)
    with pytest.raises(ValueError, match=r"^at: examples=60000 contradicts the study, which has examples=50000\. Ask"):
        resumed_settings(stored, {"at": "examples=60000"})
