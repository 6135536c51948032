"""How much of the grid has ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from bs_study.analysis.trials import CELL
from bs_study.config import StudyConfig, TrialConfig
from bs_study.store import Study


@dataclass(frozen=True)
class GridState:
    """The cells that were asked for, and how many of their trials are expected, running and missing."""

    grid: frozenset[tuple[int, float]]
    open_cells: pd.DataFrame  # batch_size, lr
    expected: int
    running: int
    missing: int


def asked_config(study: Study) -> StudyConfig | None:
    """Return the config in study.json; None where there is none that this version understands."""
    try:
        return study.config
    except (KeyError, TypeError, ValueError):  # no config; no JSON object; no JSON, or settings unknown here
        return None


def asked_train_examples(study: Study) -> float:
    """Return the size of the training set; NaN where study.json doesn't say."""
    try:
        return float(study.asked["train_examples"])
    except (KeyError, TypeError, ValueError):
        return float("nan")


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


def begun_trials(study: Study) -> set[str]:
    """Return the ids of the trials that have begun and of which not all traces are cleared away."""
    return {name for name in study.paths.names(study.paths.live) if not name.startswith("tmp-")}
