"""What the target costs at each batch size: seconds, GPU-seconds, money, energy and memory, on each machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.interpolation import between
from bs_study.analysis.parallel import communication_seconds, shared_batch_sizes
from bs_study.analysis.timings import KIND
from bs_study.config.costs import CostSettings

RANKED = ("seconds", "gpu_seconds", "dollars", "joules", "peak_memory_bytes")
"""The costs by which rows are ranked."""
COSTS = [
    *(*KIND, "is_own", "source", "recipe", "batch_size", "gpus", "batch_size_per_gpu", "lr"),
    *("seconds", "seconds_low", "seconds_high", "gpu_seconds", "dollars", "joules", "peak_memory_bytes"),
    *("is_modelled", "is_interpolated", "is_at_most", "is_pareto", "within_deadline"),
    *(f"rank_by_{name}" for name in RANKED),
]


def costs(curve: pd.DataFrame, times: pd.DataFrame, *, asked: CostSettings | None = None) -> pd.DataFrame:
    """Return what it costs to reach the target, a row per machine, recipe, number of GPUs and batch size.

    T = S(B) t(B), of S iterations and t seconds of one. Of k GPUs with m = B / k examples each it is modelled:
    T = S(k m) (t(m) + c(k)), with c of `parallel.communication_seconds`. Only the time is of the machine: where no
    trial ran on it (`is_own`), S is taken over from those that did.

    S between neighbouring batch sizes that were tried, and t between those that were timed, are straight lines on logs.
    Beyond, and where no lr of a neighbour reached the target, there is nothing.

    Args:
        curve: `scaling_curve`: S of each recipe and batch size.
        times: `machine_times`.
        asked: prices, a deadline, GPUs; None for none of these.

    Returns:
        device_name, threads, is_own, source (timings or trials: whose clock told t), recipe, batch_size, gpus,
        batch_size_per_gpu, lr (missing where S lies between two batch sizes).
        seconds: T; _low, _high: S's end times the quickest and the slowest repeat; missing where S has no interval.
        gpu_seconds: seconds times GPUs; of a CPU, of the machine. dollars: by the price of an hour of one; missing
        without a price. joules: S times an iteration's; missing where it was not measured, and of several GPUs.
        peak_memory_bytes: of each GPU.
        is_modelled: of several GPUs; is_interpolated: S or t lies between two batch sizes; is_at_most: the target was
        met at the first look, so that S is no more.
        is_pareto: no row is both quicker and cheaper (`pareto`); within_deadline: missing without a deadline.
        rank_by_<cost>: 1 for the least of all rows; those that tie share it; missing where the cost is.
    """
    asked = asked or CostSettings()
    parts = [
        _of_gpus(curve[curve["recipe"] == own["recipe"].iloc[0]], own.sort_values("batch_size"), gpus, asked)
        for _, own in times.groupby([*KIND, "recipe"], sort=False, dropna=False)
        for gpus in (1, *asked.gpus)
    ]
    known = [part[part["seconds"].notna()] for part in parts if part["seconds"].notna().any()]
    table = pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=COSTS)
    table = table.astype({"threads": "Int64"})  # of trials that do not tell them, all missing
    limit = asked.deadline_seconds
    table["is_pareto"] = pareto(table)
    within = [pd.NA if limit is None else bool(seconds <= limit) for seconds in table["seconds"]]
    table["within_deadline"] = pd.array(within, dtype="boolean")
    for name in RANKED:
        table[f"rank_by_{name}"] = table[name].astype(float).rank(method="min").astype("Int64")
    return table[COSTS]


def _of_gpus(curve: pd.DataFrame, times: pd.DataFrame, gpus: int, asked: CostSettings) -> pd.DataFrame:
    """Return the rows of a recipe on so many GPUs of a machine."""
    tried, timed, machine = curve["batch_size"], times["batch_size"], times.iloc[0]
    sizes = np.array(list(tried) if gpus == 1 else shared_batch_sizes(gpus, tried=tried, timed=timed), np.int64)
    waits = communication_seconds(gpus, float(times["parameters"].max()), asked=asked) if gpus > 1 else 0.0
    rows = pd.DataFrame({"batch_size": sizes, "gpus": gpus, "batch_size_per_gpu": sizes // gpus})
    rows = rows.assign(**{name: machine[name] for name in (*KIND, "is_own", "source", "recipe")})
    rows["lr"] = _by_size(curve, "lr").reindex(sizes).to_numpy(float)
    updates, of_one = {}, {}
    for end in ("", "_low", "_high"):
        updates[end] = between(sizes, tried, curve[f"iterations_to_target{end}"].astype(float))
        of_one[end] = between(sizes // gpus, timed, times[f"iteration_seconds{end}"].astype(float))
        rows[f"seconds{end}"] = updates[end] * (of_one[end] + waits)
    rows["gpu_seconds"] = rows["seconds"] * gpus
    rows["dollars"] = rows["gpu_seconds"] / 3600 * price_of(str(machine["device_name"]), asked)
    joules, memory = (
        between(sizes // gpus, timed, times[name].astype(float)) for name in ("energy_joules", "peak_memory_bytes")
    )
    rows["joules"] = updates[""] * joules if gpus == 1 else np.nan
    rows["peak_memory_bytes"] = memory
    rows["is_modelled"] = gpus > 1
    rows["is_interpolated"] = ~np.isin(sizes, tried) | ~np.isin(sizes // gpus, timed)
    is_bound = _by_size(curve, "is_at_most").eq(True).astype(float) + 1  # a line from a bound, or to one, is a bound
    rows["is_at_most"] = between(sizes, tried, is_bound) > 1
    return rows


def _by_size(curve: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return a column of the curve of one recipe, by batch size."""
    return curve.set_index("batch_size")[name]


def price_of(device_name: str, asked: CostSettings) -> float:
    """Return the price of an hour of a machine: by the longest part of its name that has one, else that of all."""
    named = [name for name in asked.prices if name.lower() in device_name.lower()]
    price = asked.prices[max(named, key=len)] if named else asked.price_per_hour
    return np.nan if price is None else price


def unpriced(machines: Iterable[str], asked: CostSettings) -> list[str]:
    """Return the names with a price that are of no machine."""
    known = [name.lower() for name in machines]
    return [name for name in asked.prices if not any(name.lower() in machine for machine in known)]


def pareto(table: pd.DataFrame) -> pd.Series[bool]:
    """Return of each row whether none is both quicker and cheaper: less time and no more money, or the other way round.

    Rows with a price compare by dollars, whatever the machine. The others compare by GPU-seconds, within a machine:
    a second of two of them is worth no one knows what.
    """
    found = pd.Series(False, table.index, dtype=bool)
    has_price = table["dollars"].notna()
    groups = [(table[has_price], "dollars")]
    groups += [(own, "gpu_seconds") for _, own in table[~has_price].groupby(KIND, dropna=False)]
    for rows, price in groups:
        time, paid = rows["seconds"].to_numpy(float), rows[price].to_numpy(float)
        is_no_worse = (time[:, None] <= time) & (paid[:, None] <= paid)
        is_better = (time[:, None] < time) | (paid[:, None] < paid)
        found.loc[rows.index] = np.logical_not((is_no_worse & is_better).any(axis=0))
    return found


def least(table: pd.DataFrame, by: str) -> pd.Series[Any] | None:
    """Return the row of the least of a cost, the quicker of two that tie; None where no row has it."""
    known = table[table[by].notna()]
    return None if known.empty else known.sort_values([by, "seconds"], kind="stable").iloc[0]


def cheapest_in_time(table: pd.DataFrame) -> pd.Series[Any] | None:
    """Return the cheapest row within the deadline: by dollars, or where there is no price by GPU-seconds."""
    return least(table[table["within_deadline"].eq(True).fillna(False)], money(table))


def money(table: pd.DataFrame) -> str:
    """Return by which cost rows are cheap: dollars, or where no row has a price GPU-seconds."""
    return "dollars" if table["dollars"].notna().any() else "gpu_seconds"
