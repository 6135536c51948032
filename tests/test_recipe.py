"""What does not apply to a recipe is left out for it, and only what is trained is validated."""

from __future__ import annotations

from typing import Any

import pytest

from bs_study import StudyConfig
from bs_study.config.growth import grown, resumed_settings
from bs_study.grid import study_trials

GRID: dict[str, Any] = {"name": "s", "batch_sizes": [8, 16], "lrs": [0.1], "max_epochs": 4}


def study(**settings: Any) -> StudyConfig:
    return StudyConfig.model_validate(GRID | settings)


def refusal(**settings: Any) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        study(**settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "trained"),
    [
        ({"optimizer": ["sgd", "adam"]}, [("sgd", True), ("adam", False)]),
        (
            {"optimizer": ["sgd", "adam", "adamw"], "nesterov": [False, True]},
            [("sgd", False), ("sgd", True), ("adam", False), ("adamw", False)],
        ),
        ({"recipes": [{}, {"optimizer": "adam"}]}, [("sgd", True), ("adam", False)]),
        ({"momentum": [0, 0.9]}, [("sgd", False), ("sgd", True)]),
    ],
)
def test_nesterov_is_left_out_for_a_recipe_without_momentum(settings: dict[str, Any], trained: list[Any]) -> None:
    config = study(**{"nesterov": True} | settings)
    assert [(recipe.optimizer, recipe.nesterov) for recipe in config.each_recipe()] == trained
    assert {trial.settings.nesterov for trial in study_trials(config)} == {True, False}


def test_leaving_nesterov_out_gives_the_trials_of_a_study_that_never_asked_for_it() -> None:
    with_it = study(optimizer=["sgd", "adam"], nesterov=True)
    adam = {trial.trial_id for trial in study_trials(study(optimizer="adam"))}
    assert adam < {trial.trial_id for trial in study_trials(with_it)}


COMPLETED = [
    {"lr_decay": "step", "recipes": [{"lr_decay_epochs": 1}, {"lr_decay_epochs": 2}]},
    {"lr_rule": "linear", "recipes": [{"base_batch_size": 8}, {"base_batch_size": 16}]},
    {"lr_rule": ["linear", "sqrt"], "recipes": [{"base_batch_size": 8}]},
    {"nesterov": True, "momentum": 0, "recipes": [{"momentum": 0.5}, {"momentum": 0.9}]},
    {
        "lr_warmup_epochs": 1,
        "lr_warmup_iterations": 5,
        "recipes": [{"lr_warmup_epochs": 0}, {"lr_warmup_iterations": 0}],
    },
    {
        "lr_decay": ["cosine"],
        "recipes": [{"lr_decay_epochs": 3}, {"lr_decay_epochs": 4}],
        "max_epochs": None,
        "max_train_seconds": 5,
    },
]


def lengths(**settings: Any) -> list[tuple[Any, ...]]:
    names = ("lr_warmup_iterations", "lr_warmup_epochs", "lr_decay_iterations", "lr_decay_epochs")
    return [tuple(getattr(recipe, name) for name in names) for recipe in study(**settings).each_recipe()]


@pytest.mark.parametrize(
    "settings",
    [
        {
            "lr_decay": "cosine",
            "lr_decay_iterations": 50,
            "recipes": [{"lr_decay": "none", "lr_decay_epochs": 1}, {}],
        },
        {
            "lr_decay": "step",
            "lr_decay_iterations": 50,
            "lr_decay_epochs": 1,
            "recipes": [{"lr_decay": "none"}, {"lr_decay_epochs": None}],
        },
        {
            "lr_decay_iterations": 50,
            "lr_decay_epochs": 1,
            "recipes": [{}, {"lr_decay": "linear", "lr_decay_epochs": 2}],
        },
    ],
)
def test_lengths_of_a_decay_that_a_recipe_does_not_have_are_no_contradiction(settings: dict[str, Any]) -> None:
    assert len(study(**settings).each_recipe()) == 2


def test_a_length_in_the_unit_of_a_recipe_takes_the_place_of_the_studys_in_the_other() -> None:
    base = {"lr_warmup_epochs": 1, "lr_decay": "cosine", "lr_decay_iterations": 50}
    recipes = [{}, {"lr_warmup_iterations": 5}, {"lr_decay_epochs": 2}]
    assert lengths(**base, recipes=recipes) == [(0, 1, 50, None), (5, 0, 50, None), (0, 1, None, 2)]
    assert "not both" in refusal(lr_warmup_epochs=1, recipes=[{"lr_warmup_iterations": 5, "lr_warmup_epochs": 1}])
    assert "not both" in refusal(lr_warmup_epochs=1, lr_warmup_iterations=5, recipes=[{}])


@pytest.mark.parametrize("settings", COMPLETED)
def test_a_base_that_every_recipe_completes_need_not_stand_by_itself(settings: dict[str, Any]) -> None:
    config = study(**settings)
    assert len(config.each_recipe()) == 2
    assert len(study_trials(config)) == 4
    again = StudyConfig.model_validate_json(config.model_dump_json())
    assert [trial.trial_id for trial in study_trials(again)] == [trial.trial_id for trial in study_trials(config)]


@pytest.mark.parametrize("settings", COMPLETED)
def test_a_study_whose_base_is_open_grows(settings: dict[str, Any]) -> None:
    before = study(**settings)
    given = StudyConfig.model_validate(resumed_settings(before, {"seeds": (1,)}))
    assert len(study_trials(grown(before, given, uri="results/s"))) == 8


def test_a_recipe_that_does_not_complete_the_base_is_named() -> None:
    recipes = [{"lr_decay_epochs": 1}, {"momentum": 0.9}]
    text = refusal(lr_decay="step", recipes=recipes)
    assert text.count("lr_decay: step needs the length of a step") == 1
    assert "(in the recipe {momentum: 0.9})" in text
    assert "(in the recipe {})" in refusal(lr_rule="linear", recipes=[{"base_batch_size": 8}, {}])


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"momentum": 0},
        {"optimizer": ["adam", "adamw"]},
        {"nesterov": False, "recipes": [{}, {"optimizer": "adam", "nesterov": True}]},
    ],
)
def test_nesterov_that_is_asked_for_and_applies_nowhere_is_refused(settings: dict[str, Any]) -> None:
    assert "nesterov: " in refusal(**{"nesterov": True} | settings)
