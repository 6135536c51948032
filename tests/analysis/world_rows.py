"""The rows that the store of a simulated study has."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from bs_study import Target
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.trials import complete_trials
from bs_study.store.schema import table_schema
from tests.analysis.worlds import REPEATS, Draw, World, looks

TARGET = Target("accuracy", 0.95)
TRAIN_EXAMPLES = 60_000
CHANCE = 0.1  # accuracy before training
KEYS = ["recipe", "trial_id", "batch_size", "lr", "seed"]
MACHINE: dict[str, Any] = {"device_name": "a card", "threads": 4}


def rows_of(drawn: Draw, rng: np.random.Generator, *, missing_metrics: float = 0.0, is_timed: bool = True) -> StudyRows:
    """Return the rows of a study in which every trial has ended.

    Args:
        missing_metrics: the part of the looks before the target whose metric is no number.
        is_timed: whether there was a timing pass. Without one trials are slowed down by neighbours, by a few percent.
    """
    keys = _keys(drawn)
    trials = _trials(drawn, keys, rng, is_timed=is_timed)
    return StudyRows(
        recipes=("",),
        trials=complete_trials(trials),
        evaluations=_evaluations(drawn, trials, rng, missing_metrics=missing_metrics),
        epochs=_epochs(drawn, trials),
        smoothness=_smoothness(drawn.world, trials, rng),
        timings=_timings(drawn) if is_timed else table_schema("timings").empty_table().to_pandas(),
        asked=keys,
        begun=frozenset(keys["trial_id"]),
        train_examples=TRAIN_EXAMPLES,
        eval_examples=drawn.world.held_out,
    )


def _keys(drawn: Draw) -> pd.DataFrame:
    world = drawn.world
    cells = itertools.product(world.batch_sizes, world.lrs, range(drawn.seeds))
    return pd.DataFrame([("", f"b{b}-lr{lr:g}-s{s}", b, lr, s) for b, lr, s in cells], columns=KEYS)


def _trials(drawn: Draw, keys: pd.DataFrame, rng: np.random.Generator, *, is_timed: bool) -> pd.DataFrame:
    met, ends = drawn.met.ravel(), drawn.ends.ravel()
    iterations = np.where(np.isfinite(met), met, np.where(np.isfinite(ends), ends, 20.0))
    reason = np.where(np.isfinite(met), "target", np.where(np.isfinite(ends), "max_iterations", "non_finite"))
    slowed = np.exp(rng.normal(0.0, 0.0 if is_timed else 0.02, len(keys)))
    of_size = len(keys) // len(drawn.met)
    budgets = np.full(len(drawn.met), np.nan) if drawn.world.budgets is None else drawn.world.budgets
    seconds = iterations * np.repeat(drawn.world.iteration_seconds, of_size) * slowed
    return keys.assign(
        status=np.where(reason == "non_finite", "diverged", "completed"),
        stop_reason=reason,
        target=str(TARGET),
        iterations=iterations.astype(int),
        examples=iterations.astype(int) * keys["batch_size"],
        train_seconds=seconds,
        load_seconds=0.1 * seconds,
        compute_seconds=0.9 * seconds,
        eval_seconds=0.25 * seconds,
        max_iterations=np.repeat(budgets, of_size),
        **MACHINE,
    )


def _evaluations(
    drawn: Draw, trials: pd.DataFrame, rng: np.random.Generator, *, missing_metrics: float
) -> pd.DataFrame:
    """Return every look of every trial: the accuracy nears the target with the log of iterations, and then meets it."""
    parts: list[dict[str, Any]] = []
    for trial, met in zip(trials.to_dict("records"), drawn.met.ravel(), strict=True):
        size, last = trial["batch_size"], trial["iterations"]
        at = looks(size, held_out=drawn.world.held_out, last=last)[1:]
        at = at[at <= last]
        accuracy = CHANCE + (TARGET.value - 0.01 - CHANCE) * np.log1p(at) / np.log1p(last)
        accuracy[rng.random(len(at)) < missing_metrics] = np.nan
        if np.isfinite(met):
            accuracy[-1] = TARGET.value
        share = at / last
        parts.append(
            {name: np.full(len(at), trial[name], dtype=object) for name in KEYS}
            | {"epoch": at * size / TRAIN_EXAMPLES, "iteration": at, "examples": at * size}
            | {name: trial[name] * share for name in ("train_seconds", "load_seconds", "compute_seconds")}
            | {"eval_seconds": np.full(len(at), trial["eval_seconds"] / max(1, len(at))), "accuracy": accuracy}
        )
    table = pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    return table.astype({"batch_size": int, "lr": float, "seed": int, "iteration": int, "examples": int})


def _epochs(drawn: Draw, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the first epochs of each trial, three at most, by the clock of the trial."""
    frames: list[pd.DataFrame] = []
    for epoch in (1, 2, 3):
        iterations = np.ceil(TRAIN_EXAMPLES / trials["batch_size"]) * epoch
        whole = trials[iterations <= trials["iterations"]]
        seconds = whole["train_seconds"] / whole["iterations"] * iterations / epoch
        frames.append(
            whole[KEYS].assign(
                epoch=epoch, iterations=iterations.astype(int), examples=TRAIN_EXAMPLES * epoch, epoch_seconds=seconds,
                load_seconds=0.1 * seconds, compute_seconds=0.9 * seconds,
            )
        )  # fmt: skip
    table: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return table


def _timings(drawn: Draw) -> pd.DataFrame:
    median, low, high = drawn.measured.T
    sizes = np.array(drawn.world.batch_sizes)
    rows = pd.DataFrame(
        {
            "study": "worlds", "trial_id": [f"timing-b{size}" for size in sizes], "batch_size": sizes,
            "lr": drawn.world.lrs[0], "seed": 0, "status": "completed", "repeats": REPEATS, "iterations": 100,
            "iteration_seconds": median, "iteration_seconds_low": low, "iteration_seconds_high": high,
            "iteration_seconds_spread": (high - low) / median, "load_seconds": 0.1 * median,
            "compute_seconds": 0.9 * median, "examples_per_second": sizes / median, "neighbours": 0,
            "peak_memory_bytes": 10**9, "end_time": pd.Timestamp(0, tz="UTC"), **MACHINE,
        }
    )  # fmt: skip
    return rows.reindex(columns=table_schema("timings").names)


def _smoothness(world: World, trials: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the loss noise of each trial, about a power of its batch size, and whether it is stable.

    Trials of one seed see the same batches at every lr: they share a part of their noise.
    """
    sizes = trials["batch_size"].to_numpy(float)
    shared = rng.normal(0.0, 0.05, (len(world.batch_sizes), trials["seed"].max() + 1))
    position = np.searchsorted(world.batch_sizes, sizes)
    log_noise = np.log(0.3) + world.exponents["noise"] * np.log(sizes / sizes.min()) + shared[position, trials["seed"]]
    rank = np.searchsorted(world.lrs, trials["lr"])
    is_stable = rank < np.array(world.stable)[position]
    stability = np.where(trials["status"] == "diverged", "diverged", np.where(is_stable, "stable", "unstable"))
    windows = []
    for window, limit in (("first_1000", 1000.0), ("equal_examples", 1e5), ("equal_loss", 0.5)):
        noise = np.exp(log_noise + rng.normal(0.0, 0.1, len(trials)))
        windows.append(
            trials[KEYS].assign(
                window=window, limit=limit, iterations=np.minimum(1000, trials["iterations"]),
                loss_variance=2 * noise**2, detrended_variance=noise**2 * np.exp(rng.normal(0.0, 0.1, len(trials))),
                noise=noise, spikes=np.where(is_stable, 0.0, 3.0), max_loss_ratio=np.where(is_stable, 1.0, 2.0),
                stability=stability,
            )
        )  # fmt: skip
    return pd.concat(windows, ignore_index=True)
