"""Tables of a study from what each seed of each cell took: no store, no training, numbers that a reader can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bs_study.analysis.best import best
from bs_study.analysis.convergence import convergence, time_to_target
from bs_study.analysis.lr_fit import lr_fit
from bs_study.analysis.noise import noise_slope
from bs_study.analysis.scaling import scaling
from bs_study.analysis.tables import StudyTables
from bs_study.analysis.throughput import throughput
from bs_study.analysis.throughput_fit import throughput_fit
from bs_study.target import Target

TARGET = Target("accuracy", 0.9)
BUDGET_SECONDS = 50.0
Seconds = Sequence[float | None]  # of each seed: seconds to the target, None where it missed

SMOOTHNESS = ["trial_id", "batch_size", "lr", "seed", "window", "iterations", "noise", "stability"]
EPOCHS = ["trial_id", "epoch", "iterations", "examples", "epoch_seconds", "load_seconds", "compute_seconds"]


def hand_tables(
    cells: Mapping[tuple[int, float], Seconds], *, expected_trials: int | None = None, budget: float = BUDGET_SECONDS
) -> StudyTables:
    """Return the tables of a study; a second is ten iterations, and a trial that missed ended at the budget."""
    rows = [
        _trial(size, lr, seed, taken, budget=budget)
        for (size, lr), seeds in cells.items()
        for seed, taken in enumerate(seeds)
    ]
    trials = pd.DataFrame([trial for trial, _ in rows])
    evaluations = pd.DataFrame([evaluation for _, evaluation in rows])
    reached = convergence(evaluations, trials, target=TARGET)
    best_lrs = best(reached)
    lrs = scaling(reached, trials, best=best_lrs)
    speed = throughput(pd.DataFrame(columns=EPOCHS), trials)
    smoothness = pd.DataFrame(columns=SMOOTHNESS)
    expected = expected_trials or len(trials)
    return StudyTables(
        trials=trials,
        throughput=speed,
        throughput_fit=throughput_fit(speed),
        smoothness=smoothness,
        noise_slope=noise_slope(smoothness),
        times=time_to_target(evaluations, target=TARGET),
        convergence=reached,
        best=best_lrs,
        scaling=lrs,
        lr_fit=lr_fit(lrs),
        target=TARGET,
        expected_trials=expected,
        ended=len(trials),
        running=0,
        missing=expected - len(trials),
        open_cells=pd.DataFrame(columns=["batch_size", "lr"]),
    )


def _trial(
    size: int, lr: float, seed: int, taken: float | None, *, budget: float
) -> tuple[dict[str, object], dict[str, object]]:
    seconds = budget if taken is None else taken
    keys = {"trial_id": f"b{size}-lr{lr:g}-s{seed}", "batch_size": size, "lr": lr, "seed": seed}
    clocks = {
        "examples": int(10 * seconds) * size,
        "train_seconds": seconds,
        "load_seconds": 0.0,
        "compute_seconds": seconds,
        "eval_seconds": 1.0,
    }
    reason = "max_train_seconds" if taken is None else "target"
    trial = {"status": "completed", "stop_reason": reason, "max_train_seconds": budget, "iterations": int(10 * seconds)}
    accuracy = 0.5 if taken is None else 0.95
    evaluation = {"epoch": 1.0, "iteration": int(10 * seconds), "accuracy": accuracy}
    return keys | clocks | trial | {"device_name": "a laptop", "target": "accuracy >= 0.9"}, keys | clocks | evaluation
