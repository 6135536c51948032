"""Which batch size is fastest, at one lr and at each its best; and whether updates stop falling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.comparison import Field
from bs_study.analysis.trials import CELL, Cell
from bs_study.analysis.verdict import Doubt
from bs_study.analysis.verdicts_target import middle_batch_size, updates_saturate

NONE = pd.DataFrame(columns=CELL)
CONFIDENCE = 0.99


def own(cell, seconds):
    """A cell's seeds: seconds to the target; or how it ended."""
    nothing = np.array([])
    if isinstance(seconds, str):
        bounds = np.log([50.0] * 3) if seconds == "missed" else nothing
        counts = {"diverged": {"infeasible": 3}, "failed": {"unanswered": 3}, "missed": {}}
        return CellTimes(cell, nothing, nothing, bounds, **counts[seconds])
    met = np.log(np.array(seconds, float))
    return CellTimes(cell, met, met - 0.05, nothing)


def seeds(seconds, *, spread=0.02, count=3):
    return [seconds * (1 + spread * step) for step in np.linspace(-1, 1, count)]


def middle(cells, *, open_cells=NONE, confidence=CONFIDENCE, **options):
    found = {Cell("", size, lr): own(Cell("", size, lr), seconds) for (size, lr), seconds in cells.items()}
    return middle_batch_size(Field("train_seconds", found), open_cells=open_cells, confidence=confidence, **options)


def at_one_lr(*outcomes, sizes=(10, 100, 1000), lr=0.1):
    return {(size, lr): outcome for size, outcome in zip(sizes, outcomes, strict=True)}


def reasons(verdict):
    return {doubt.reason for doubt in verdict.doubts}


def test_a_middle_batch_size_that_beats_both_ends_supports_the_claim():
    verdict = middle(at_one_lr(seeds(9.0), seeds(3.0), seeds(9.0)))
    assert (verdict.outcome, verdict.doubts) == ("supported", ())
    assert verdict.evidence["fastest_batch_size"] == {0.1: 100}
    assert verdict.evidence["middle_at_lrs"] == [0.1]


def test_an_end_that_beats_all_others_at_every_lr_contradicts_it():
    cells = at_one_lr(seeds(3.0), seeds(9.0), seeds(20.0)) | at_one_lr(seeds(2.0), seeds(9.0), seeds(20.0), lr=0.2)
    assert middle(cells).outcome == "contradicted"


def test_an_lr_at_which_a_middle_one_may_be_fastest_keeps_it_from_being_contradicted():
    cells = at_one_lr(seeds(3.0), seeds(9.0), seeds(20.0)) | at_one_lr(seeds(3.1), seeds(3.0), seeds(9.0), lr=0.2)
    verdict = middle(cells)
    assert verdict.outcome == "undecided"
    assert {doubt.lr for doubt in verdict.doubts} == {0.2}


def test_an_lr_at_which_nothing_reached_the_target_has_no_say():
    ended = at_one_lr(seeds(3.0), seeds(9.0), seeds(20.0))
    assert middle(ended | at_one_lr("missed", "missed", "diverged", lr=0.2)).outcome == "contradicted"


def test_a_middle_one_at_one_lr_and_an_end_at_another_is_mixed():
    cells = at_one_lr(seeds(3.0), seeds(9.0), seeds(20.0)) | at_one_lr(seeds(9.0), seeds(3.0), seeds(20.0), lr=0.2)
    assert reasons(middle(cells)) == {"mixed"}


def test_ends_that_diverged_or_missed_later_than_the_winner_are_beaten():
    assert middle(at_one_lr("diverged", seeds(3.0), "missed")).outcome == "supported"
    assert reasons(middle(at_one_lr("diverged", seeds(60.0), "missed"))) == {"missed_earlier"}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (at_one_lr([9.0], [3.0], [9.0]), "one_seed"),
        (at_one_lr(seeds(3.1), seeds(3.0), seeds(9.0)), "within_looks"),
        (at_one_lr(seeds(4.0, spread=0.5), seeds(3.0, spread=0.5), seeds(9.0, spread=0.5)), "within_spread"),
        (at_one_lr(seeds(3.1), seeds(3.0), sizes=(10, 100)), "few_batch_sizes"),
        (at_one_lr("missed", "missed", "missed"), "nothing_reached"),
        (at_one_lr("failed", seeds(3.0), seeds(9.0)), "no_answer"),
    ],
    ids=["one seed", "too close", "too spread", "two sizes", "nobody", "failed"],
)
def test_what_the_store_cannot_tell_is_undecided_with_its_reason(cells, reason):
    verdict = middle(cells)
    assert verdict.outcome == "undecided"
    assert reasons(verdict) == {reason}


def test_what_keeps_every_ranking_open_keeps_this_one_open_too():
    verdict = middle(at_one_lr(seeds(9.0), seeds(3.0), seeds(9.0)), open_anyway=[Doubt("clock_alarm", batch_size=10)])
    assert (verdict.outcome, reasons(verdict)) == ("undecided", {"clock_alarm"})


def test_of_25_lrs_at_which_all_batch_sizes_are_alike_no_more_than_one_study_in_twenty_sees_a_middle_or_an_end():
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(200):
        cells = {(size, float(lr)): np.exp(rng.normal(0, 0.1, 3)) for size in (1, 2, 4, 8, 16) for lr in range(1, 26)}
        told += middle(cells, confidence=0.95).outcome != "undecided"
    assert told / 200 <= 0.05


def best_of(iterations, cut_off=()):
    return pd.DataFrame({
        "recipe": "", "batch_size": list(iterations), "iterations_to_target": list(iterations.values()),
        "censored_rivals_by_iterations": [int(size in cut_off) for size in iterations],
    })  # fmt: skip


def saturates(iterations, *, cut_off=(), edges=None, open_cells=NONE, confidence=0.95, examples=None):
    best = best_of(iterations, cut_off)
    return updates_saturate(
        best, examples=examples or {}, edges=edges or {}, open_cells=open_cells, confidence=confidence
    )


SIZES = (10, 20, 40, 80, 160, 320)


@pytest.mark.parametrize(("exponent", "outcome"), [(0.0, "supported"), (-1.0, "contradicted"), (-0.5, "undecided")])
def test_updates_that_stop_falling_are_told_from_perfect_scaling(exponent, outcome):
    rng = np.random.default_rng(1)
    verdict = saturates({size: 1000 * size**exponent * np.exp(rng.normal(0, 0.01)) for size in SIZES})
    assert verdict.evidence["slope"] == pytest.approx(exponent, abs=0.03)
    assert verdict.evidence["batch_sizes"] == 3
    assert verdict.outcome == outcome


def test_on_the_line_between_the_two_no_more_than_one_study_in_twenty_takes_a_side():
    """One point per batch size, n - 2 degrees of freedom: whatever the seeds of a cell share is in each point."""
    rng = np.random.default_rng(2)
    told, held = 0, 0
    for _ in range(500):
        verdict = saturates({size: 1000 * size**-0.5 * np.exp(rng.normal(0, 0.1)) for size in SIZES})
        told += verdict.outcome != "undecided"
        held += verdict.evidence["slope_low"] <= -0.5 <= verdict.evidence["slope_high"]
    assert told / 500 <= 0.05 + 2 * 0.01
    assert held / 500 >= 0.93


def test_the_points_lie_at_the_examples_of_an_iteration():
    """A short last batch: 100 examples in batches of 60 are 50 an iteration, and the law holds for these."""
    law = {size: 1000 / examples for size, examples in ((15, 15.0), (30, 30.0), (60, 50.0))}
    assert saturates(law, examples={60: 50.0}).evidence["slope"] == pytest.approx(-1.0)


def test_a_best_lr_on_the_edge_of_a_large_batch_or_an_open_or_missed_one_leaves_it_undecided():
    law = dict.fromkeys(SIZES, 100.0)
    assert reasons(saturates(law, edges={Cell("", 320, 0.1): "high"})) == {"lr_on_edge"}
    assert saturates(law, edges={Cell("", 10, 0.1): "low"}).outcome == "supported"
    assert reasons(saturates(law, open_cells=pd.DataFrame([("", 320, 0.1)], columns=CELL))) == {"not_ended"}
    assert reasons(saturates(law, open_cells=pd.DataFrame([("", 640, 0.1)], columns=CELL))) == {"not_ended"}
    assert reasons(saturates(law, cut_off=(160,))) == {"missed_earlier"}
    missed = saturates(law | {160: np.nan})
    assert [(doubt.reason, doubt.batch_size) for doubt in missed.doubts] == [("nothing_reached", 160)]
    assert reasons(saturates({10: 100.0, 20: 100.0})) == {"few_batch_sizes"}
