"""Which curves the figures show, and their reading from the store: one lr for each batch size, every seed of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bs_study.analysis.tables import StudyTables
from bs_study.analysis.windows import FIRST_ITERATIONS
from bs_study.report.winners import closest
from bs_study.store import Study


def shown_lrs(tables: StudyTables) -> dict[int, float]:
    """Return the lr at which each batch size is drawn.

    Its best lr by (clean) training time; where none reached the target, the lr whose metric came closest; without a
    metric the middle one of the lrs that did not diverge.
    """
    lrs = {size: _closest_lr(tables, cells) for size, cells in by_batch_size(tables.convergence)}
    if len(tables.best):
        found = tables.best[["batch_size", f"best_lr_by_{tables.clock}"]].to_numpy(float)
        lrs |= {int(size): float(lr) for size, lr in found if np.isfinite(lr)}
    return dict(sorted(lrs.items()))


def _closest_lr(tables: StudyTables, cells: pd.DataFrame) -> float:
    cell = closest(cells, tables.target)
    if cell is not None:
        return float(cell["lr"])
    calm = cells[cells["status"] != "diverged"]
    lrs = (calm if len(calm) else cells)["lr"].sort_values()
    return float(lrs.iloc[(len(lrs) - 1) // 2])


def shown_trials(tables: StudyTables) -> list[str]:
    """Return the ids of the trials at those lrs."""
    lrs = tables.trials["batch_size"].map(shown_lrs(tables))
    return list(tables.trials.loc[tables.trials["lr"] == lrs, "trial_id"])


def first_losses(study: Study, trial_ids: list[str]) -> pd.DataFrame:
    """Return the loss of the first iterations of some trials: batch_size, lr, seed, iteration, loss."""
    columns = ["batch_size", "lr", "seed", "iteration", "loss"]
    return study.iterations(columns, trial_id=trial_ids, iteration=range(1, FIRST_ITERATIONS + 1))


def evaluations(study: Study, trial_ids: list[str]) -> pd.DataFrame:
    """Return the evaluations of some trials."""
    return study.evaluations(trial_id=trial_ids)


def with_clean_seconds(evaluations: pd.DataFrame, tables: StudyTables) -> pd.DataFrame:
    """Return evaluations with their `clean_seconds`: iterations so far × clean iteration time."""
    of_one = tables.clean_throughput.set_index("batch_size")["iteration_seconds"].to_dict()
    return evaluations.assign(clean_seconds=evaluations["iteration"] * evaluations["batch_size"].map(of_one))


def by_batch_size(table: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the rows of each batch size, the smallest first."""
    for size in sorted(table["batch_size"].unique()):
        yield int(size), table[table["batch_size"] == size]
