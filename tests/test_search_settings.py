"""What a search asks of a study's settings, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bs_study import StudyConfig
from bs_study.config.asked import asked
from bs_study.grid import study_trials

LEAST: dict[str, Any] = {"batch_sizes": [4, 8], "lrs": [0.1], "max_iterations": 10}


def study(**settings: Any) -> StudyConfig:
    return asked(LEAST | settings).config


def complaint(**settings: Any) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        study(**settings)
    return str(caught.value)


@pytest.mark.parametrize("search", ["race", "bracket"])
def test_trials_of_a_race_have_no_least_iterations_and_those_of_a_grid_keep_theirs(search: str) -> None:
    assert study(search=search).settings.min_iterations == 0
    assert study().settings.min_iterations == 1000
    assert study(search=search, min_iterations=0).settings.min_iterations == 0


@pytest.mark.parametrize(
    ("lrs", "start", "factor"),
    [
        ([0.01, 0.04, 0.16], 0.04, 4),
        ([0.16, 0.01, 0.04], 0.04, 4),
        ([0.01, 0.04, 0.16, 0.64], 0.04, 4),
        ([0.1], 0.1, 2),
        (["0.1", "0.3"], 0.1, 3),
        ([0.01, 0.02, 0.08], 0.02, 2.828),  # √8 in four digits
        ({0.1, 0.2}, 0.1, 2),
    ],
)
def test_a_bracket_begins_at_the_middle_one_of_its_lrs_with_their_step(lrs: Any, start: float, factor: float) -> None:
    config = study(search="bracket", lrs=lrs)
    assert (config.lrs, config.lr_start, config.lr_factor) == ((start,), start, factor)


def test_lrs_beside_the_start_of_a_bracket_are_tried_too() -> None:
    config = study(search="bracket", lr_start=0.2, lrs=[0.1, 0.4])
    assert (config.lrs, config.lr_start, config.lr_factor) == ((0.2, 0.1, 0.4), 0.2, 2)
    alone = asked({"batch_sizes": [4], "max_epochs": 1, "search": "bracket", "lr_start": 0.2}).config
    assert alone.lrs == (0.2,)


def test_a_factor_that_is_given_is_the_brackets() -> None:
    config = study(search="bracket", lrs=[0.1, 0.2, 0.4], lr_factor=3)
    assert (config.lrs, config.lr_factor) == ((0.2,), 3)


def test_seeds_auto_begin_with_one_and_may_come_to_max_seeds() -> None:
    config = study(seeds="auto", max_seeds=3)
    assert (config.first_seeds, config.most_seeds) == ((0,), (0, 1, 2))


RACE, BRACKET, AUTO = {"search": "race"}, {"search": "bracket"}, {"seeds": "auto"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"seeds": "autos"}, "seeds: 'autos' is no list of seeds. Give one, as [0, 1, 2], or auto"),
        ({"seeds": 3}, "seeds: 3 is no list of seeds. Give one, as [0, 1, 2], or auto"),
        ({"seeds": None}, "seeds: None is no list of seeds. Give one, as [0, 1, 2], or auto"),
        ({"seeds": ["auto", 1]}, "seeds: ['auto', 1] has auto beside other seeds. Give seeds, or auto alone"),
        ({"seeds": []}, "seeds: is missing. Give at least one value"),
        ({"seeds": [-1]}, "seeds: -1 should be greater than or equal to 0"),
        (AUTO | {"max_seeds": 1}, "max_seeds: 1 should be greater than or equal to 2"),
        (AUTO | {"max_seeds": 10**9}, "max_seeds: 1000000000 should be less than or equal to 1000"),
        ({"max_seeds": 4}, "max_seeds: 4 is for seeds auto. Leave it out, or give seeds auto"),
        ({"search": "races"}, "search: 'races' should be 'grid', 'race' or 'bracket'"),
        (RACE | {"race_margin": 0.9}, "race_margin: 0.9 should be greater than or equal to 1"),
        ({"race_margin": 1.5}, "race_margin: 1.5 is for search race or bracket, and the search is grid. Leave it out"),
        (RACE | {"lr_factor": 2}, "lr_factor: 2 is for search bracket, and the search is race. Leave it out"),
        ({"lr_start": 0.1}, "lr_start: 0.1 is for search bracket, and the search is grid. Leave it out"),
        ({"refine": True}, "refine: true is for search bracket, and the search is grid. Leave it out"),
        (BRACKET | {"lr_factor": 1}, "lr_factor: 1 should be greater than or equal to 1.1"),
        (BRACKET | {"lr_factor": 0.5}, "lr_factor: 0.5 should be greater than or equal to 1.1"),
        (BRACKET | {"lr_factor": 1e300}, "lr_factor: 1e+300 should be less than or equal to 256"),
        (BRACKET | {"lrs": [0.1, 0.1]}, "lrs: [0.1, 0.1] 0.1 is given twice. Give each value once"),
        (BRACKET | {"lrs": [0.1, -1]}, "lrs: -1 should be greater than 0"),
        (BRACKET | {"lrs": ["fast", 0.1]}, "lrs: 'fast' should be a valid number"),
        (BRACKET | {"lrs": []}, "lrs: is missing. Give at least one value"),
        (BRACKET | {"lrs": [0.1, 0.1001]}, "lrs: 0.1 to 0.1001 are a factor of 1.001 apart, and a bracket takes steps"),
        (BRACKET | {"lrs": [1e-3, 1e30]}, "lrs: 0.001 to 1e30 are a factor of 1e33 apart, and a bracket takes steps"),
        (BRACKET | {"lr_start": "x"}, "lr_start: 'x' should be a valid number"),
        (BRACKET | {"lr_start": 1e-300}, "lr_start: 1e-300 leaves a bracket no room"),
        (BRACKET | {"lr_start": 1e300}, "lr_start: 1e300 leaves a bracket no room"),
        (RACE | {"min_iterations": 500}, "min_iterations: 500 needs search grid, and search race has 0. Leave it out"),
        (BRACKET | {"stop_at_target": False}, "stop_at_target: false needs search grid, and search bracket ends"),
        (RACE | {"lr_decay": "cosine"}, "search: race can't be had with lr_decay cosine to the end of the budget"),
        ({"recipes": [{"search": "race"}]}, "recipes: [{'search': 'race'}] 'search' can't differ from recipe to"),
    ],
)
def test_what_a_search_can_not_do_is_refused_in_a_line_with_setting_value_and_way_out(
    settings: dict[str, Any], told: str
) -> None:
    text = complaint(**settings)
    assert text.startswith(told)
    assert "\n" not in text


@pytest.mark.parametrize("search", ["race", "bracket"])
def test_a_recipe_whose_lr_falls_to_the_end_of_the_budget_is_named_where_trials_would_race(search: str) -> None:
    recipes = [{}, {"lr_decay": "linear"}]
    text = complaint(search=search, recipes=recipes)
    assert "times at different budgets are different experiments" in text
    assert text.endswith("(in the recipe {lr_decay: linear})")
    assert len(study(recipes=recipes).each_recipe()) == 2
    fixed = [{}, {"lr_decay": "linear", "lr_decay_epochs": 2}, {"lr_decay": "step", "lr_decay_epochs": 1}]
    assert len(study(search=search, recipes=fixed).each_recipe()) == 3


def test_an_lr_rule_takes_a_bracket_with_it() -> None:
    config = study(search="bracket", lr_rule="linear", base_batch_size=4)
    lrs: dict[int, list[float]] = {4: [], 8: []}
    for trial in study_trials(config):
        lrs[trial.batch_size].append(trial.lr)
    assert {0.05, 0.1, 0.2} <= set(lrs[4])
    assert lrs[8] == [2 * lr for lr in lrs[4]]


def test_the_lrs_that_a_bracket_may_come_to_are_numbers_however_many_its_batch_sizes_are() -> None:
    for start, factor in [(1e-100, 256), (1e100, 256), (0.1, 1.1)]:
        config = study(search="bracket", batch_sizes=list(range(1, 400)), lr_start=start, lr_factor=factor)
        assert config.lattice
        lrs = config.lattice.lrs(batch_sizes=399)
        assert 0 < min(lrs) < start < max(lrs) < float("inf")
        assert len(set(lrs)) == len(lrs)


SETTINGS = st.fixed_dictionaries(
    {
        "batch_sizes": st.lists(st.integers(1, 4096), min_size=1, max_size=3, unique=True),
        "lrs": st.lists(st.floats(1e-5, 10), min_size=1, max_size=4, unique=True),
        "max_iterations": st.integers(1, 10**6),
        "search": st.sampled_from(["grid", "race", "bracket"]),
        "seeds": st.just("auto") | st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
    },
    optional={
        "race_margin": st.floats(1, 4),
        "max_seeds": st.integers(2, 20),
        "lr_start": st.floats(1e-5, 10),
        "lr_factor": st.floats(1.1, 256),
        "refine": st.booleans(),
        "momentum": st.floats(0, 0.99),
    },
)


@given(SETTINGS)
def test_a_config_that_is_dumped_and_read_again_is_the_same(settings: dict[str, Any]) -> None:
    try:
        config = asked(settings).config
    except ValueError:
        assume(False)
        raise
    assert asked(config.model_dump()).config == config
    assert StudyConfig.model_validate_json(config.model_dump_json()) == config
