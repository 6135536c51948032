"""A race gives the answer of the full grid, whatever the order in which trials end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bs_study.bound import race_of
from bs_study.config import TrialConfig
from bs_study.search.race import Race, race
from tests.search.lanes import Table, digits, outcomes_of, synthetic, trial, with_failures
from tests.search.replayed import Answer, Ended, replay

ORDERS = 1_000
DIGITS = digits()


def asked(
    table: Table, ended: Mapping[TrialConfig, Ended], *, seeds: Sequence[int], margin: float | None = 1.25
) -> Race:
    lane = table.lane
    outcomes = outcomes_of(lane, ended, table.known)
    return race(lane, table.lrs, seeds=seeds, outcomes=outcomes, margin=margin)


def run(
    table: Table, *, seeds: Sequence[int], margin: float | None = 1.25,
    before: Mapping[TrialConfig, Ended] | None = None, **how: Any,
) -> tuple[Race, dict[TrialConfig, Ended]]:  # fmt: skip
    """Return the race of a lane at its end, and how its trials ended; some had ended before it began."""
    key, old = race_of(table.lane.trial(table.lrs[0], 0)), dict(before or {})

    def ask(ended: Mapping[TrialConfig, Ended]) -> Answer:
        found = asked(table, {**old, **ended}, seeds=seeds, margin=margin)
        return Answer(found.wanted, {key: found.bound} if found.bound else {})

    ended = old | replay(ask, table.known, **how)
    return asked(table, ended, seeds=seeds, margin=margin), ended


def at_random(rng: np.random.Generator) -> dict[str, Any]:
    """Return how a replay goes: workers, the pace of each trial, delays of the bound and deaths of the driver."""
    speed, late, deadly = rng.choice([0.0, 1.0, 3.0]), rng.choice([0.0, 10.0, 1000.0]), rng.choice([0.0, 0.1])
    return {
        "workers": int(rng.choice([1, 2, 3, 7, 50])),
        "pace": lambda one: float(np.exp(speed * rng.standard_normal())),
        "delay": lambda: float(late * rng.exponential()),
        "dies": lambda: bool(rng.random() < deadly),
    }


@pytest.mark.parametrize("part", range(10))
def test_the_best_lr_and_its_median_are_those_of_the_full_grid_in_any_order(part: int) -> None:
    for number in range(ORDERS // 10 * part, ORDERS // 10 * (part + 1)):
        rng = np.random.default_rng(number)
        is_real = number % 4 == 0
        seeds = range(3 if is_real else rng.integers(1, 7))
        table = DIGITS[number // 4 % len(DIGITS)] if is_real else synthetic(rng, seeds=len(seeds))
        margin = float(rng.choice([1.0, 1.25, 2.5]))
        found, ended = run(table, seeds=seeds, margin=margin, **at_random(rng))
        lr, median = table.best(seeds)
        assert (found.leader and found.leader.lr, found.leader.median if found.leader else math.inf) == (lr, median), (
            number
        )
        for entry in found.entries:
            if found.is_out(entry):
                own = table.median(entry.lr, seeds)
                assert own > median * margin or math.isinf(own), number
            elif len(seeds) % 2 or entry is found.leader:
                assert entry.median == table.median(entry.lr, seeds), number
        for one, end in ended.items():
            if end.kind == "outrun":
                met = table.known(one).met
                assert met is None or met > end.iterations >= median * margin, number


def test_a_race_costs_a_part_of_the_full_grid() -> None:
    whole = sum(known.met or known.looks[-1] for table in DIGITS for known in table.cells.values())
    raced = sum(end.iterations for table in DIGITS for end in run(table, seeds=range(3))[1].values())
    assert raced < whole / 2


def test_without_a_margin_every_trial_runs_to_its_end() -> None:
    table = DIGITS[0]
    found, ended = run(table, seeds=range(3), margin=None)
    assert len(ended) == len(table.cells)
    assert not any(end.kind == "outrun" for end in ended.values())
    assert [entry.median for entry in found.entries] == [table.median(lr, range(3)) for lr in table.lrs]


def test_seeds_that_fail_in_every_cell_leave_the_answer_of_the_grid_if_an_odd_number_is_left() -> None:
    for number in range(200):
        rng = np.random.default_rng(number)
        table = with_failures(synthetic(rng, seeds=5), rng, seeds=rng.choice(5, size=2, replace=False).tolist())
        found, _ = run(table, seeds=range(5), margin=2.0, **at_random(rng))
        assert (found.leader and found.leader.lr) == table.best(range(5))[0], number


def test_with_seeds_that_are_added_no_median_is_told_too_small() -> None:
    other = 0
    for number in range(300):
        rng = np.random.default_rng(number)
        table = DIGITS[number % len(DIGITS)] if number % 2 else synthetic(rng, seeds=3)
        _, first = run(table, seeds=[0], **at_random(rng))
        found, ended = run(table, seeds=range(3), before=first, **at_random(rng))
        lr, median = table.best(range(3))
        assert set(first) <= set(ended)
        for entry in found.entries:
            own = table.median(entry.lr, range(3))
            assert not entry.median < own, number
            assert not found.is_out(entry) or own >= found.limit, number
        if found.leader and found.leader.lr != lr:
            other += 1
            lost = first[table.lane.trial(lr or 0.0, 0)]  # the race of one seed
            assert lost.kind == "outrun", number
            assert lost.iterations < found.limit, number
            assert found.leader.median >= median, number
    assert other < 30  # it is rare


def test_the_median_of_two_seeds_decides_not_the_slower_of_them() -> None:
    table = Table(
        {(0.1, 0): trial(64, 20), (0.1, 1): trial(64, 200), (0.2, 0): trial(64, 140), (0.2, 1): trial(64, 160)}
    )
    found, _ = run(table, seeds=[0, 1])
    assert found.leader
    assert found.leader.lr == 0.1 == table.best([0, 1])[0]


def test_the_bound_is_that_of_the_leaders_trial_and_spares_its_own() -> None:
    table = Table({(lr, seed): trial(64, time) for lr, time in ((0.1, 100), (0.2, 900)) for seed in range(3)})
    lane = table.lane
    ended = {lane.trial(0.1, seed): Ended("reached", 100, 1) for seed in (0, 1)}
    bound = asked(table, ended, seeds=range(3)).bound
    assert bound
    assert bound.iterations == 125
    assert bound.outrun_by == lane.trial_id(0.1, 1)
    assert bound.ends(lane.trial(0.2, 0), iteration=125)
    assert not bound.ends(lane.trial(0.2, 0), iteration=124)
    assert not bound.ends(lane.trial(0.1, 2), iteration=1000)


def test_a_cell_begins_with_as_many_seeds_as_may_put_it_out() -> None:
    table = Table({(lr, seed): trial(64, 100 * lr) for lr in (1.0, 2.0, 4.0) for seed in range(5)})
    lane = table.lane
    wanted = asked(table, {}, seeds=range(5)).wanted
    assert [(one.lr, one.seed) for one in wanted[:11]] == [
        *((1.0, seed) for seed in range(5)), *((2.0, seed) for seed in range(3)), *((4.0, seed) for seed in range(3)),
    ]  # fmt: skip
    out = {lane.trial(4.0, seed): Ended("diverged", 10, 1) for seed in range(3)}
    led = {lane.trial(1.0, seed): Ended("reached", 100, 1) for seed in range(3)}
    assert {one.lr for one in asked(table, {**out, **led}, seeds=range(5)).wanted} == {1.0, 2.0}
