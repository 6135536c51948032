"""Rows of a study from the held-out losses of its trials: no store, no training, numbers that a reader can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bs_study.analysis.rows import StudyRows
from bs_study.analysis.trials import complete_trials
from bs_study.store.schema import table_schema
from tests.analysis.hand_rows import SMOOTHNESS

SECONDS = 0.01  # of an iteration, by the clock of a trial
Looks = Mapping[int, float | None]
"""The held-out loss at some iterations."""


def loss_rows(
    cells: Mapping[tuple[int, float], Sequence[tuple[Looks, str]]],
    *,
    timings: pd.DataFrame | None = None,
    asked: Sequence[tuple[int, float, int]] | None = None,
) -> StudyRows:
    """Return the rows of a study without a target.

    Args:
        cells: by batch size and lr: of each seed its looks, and how it ended (completed, diverged, failed, ...).
        asked: (batch size, lr, seed) of trials that were asked for; None where that is not known.
    """
    trials: list[dict[str, Any]] = []
    looks: list[dict[str, Any]] = []
    for (size, lr), seeds in cells.items():
        for seed, (losses, status) in enumerate(seeds):
            keys = {"recipe": "", "trial_id": f"b{size}-lr{lr:g}-s{seed}", "batch_size": size, "lr": lr, "seed": seed}
            at = [
                {"iteration": k, "examples": k * size, "timed_iterations": k, "epoch": k / 100}
                | dict.fromkeys(["train_seconds", "compute_seconds"], k * SECONDS)
                | {"load_seconds": 0.0, "eval_seconds": 0.1, "loss": loss}
                for k, loss in losses.items()
            ]
            looks += [keys | look for look in at]
            end = max(losses, default=0)
            ended = {"status": status, "iterations": end, "examples": end * size, "device_name": "a laptop"}
            ended |= {"train_seconds": end * SECONDS, "compute_seconds": end * SECONDS, "load_seconds": 0.0}
            trials.append(keys | ended | {"stop_reason": "", "threads": 1})
    names = ["recipe", "batch_size", "lr", "seed"]
    return StudyRows(
        recipes=("",),
        trials=complete_trials(pd.DataFrame(trials)),
        evaluations=pd.DataFrame(looks),
        epochs=table_schema("epochs").empty_table().to_pandas().assign(recipe=""),
        smoothness=pd.DataFrame(columns=SMOOTHNESS),
        timings=table_schema("timings").empty_table().to_pandas() if timings is None else timings,
        asked=None if asked is None else pd.DataFrame([("", *cell) for cell in asked], columns=names),
    )
