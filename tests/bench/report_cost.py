"""What a call of a function's `report` takes where nothing is written: python -m tests.bench.report_cost

CPU time of this process, as others may use the machine, too. The loop around the calls is taken out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bs_study.config import StudyConfig, TrialConfig
from bs_study.store.paths import study_paths
from bs_study.store.study_json import create_study
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.trial import run_trial
from bs_study.workloads.given import give

CALLS, ROUNDS = 5_000, 7


def microseconds_a_call(folder: Path) -> dict[str, float]:
    """Return the median time of a call, over rounds, by what it tells."""
    found: dict[str, float] = {}

    def timed(told: Callable[[int], dict[str, Any]], report: Any, start: int) -> float:
        begun = time.process_time()
        for iteration in range(start, start + CALLS):
            report(iteration=iteration, **told(iteration))
        took = time.process_time() - begun
        begun = time.process_time()
        for iteration in range(start, start + CALLS):
            told(iteration)
        return 1e6 * (took - (time.process_time() - begun)) / CALLS

    def train(batch_size: int, lr: float, seed: int, report: Any) -> None:
        tells: dict[str, Callable[[int], dict[str, Any]]] = {
            "nothing": lambda _: {},
            "a loss": lambda _: {"loss": 0.5},
            "a loss and two metrics": lambda _: {"loss": 0.5, "accuracy": 0.5, "val_loss": 0.7},
        }
        start = 1
        for name, told in tells.items():
            rounds = []
            for _ in range(ROUNDS):
                rounds.append(timed(told, report, start))
                start += CALLS
            found[name] = statistics.median(rounds)

    name = give(train)
    trial = TrialConfig(batch_size=16, lr=0.1, seed=0, workload=name, target="accuracy>=0.9")
    paths = study_paths(folder / "study")
    config = StudyConfig(batch_sizes=(16,), lrs=(0.1,), workload=name, target="accuracy>=0.9")
    create_study(paths, config, metrics=(), train_examples=None)
    pacing = Pacing(checkpoint_seconds=600.0, report_seconds=600.0, timeout_seconds=600.0)
    run_trial(trial, Place(paths, folder, ()), Machine("cpu", threads=1), pacing=pacing)
    return found


def main() -> None:
    with TemporaryDirectory() as folder:
        for name, took in microseconds_a_call(Path(folder)).items():
            sys.stdout.write(f"{name}: {took:.2f} µs a call (median of {ROUNDS} rounds of {CALLS})\n")


if __name__ == "__main__":
    main()
