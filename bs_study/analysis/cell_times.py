"""What the seeds of each cell took by a clock, on logs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.fit import FloatArray
from bs_study.analysis.trials import CELL, Cell

_KINDS = {
    "reached": ("reached",),
    "censored": ("missed", "outrun", "not_tried"),
    "outrun": ("outrun",),
    "stopped": ("not_tried",),
    "infeasible": ("diverged", "out_of_memory"),
    "unanswered": ("failed", "not_evaluated"),
}
"""What the outcomes of trials mean for a comparison."""


@dataclass(frozen=True)
class CellTimes:
    """What the seeds of a cell took by a clock, on logs.

    Attributes:
        met: log time at the first look that met the target, of each seed that reached it.
        unmet: at the look before it; minus infinity where there was none.
        bounds: log time at which each seed ended that had not reached it: for want of budget, or outrun.
        outrun: the bounds of those that were outrun by another lr.
        stopped: how many of these ended at an easier target of their own.
        infeasible: seeds that diverged or did not fit into memory.
        unanswered: seeds that failed, or were never evaluated.
        unclocked: seeds that reached the target at a time that is not known by this clock.
        is_open: whether trials of it have not ended.
        timing: (low, high) of the log of the clean iteration time, about its median; zeros by a trial's own clock.
        timed_in: names the timing pass, where cells of several are compared. Cells of one pass and one batch size have
            the same clean iteration time, so its spread does not part them.
    """

    cell: Cell
    met: FloatArray
    unmet: FloatArray
    bounds: FloatArray
    stopped: int = 0
    infeasible: int = 0
    unanswered: int = 0
    unclocked: int = 0
    is_open: bool = False
    timing: tuple[float, float] = (0.0, 0.0)
    timed_in: str = ""
    outrun: FloatArray = field(default_factory=lambda: np.array([]))

    @property
    def seeds(self) -> int:
        """Seeds that gave an answer."""
        return len(self.met) + len(self.bounds) + self.infeasible

    @cached_property
    def median(self) -> float:
        """Median time over seeds, one that missed above every number; NaN where it missed, or a time is not known."""
        return self._median(self.met)

    @property
    def is_at_most(self) -> bool:
        """Whether the median is known only to be no more: nothing is known of the time before seeds met the target."""
        return self._median(np.where(np.isneginf(self.unmet), -np.inf, self.met)) < self.median

    def _median(self, met: FloatArray) -> float:
        if self.unclocked or 2 * len(self.met) <= self.seeds:
            return np.nan
        times = np.exp(np.sort(met))
        return float(times[(self.seeds - 1) // 2] + times[self.seeds // 2]) / 2


def cell_times(
    times: pd.DataFrame,
    *,
    clocks: Iterable[str],
    open_cells: pd.DataFrame,
    timing: Mapping[int, tuple[float, float]] | None = None,
) -> dict[str, dict[Cell, CellTimes]]:
    """Return what each cell of a study took, by each of some clocks.

    Args:
        times: `convergence.trial_times`: a row per trial, with its outcome.
        open_cells: recipe, batch_size and lr of those of which trials have not ended.
        timing: logs of the quickest and the slowest clean iteration time over its median, by batch size.
    """
    still_open = set(open_cells[CELL].itertuples(index=False, name=None))
    ordered = times.sort_values(CELL, kind="stable")
    keys = list(ordered[CELL].itertuples(index=False, name=None))
    starts = [i for i, key in enumerate(keys) if i == 0 or key != keys[i - 1]]
    spans = [slice(start, end) for start, end in itertools.pairwise([*starts, len(keys)])]
    outcome = ordered["outcome"].to_numpy(object)
    kinds = {kind: np.isin(outcome, names) for kind, names in _KINDS.items()}
    found = {}
    for clock in clocks:
        met, unmet, end = (_logs(ordered[f"{clock}_{place}"]) for place in ("to_target", "before_target", "at_end"))
        is_known = np.isfinite(met)
        has_time = kinds["reached"] & is_known
        cells = {}
        for span in spans:
            recipe, batch_size, lr = keys[span.start]
            cell = Cell(str(recipe), int(batch_size), float(lr))
            reached, censored = has_time[span], kinds["censored"][span]
            cells[cell] = CellTimes(
                cell,
                met=met[span][reached],
                unmet=unmet[span][reached],
                bounds=end[span][censored],
                outrun=end[span][kinds["outrun"][span]],
                stopped=int(kinds["stopped"][span].sum()),
                infeasible=int(kinds["infeasible"][span].sum()),
                unanswered=int(kinds["unanswered"][span].sum()),
                unclocked=int((kinds["reached"] & ~is_known)[span].sum()),
                is_open=tuple(cell) in still_open,
                timing=(timing or {}).get(cell.batch_size, (0.0, 0.0)) if clock == "clean_seconds" else (0.0, 0.0),
            )
        found[clock] = cells
    return found


def _logs(values: pd.Series[Any]) -> FloatArray:
    """Return logs; of 0, and of what isn't known, minus infinity: it may be as small as can be."""
    array = values.to_numpy(np.float64)
    logs: FloatArray = np.log(array, out=np.full_like(array, -np.inf), where=array > 0)
    return logs
