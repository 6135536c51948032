"""What did not reach the target: batch sizes, the cell that came closest, and a study of which no trial was judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bs_study.analysis.convergence import CENSORED, OUTCOMES
from bs_study.analysis.trials import Cell, by_batch_size
from bs_study.target import Target

_UNJUDGED = ("failed", "diverged", "out_of_memory", "not_evaluated")


@dataclass(frozen=True)
class Missed:
    """A batch size of which no lr reached the target with most of its seeds.

    Attributes:
        why: what became of its trials: reached (of some seeds), missed, outrun, not_tried, diverged, out_of_memory,
            failed, not_evaluated: the number of trials of each.
        bound: the smallest time by the study's clock at which a trial of it ended that missed; NaN where none did.
    """

    recipe: str
    batch_size: int
    why: Mapping[str, int]
    bound: float


@dataclass(frozen=True)
class Closest:
    """The cell whose metric came closest to the target, where none reached it."""

    cell: Cell
    metric: float


@dataclass(frozen=True)
class Unanswered:
    """Why no trial of a study could be judged by its target.

    Attributes:
        why: failed, diverged, out_of_memory, not_evaluated: the number of trials of each.
        message: the most frequent first line of what they said, as trials that diverged do too; "" for none.
        messages: how many trials said it.
    """

    why: Mapping[str, int]
    message: str = ""
    messages: int = 0


def unanswered(times: pd.DataFrame, trials: pd.DataFrame) -> Unanswered | None:
    """Return why no trial was judged; None where one was, or where none has ended.

    Args:
        times: `convergence.trial_times`: a row per trial, with its outcome.
        trials: the store's table, with their messages.
    """
    counts = times["outcome"].value_counts()
    if counts.empty or not set(counts.index) <= set(_UNJUDGED):
        return None
    why = {name: int(counts[name]) for name in _UNJUDGED if name in counts}
    is_told = trials["status"].isin(["failed", "out_of_memory", "diverged"])
    messages = trials.loc[is_told, "message"].dropna() if "message" in trials else ()
    said = Counter(line for text in messages if (line := str(text).strip().partition("\n")[0]))
    return Unanswered(why, *said.most_common(1)[0]) if said else Unanswered(why)


def missed_sizes(convergence: pd.DataFrame, *, clock: str) -> tuple[Missed, ...]:
    """Return the batch sizes of which no lr reached the target."""
    return tuple(
        Missed(
            recipe,
            size,
            {name: int(cells[name].sum()) for name in OUTCOMES if cells[name].sum()},
            float(cells[f"censored_{clock}"].min()),
        )
        for recipe, size, cells in by_batch_size(convergence)
        if cells["iterations_to_target"].isna().all()
    )


def closest_cell(convergence: pd.DataFrame, target: Target | None) -> Closest | None:
    """Return the cell that came closest, of those that were judged and did not reach the target."""
    evaluated = convergence[[*CENSORED, "reached"]].sum(axis=1) > 0
    cell = closest(convergence[evaluated & convergence["iterations_to_target"].isna()], target)
    if cell is None:
        return None
    return Closest(Cell(str(cell["recipe"]), int(cell["batch_size"]), float(cell["lr"])), float(cell["best_metric"]))


def closest(cells: pd.DataFrame, target: Target | None) -> pd.Series | None:
    """Return the cell whose metric came closest to a target; None without a target, or where no cell has its metric."""
    known = cells[np.isfinite(cells["best_metric"].to_numpy(float))]
    if known.empty or target is None:
        return None
    cell: pd.Series = known.sort_values("best_metric", ascending=target.direction == "min", kind="stable").iloc[0]
    return cell
