"""What studies say where the truth is known: simulated worlds, 200 for each requirement."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from bs_study.analysis.comparison import fields_of
from bs_study.analysis.study import Analysis, analyse_rows
from tests.analysis.world_contests import field_of, tally
from tests.analysis.world_rows import rows_of
from tests.analysis.world_truth import false_statements, intervals
from tests.analysis.worlds import World, draw, make_world

WORLDS = 200
STUDIES = 10
MOST_FALSE = 0.05 + 2 * math.sqrt(0.05 * 0.95 / WORLDS)
LEAST_COVERAGE = 0.93

EQUAL = (1.0,) * 5
KINDS: tuple[dict[str, Any], ...] = (
    {"sharpness": 0.02},
    {"shape": "quadratic"},
    {"sharpness": 0.05, "spread": (0.05, 0.3)},
    {"sharpness": 0.1, "budget": 1.3, "timing_error": 0.02},
)


def alternating(*kinds: dict[str, Any], **common: Any) -> Callable[[np.random.Generator], World]:
    """Worlds of several kinds, one drawn for each."""
    return lambda rng: make_world(rng, **common, **kinds[rng.integers(len(kinds))])


@pytest.mark.parametrize("seeds", [2, 3])
def test_where_all_batch_sizes_are_equal_hardly_any_is_called_slower(seeds: int) -> None:
    found = tally(WORLDS, alternating(*KINDS, ratios=EQUAL), seeds=seeds)
    assert found.wrong <= MOST_FALSE
    assert found.false_orders <= MOST_FALSE
    assert min(found.ratios_hold, found.times_hold) >= LEAST_COVERAGE


@pytest.mark.parametrize(("seeds", "ratio", "least"), [(3, 2.0, 0.95), (5, 1.5, 0.90)])
def test_a_batch_size_that_is_clearly_the_soonest_is_settled(seeds: int, ratio: float, least: float) -> None:
    kinds = ({"shape": "quadratic"}, {"sharpness": 0.3})
    make = alternating(*kinds, ratios=(ratio**2, ratio, 1.0, ratio, ratio**2))
    found = tally(WORLDS, make, seeds=seeds)
    assert found.right >= least
    assert found.wrong <= MOST_FALSE
    assert min(found.ratios_hold, found.times_hold) >= LEAST_COVERAGE


@lru_cache
def random_study(number: int) -> tuple[World, Analysis]:
    rng = np.random.default_rng(number)
    kind = KINDS[number % len(KINDS)]
    world = make_world(rng, ratios=tuple(np.exp(rng.exponential(0.4, 3))), batch_sizes=(16, 64, 256), **kind)
    rows = rows_of(draw(world, rng, seeds=1 + number % 3), rng, missing_metrics=0.1, is_timed=number % 5 > 0)
    return world, analyse_rows(rows)


@pytest.fixture(scope="module", params=range(STUDIES))
def study(request: pytest.FixtureRequest) -> tuple[World, Analysis]:
    return random_study(request.param)


def test_a_recommendation_and_its_verdict_are_one(study: tuple[World, Analysis]) -> None:
    _, found = study
    told = found.recommendation
    assert [verdict for verdict in found.verdicts if verdict is told.fastest] == [told.fastest]
    assert told.best is not None
    assert told.fastest.evidence["batch_size"] == told.best.cell.batch_size
    assert (told.grade == "settled") == (told.doubts == ())
    assert set(told.fastest.doubts) <= set(told.doubts)


def test_a_verdict_is_open_just_where_it_has_doubts(study: tuple[World, Analysis]) -> None:
    _, found = study
    assert all((verdict.outcome == "undecided") == bool(verdict.doubts) for verdict in found.verdicts)


def test_each_rival_is_slower_or_as_good_and_none_is_left_out(study: tuple[World, Analysis]) -> None:
    world, found = study
    told = found.recommendation
    assert told.best is not None
    assert {id(one) for one in told.comparisons} == {id(one) for one in (*told.as_good, *told.slower)}
    assert len(told.comparisons) == len(told.as_good) + len(told.slower)
    own = told.best.cell.batch_size
    groups = [one.rival.batch_size for one in told.comparisons if one.rival.batch_size != own]
    lrs = [one.rival.lr for one in told.comparisons if one.rival.batch_size == own]
    assert sorted([*groups, own]) == sorted(world.batch_sizes)
    assert sorted([*lrs, told.best.cell.lr]) == sorted(world.lrs)
    assert all(one.low > 1 for one in told.slower)


def test_the_best_cell_has_the_smallest_median_by_the_clock_that_ranks(study: tuple[World, Analysis]) -> None:
    _, found = study
    best = found.recommendation.best
    assert best is not None
    medians = found.tables.convergence[f"{found.tables.clock}_to_target"]
    assert best.value == pytest.approx(medians.min(), rel=1e-9)
    assert not best.high < best.value
    assert not best.low > best.value


def test_cells_read_from_rows_are_those_that_were_drawn() -> None:
    rng = np.random.default_rng(5)
    drawn = draw(make_world(rng, shape="quadratic", budget=1.5, timing_error=0.02), rng, seeds=3)
    found = analyse_rows(rows_of(drawn, rng, missing_metrics=0.1)).tables
    none = found.times.head(0)
    fields = fields_of(found.times, clocks=["clean_seconds"], open_cells=none, timing=found.timing_spread)
    for cell, own in field_of(drawn).cells.items():
        read = fields["clean_seconds"].cells[cell]
        for name in ("met", "unmet", "bounds", "timing"):
            assert getattr(read, name) == pytest.approx(getattr(own, name), rel=1e-12)
        assert read.infeasible == own.infeasible


def test_whole_analyses_say_nothing_false() -> None:
    """A handful through the whole analysis, for speed; `python -m tests.bench.worlds` has hundreds."""
    studies = [random_study(number) for number in range(STUDIES)]
    assert sum(bool(false_statements(found, world)) for world, found in studies) <= 1
    told = [interval.holds for world, found in studies for interval in intervals(found, world)]
    assert np.mean(told) >= LEAST_COVERAGE
