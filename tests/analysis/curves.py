"""Metrics of trials, evaluation by evaluation, and the cells that they make."""

import pandas as pd

from bs_study import Target
from bs_study.analysis.convergence import convergence, trial_times

ACCURACY = Target("accuracy", 0.9)
KEYS = ["trial_id", "batch_size", "lr", "seed"]
CLOCKS = ["epoch", "iteration", "examples", "train_seconds", "compute_seconds", "load_seconds", "eval_seconds"]


def evaluations_of(trial_id, metrics, *, batch_size=10, lr=0.1, seed=0, metric="accuracy", every=100, slow=1.0):
    """Evaluations every so many iterations, an iteration taking 10 ms and an evaluation 1 s."""
    rows = []
    for k, value in enumerate(metrics, start=1):
        iteration = k * every
        row = {"trial_id": trial_id, "batch_size": batch_size, "lr": lr, "seed": seed}
        row |= {"epoch": iteration / 50, "iteration": iteration, "examples": iteration * batch_size}
        row |= {"train_seconds": iteration * 0.01 * slow, "compute_seconds": iteration * 0.008 * slow}
        rows.append(row | {"load_seconds": 0.0, "eval_seconds": 1.0, metric: value})
    return pd.DataFrame(rows, columns=[*KEYS, *CLOCKS, metric])


def trial_of(trial_id, *, batch_size=10, lr=0.1, seed=0, status="completed", **columns):
    row = {"trial_id": trial_id, "batch_size": batch_size, "lr": lr, "seed": seed, "status": status}
    return row | {"iterations": 400, "examples": 400 * batch_size, "train_seconds": 4.0, "eval_seconds": 4.0} | columns


def cells_of(trials, curves, *, target=ACCURACY, **options):
    """Convergence of trials, each with its metrics by trial id."""
    parts = [evaluations_of(t["trial_id"], curves.get(t["trial_id"], []), **{k: t[k] for k in KEYS[1:]}, **options)
             for t in trials]  # fmt: skip
    filled = [part for part in parts if len(part)] or parts[:1]
    return cells_from(pd.concat(filled), pd.DataFrame(trials), target=target)


def cells_from(evaluations, trials, *, target=ACCURACY):
    return convergence(trial_times(evaluations, trials, target=target))


def one(table):
    assert len(table) == 1
    return table.iloc[0]
