"""The flags of costs: prices, a deadline, and GPUs that share a batch."""

from __future__ import annotations

from argparse import Namespace
from typing import NamedTuple

from bs_study.config.costs import BANDWIDTH, LATENCY, CostSettings, cost_settings
from bs_study.process.arguments import Parser


class Flag(NamedTuple):
    """What stands for a flag's value, what it means, and whether it takes several."""

    metavar: str
    told: str
    takes_several: bool = False


FLAGS = {
    "price_per_hour": Flag("PRICE", "of a GPU, or of a machine without one; NAME=PRICE of one by its name", True),
    "deadline": Flag("TIME", "asks for the cheapest within it, as 30s, 45min, 2h or 3d"),
    "gpus": Flag("K", "that share each batch: their time is modelled, not measured", True),
    "bandwidth": Flag("GB/S", f"between two GPUs (default: {BANDWIDTH:g})"),
    "latency": Flag("US", f"of a message between two GPUs, in microseconds (default: {LATENCY:g})"),
}


def add_cost_flags(parser: Parser) -> None:
    group = parser.add_argument_group("costs")
    for name, flag in FLAGS.items():
        several = "+" if flag.takes_several else None
        group.add_argument(f"--{name.replace('_', '-')}", metavar=flag.metavar, nargs=several, help=flag.told)


def costs_asked(typed: Namespace) -> CostSettings:
    """Return what the flags ask of costs.

    Raises:
        ValueError: one of them is no number, or none that can be.
    """
    given = {name: getattr(typed, name) for name in FLAGS}
    return cost_settings(**{name: value for name, value in given.items() if value is not None})
