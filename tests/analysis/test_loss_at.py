"""Which batch size has the lowest held-out loss after a budget: what is known stays true, and what is open is said."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bs_study.analysis.loss_at import LossAt, loss_at
from bs_study.analysis.study import analyse_rows
from bs_study.analysis.tables import Tables, study_tables
from bs_study.analysis.trials import Cell
from bs_study.budget import Budget
from tests.analysis.loss_rows import Looks, loss_rows

AT = Budget("iterations", 100)
SIZES, LRS = (8, 32, 128), (0.1, 0.2, 0.4)


def ended(*losses: float) -> list[tuple[Looks, str]]:
    """Return seeds with these losses at the budget."""
    return [({50: 2 * loss, 100: loss}, "completed") for loss in losses]


def told(cells: dict[tuple[int, float], list[tuple[Looks, str]]], *, at: Budget = AT) -> LossAt:
    found = analyse_rows(loss_rows(cells), at=at).loss_at
    assert found is not None
    return found


def reasons(found: LossAt) -> set[str]:
    return {doubt.reason for doubt in found.doubts}


def test_the_lowest_median_is_recommended_and_a_clear_difference_is_known() -> None:
    around = [0.99, 1.0, 1.01]
    found = told(
        {(size, lr): ended(*(size * (1 + abs(lr - 0.2)) * x / 8 for x in around)) for size in SIZES for lr in LRS}
    )
    assert found.best is not None
    assert (found.best.cell, found.grade) == (Cell("", 8, 0.2), "settled")
    assert 0.97 < found.best.low < found.best.value == 1.0 < found.best.high < 1.04
    ratios = {one.rival.batch_size: one.ratio for one in found.comparisons if one.rival.batch_size != 8}
    assert ratios == {32: 4.0, 128: 16.0} or all(abs(ratios[size] / (size / 8) - 1) < 1e-9 for size in ratios)


def test_one_seed_shows_no_spread_so_that_all_is_open() -> None:
    found = told({(8, 0.1): ended(1.0), (32, 0.1): ended(2.0)})
    assert found.best is not None
    assert math.isnan(found.best.low)
    assert found.grade == "open"
    assert "one_seed" in reasons(found)


def test_a_seed_that_diverged_before_the_budget_is_worse_than_every_number() -> None:
    lost: tuple[Looks, str] = ({50: 9.0}, "diverged")
    found = told({(8, 0.1): [*ended(0.5), lost, lost], (32, 0.1): ended(1.0, 1.01, 1.02)})
    assert found.best is not None
    assert found.best.batch_size == 32
    assert [one.batch_size for one in found.missed] == [8]


def test_a_cell_of_which_a_trial_ended_before_the_budget_may_be_the_best() -> None:
    cells = {(8, 0.1): [*ended(1.0, 1.01), ({50: 0.1}, "completed")], (32, 0.1): ended(2.0, 2.01, 2.02)}
    found = told(cells)
    assert found.best is not None
    assert found.best.batch_size == 32
    assert found.grade == "open"
    assert "no_answer" in reasons(found)
    assert [(one.batch_size, one.why) for one in found.missed] == [(8, {"read": 2, "ended": 1})]


def test_where_no_trial_got_so_far_there_is_no_best_and_each_batch_size_is_missed() -> None:
    found = told({(size, 0.1): ended(1.0, 1.1) for size in SIZES}, at=Budget("iterations", 101))
    assert (found.best, found.fault, found.grade) == (None, "nothing_read", "open")
    assert [one.batch_size for one in found.missed] == list(SIZES)


def test_losses_of_0_or_less_have_no_ratio() -> None:
    assert told({(8, 0.1): ended(1.0, -0.1), (32, 0.1): ended(1.0, 1.1)}).fault == "not_positive"


def test_without_a_held_out_loss_that_is_the_fault() -> None:
    rows = loss_rows({(8, 0.1): ended(1.0)})
    found = analyse_rows(
        replace(rows, evaluations=rows.evaluations.rename(columns={"loss": "accuracy"})), at=AT
    ).loss_at
    assert found is not None
    assert found.fault == "no_loss"


def test_the_table_has_a_row_for_each_cell_and_marks_the_best_lr_of_each_batch_size() -> None:
    cells = {(size, lr): ended(size + lr, size + 1.01 * lr) for size in SIZES for lr in LRS}
    table = analyse_rows(loss_rows(cells), at=AT).tables.loss_at
    assert len(table) == len(cells)
    best = table[table["is_best_lr"]]
    assert best["lr"].tolist() == [0.1] * 3
    assert best["best_lr_on_edge"].tolist() == ["low"] * 3
    assert np.allclose(best["loss"], [size + 1.005 * 0.1 for size in SIZES])


def study(
    rng: np.random.Generator, truth: Sequence[Sequence[float]], tables: Tables, *, spread: float, seeds: int
) -> LossAt:
    """Return the answer of a study whose curves fall as a power of iterations; no look lies at the budget.

    Args:
        tables: of any study, of which a budget in iterations reads nothing; they take longer than all else.
    """
    cells = {}
    for (i, size), (j, lr) in itertools.product(enumerate(SIZES), enumerate(LRS)):
        levels = truth[i][j] * np.exp(spread * rng.standard_normal(seeds))
        looks = [{k: float(level * (k / 100) ** -0.5) for k in (90, 97, 104)} for level in levels]
        cells[size, lr] = [(one, "completed") for one in looks]
    return loss_at(loss_rows(cells), tables, AT).record


def test_intervals_hold_the_truth_and_hardly_any_study_is_told_a_false_order() -> None:
    rng = np.random.default_rng(11)
    tables = study_tables(loss_rows({(8, 0.1): ended(1.0)}), target=None)
    studies, held, false = 300, 0, 0
    for _ in range(studies):
        # Batch sizes that are alike or up to 10 % apart, each with another best lr.
        of_sizes = 0.3 * np.exp(rng.choice([0.0, 0.03, 0.1], 3))
        truth = [
            [size * (1 + 0.08 * abs(j - best)) for j in range(3)]
            for size, best in zip(of_sizes, rng.integers(3, size=3), strict=True)
        ]
        found = study(rng, truth, tables, spread=0.04, seeds=3)
        best = found.best
        assert best is not None
        place = SIZES.index(best.batch_size)
        held += best.low <= truth[place][LRS.index(best.lr)] <= best.high
        known = [one.rival for one in found.comparisons if one.is_slower and one.rival[:2] != best.cell[:2]]
        false += any(min(truth[SIZES.index(rival.batch_size)]) <= min(truth[place]) for rival in known)
    assert held >= 0.93 * studies
    assert false <= 0.05 * studies
