"""The rows of a study from what each seed of each cell took: no store, no training, numbers that a reader can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bs_study.analysis.rows import StudyRows
from bs_study.analysis.trials import complete_trials
from bs_study.store.schema import table_schema
from bs_study.target import Target

TARGET = Target("accuracy", 0.9)
BUDGET_SECONDS = 50.0
Seconds = Sequence[float | str | None]
"""Of each seed: seconds to the target; None where it missed, or the status with which it ended."""

SMOOTHNESS = ["recipe", "trial_id", "batch_size", "lr", "seed", "window", "limit", "iterations", "noise", "stability"]


def rows_of(
    recipes: Mapping[str, Mapping[tuple[int, float], Seconds]], *, own_targets: Mapping[float, str] | None = None
) -> StudyRows:
    """Return the rows of a study: seconds by recipe, batch size and lr. A second is ten iterations.

    Each trial is looked at twice: halfway, and where it reached the target or ended.

    Args:
        own_targets: of the trials of some lrs, at which they ended.
    """
    trials, looks = [], []
    for recipe, cells in recipes.items():
        for (size, lr), seeds in cells.items():
            for seed, taken in enumerate(seeds):
                own = (own_targets or {}).get(lr, str(TARGET))
                trial, evaluations = _trial(size, lr, seed, taken, recipe=recipe, target=own)
                trials.append(trial)
                looks += evaluations
    return StudyRows(
        recipes=tuple(recipes),
        trials=complete_trials(pd.DataFrame(trials)),
        evaluations=pd.DataFrame(looks),
        epochs=pd.DataFrame(columns=["recipe", *table_schema("epochs").names]),
        smoothness=pd.DataFrame(columns=SMOOTHNESS),
        timings=pd.DataFrame(columns=table_schema("timings").names),
    )


def _trial(
    size: int, lr: float, seed: int, taken: float | str | None, *, recipe: str, target: str
) -> tuple[dict[str, object], list[dict[str, object]]]:
    seconds = taken if isinstance(taken, float) else BUDGET_SECONDS
    keys = {"recipe": recipe, "trial_id": f"{recipe}-b{size}-lr{lr:g}-s{seed}", "batch_size": size, "lr": lr, "seed": seed}
    status = taken if isinstance(taken, str) else "completed"
    reason = "target" if isinstance(taken, float) or target != str(TARGET) else "max_train_seconds"
    trial = {"status": status, "stop_reason": reason, "max_train_seconds": BUDGET_SECONDS, "target": target}
    accuracy = 0.95 if isinstance(taken, float) else 0.5
    looks = [
        keys | {"epoch": 1.0, "iteration": iteration, "accuracy": metric} | _clocks(size, iteration)
        for iteration, metric in ((int(5 * seconds), 0.4), (int(10 * seconds), accuracy))
    ]
    return keys | trial | {"iterations": int(10 * seconds)} | _clocks(size, int(10 * seconds)), looks


def _clocks(size: int, iterations: int) -> dict[str, float]:
    seconds = {"train_seconds": iterations / 10, "load_seconds": 0.0, "compute_seconds": iterations / 10}
    return {"examples": iterations * size, "eval_seconds": 1.0} | seconds
