"""The time of an iteration on each machine that a store knows: timed alone on it, or by the clocks of its trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.throughput import throughput
from bs_study.analysis.timings import KIND

TIMES = ["iteration_seconds", "iteration_seconds_low", "iteration_seconds_high"]
MACHINE_TIMES = [
    *(*KIND, "is_own", "source", "recipe", "batch_size"),
    *(*TIMES, "energy_joules", "peak_memory_bytes", "parameters"),
]


def machine_times(
    timings: pd.DataFrame,
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    *,
    recipes: Sequence[str],
    train_examples: float = np.nan,
) -> pd.DataFrame:
    """Return how long an iteration takes on each machine, a row per machine, recipe and batch size.

    A machine is a kind: name of the device, and threads. Of a batch size that was timed twice on it the newest counts.
    Where a machine trained a batch size that was not timed on it, the clocks of its trials tell all of its times: those
    of two sources do not compare. A timing is of no recipe, and stands for each.

    Args:
        timings: the store's table.
        trials: the store's table, complete.
        epochs: the store's table.

    Returns:
        device_name ("" where it is not known), threads; is_own: trials ran on it; source: timings or trials; recipe,
        batch_size, iteration_seconds with _low and _high (the quickest and the slowest repeat; quartiles over epochs
        and trials), energy_joules of an iteration, peak_memory_bytes, parameters of the model (each may be missing).
        The machines on which trials ran come first.
    """
    trials, timed = _with_machine(trials), _with_machine(timings[timings["status"] == "completed"])
    timed = timed.sort_values(["batch_size", "end_time"]).drop_duplicates([*KIND, "batch_size"], keep="last")
    parts = [*_own(timed, trials, epochs, recipes, train_examples), *_others(timed, trials, recipes)]
    table = pd.concat(parts, ignore_index=True)[MACHINE_TIMES] if parts else pd.DataFrame(columns=MACHINE_TIMES)
    return table.astype({"threads": "Int64"})


def _with_machine(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the columns of a machine, which the store of another writer may lack."""
    told: dict[str, pd.Series[Any]] = {
        "device_name": rows.get("device_name", pd.Series("", rows.index)).fillna("").astype(str)
    }
    for name in ("threads", "parameters", "energy_joules", "peak_memory_bytes"):
        told[name] = pd.to_numeric(rows.get(name, pd.Series(np.nan, rows.index))).astype(float)
    return rows.assign(**told)


def _own(
    timed: pd.DataFrame, trials: pd.DataFrame, epochs: pd.DataFrame, recipes: Sequence[str], train_examples: float
) -> Iterator[pd.DataFrame]:
    """Yield the times of each machine on which trials ran, that of most trials first."""
    trained = trials[trials["status"].isin(["completed", "diverged"])]
    for kind in trained[KIND].value_counts(dropna=False).index:
        on_it, own = _of(trained, kind), _of(timed, kind)
        if len(own) and on_it["batch_size"].isin(own["batch_size"]).all():
            yield _of_timings(own, recipes, is_own=True)
            continue
        own_epochs = _epochs_of(epochs, on_it)
        speed = throughput(own_epochs, on_it, train_examples=train_examples)
        peaks = own_epochs.get("peak_memory_bytes", pd.Series(np.nan, own_epochs.index)).astype(float)
        speed = speed.assign(
            device_name=kind[0],
            threads=kind[1],
            is_own=True,
            energy_joules=np.nan,
            peak_memory_bytes=speed["batch_size"].map(peaks.groupby(own_epochs["batch_size"]).max()),
            parameters=on_it["parameters"].max(),
        )
        yield speed[speed["iteration_seconds"] > 0]


def _others(timed: pd.DataFrame, trials: pd.DataFrame, recipes: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield the times of each machine that was timed only."""
    trained = trials[trials["status"].isin(["completed", "diverged"])]
    there = set(trained[KIND].fillna(-1).itertuples(index=False, name=None))
    for kind in timed[KIND].fillna(-1).drop_duplicates().itertuples(index=False, name=None):
        if kind not in there:
            yield _of_timings(_of(timed, kind), recipes, is_own=False)


def _of_timings(own: pd.DataFrame, recipes: Sequence[str], *, is_own: bool) -> pd.DataFrame:
    rows = own.assign(is_own=is_own, source="timings")
    return rows.drop(columns="recipe", errors="ignore").merge(pd.DataFrame({"recipe": list(recipes)}), how="cross")


def _of(rows: pd.DataFrame, kind: tuple[str, float]) -> pd.DataFrame:
    """Return the rows of a machine; threads that are not known are alike."""
    threads = -1.0 if pd.isna(kind[1]) else kind[1]
    return rows[(rows["device_name"] == kind[0]) & (rows["threads"].fillna(-1) == threads)]


def _epochs_of(epochs: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    return epochs[epochs["trial_id"].isin(trials["trial_id"])] if len(epochs) else epochs
