"""How much of the grid has ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from bs_study.analysis.trials import CELL
from bs_study.config import TrialConfig


@dataclass(frozen=True)
class GridState:
    """The cells that were asked for, and how many of their trials are expected, running and missing."""

    grid: frozenset[tuple[int, float]]
    open_cells: pd.DataFrame  # batch_size, lr
    expected: int
    running: int
    missing: int


def grid_state(trials: pd.DataFrame, *, asked: Sequence[TrialConfig] | None, begun: Collection[str]) -> GridState:
    """Return how much of a grid has ended, by batch size, lr and seed.

    Without a usable config the grid is what the trials make of it: nothing is missing, and what runs is expected too.
    A running trial counts as running, not as missing; trials beyond the config, of an older one, are expected too.

    Args:
        asked: the trials that were asked for; None where that is not known.
        begun: ids of trials that have begun; those without a row in `trials` are running, or were interrupted.
    """
    running = len(set(begun) - set(trials["trial_id"]))
    if asked is None:
        return GridState(frozenset(), pd.DataFrame(columns=CELL), len(trials) + running, running, 0)
    wanted = {(trial.batch_size, trial.lr, trial.seed) for trial in asked}
    ended = set(trials[[*CELL, "seed"]].itertuples(index=False, name=None))
    not_ended = wanted - ended
    open_cells = pd.DataFrame(sorted({(batch_size, lr) for batch_size, lr, _ in not_ended}), columns=CELL)
    grid = frozenset((batch_size, lr) for batch_size, lr, _ in wanted)
    missing = max(0, len(not_ended) - running)
    return GridState(grid, open_cells, len(trials) + running + missing, running, missing)
