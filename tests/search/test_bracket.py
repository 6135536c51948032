"""A bracket ends at an lr whose two neighbours are known to be worse, and says why where there is none."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bs_study.bound import race_of
from bs_study.config import TrialConfig
from bs_study.config.search import Lattice
from bs_study.search.bracket import Bracket, bracket
from bs_study.search.record import End
from tests.search.lanes import BUDGET, Table, outcomes_of, trial
from tests.search.replayed import Answer, Ended, Known, replay
from tests.search.test_race import at_random

LANE = Table({}).lane
START = 0.1
Curve = Callable[[float, int], Known]
"""What a trial of an lr and a seed would do."""


def run(
    curve: Curve, *, factor: float = 2.0, start: int = 0, seeds: Sequence[int] = (0,), extra: Sequence[float] = (),
    refine: bool = False, how: Mapping[str, Any] | None = None,
) -> tuple[Bracket, dict[TrialConfig, Ended]]:  # fmt: skip
    """Return the bracket of a lane at its end, and how its trials ended."""

    def known(one: TrialConfig) -> Known:
        return curve(one.lr, one.seed)

    def asked(ended: Mapping[TrialConfig, Ended]) -> Bracket:
        return bracket(
            LANE, Lattice(START, factor), start=start, seeds=seeds, outcomes=outcomes_of(LANE, ended, known),
            margin=1.25, extra=extra, refine=refine,
        )  # fmt: skip

    def ask(ended: Mapping[TrialConfig, Ended]) -> Answer:
        found = asked(ended).race
        return Answer(found.wanted, {race_of(LANE.trial(START, 0)): found.bound} if found.bound else {})

    ended = replay(ask, known, most=500, **(how or {}))
    return asked(ended), ended


def parabola(best: float, *, sharpness: float = 0.3, least: float = 60.0, spread: float = 0.0) -> Curve:
    def curve(lr: float, seed: int) -> Known:
        chance = spread * float(np.random.default_rng([round(1e6 * lr), seed]).standard_normal())
        return trial(64, least * math.exp(sharpness * math.log2(lr / best) ** 2 + chance), falls=lr < best)

    return curve


def quadratic(best: float, *, least: float = 60.0) -> Curve:
    """Return the curve of a quadratic: it diverges from twice the best lr on."""

    def curve(lr: float, seed: int) -> Known:
        x = lr / best
        return trial(64, math.inf, last="diverged", end=30) if x >= 1.999 else trial(64, least / (2 * x - x * x))

    return curve


def always(known: Known) -> Curve:
    return lambda lr, seed: known


def medians(found: Bracket, curve: Curve, seeds: Sequence[int]) -> dict[float, float]:
    table = Table({(e.lr, s): curve(e.lr, s) for e in found.race.entries for s in seeds})
    return {lr: table.median(lr, seeds) for lr in table.lrs}


@pytest.mark.parametrize("factor", [4.0, 2.0, 1.5, math.sqrt(2)])
@pytest.mark.parametrize("shape", ["parabola", "quadratic", "spread"])
def test_it_ends_at_an_lr_whose_two_neighbours_are_worse_in_any_order(factor: float, shape: str) -> None:
    for number in range(25):
        rng = np.random.default_rng(number)
        best = START * 2 ** float(rng.uniform(-6, 6))
        seeds = range(int(rng.choice([1, 3])))
        curve = {"parabola": parabola(best), "quadratic": quadratic(best), "spread": parabola(best, spread=0.2)}[shape]
        found, ended = run(curve, factor=factor, seeds=seeds, how=at_random(rng))
        assert found.is_over
        assert found.end == ""
        leader, lattice = found.race.leader, Lattice(START, factor)
        assert leader
        assert found.best is not None
        assert lattice.lr(found.best) == leader.lr
        known = medians(found, curve, seeds)
        for side in (-1, 1):
            beside = known[lattice.lr(found.best + side)]
            assert beside > leader.median or (
                beside == leader.median and known.keys() > {lattice.lr(found.best + 2 * side)}
            )
        assert leader.median == known[leader.lr] == min(known.values())
        steps = abs(found.best) + 2
        assert len({one.lr for one in ended}) <= steps + 4  # on the way, both neighbours, and ties


def test_from_a_good_start_it_takes_three_lrs() -> None:
    found, ended = run(parabola(START, sharpness=1.0))
    assert sorted(one.lr for one in ended) == [0.05, 0.1, 0.2]
    assert found.best == 0
    assert [end.kind for end in ended.values()] == ["reached", "outrun", "outrun"]


def test_it_begins_where_it_is_told_to() -> None:
    _, ended = run(parabola(START * 8), start=3)
    assert next(iter(ended)).lr == 0.8
    assert len(ended) == 3


def test_lrs_that_tie_are_passed_on_both_sides() -> None:
    found, ended = run(lambda lr, seed: trial(64, 60 if 0.04 < lr < 0.9 else 900))
    assert found.is_over
    assert sorted(one.lr for one in ended) == [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
    assert found.race.leader
    assert found.race.leader.lr == 0.05  # of those that tie the smallest, as in a grid


@pytest.mark.parametrize(
    ("known", "end"),
    [
        (trial(64, math.inf, last="diverged", end=20), "diverged"),
        (trial(64, math.inf, falls=True), "limit"),
        (trial(64, math.inf, falls=False), "limit"),
        (trial(64, math.inf, last="out_of_memory", end=1), "out_of_memory"),
        (trial(64, math.inf, last="failed", end=1), "failed"),
    ],
)
def test_where_no_lr_reaches_the_target_it_ends_and_says_why(known: Known, end: End) -> None:
    for number, seeds in itertools.product(range(3), (1, 3)):
        found, ended = run(always(known), seeds=range(seeds), how=at_random(np.random.default_rng(number)))
        assert (found.is_over, found.best, found.end) == (True, None, end)
        assert len({one.lr for one in ended}) <= 9 + 1
        if end in ("out_of_memory", "failed"):
            assert {one.lr for one in ended} == {START}


def test_a_target_that_is_out_of_reach_ends_at_the_lr_with_the_least_loss() -> None:
    def curve(lr: float, seed: int) -> Known:
        off = abs(math.log2(lr / 0.4)) + 1
        looks = trial(64, math.inf).looks
        is_small = lr < 0.4
        return Known(
            looks, None, "missed", tuple(off + (1 - n / len(looks) if is_small else 0) for n in range(len(looks)))
        )

    found, ended = run(curve)
    assert (found.is_over, found.best, found.end) == (True, None, "nothing_reached")
    assert sorted(one.lr for one in ended) == [0.1, 0.2, 0.4, 0.8]


@pytest.mark.parametrize("falls", [True, False])
def test_a_loss_that_misleads_does_not_hide_an_lr_that_reaches_the_target(falls: bool) -> None:
    """At a start that missed the loss says up, and the lr that reaches the target lies below; or the reverse."""
    good = 0.05 if falls else 0.2

    def curve(lr: float, seed: int) -> Known:
        missed = trial(64, math.inf, falls=falls if lr == START else not falls)
        if lr == good:
            return trial(64, 100)
        off = abs(math.log2(lr / good))
        return Known(missed.looks, None, "missed", tuple(off + 0.1 * loss for loss in missed.loss))

    found, _ = run(curve)
    assert found.is_over
    assert found.race.leader
    assert found.race.leader.lr == good


@pytest.mark.parametrize("sign", [-1, 1])
def test_beyond_the_farthest_lr_it_stops_and_says_so(sign: int) -> None:
    found, ended = run(parabola(START * 2.0 ** (sign * 12), sharpness=0.05, least=20))
    assert found.is_over
    assert found.end == "limit"
    assert found.best == sign * 8
    assert {one.lr for one in ended} <= {Lattice(START, 2.0).lr(place) for place in range(-8, 9)}


def test_refined_it_tries_half_a_step_on_each_side() -> None:
    best = START * 2**0.5
    plain, _ = run(parabola(best))
    found, ended = run(parabola(best), refine=True)
    assert plain.best == found.best
    assert {Lattice(START, 2.0).lr(found.best + half) for half in (-0.5, 0.5)} <= {one.lr for one in ended}
    assert found.is_over
    assert found.race.leader
    assert found.race.leader.lr == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("factor", [2.0, 4.0, 16.0, 256.0])
@pytest.mark.parametrize("sign", [-1, 1])
def test_at_the_farthest_lr_the_half_steps_are_tried_too(factor: float, sign: int) -> None:
    found, ended = run(parabola(START * 2.0 ** (sign * 12), sharpness=0.05, least=20), factor=factor, refine=True)
    lattice = Lattice(START, factor)
    edge = sign * lattice.farthest
    assert (found.is_over, found.end, found.best) == (True, "limit", edge)
    assert {lattice.lr(edge + half) for half in (-0.5, 0.5)} <= {one.lr for one in ended}
    assert found.race.leader
    assert found.race.leader.lr == lattice.lr(edge + sign * 0.5)  # no other is as near to the best


@pytest.mark.parametrize("sharpness", [0.3, 1.0])
def test_an_lr_whose_trials_all_failed_is_stepped_over(sharpness: float) -> None:
    """Beside the best one so far, and on the way from a start that missed."""

    def curve(lr: float, seed: int) -> Known:
        return trial(64, math.inf, last="failed", end=1) if lr == 0.2 else parabola(0.4, sharpness=sharpness)(lr, seed)

    found, ended = run(curve)
    assert (found.is_over, found.end) == (True, "")
    assert found.race.leader
    assert found.race.leader.lr == 0.4
    assert {0.1, 0.2, 0.4, 0.8} == {one.lr for one in ended}


def test_further_lrs_are_tried_and_may_win() -> None:
    found, ended = run(parabola(0.14), extra=[0.14, 3.0])
    assert {0.14, 3.0, 0.1, 0.2} <= {one.lr for one in ended}
    assert found.race.leader
    assert found.race.leader.lr == 0.14
    assert found.is_over
    far, _ = run(parabola(0.8), extra=[0.5])  # its neighbours on the lattice are tried too
    assert far.race.leader
    assert far.race.leader.lr == 0.8


def test_a_further_lr_that_wins_from_afar_is_bracketed() -> None:
    def curve(lr: float, seed: int) -> Known:
        return parabola(9.0, sharpness=1.0)(lr, seed) if lr > 1 else trial(64, math.inf, falls=False)

    found, ended = run(curve, extra=[9.0])
    assert found.is_over
    assert found.race.leader
    assert found.race.leader.lr == 9.0
    assert {6.4, 12.8} <= {one.lr for one in ended}


def test_seeds_that_are_added_are_trained_at_the_lrs_it_has_come_to() -> None:
    curve = parabola(0.3, spread=0.1)
    _, first = run(curve)
    outcomes = outcomes_of(LANE, first, lambda one: curve(one.lr, one.seed))
    found = bracket(LANE, Lattice(START, 2.0), start=0, seeds=(0, 1, 2), outcomes=outcomes, margin=1.25)
    assert not found.is_over
    assert {one.lr for one in found.race.wanted} <= {one.lr for one in first}
    assert {one.seed for one in found.race.wanted} == {1, 2}


def test_a_trial_that_missed_within_the_budget_is_worse_than_one_that_reached_it() -> None:
    found, ended = run(
        lambda lr, seed: trial(64, 1400) if lr == 0.05 else trial(64, math.inf, end=BUDGET, falls=lr < 0.05)
    )
    assert found.race.leader
    assert found.race.leader.lr == 0.05
    assert sorted(one.lr for one in ended) == [0.025, 0.05, 0.1]
