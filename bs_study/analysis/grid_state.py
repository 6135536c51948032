"""How much of the grid has ended."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bs_study.analysis.trials import CELL
from bs_study.config import StudyConfig
from bs_study.grid import study_trials
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


def grid_state(study: Study, trials: pd.DataFrame) -> GridState:
    """Return how much of a study's grid has ended, by batch size, lr and seed.

    Without a usable config the grid is what the trials make of it: nothing is missing, and what runs is expected too.
    A running trial counts as running, not as missing; trials beyond the config, of an older one, are expected too.
    """
    running = _running(study, trials)
    config = asked_config(study)
    if config is None:
        return GridState(frozenset(), pd.DataFrame(columns=CELL), len(trials) + running, running, 0)
    asked = {(trial.batch_size, trial.lr, trial.seed) for trial in study_trials(config)}
    ended = set(trials[[*CELL, "seed"]].itertuples(index=False, name=None))
    not_ended = asked - ended
    open_cells = pd.DataFrame(sorted({(batch_size, lr) for batch_size, lr, _ in not_ended}), columns=CELL)
    grid = frozenset((batch_size, lr) for batch_size, lr, _ in asked)
    missing = max(0, len(not_ended) - running)
    return GridState(grid, open_cells, len(trials) + running + missing, running, missing)


def _running(study: Study, trials: pd.DataFrame) -> int:
    """Return how many trials have begun and not ended, or were interrupted."""
    begun = {name for name in study.paths.names(study.paths.live) if not name.startswith("tmp-")}
    return len(begun - set(trials["trial_id"]))
