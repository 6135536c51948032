"""The winner against every other batch size and lr: hand-made rows, through the whole analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.comparison import Field
from bs_study.analysis.contest import contest, grid_edges
from bs_study.analysis.trials import CELL, Cell

NONE = pd.DataFrame(columns=CELL)


def field_of(seconds, *, spread=0.02, seeds=3):
    """Cells whose seeds spread alike about the seconds given, looked at every 5 %."""
    around = spread * np.linspace(-1, 1, seeds)
    logs = {Cell(*cell): np.log(value) + around for cell, value in seconds.items()}
    return Field("train_seconds", {cell: CellTimes(cell, met, met - 0.05, np.array([])) for cell, met in logs.items()})


def judged(field, *, recipes=("",), edges=None, open_cells=NONE, **options):
    return contest(field, recipes=recipes, edges=edges or {}, open_cells=open_cells, confidence=0.95, **options)


def tuned(seconds):
    """Three lrs of each batch size, the middle one best."""
    return {("", size, lr): s * f for size, s in seconds.items() for lr, f in ((0.1, 2.0), (0.2, 1.0), (0.4, 3.0))}


def reasons(doubts):
    return [doubt.reason for doubt in doubts]


def test_every_other_batch_size_stands_with_its_best_cell_and_every_other_lr_of_the_winner_alone():
    found = judged(field_of(tuned({10: 9.0, 100: 3.0, 1000: 6.0})))
    assert found.winner == Cell("", 100, 0.2)
    assert [c.rival for c in found.rivals] == [Cell("", 1000, 0.2), Cell("", 10, 0.2)]
    assert sorted(c.rival.lr for c in found.lrs) == [0.1, 0.4]
    assert found.doubts == ()
    assert found.ranked == 9


def test_a_batch_size_is_open_as_long_as_any_of_its_cells_is():
    seconds = tuned({10: 9.0, 100: 3.0})
    field = field_of(seconds)
    loose = Cell("", 10, 0.1)
    cells = dict(field.cells) | {loose: CellTimes(loose, np.array([]), np.array([]), np.log([2.0, 2.0, 2.0]))}
    found = judged(Field("train_seconds", cells))
    assert reasons(found.doubts) == ["missed_earlier"]
    assert found.doubts[0].lr == 0.1
    assert found.rivals[0].rival.lr == 0.2


def test_the_more_is_compared_the_surer_each_must_be_and_the_surest_first():
    """Holm: of four rivals the surest is judged at 1 - alpha / 4, the least sure at 1 - alpha."""
    found = judged(field_of({("", size, 0.1): 3.0 * 2**i for i, size in enumerate((1, 2, 4, 8, 16))}))
    levels = sorted(c.confidence for c in found.rivals)
    assert levels == pytest.approx([1 - 0.05 / 1, 1 - 0.05 / 2, 1 - 0.05 / 3, 1 - 0.05 / 4])
    open_ones = judged(field_of({("", size, 0.1): 3.0 + 0.001 * size for size in (1, 2, 4, 8, 16)}))
    assert {c.confidence for c in open_ones.rivals} == {1 - 0.05 / 4}


def test_cells_that_tie_are_counted_and_the_tie_is_a_doubt():
    found = judged(field_of({("", 10, 0.1): 3.0, ("", 20, 0.1): 3.0}))
    assert (found.winner.batch_size, found.tied) == (10, 2)
    assert reasons(found.doubts) == ["tie"]


def test_a_best_lr_of_a_rival_on_the_edge_of_the_grid_keeps_it_open_and_the_winners_own_does_not():
    seconds = {("", 10, 0.1): 9.0, ("", 10, 0.2): 8.0, ("", 20, 0.1): 1.0, ("", 20, 0.2): 2.0}
    tried = pd.DataFrame(list(seconds), columns=CELL)
    edges = grid_edges(tried, [Cell("", 10, 0.2), Cell("", 20, 0.1)])
    assert edges == {Cell("", 10, 0.2): "high", Cell("", 20, 0.1): "low"}
    found = judged(field_of(seconds), edges=edges)
    assert [(doubt.reason, doubt.batch_size) for doubt in found.doubts] == [("lr_on_edge", 10)]
    (rival,) = found.rivals
    assert not rival.is_slower
    assert not rival.is_equal  # eight times as long is open here, and not as good


def test_the_only_lr_of_a_batch_size_is_on_both_edges():
    assert grid_edges(pd.DataFrame([("", 10, 0.1)], columns=CELL), [Cell("", 10, 0.1)]) == {Cell("", 10, 0.1): "both"}


def test_trials_that_have_not_ended_are_counted_in_cells():
    open_cells = pd.DataFrame([("", 40, 0.1), ("", 40, 0.2), ("other", 10, 0.1)], columns=CELL)
    found = judged(field_of(tuned({10: 9.0, 100: 3.0})), open_cells=open_cells)
    assert [(doubt.reason, doubt.count) for doubt in found.doubts] == [("not_ended", 2)]


def test_one_batch_size_has_no_rival():
    assert reasons(judged(field_of(tuned({10: 9.0}))).doubts) == ["alone"]


def test_where_nothing_reached_the_target_there_is_no_contest():
    cell = Cell("", 10, 0.1)
    missed = CellTimes(cell, np.array([]), np.array([]), np.log([5.0]))
    assert judged(Field("train_seconds", {cell: missed})) is None


def test_a_recipe_is_a_rival_at_each_batch_size():
    seconds = {("a", 10, 0.1): 9.0, ("b", 10, 0.1): 3.0, ("b", 20, 0.1): 6.0}
    found = judged(field_of(seconds), recipes=("a", "b"))
    assert [c.rival[:2] for c in found.rivals] == [("b", 20), ("a", 10)]
    assert [c.rival[:2] for c in judged(field_of(seconds), recipes=("a", "b"), batch_sizes=[10]).rivals] == [("a", 10)]
