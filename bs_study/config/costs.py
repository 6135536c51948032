"""What is asked of costs: prices, a deadline, and how GPUs that share a batch are joined."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from bs_study.words import shown

BANDWIDTH = 100.0
"""Gigabytes per second that a GPU sends to its neighbour: between what NVLink and a fast network give."""
LATENCY = 10.0
"""Microseconds of a message between two GPUs."""
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
MOST_GPUS = 1_000_000


@dataclass(frozen=True)
class CostSettings:
    """What costs are computed with.

    Attributes:
        price_per_hour: of one GPU, or of a machine on whose CPU trials run; None where none is given.
        prices: of machines by a part of their name, in place of that.
        deadline_seconds: by which the target is to be reached; None for none.
        gpus: how many share a batch, beside one.
        bandwidth_bytes_per_second, latency_seconds: of the link between two of them.
    """

    price_per_hour: float | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    deadline_seconds: float | None = None
    gpus: tuple[int, ...] = ()
    bandwidth_bytes_per_second: float = BANDWIDTH * 1e9
    latency_seconds: float = LATENCY * 1e-6

    @property
    def has_price(self) -> bool:
        return self.price_per_hour is not None or bool(self.prices)


class CostKeywords(TypedDict, total=False):
    """The keywords by which costs are asked for: `cost_settings` explains them."""

    price_per_hour: float | str | Mapping[str, float] | Iterable[str] | None
    deadline: float | str | None
    gpus: int | str | Iterable[int | str]
    bandwidth: float | str
    latency: float | str


def cost_settings(
    *,
    price_per_hour: float | str | Mapping[str, float] | Iterable[str] | None = None,
    deadline: float | str | None = None,
    gpus: int | str | Iterable[int | str] = (),
    bandwidth: float | str = BANDWIDTH,
    latency: float | str = LATENCY,
) -> CostSettings:
    """Return what is asked of costs, from what a person gives in Python or types.

    Args:
        price_per_hour: of every machine, as 2.5 or "2.5"; or of some by their names: {"H100": 2.5}, ["H100=2.5", "1"].
        deadline: seconds, or a text with its unit: "30s", "45min", "2h", "3d".
        gpus: how many share a batch: 8, or [2, 4, 8].
        bandwidth: gigabytes per second.
        latency: microseconds.

    Raises:
        ValueError: one of them is no number, or none that can be.

    >>> cost_settings(price_per_hour="2.5", deadline="2h", gpus=[4, 2]).gpus
    (2, 4)
    """
    price, prices = _prices(price_per_hour)
    counts = [gpus] if isinstance(gpus, int | str) else list(gpus)
    return CostSettings(
        price,
        prices,
        None if deadline is None else _deadline(deadline),
        tuple(sorted({_count(one) for one in counts} - {1})),
        1e9 * _positive("bandwidth", bandwidth, right="gigabytes per second above 0, as 100"),
        1e-6 * _positive("latency", latency, right="microseconds, as 10", zero=True),
    )


def _prices(given: float | str | Mapping[str, float] | Iterable[str] | None) -> tuple[float | None, dict[str, float]]:
    """Return the price of all machines, and those of named ones."""
    if given is None:
        return None, {}
    if isinstance(given, Mapping):
        pairs: list[tuple[str, object]] = [(str(name), price) for name, price in given.items()]
    else:
        texts = [given] if isinstance(given, str | int | float) else list(given)
        pairs = [_named_price(text) for text in texts]
    prices: dict[str, float] = {}
    for name, value in pairs:
        if name in prices:
            of = f" of {shown(name)}" if name else ""
            raise ValueError(f"price_per_hour: there are two prices{of}. Give one")
        prices[name] = _positive("price_per_hour", value, right="a price above 0, as 2.5, or NAME=2.5 of one machine")
    overall = prices.pop("", None)
    return overall, prices


def _named_price(text: object) -> tuple[str, object]:
    if not isinstance(text, str):
        return "", text
    name, mark, price = text.rpartition("=")
    if mark and not name.strip():
        raise ValueError(f"price_per_hour: {shown(text)} names no machine. Give NAME=2.5, or 2.5 of all machines")
    return name.strip(), price


def _deadline(given: float | str) -> float:
    right = "Give a time above 0 with its unit, as 30s, 45min, 2h or 3d"
    if isinstance(given, str):
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(s|min|h|d)\s*", given)
        if found is None:
            raise ValueError(f"deadline: {shown(given)} is no time. {right}")
        seconds = float(found[1]) * UNITS[found[2]]
    else:
        seconds = _number(given)
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"deadline: {shown(given)} is no time above 0. {right}")
    return seconds


def _count(given: object) -> int:
    value = _number(given)
    if not (value.is_integer() and 1 <= value <= MOST_GPUS):
        raise ValueError(f"gpus: {shown(given)} is no number of GPUs. Give whole numbers from 1 on, as 2 4 8")
    return int(value)


def _positive(name: str, given: object, *, right: str, zero: bool = False) -> float:
    value = _number(given)
    if not math.isfinite(value):
        raise ValueError(f"{name}: {shown(given)} is no number. Give {right}")
    if value < 0 or (value == 0 and not zero):
        raise ValueError(f"{name}: {shown(given)} is {'below' if zero else 'not above'} 0. Give {right}")
    return value


def _number(given: object) -> float:
    """Return a number; NaN of what is none."""
    if isinstance(given, bool) or given is None:
        return math.nan
    try:
        return float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan
