"""How large a store is, and how quickly and in how little memory it becomes a report.

``python -m tests.bench.store_size`` makes a synthetic study of 1,000 trials with 100,000 iterations each (100 million
rows, about 0.5 GB) in a temporary folder, reports on it in a process of its own, and removes it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.config import StudyConfig, TrialConfig
from bs_study.grid import study_trials
from bs_study.report.page import publish
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.study_json import create_study
from bs_study.store.writer import TrialWriter

EPOCHS = 100
LRS, SEEDS = 25, 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a store, measure it and print the figures."""
    asked = _parser().parse_args(arguments)
    if asked.measure:
        print(json.dumps(_measured(asked.measure)))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        uri = f"{folder}/synthetic"
        started = time.perf_counter()
        trials = make_store(uri, trials=asked.trials, rows=asked.rows)
        made = time.perf_counter() - started
        _print_figures(uri, rows=trials * asked.rows, made_seconds=made)


def make_store(uri: str, *, trials: int, rows: int) -> int:
    """Write a study of about so many trials, each of so many iterations, one trial at a time; return how many."""
    batch_sizes = tuple(8 * k for k in range(1, max(1, trials // (LRS * SEEDS)) + 1))
    lrs = tuple(round(0.001 * 1.3**k, 6) for k in range(LRS))
    config = StudyConfig(
        batch_sizes=batch_sizes, lrs=lrs, seeds=tuple(range(SEEDS)), target="accuracy>=0.9", max_iterations=rows
    )
    paths = study_paths(uri)
    create_study(paths, config, metrics=["loss", "accuracy"], train_examples=60_000)
    of_study = study_trials(config)
    for trial in of_study:
        write_trial(paths, trial, rows=rows)
    return len(of_study)


def write_trial(paths: StudyPaths, trial: TrialConfig, *, rows: int) -> None:
    """Write a trial whose loss falls as a power of the iteration, with noise as the square root of the batch has it."""
    rng = np.random.default_rng([trial.batch_size, int(trial.lr * 1e6), trial.seed])
    iteration = np.arange(1, rows + 1)
    loss = 2.3 * iteration**-0.3 + rng.normal(0, 0.5 / np.sqrt(trial.batch_size), rows)
    grad_norm2 = rng.chisquare(20, rows) / trial.batch_size
    writer = TrialWriter(paths, trial, metrics=["loss", "accuracy"])
    per_epoch = rows // EPOCHS
    seconds = per_epoch * (1e-3 + 1e-5 * trial.batch_size)
    for epoch in range(1, EPOCHS + 1):
        first, last = (epoch - 1) * per_epoch, epoch * per_epoch
        writer.add_iterations(
            epoch=epoch,
            first_iteration=first + 1,
            examples=iteration[first:last] * trial.batch_size,
            loss=loss[first:last],
            grad_norm2=grad_norm2[first:last],
        )
        seen = {"examples": last * trial.batch_size}
        clocks = {"load_seconds": 0.1 * seconds, "compute_seconds": 0.9 * seconds}
        writer.add_epoch(epoch=epoch, iterations=last, epoch_seconds=seconds, peak_memory_bytes=10**9, **seen, **clocks)
        total = {name: value * epoch for name, value in clocks.items()}
        held_out = {"loss": float(loss[last - 1]), "accuracy": 1 - 0.9 * (epoch * trial.lr * 20 + 1) ** -0.8}
        writer.add_evaluation(
            epoch=epoch, iteration=last, train_seconds=seconds * epoch, eval_seconds=0.1, **seen, **total, **held_out
        )
    writer.commit({"status": "completed", "stop_reason": "max_iterations", "iterations": rows, "device_name": "none"})


def _measured(uri: str) -> dict[str, float]:
    """Return the seconds of the tables and of the report, and the peak memory of this process."""
    started = time.perf_counter()
    study = open_study(uri)
    found = analyse(study)
    tables_seconds = time.perf_counter() - started
    page = Path(publish(study, found))
    return {
        "tables_seconds": tables_seconds,
        "report_seconds": time.perf_counter() - started,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "page_bytes": page.stat().st_size,
    }


def _print_figures(uri: str, *, rows: int, made_seconds: float) -> None:
    size = sum(file.stat().st_size for file in Path(uri, "iterations").iterdir())
    done = subprocess.run([sys.executable, __file__, "--measure", uri], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    print(f"iteration rows           {rows:,} (made in {made_seconds:.0f} s)")
    print(f"bytes per iteration row  {size / rows:.2f} (aim: below 8)")
    speed = rows / found["tables_seconds"]
    print(f"all tables               {found['tables_seconds']:.1f} s, {speed:,.0f} rows/s (aim: above 10 million)")
    print(f"tables and report        {found['report_seconds']:.1f} s")
    print(f"peak memory              {found['peak_bytes'] / 2**30:.2f} GiB (aim: below 1.5)")
    print(f"page                     {found['page_bytes'] / 1e6:.1f} MB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the store's size, and the speed and memory of the report.")
    parser.add_argument("--trials", type=int, default=1000, help="about how many: a multiple of 50")
    parser.add_argument("--rows", type=int, default=100_000, help="iterations of each trial: a multiple of 100")
    parser.add_argument("--folder", help="where to make the store (the system's temporary folder)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
