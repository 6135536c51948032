"""Figures that can be compared: several things timed in turn within one run, and what they are told in."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable

import torch

from bs_study.training.machine import cpu_name

Times = dict[str, list[float]]


def alternately(contestants: dict[str, Callable[[], float]], *, rounds: int) -> Times:
    """Return the seconds that each contestant says it took, in turn: what else the machine does hits all."""
    times: Times = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            times[name].append(run())
    return times


def ratio(times: Times, name: str, base: str) -> str:
    """Return the ratio of medians, and the range of the ratios of single rounds."""
    each = [a / b for a, b in zip(times[name], times[base], strict=True)]
    middle = statistics.median(times[name]) / statistics.median(times[base])
    return f"{middle:.2f} ({min(each):.2f}-{max(each):.2f})"


def milliseconds(times: Times, name: str) -> str:
    return f"{1000 * statistics.median(times[name]):.3f}"


def show(title: str, rows: list[dict[str, str]]) -> None:
    """Print a table in Markdown."""
    print(f"\n{title}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(row.values()) + " |", flush=True)


def where() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{cpu_name()}, one thread"
    return f"{device}; Python {platform.python_version()}, torch {torch.__version__}"
