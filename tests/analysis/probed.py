"""Trials and their probes as frames: what the store of a study has whose gradients are those of a regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.trials import complete_trials
from bs_study.store.schema import COLUMNS, KEYS
from tests.analysis.regression import ALIKE, Regression

COLUMN_NAMES = ["recipe", *KEYS, *(column.name for column in COLUMNS["gradients"])]
"""Of `gradients`, in order, with the recipe that the analysis adds."""


def keys(batch_size: int = 64, lr: float = 0.1, seed: int = 0, recipe: str = "") -> dict[str, Any]:
    trial_id = f"{recipe}b{batch_size}-lr{lr:g}-s{seed}"
    return {"recipe": recipe, "trial_id": trial_id, "batch_size": batch_size, "lr": lr, "seed": seed}


def trials(*each: dict[str, Any], iterations: int = 1000, **settings: Any) -> pd.DataFrame:
    """Return completed trials of so many iterations; settings are columns of all."""
    rows = [{"iterations": iterations, "examples": iterations * one["batch_size"]} | settings | one for one in each]
    return complete_trials(pd.DataFrame(rows))


def probes(
    of: dict[str, Any], iterations: list[int], *, point: Regression = ALIKE, seed: int = 0, **columns: Any
) -> pd.DataFrame:
    """Return a probe after each of these iterations, drawn at one point; columns are those of all."""
    drawn = point.probes(np.random.default_rng(seed), len(iterations))
    rows = drawn.assign(**of, iteration=iterations, examples=np.array(iterations) * of["batch_size"])
    rows = rows.assign(step_lr=of["lr"], chunk=32, chunks=8, by_batch=False, **columns)
    return rows.reindex(columns=COLUMN_NAMES)
