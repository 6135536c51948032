"""What a whole study wants: lanes one after another, bounds, rounds of seeds, and the same answer in any order."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bs_study import StudyConfig
from bs_study.answer import with_search
from bs_study.bound import race_of
from bs_study.config import TrialConfig
from bs_study.grid import study_trials
from tests.search.lanes import BUDGET, digits, trial
from tests.search.replayed import Answer, Ended, Known, replay
from tests.search.replayed_rows import Studied
from tests.search.test_race import at_random

TABLES = {table.batch_size: table for table in digits()}
SECONDS = {4: 0.3e-3, 16: 0.45e-3, 64: 0.8e-3, 256: 2.2e-3, 1024: 8e-3}
LRS = TABLES[64].lrs


def of_digits(one: TrialConfig) -> Known:
    return TABLES[one.batch_size].cells[one.lr, one.seed]


def study(known: Any = of_digits, *, seconds: dict[int, float] | None = None, **settings: Any) -> Studied:
    """Return a study, timed at these seconds an iteration."""
    given = {"batch_sizes": [16, 64, 256], "lrs": LRS, "target": "accuracy>=0.9", "max_iterations": BUDGET}
    config = StudyConfig(**{**given, "min_iterations": 0, **settings})
    timed = {size: (seconds or SECONDS)[size] for size in config.batch_sizes}
    return Studied(config, known, iteration_seconds=timed)


@pytest.mark.parametrize("search", ["race", "bracket"])
def test_best_lrs_and_medians_are_those_of_the_grid_in_any_order(search: str) -> None:
    for number in range(2):
        rng = np.random.default_rng(number)
        asked = study(search=search, seeds=[0, 1, 2])
        ended = replay(asked.ask, asked.known, **at_random(rng))
        lanes = asked.plans[-1].lanes
        assert [(lane.best_lr, lane.best_iterations) for lane in lanes] == [
            TABLES[lane.batch_size].best([0, 1, 2]) for lane in lanes
        ]
        assert all(lane.is_over and lane.end == "" for lane in lanes)
        assert all(lane.contenders == 1 and lane.seeds == 3 for lane in lanes)
        assert len(ended) <= asked.plans[-1].at_most


def test_a_trial_that_was_cut_off_and_is_wanted_no_more_is_not_running() -> None:
    asked = study(search="race", seeds=[0, 1, 2], batch_sizes=[64])
    ended = replay(asked.ask, asked.known)
    lane = asked.plans[-1].lanes[0]
    assert lane.is_over
    config = asked.config
    skipped = [one for one in study_trials(config) if one not in ended]
    assert skipped
    rows = replace(asked.rows(ended), begun=frozenset([skipped[0].trial_id, *(one.trial_id for one in ended)]))
    state = with_search(rows).state
    assert (state.expected, state.running, state.missing, state.left) == (len(ended), 0, 0, 0)
    some = dict(list(ended.items())[:3])
    last = list(ended)[3]
    state = with_search(replace(asked.rows(some), begun=frozenset([last.trial_id]))).state
    assert (state.ended, state.running) == (3, 1)


def test_race_and_bracket_cost_a_quarter_and_an_eighth_of_the_grid() -> None:
    whole = sum(known.met or known.looks[-1] for table in TABLES.values() for known in table.cells.values())
    for search, part in (("race", 4), ("bracket", 8)):
        asked = study(search=search, seeds=[0, 1, 2], batch_sizes=list(TABLES))
        ended = replay(asked.ask, asked.known)
        assert sum(end.iterations for end in ended.values()) < whole / part


def test_each_race_has_a_bound_of_its_own() -> None:
    recipes = [{"momentum": 0.0}, {"momentum": 0.9}]

    def known(one: TrialConfig) -> Known:
        slow = 2 if one.settings.momentum == 0 else 1
        return trial(one.batch_size, slow * 50 * (1 + abs(math.log2(one.lr / 0.16))))

    asked = study(known, search="race", seeds=[0], recipes=recipes, batch_sizes=[16, 64])
    ended = replay(asked.ask, asked.known)
    assert len(asked.plans[-1].bounds) == 4 == len(asked.plans[-1].lanes)
    for one, end in ended.items():
        assert (end.kind == "reached") == (one.lr == 0.16) or end.iterations < asked.plans[-1].bounds[
            race_of(one)
        ].iterations


def test_the_next_batch_size_begins_at_the_best_lr_of_the_one_before() -> None:
    for search in ("race", "bracket"):
        asked = study(search=search, seeds=[0], batch_sizes=[64, 256])
        ended = list(replay(asked.ask, asked.known))
        first = next(one for one in ended if one.batch_size == 256)
        assert first.lr == TABLES[64].best([0])[0]


def test_an_lr_rule_moves_the_lrs_of_a_bracket() -> None:
    def known(one: TrialConfig) -> Known:  # best at lr 0.16 for batch size 16, 0.64 for 64
        return trial(one.batch_size, 100 * (1 + 3 * abs(math.log2(one.lr / (0.01 * one.batch_size)))))

    asked = study(
        known,
        search="bracket",
        seeds=[0],
        batch_sizes=[16, 64],
        lr_rule="linear",
        base_batch_size=16,
        lrs=[0.08, 0.16, 0.32],
    )
    ended = replay(asked.ask, asked.known)
    assert [lane.best_lr for lane in asked.plans[-1].lanes] == pytest.approx([0.16, 0.64])
    assert len(ended) == 6


def test_nothing_has_ended_and_something_is_wanted() -> None:
    asked = study(search="race", seeds="auto")
    first = asked.ask({})
    assert first.wanted[0].lr == 0.16
    assert not first.bounds
    assert asked.plans[-1].expected <= asked.plans[-1].at_most == len(first.wanted) * 8


def noisy(spread: float, *, ratio: float = 1.0, lost: float = 0.0) -> Any:
    """Return trials whose times spread over seeds; the larger of two batch sizes takes `ratio` times as long."""

    def known(one: TrialConfig) -> Known:
        rng = np.random.default_rng([one.batch_size, round(one.lr * 1e6), one.seed])
        if rng.random() < lost:
            return Known((1,), None, "failed")
        off = abs(math.log2(one.lr / 0.16))
        slower = ratio if one.batch_size > 16 else 1.0
        return trial(one.batch_size, 300 * slower * math.exp(0.5 * off + spread * rng.standard_normal()))

    return known


ALIKE = {16: 1e-3, 64: 1e-3, 256: 1e-3}


def test_seeds_go_where_they_decide() -> None:
    clear = study(
        noisy(0.05, ratio=3.0), seconds=ALIKE, search="race", seeds="auto", batch_sizes=[16, 64], lrs=[0.08, 0.16, 0.32]
    )
    few = replay(clear.ask, clear.known)
    close = study(
        noisy(0.3, ratio=1.1), seconds=ALIKE, search="race", seeds="auto", batch_sizes=[16, 64], lrs=[0.08, 0.16, 0.32]
    )
    many = replay(close.ask, close.known)
    assert len(few) < len(many)
    assert max(one.seed for one in few) <= 2
    assert max(one.seed for one in many) == 7
    assert all(lane.is_over for lane in close.plans[-1].lanes)


@pytest.mark.parametrize("search", ["grid", "race", "bracket"])
def test_rounds_of_seeds_are_whole_before_the_next_and_end(search: str) -> None:
    for number in range(2):
        rng = np.random.default_rng(number)
        asked = study(
            noisy(0.3, ratio=1.2, lost=0.1 * (number % 2)), seconds=ALIKE, search=search, seeds="auto", max_seeds=4,
            batch_sizes=[16, 64], lrs=[0.08, 0.16, 0.32],
        )  # fmt: skip
        ended = replay(asked.ask, asked.known, **at_random(rng))
        for before, after in zip(asked.plans, asked.plans[1:], strict=False):
            seeds = {one.trial.seed for one in before.wanted}
            assert len(seeds) <= 1  # one round at a time
            assert not after.wanted or min(one.trial.seed for one in after.wanted) >= max(seeds)
        assert not asked.plans[-1].wanted
        assert len(ended) <= asked.plans[-1].at_most
        alone = asked.ask(dict(sorted(ended.items(), key=lambda pair: pair[0].trial_id)))
        assert not alone.wanted  # whoever asks again, in whatever order, hears the same


def test_a_batch_size_that_is_added_gets_its_seeds_from_the_first() -> None:
    small = study(
        noisy(0.2, ratio=1.1), seconds=ALIKE, search="race", seeds="auto", batch_sizes=[16, 64], lrs=[0.08, 0.16]
    )
    before = replay(small.ask, small.known)
    grown = study(
        noisy(0.2, ratio=1.1), seconds=ALIKE, search="race", seeds="auto", batch_sizes=[16, 64, 256], lrs=[0.08, 0.16]
    )
    wanted = grown.ask(before).wanted
    assert {(one.batch_size, one.seed) for one in wanted} == {(256, 0)}

    def ask(ended: Any) -> Answer:
        return grown.ask({**before, **ended})

    added = replay(ask, grown.known)
    assert {one.batch_size for one in added} >= {256}
    assert not set(before) & set(added)


def test_a_plan_of_a_store_in_which_nothing_has_ended_needs_no_columns_of_metrics() -> None:
    asked = study(search="bracket", seeds=[0])
    assert isinstance(asked.rows({}).evaluations, pd.DataFrame)
    assert [one.lr for one in asked.ask({}).wanted] == [0.16]


def test_trials_that_failed_for_good_are_not_wanted_again() -> None:
    asked = study(search="race", seeds=[0], batch_sizes=[16], lrs=[0.08, 0.16])
    first = asked.ask({}).wanted
    ended = {one: Ended("failed", 1, 1) for one in first}
    assert not asked.ask(ended).wanted
