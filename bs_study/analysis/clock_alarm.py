"""Clocks that can't be right: faster than the device can compute."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

PEAK_TERAFLOPS: dict[str, tuple[float, float, float]] = {
    "GB200": (80.0, 1250.0, 2500.0),
    "B200": (80.0, 1125.0, 2250.0),
    "GH200": (67.0, 494.7, 989.4),
    "H200 NVL": (60.0, 417.5, 835.5),
    "H200": (67.0, 494.7, 989.4),
    "H100 NVL": (60.0, 417.5, 835.5),
    "H100 PCIe": (51.0, 378.0, 756.0),
    "H100": (67.0, 494.7, 989.4),
    "A100": (19.5, 156.0, 312.0),
    "A40": (37.4, 74.8, 149.7),
    "A30": (10.3, 82.0, 165.0),
    "A10G": (35.0, 62.5, 125.0),
    "A10": (31.2, 62.5, 125.0),
    "L40S": (91.6, 183.0, 362.0),
    "L40": (90.5, 90.5, 181.0),
    "L4": (30.3, 60.0, 121.0),
    "V100S": (16.4, 16.4, 130.0),
    "V100": (15.7, 15.7, 125.0),
    "T4": (8.1, 8.1, 65.0),
    "RTX 6000 Ada": (91.1, 182.1, 364.2),
    "RTX A6000": (38.7, 77.4, 154.8),
    "RTX 5090": (104.8, 104.8, 209.5),
    "RTX 4090": (82.6, 82.6, 165.2),
    "RTX 3090 Ti": (40.0, 40.0, 80.0),
    "RTX 3090": (35.6, 35.6, 71.2),
}
"""Of a card, by a part of its device's name: peak of dense products in fp32, tf32 and bf16, in 1e12 FLOP/s.

From NVIDIA's data sheets and architecture papers, without sparsity, with sums in float32. A name that holds several has
the first. Cards without TF32 compute it in fp32. Of cards without bfloat16 (V100, T4) it is that of float16, which they
can't exceed either.
"""

_PRECISIONS = ("fp32", "tf32", "bf16")
WINOGRAD = 2.25
"""A 3x3 convolution in fp32 may make so many times fewer products than are counted: F(2x2, 3x3), Lavin & Gray 2016."""

FLAT_TIME = 1.1  # a time that grows by less
FLAT_FLOPS = 8  # while the work grows so many times or more
FLAT_SHARE = 0.5  # up to more than this share of the peak

# Two units of 16 float32 lanes, or a matrix unit for bfloat16, at 6 GHz. A matrix unit that all cores share is faster
# than one of them: Apple's makes about 4e12.
_CPU_THREAD = {"fp32": 64 * 6e9, "tf32": 64 * 6e9, "bf16": 2048 * 6e9}
_CPU_LEAST = 4e12


@dataclass(frozen=True)
class ClockAlarm:
    """A time that can't be right.

    Attributes:
        kind: `beyond_peak`: more FLOP/s than the device can make. `flat`: an iteration that takes no longer than one
            with an eighth of the work or less, though that work takes more than half of the device's peak.
        batch_size: of the time.
        ratio: `beyond_peak`: FLOP/s over the most possible; `flat`: work over that of the iteration that takes as long.
    """

    kind: Literal["beyond_peak", "flat"]
    batch_size: int
    ratio: float


def peak_flops(device_name: str, precision: str) -> float | None:
    """Return the peak of a card in FLOP/s; None where the table lacks it.

    >>> peak_flops("NVIDIA A100-SXM4-80GB", "tf32"), peak_flops("NVIDIA A10", "fp32"), peak_flops("Xeon", "fp32")
    (156000000000000.0, 31200000000000.0, None)
    """
    for card, peaks in PEAK_TERAFLOPS.items():
        if re.search(rf"\b{card}\b", device_name, re.IGNORECASE):
            return peaks[_PRECISIONS.index(precision)] * 1e12
    return None


def clock_alarms(throughput: pd.DataFrame, timings: pd.DataFrame) -> tuple[ClockAlarm, ...]:
    """Return which iteration times can't be right, the smallest batch size first.

    A GPU's clock that is read without waiting for the device measures the launch alone: the same for any batch size. So
    a time is alarming where its FLOP/s are beyond the peak, or where it grows by less than 10 % while the work grows 8
    times or more, and comes to more than half of the peak: an iteration that is bound by launches has a device that
    idles. Small batches take as long as each other for good reason, and are far from any peak.

    The most that is possible: the card's peak; of an unknown card, that of the fastest known; of a CPU, what its
    threads make at 6 GHz. In fp32 it is 2.25 times that, for convolutions by Winograd's algorithm.

    Args:
        throughput: iteration_seconds, batch_size and examples_per_iteration, whichever clock they are by.
        timings: `flops` of one iteration with a whole batch, device, device_name, threads and precision, a row per
            batch size. Where it lacks flops, nothing can be told.
    """
    if "flops" not in timings or timings.empty:
        return ()
    counted = timings[pd.to_numeric(timings["flops"]) > 0].drop_duplicates("batch_size", keep="last")
    speed = throughput[["batch_size", "iteration_seconds", "examples_per_iteration"]]
    table = speed[speed["iteration_seconds"] > 0].merge(counted, on="batch_size", suffixes=("", "_alone"))
    table = table.sort_values("batch_size", ignore_index=True)
    flops = table["flops"].to_numpy(float) * (table["examples_per_iteration"] / table["batch_size"]).to_numpy(float)
    seconds = table["iteration_seconds"].to_numpy(float)
    most = np.array([_most_possible(row) for row in table.to_dict("records")])
    alarms = []
    for row, size in enumerate(table["batch_size"]):
        share = flops[row] / seconds[row] / most[row]
        as_long = (seconds[row] < FLAT_TIME * seconds[:row]) & (flops[row] >= FLAT_FLOPS * flops[:row])
        if share > 1:
            alarms.append(ClockAlarm("beyond_peak", int(size), float(share)))
        elif share > FLAT_SHARE and as_long.any():
            alarms.append(ClockAlarm("flat", int(size), float(flops[row] / flops[:row][as_long].min())))
    return tuple(alarms)


def _most_possible(timing: Mapping[Hashable, Any]) -> float:
    """Return the FLOP/s that the device of a timing can't exceed."""
    asked = str(timing.get("precision"))
    precision = asked if asked in _PRECISIONS else "bf16"  # of an unknown one the fastest
    known = peak_flops(str(timing.get("device_name")), precision)
    if known is None and timing.get("device") == "cpu":
        threads = float(timing.get("threads") or np.nan)
        known = max(_CPU_LEAST, _CPU_THREAD[precision] * (threads if threads > 0 else 1024))
    if known is None:
        known = max(peaks[_PRECISIONS.index(precision)] for peaks in PEAK_TERAFLOPS.values()) * 1e12
    return known * (WINOGRAD if precision == "fp32" else 1)
