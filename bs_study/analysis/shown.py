"""The lr that stands for each batch size: its best, or where it missed the target the one that came closest."""

from __future__ import annotations

from bs_study.analysis.best import best_cells
from bs_study.analysis.tables import Tables
from bs_study.analysis.trials import by_batch_size
from bs_study.analysis.unreached import closest
from bs_study.target import Target


def shown_lrs(tables: Tables, target: Target | None) -> dict[tuple[str, int], float]:
    """Return the lr at which each recipe and batch size is drawn, and its gradients and minima are compared.

    Its best by the study's clock; where none reached the target, the lr whose metric came closest; without a metric the
    middle one of the lrs that did not diverge.
    """
    found = {}
    for recipe, size, cells in by_batch_size(tables.convergence):
        cell = closest(cells, target)
        calm = cells[cells["status"] != "diverged"]
        lrs = (calm if len(calm) else cells)["lr"].sort_values()
        middle = lrs.iloc[(len(lrs) - 1) // 2]
        found[recipe, size] = float(middle if cell is None else cell["lr"])
    best = {cell[:2]: cell[2] for cell in best_cells(tables.best, tables.clock)}
    return dict(sorted((found | best).items()))
