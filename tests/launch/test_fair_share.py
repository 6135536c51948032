"""Sweeps on one cluster share it evenly, give no slot away that another can use, and forget the dead."""

from __future__ import annotations

import pytest

from bs_study.launch.fair_share import SILENCE_SECONDS, TURN_SECONDS, Claim, Ledger, Share, fair_shares
from bs_study.launch.ray_cluster import trial_costs

EIGHTH = {"GPU": 1 / 8}


@pytest.mark.parametrize(
    ("wanted", "shares"),
    [
        ({"a": 100}, {"a": 8}),
        ({"a": 3}, {"a": 3}),
        ({"a": 100, "b": 100}, {"a": 4, "b": 4}),
        ({"a": 100, "b": 1}, {"a": 7, "b": 1}),
        ({"a": 100, "b": 100, "c": 100}, {"a": 3, "b": 3, "c": 2}),
        ({"a": 0, "b": 100}, {"a": 0, "b": 8}),
    ],
)
def test_slots_are_shared_evenly_and_what_one_does_not_want_goes_to_the_others(
    wanted: dict[str, int], shares: dict[str, int]
) -> None:
    assert fair_shares(wanted, dict.fromkeys(wanted, EIGHTH)) == shares


def test_sweeps_that_want_different_resources_do_not_halve_each_other() -> None:
    nodes = [{"CPU": 8.0, "GPU": 1.0}] * 4
    costs = {"gpu": trial_costs(nodes, cpus=1, gpus=1), "cpu": trial_costs(nodes, cpus=1, gpus=0)}
    assert fair_shares({"gpu": 100, "cpu": 100}, costs) == {"gpu": 3, "cpu": 29}


def test_trials_that_need_half_of_a_gpu_are_twice_as_many() -> None:
    nodes = [{"CPU": 8.0, "GPU": 4.0}]
    costs = {"whole": trial_costs(nodes, cpus=1, gpus=1), "half": trial_costs(nodes, cpus=1, gpus=0.5)}
    assert fair_shares({"whole": 100, "half": 100}, costs) == {"whole": 2, "half": 4}


def test_nodes_that_do_not_divide_into_whole_trials_are_not_counted_whole() -> None:
    nodes = [{"CPU": 4.0, "GPU": 2.0}] * 4  # a trial of 3 CPUs fits once on each
    assert fair_shares({"a": 9, "b": 9}, dict.fromkeys("ab", trial_costs(nodes, cpus=3, gpus=1))) == {"a": 2, "b": 2}


def test_on_nodes_that_hold_no_trial_there_is_no_share() -> None:
    assert fair_shares({"a": 9}, {"a": trial_costs([{"CPU": 0.0}], cpus=1, gpus=1)}) == {"a": 0}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_sweep_that_falls_silent_is_forgotten() -> None:
    clock = Clock()
    ledger, claim = Ledger(clock), Claim(100, EIGHTH, EIGHTH)
    ledger.share("killed", claim)
    assert ledger.share("alive", claim) == Share(4, 4, others=1)
    clock.now = SILENCE_SECONDS
    assert ledger.share("alive", claim) == Share(8, 8, others=0)


def test_a_sweep_that_ends_leaves_its_share_at_once() -> None:
    ledger, claim = Ledger(Clock()), Claim(100, EIGHTH, EIGHTH)
    ledger.share("ended", claim)
    ledger.leave("ended")
    assert ledger.share("alive", claim) == Share(8, 8, others=0)


def test_of_more_sweeps_than_slots_each_has_its_turn() -> None:
    clock, claim = Clock(), Claim(100, {"GPU": 1}, {"GPU": 1})
    ledger = Ledger(clock)
    had = set()
    for turn in range(3):
        clock.now = turn * TURN_SECONDS
        for sweep in "abc":
            ledger.share(sweep, claim)
        had |= {sweep for sweep in "abc" if ledger.share(sweep, claim).now}
    assert had == set("abc")
