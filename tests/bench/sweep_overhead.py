"""What a study takes beside its trainings: up to the first trial, between trials, after the last.

    python -m tests.bench.sweep_overhead --trials 16

Runs short trials of the digits on a Ray of this machine, two at a time. Needs a minute and is no part of the tests.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from tests.bench.compare import show, where

MAIN = Path(__file__).parent.parent.parent / "sweeps" / "grid.py"


def one_round(trials: int) -> dict[str, float]:
    """Return the seconds of one study's parts."""
    cells = ["--search", "grid", "--batch-sizes", "64", "--lrs", "0.05", "--seeds", *map(str, range(trials))]
    grid = [*cells, "--max-iterations", "200"]
    with tempfile.TemporaryDirectory() as store:
        start = datetime.now(UTC)
        command = [sys.executable, str(MAIN), "--store", store, "--address", "local", *grid]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        end = datetime.now(UTC)
        rows = pd.read_parquet(f"{store}/digits/trials").sort_values("start_time")
    starts, ends = rows["start_time"], rows["end_time"]
    # Of two that run at once, a trial follows the one that ended last before its start.
    gaps = [(s - ends[ends <= s].max()).total_seconds() for s in starts if (ends <= s).any()]
    return {
        "command to first trial, s": (starts.min() - start).total_seconds(),
        "between trials, s": statistics.median(gaps),
        "last trial to the end, s": (end - ends.max()).total_seconds(),
        "in trials (mean), s": (ends - starts).dt.total_seconds().mean(),
    }


def import_seconds(module: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, timeout=120)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rounds = [one_round(arguments.trials) for _ in range(arguments.rounds)]
    imports = {f"import {name}, s": [import_seconds(name) for _ in rounds] for name in ("torch", "ray.tune")}
    found = {name: [r[name] for r in rounds] for name in rounds[0]} | imports
    row = {name: f"{statistics.median(v):.2f} ({min(v):.2f}-{max(v):.2f})" for name, v in found.items()}
    show(f"{arguments.trials} trials, {where()}; medians of {arguments.rounds} rounds (range)", [row])


if __name__ == "__main__":
    main()
