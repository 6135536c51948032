"""Rows of a study from what each seed of each cell took: no store, no training, numbers that a reader can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bs_study import StudyConfig, Target
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.trials import complete_trials
from bs_study.store.schema import table_schema

TARGET = Target("accuracy", 0.9)
STEP = 1.05  # from a look to the next
BUDGET_SECONDS = 50.0
PER_SECOND = 100  # iterations
Outcome = float | str
"""Seconds to the target, or how the trial ended: missed, outrun, stopped (at an easier target), diverged, ..."""

SMOOTHNESS = ["recipe", "trial_id", "batch_size", "lr", "seed", "window", "limit", "iterations", "loss_variance"]
SMOOTHNESS += ["detrended_variance", "noise", "spikes", "max_loss_ratio", "stability"]


def hand_rows(
    cells: Mapping[tuple[int, float], Sequence[Outcome]],
    *,
    recipe: str = "",
    budget: float = BUDGET_SECONDS,
    step: float = STEP,
    config: StudyConfig | None = None,
    asked: Sequence[tuple[int, float, int]] | None = None,
    timings: pd.DataFrame | None = None,
    iterations: Mapping[tuple[int, float], int] | None = None,
) -> StudyRows:
    """Return the rows of a study; a second is 100 iterations, and a trial that missed ended at the budget.

    Args:
        step: a trial that reached the target was looked at before, at its time divided by this, and did not meet it.
        asked: (batch size, lr, seed) of trials that were asked for; None where that is not known.
        iterations: those of a cell to the target, where they are not 100 in a second.
    """
    rows = [
        _trial(size, lr, seed, outcome, recipe=recipe, budget=budget, step=step, at=(iterations or {}).get((size, lr)))
        for (size, lr), outcomes in cells.items()
        for seed, outcome in enumerate(outcomes)
    ]
    none = table_schema("trials").empty_table().to_pandas()
    trials = pd.DataFrame([trial for trial, _ in rows]) if rows else none
    columns = [*_KEYS, *_CLOCKS, "accuracy"]
    evaluations = pd.DataFrame([look for _, looks in rows for look in looks], columns=columns)
    names = ["recipe", "batch_size", "lr", "seed"]
    return StudyRows(
        recipes=(recipe,),
        trials=complete_trials(trials),
        evaluations=evaluations,
        epochs=table_schema("epochs").empty_table().to_pandas().assign(recipe=""),
        smoothness=pd.DataFrame(columns=SMOOTHNESS),
        timings=table_schema("timings").empty_table().to_pandas() if timings is None else timings,
        asked=None if asked is None else pd.DataFrame([(recipe, *cell) for cell in asked], columns=names),
        config=config,
        settings={recipe: config.settings} if config else {},
    )


def joined(*parts: StudyRows) -> StudyRows:
    """Return the rows of a study of several recipes."""
    frames: dict[str, Any] = {
        name: pd.concat([getattr(part, name) for part in parts], ignore_index=True)
        for name in ("trials", "evaluations", "epochs", "smoothness", "timings", "gradients")
    }
    known = [part.asked for part in parts if part.asked is not None]
    asked = pd.concat(known, ignore_index=True) if known else None
    return StudyRows(recipes=tuple(recipe for part in parts for recipe in part.recipes), asked=asked, **frames)


_KEYS = ["recipe", "trial_id", "batch_size", "lr", "seed"]
_CLOCKS = ["epoch", "iteration", "examples", "train_seconds", "compute_seconds", "load_seconds", "eval_seconds"]


def _trial(
    size: int, lr: float, seed: int, outcome: Outcome, *, recipe: str, budget: float, step: float, at: int | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    is_reached = not isinstance(outcome, str)
    seconds = float(outcome) if is_reached else budget
    end = at or round(PER_SECOND * seconds)
    keys = {
        "recipe": recipe,
        "trial_id": f"{recipe}b{size}-lr{lr:g}-s{seed}",
        "batch_size": size,
        "lr": lr,
        "seed": seed,
    }
    status = "completed" if is_reached or outcome in ("missed", "outrun", "stopped") else str(outcome)
    reason = (
        "target" if is_reached or outcome == "stopped" else "outrun" if outcome == "outrun" else "max_train_seconds"
    )
    trial = {"status": status, "stop_reason": reason, "max_train_seconds": budget, "target": str(TARGET)}
    trial |= {"iterations": end, "examples": end * size, "train_seconds": seconds, "compute_seconds": seconds}
    trial |= {"load_seconds": 0.0, "eval_seconds": 0.2, "device_name": "a laptop"}

    def look(share: float, accuracy: float) -> dict[str, Any]:
        clocks = {"epoch": share, "iteration": round(end * share), "examples": round(end * share) * size}
        times = {"train_seconds": seconds * share, "compute_seconds": seconds * share, "load_seconds": 0.0}
        return keys | clocks | times | {"eval_seconds": 0.1, "accuracy": accuracy}

    looks = [look(1 / step, 0.85), look(1.0, 0.95 if is_reached else 0.8)]
    return keys | trial, looks if status == "completed" else []
