"""What may be added to a study, and what would make another study of it."""

from __future__ import annotations

from typing import Any

import pytest

from bs_study import StudyConfig
from bs_study.config.growth import grown, resumed_settings
from bs_study.grid import study_trials

GRID: dict[str, Any] = {"name": "try1", "batch_sizes": (16, 64), "lrs": (0.1, 0.4), "max_epochs": 5}


def study(**settings: Any) -> StudyConfig:
    return StudyConfig.model_validate(GRID | settings)


def resumed(stored: StudyConfig, **given: Any) -> StudyConfig:
    """Return the study that goes on with what a file and flags say."""
    return grown(stored, StudyConfig.model_validate(resumed_settings(stored, given)), uri="results/try1")


def refusal(stored: StudyConfig, **given: Any) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        resumed(stored, **given)
    return str(caught.value)


def test_what_is_asked_is_added_and_every_trial_of_before_stays_a_trial() -> None:
    before = study(seeds=(0,))
    after = resumed(before, batch_sizes=(32,), lrs=(2.56, 0.1), seeds=(3, 4))
    assert (after.batch_sizes, after.lrs, after.seeds) == ((16, 32, 64), (0.1, 0.4, 2.56), (0, 3, 4))
    ids = [{trial.trial_id for trial in study_trials(config)} for config in (before, after)]
    assert ids[0] < ids[1]
    assert (len(ids[0]), len(ids[1])) == (4, 27)


def test_a_list_that_was_not_sorted_keeps_its_order_and_what_is_new_comes_last() -> None:
    assert resumed(study(lrs=(0.4, 0.1)), lrs=(0.2, 0.8, 0.4)).lrs == (0.4, 0.1, 0.2, 0.8)


def test_what_is_there_already_adds_nothing() -> None:
    before = study(lrs=(0.1, 0.1 * 3), seeds=(0, 1))
    assert resumed(before, seeds=(1,), batch_sizes=(64, 16), lrs=(0.3, 0.10)) is before  # 0.1 * 3 is shown as 0.3


def test_under_an_lr_rule_the_lrs_that_are_added_are_those_of_the_base_batch_size() -> None:
    before = study(lr_rule="linear", base_batch_size=16)
    assert {(t.batch_size, t.lr) for t in study_trials(resumed(before, lrs=(0.8,)))} == {
        (16, 0.1), (16, 0.4), (16, 0.8), (64, 0.4), (64, 1.6), (64, 3.2)
    }  # fmt: skip


def test_a_study_of_one_recipe_keeps_it_beside_those_that_are_added() -> None:
    after = resumed(study(momentum=0.5), recipes=[{"momentum": 0.9}, {}])
    assert [settings.momentum for settings in after.each_recipe()] == [0.5, 0.9]
    again = resumed(after, recipes=[{"momentum": 0.5}, {"momentum": 0.9}, {"momentum": 0.7}])
    assert [settings.momentum for settings in again.each_recipe()] == [0.5, 0.9, 0.7]


def test_the_list_of_an_axis_adds_its_values_whichever_comes_first() -> None:
    before = study(momentum=0.5)
    for values in ([0.5, 0.9], [0.9, 0.5]):
        assert [settings.momentum for settings in resumed(before, momentum=values).each_recipe()] == [0.5, 0.9]
    two = study(momentum=[0.5, 0.9])
    assert resumed(two, momentum=[0.9, 0.5]) is two
    assert [settings.momentum for settings in resumed(two, momentum=[0.7, 0.5]).each_recipe()] == [0.5, 0.9, 0.7]


def test_a_recipe_that_trains_as_one_of_the_study_adds_nothing() -> None:
    before = study(optimizer="adam")
    assert resumed(before, recipes=[{"momentum": 0.9}, {"lr_decay_factor": 0.5}]) is before


def test_a_recipe_that_leaves_open_what_each_of_the_study_sets_is_refused() -> None:
    two = study(momentum=[0.5, 0.9])
    assert refusal(two, recipes=[{"lr_decay": "cosine"}]).startswith(
        "recipes: {lr_decay: cosine} does not set momentum, which each recipe of the study sets for itself"
    )
    assert len(resumed(two, recipes=[{"lr_decay": "cosine", "momentum": 0.9}]).each_recipe()) == 3


OTHER = "start another study: --name in place of --resume"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"max_epochs": 20}, f"max_epochs: 20 contradicts the study, which has 5. Leave it out, or {OTHER}"),
        ({"max_iterations": 9}, "max_iterations: 9 contradicts the study, which has none."),
        ({"workload": "mnist", "seeds": (1,)}, "workload: mnist contradicts the study, which has digits."),
        ({"precision": "bf16"}, "precision: bf16 contradicts the study, which has fp32."),
        ({"cpus_per_trial": 2}, "cpus_per_trial: 2 contradicts the study, which has 1."),
        ({"name": "other"}, "name: other contradicts the study, which has try1."),
        ({"target": "loss<=0.1"}, "`python sweeps/report.py results/try1 --target 'loss <= 0.1'`"),
        ({"momentum": 0.9, "nesterov": True}, "Compare both with --recipes '{momentum: 0.9, nesterov: true}'"),
        ({"momentum": 0.9, "recipes": [{"lr_decay": "cosine"}]}, "Set it within each of the recipes"),
        ({"momentum": [0.9]}, "momentum: 0.9 contradicts the study, which has 0.5."),
    ],
)
def test_what_would_make_another_study_of_it_is_refused_with_the_right_way(given: dict[str, Any], told: str) -> None:
    text = refusal(study(target="accuracy>=0.9"), **given)
    assert told in text
    assert text.endswith(OTHER)


def test_the_recipe_that_a_refusal_names_is_added_as_it_stands() -> None:
    before = study(momentum=0.5)
    assert "{momentum: 0.9, nesterov: true}" in refusal(before, momentum=0.9, nesterov=True)
    after = resumed(before, recipes=[{"momentum": 0.9, "nesterov": True}])
    assert [settings.nesterov for settings in after.each_recipe()] == [False, True]


def test_a_union_that_the_lr_rule_would_take_out_of_range_is_refused() -> None:
    before = study(batch_sizes=(16,), optimizer="adam", lr_rule="sqrt", base_batch_size=16)
    assert "beta1" in refusal(before, batch_sizes=(16_000,))
