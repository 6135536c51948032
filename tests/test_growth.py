"""What may be added to a study, and what would make another study of it."""

from __future__ import annotations

from typing import Any

import pytest

from bs_study import StudyConfig
from bs_study.config.growth import grown, resumed_settings
from bs_study.config.search import overridden
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
        ({"target": "loss<=0.1"}, "`bs-study report results/try1 --target 'loss <= 0.1'`"),
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


RACE: dict[str, Any] = {"search": "race", "seeds": "auto"}
BRACKET: dict[str, Any] = {"search": "bracket", "lrs": (0.1, 0.4, 1.6), "seeds": "auto"}


@pytest.mark.parametrize("kind", [{}, RACE, BRACKET, {"seeds": "auto"}])
def test_batch_sizes_lrs_and_recipes_are_added_to_a_study_of_any_search(kind: dict[str, Any]) -> None:
    before = study(**kind)
    after = resumed(before, batch_sizes=(32,), lrs=(2.56,), recipes=[{"momentum": 0.9}])
    assert (after.batch_sizes, after.lrs) == ((16, 32, 64), (*before.lrs, 2.56))
    assert [settings.momentum for settings in after.each_recipe()] == [0.5, 0.9]
    assert (after.search, after.seeds, after.lr_start) == (before.search, before.seeds, before.lr_start)
    assert {trial.trial_id for trial in study_trials(before)} < {trial.trial_id for trial in study_trials(after)}


def test_a_list_of_seeds_from_0_on_may_become_auto_with_no_fewer_seeds() -> None:
    for seeds, asked_for, most in [((0,), 8, 8), ((0, 1, 2), 4, 4), ((2, 0, 1, 3, 4), 4, 5)]:
        after = resumed(study(seeds=seeds), seeds="auto", max_seeds=asked_for)
        assert (after.seeds, after.max_seeds) == ("auto", most)


def test_more_seeds_at_most_and_a_refinement_are_added_and_are_not_taken_back() -> None:
    before = study(**BRACKET)
    after = resumed(before, max_seeds=16, refine=True)
    assert (after.max_seeds, after.refine) == (16, True)
    assert "max_seeds: 4 is less than the study has, 16." in refusal(after, max_seeds=4)
    assert "refine: false is less than the study has, true." in refusal(after, refine=False)


def test_how_a_study_searches_is_not_changed_and_no_refusal_names_what_is_refused_too() -> None:
    others: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"race_margin": 1.5}),
        (RACE, {"min_iterations": 100}),
        (RACE, {"lr_factor": 2.0}),
        (RACE, {"refine": True}),
    ]
    for kind, given in others:
        text = refusal(study(**kind), **given)
        assert "contradicts the study, which has" in text
        assert text.endswith(OTHER)
    assert resumed(study(**RACE), race_margin=1.25, min_iterations=0) is not None


def test_what_is_there_already_adds_nothing_to_a_race_or_a_bracket() -> None:
    for before in (study(**RACE), study(**BRACKET)):
        assert resumed(before, seeds="auto", lrs=before.lrs, search=before.search, batch_sizes=(16,)) is before


@pytest.mark.parametrize("kind", [RACE, BRACKET, {"seeds": (0, 1)}])
def test_the_file_that_a_study_began_with_adds_nothing_to_it(kind: dict[str, Any]) -> None:
    file = {name: value for name, value in (GRID | kind).items() if name != "name"}
    before = study(**kind)
    settings = resumed_settings(before, {}, file=file)
    assert grown(before, StudyConfig.model_validate(settings), uri="results/try1") is before


def test_the_file_of_a_grid_adds_nothing_to_the_bracket_that_it_began_with_a_flag() -> None:
    file = {"batch_sizes": (16, 64), "lrs": (0.1, 0.4, 1.6), "max_epochs": 5, "min_iterations": 100}
    before = StudyConfig.model_validate(overridden(file, {"search": "bracket", "name": "try1"}))
    after = resumed_settings(before, {"lrs": (9.0,)}, file=file)
    assert grown(before, StudyConfig.model_validate(after), uri="results/try1").lrs == (0.4, 9.0)
    assert grown(before, StudyConfig.model_validate(resumed_settings(before, {}, file=file)), uri="s") is before


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ({}, {"search": "race"}, "search: race contradicts the study, which has grid. Leave it out"),
        (RACE, {"search": "grid", "seeds": (0,)}, "search: grid contradicts the study, which has race. Leave it out"),
        (RACE, {"search": "bracket", "lrs": (0.1, 0.2)}, "search: bracket contradicts the study, which has race."),
        (RACE, {"race_margin": 1.5}, "race_margin: 1.5 contradicts the study, which has 1.25. Leave it out"),
        (BRACKET, {"lr_start": 0.8}, "lr_start: 0.8 contradicts the study, which has 0.4. Leave it out"),
        (BRACKET, {"lr_factor": 2}, "lr_factor: 2 contradicts the study, which has 4. Leave it out"),
        (
            RACE,
            {"seeds": (0, 1)},
            "seeds: 0 1 contradicts the study, which has auto, and takes up to 8 where they decide. Let it take more "
            "with --max-seeds",
        ),
        (
            {"seeds": (1, 2)},
            {"seeds": "auto"},
            "seeds: auto takes 0, 1, 2 and so on, and contradicts the study, which has 1 2. Give the seeds",
        ),
    ],
)
def test_another_search_or_other_seeds_than_auto_are_refused_with_the_right_way(
    kind: dict[str, Any], given: dict[str, Any], told: str
) -> None:
    text = refusal(study(**kind), **given)
    assert text.startswith(told)
    assert text.endswith(OTHER)


def test_a_study_of_a_version_that_knew_no_search_goes_on_as_a_grid() -> None:
    new = {"search", "race_margin", "max_seeds", "lr_start", "lr_factor", "refine"}
    stored = {name: value for name, value in study(seeds=(0,)).model_dump(mode="json").items() if name not in new}
    before = StudyConfig.model_validate(stored)
    after = resumed(before, seeds=(1,))
    assert (after.search, after.seeds) == ("grid", (0, 1))
