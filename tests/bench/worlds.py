"""How often an analysis is wrong where the truth is known: python -m tests.bench.worlds (about half an hour of CPU).

First a table of contests of cells alone, 400 worlds a line: how often the soonest batch size is settled, and what is
called slower. Then one of whole analyses, 200 worlds a line: all verdicts. `--contests` or `--analyses` gives one.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from bs_study.analysis.study import analyse_rows
from tests.analysis.world_contests import tally
from tests.analysis.world_rows import rows_of
from tests.analysis.world_truth import false_statements, intervals
from tests.analysis.worlds import World, draw, make_world

CONTESTS, ANALYSES = 400, 200
EQUAL, EIGHT = (1.0,) * 5, (1.0,) * 8
SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
LRS_25 = tuple(0.001 * 2.0 ** (step / 3) for step in range(25))
WIDE = (0.05, 0.3)  # spreads of cells
GRID_3 = {"ratios": EQUAL[:3], "batch_sizes": (16, 64, 256), "lrs": (0.001, 0.002, 0.004, 0.008, 0.016)}
LEVEL = {"iteration_growth": math.inf, "is_exact": False}  # all epochs take as long
HALF = {"saturation": -0.5, "ratios": EIGHT, "batch_sizes": SIZES, "is_exact": False}
STILL = {"lr_exponent": 0.0, "stable_exponent": 0.0, "noise_exponent": 0.0}


def next_at(ratio: float) -> tuple[float, ...]:
    """Times of five batch sizes of which the middle one is the soonest."""
    return (ratio**2, ratio, 1.0, ratio, ratio**2)


NULL: dict[str, dict[str, Any]] = {
    "equal, flat": {"sharpness": 0.02},
    "equal, sharp": {"shape": "quadratic"},
    "equal, flat, spreads .05-.3": {"sharpness": 0.02, "spread": WIDE},
    "equal, sharp, spreads .02-.5": {"shape": "quadratic", "spread": (0.02, 0.5)},
    "equal, spread .005": {"sharpness": 0.02, "spread": 0.005},
    "equal, a seed's effect .2": {"sharpness": 0.02, "spread": 0.05, "seed_effect": 0.2},
    "equal, timing error 5 %": {"sharpness": 0.02, "spread": 0.02, "timing_error": 0.05},
    "equal, 60 iterations": {"sharpness": 0.02, "best_iterations": 60},
    "equal, budget 1.05": {"sharpness": 0.02, "budget": 1.05},
    "equal, budget 1.3, spreads": {"sharpness": 0.1, "spread": WIDE, "budget": 1.3},
    "equal, 3 x 5 cells": {"sharpness": 0.02, **GRID_3},
    "equal, 3 x 5, spreads .02-.4": {"sharpness": 0.02, "spread": (0.02, 0.4), **GRID_3},
}
POWER: dict[str, tuple[int, dict[str, Any]]] = {
    f"next at {ratio}, {name}": (seeds, {"ratios": ratios, **shape})
    for seeds, ratio in ((3, 2.0), (5, 1.5))
    for name, ratios, shape in (
        ("quadratic", next_at(ratio), {"shape": "quadratic"}),
        ("parabola .3", next_at(ratio), {"sharpness": 0.3}),
        ("parabola .05", next_at(ratio), {"sharpness": 0.05}),
        ("all alike", (ratio, ratio, 1.0, ratio, ratio), {"shape": "quadratic"}),
        ("smallest best", tuple(ratio**i for i in range(5)), {"shape": "quadratic"}),
        ("budget 3", next_at(ratio), {"shape": "quadratic", "budget": 3.0}),
        ("300 iterations", next_at(ratio), {"shape": "quadratic", "best_iterations": 300, "held_out": 360}),
    )
}
WHOLE: dict[str, dict[str, Any]] = {
    "nothing true": {"ratios": EQUAL, "sharpness": 0.1, **LEVEL, **STILL},
    "nothing true, 8 sizes": {"ratios": EIGHT, "batch_sizes": SIZES, "sharpness": 0.1, **LEVEL, **STILL},
    "nothing true, spreads": {"ratios": EQUAL, "sharpness": 0.02, "spread": WIDE, "is_exact": False, **STILL},
    "updates with slope -1/2": {"shape": "quadratic", **HALF},
    "the same, spreads": {"sharpness": 0.1, "spread": WIDE, "lr_exponent": 0.3, **HALF},
    "equal at 25 lrs": {"ratios": EQUAL, "lrs": LRS_25, "lr_exponent": 0.0, "sharpness": 0.05},
    "a seed's effect": {"ratios": EQUAL, "seed_effect": 0.15, "spread": 0.05, "sharpness": 0.05, "timing_error": 0.02},
    "budgets": {"ratios": next_at(1.2), "budget": 1.5, "sharpness": 0.1, "spread": WIDE},
    "all true": {"shape": "quadratic", "ratios": next_at(1.7), "timing_error": 0.01},
}


def mixture(rng: np.random.Generator, *, calm: float, wild: float, part: float, **options: Any) -> World:
    """Return a world in which a part of the cells spreads more widely than the rest."""
    world = make_world(rng, **options)
    return replace(world, spreads=np.where(rng.random(world.spreads.shape) < part, wild, calm))


def print_contests() -> None:
    print(f"{'contest':34} seeds  right  wrong  false orders  ratios hold  time holds  width of time")
    for name, kind in NULL.items():
        for seeds in (2, 3, 5):
            _print_contest(name, seeds, lambda rng, kind=kind: make_world(rng, **({"ratios": EQUAL} | kind)))
    for calm, wild, part in ((0.03, 0.4, 0.15), (0.1, 0.5, 0.1)):
        options = {"ratios": EQUAL, "sharpness": 0.02, "calm": calm, "wild": wild, "part": part}
        for seeds in (2, 3, 5):
            name = f"equal, {part:.0%} spread {wild}, else {calm}"
            _print_contest(name, seeds, lambda rng, options=options: mixture(rng, **options))
    for name, (seeds, kind) in POWER.items():
        _print_contest(name, seeds, lambda rng, kind=kind: make_world(rng, **kind))


def _print_contest(name: str, seeds: int, make: Any) -> None:
    found = tally(CONTESTS, make, seeds=seeds)
    parts = f"{found.right:6.3f} {found.wrong:6.3f} {found.false_orders:13.3f} {found.ratios_hold:12.3f}"
    print(f"{name:34} {seeds:5} {parts} {found.times_hold:11.3f} {math.exp(found.width):13.2f}x", flush=True)


def print_analyses() -> None:
    print(f"\n{'analysis':24} seeds  any false  intervals that hold the truth, by kind; decided, by claim")
    for name, kind in WHOLE.items():
        for seeds in (2, 3):
            _print_analysis(name, seeds, kind)


def _print_analysis(name: str, seeds: int, kind: dict[str, Any]) -> None:
    wrong, decided, holds = Counter[str](), Counter[str](), dict[str, list[bool]]()
    false_worlds = 0
    for number in range(ANALYSES):
        rng = np.random.default_rng(number)
        world = make_world(rng, **kind)
        found = analyse_rows(rows_of(draw(world, rng, seeds=seeds), rng, missing_metrics=0.02))
        said = set(false_statements(found, world))
        wrong.update(said)
        false_worlds += bool(said)
        decided.update(verdict.claim for verdict in found.verdicts if verdict.outcome != "undecided")
        for told in intervals(found, world):
            holds.setdefault(told.name, []).append(told.holds)
    parts = ", ".join(f"{kind} {np.mean(held):.3f}" for kind, held in holds.items())
    print(f"{name:24} {seeds:5} {false_worlds / ANALYSES:10.3f}  {parts}; {_shares(decided.items())}", flush=True)
    if wrong:
        print(f"{'':32} false: {_shares(wrong.items())}", flush=True)


def _shares(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count / ANALYSES:.2f}" for name, count in counts) or "none"


if __name__ == "__main__":
    if "--analyses" not in sys.argv:
        print_contests()
    if "--contests" not in sys.argv:
        print_analyses()
