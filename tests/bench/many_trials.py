"""How quickly a study of very many small trials becomes tables, and again when it has grown.

``python -m tests.bench.many_trials`` writes 10,000 trials of 200 iterations to a temporary folder (40,000 files, about
300 MB of disk), reads them in a process of its own, reads them again, adds a tenth, reads them once more, and removes
them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bs_study import open_study
from bs_study.analysis.windows import smoothness
from bs_study.config import StudyConfig, TrialConfig
from bs_study.grid import study_trials
from bs_study.store.commit import key_values
from bs_study.store.encoding import encode
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.schema import Table, table_schema
from bs_study.store.study_json import create_study

METRICS = ["loss", "accuracy"]
EVALUATIONS = 8
SEEDS = 20


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a store, measure it and print the figures."""
    asked = _parser().parse_args(arguments)
    if asked.measure:
        print(json.dumps(_measured(asked.measure)))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        uri = f"{folder}/synthetic"
        started = time.perf_counter()
        trials = many_trials(uri, trials=asked.trials * 11 // 10, rows=asked.rows)
        begun = len(trials) * 10 // 11
        write_trials(uri, trials[:begun], rows=asked.rows)
        print(f"{begun:,} trials of {asked.rows:,} iterations, made in {time.perf_counter() - started:.0f} s")
        _print_figures("first", _in_a_process(uri))
        _print_figures("again", _in_a_process(uri))
        write_trials(uri, trials[begun:], rows=asked.rows)
        _print_figures("grown by a tenth", _in_a_process(uri))


def many_trials(uri: str, *, trials: int, rows: int) -> list[TrialConfig]:
    """Begin a study of about so many trials, 20 seeds of each cell; return them in random order."""
    cells = max(1, trials // SEEDS)
    sizes = max(1, round(np.sqrt(cells)))
    config = StudyConfig(
        batch_sizes=tuple(8 * k for k in range(1, sizes + 1)),
        lrs=tuple(round(0.001 * 1.1**k, 6) for k in range(-(-cells // sizes))),
        seeds=tuple(range(SEEDS)),
        target="accuracy>=0.9",
        max_iterations=rows,
    )
    create_study(study_paths(uri), config, metrics=METRICS, train_examples=60_000)
    asked = study_trials(config)
    return [asked[i] for i in np.random.default_rng(0).permutation(len(asked))]


def write_trials(uri: str, trials: Iterable[TrialConfig], *, rows: int) -> None:
    """Write the files of ended trials as they are at last, without parts and without waiting for the disk."""
    paths = study_paths(uri)
    for table in ("iterations", "epochs", "evaluations", "trials"):
        Path(paths.root, table).mkdir(exist_ok=True)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda trial: _write_trial(paths, trial, rows=rows), trials))


def _write_trial(paths: StudyPaths, trial: TrialConfig, *, rows: int) -> None:
    rng = np.random.default_rng([trial.batch_size, int(trial.lr * 1e6), trial.seed])
    iteration = np.arange(1, rows + 1)
    loss = 2.3 * iteration**-0.3 + rng.normal(0, 0.5 / np.sqrt(trial.batch_size), rows)
    at = iteration[rows // EVALUATIONS - 1 :: rows // EVALUATIONS]
    clocks = {"load_seconds": 1e-4 * at, "compute_seconds": 9e-4 * at}
    held_out = {"loss": loss[at - 1], "accuracy": 1 - 0.9 * (at * trial.lr * 0.2 + 1) ** -0.5}
    tables: dict[Table, dict[str, Any]] = {
        "iterations": {"epoch": iteration * 0 + 1, "iteration": iteration, "loss": loss},
        "epochs": {"epoch": [1], "iterations": [rows], "epoch_seconds": [1e-3 * rows]},
        "evaluations": {"epoch": at / rows, "iteration": at, "train_seconds": 1e-3 * at, **clocks, **held_out},
    }
    tables["iterations"]["examples"] = iteration * trial.batch_size
    tables["evaluations"]["examples"] = at * trial.batch_size
    tables["epochs"] |= {name: values[-1:] for name, values in clocks.items()} | {"examples": [rows * trial.batch_size]}
    row = trial.model_dump() | {"status": "completed", "stop_reason": "max_iterations", "iterations": rows}
    row |= {"examples": rows * trial.batch_size, "attempts": 1, "end_time": datetime.now(UTC)}
    tables["trials"] = {name: [value] for name, value in row.items()}
    for table, columns in tables.items():
        _write_table(paths, trial, table, columns)


def _write_table(paths: StudyPaths, trial: TrialConfig, table: Table, columns: dict[str, Any]) -> None:
    schema, keys = table_schema(table, metrics=METRICS), key_values(paths, trial)
    count = len(next(iter(columns.values())))
    arrays = [
        pa.repeat(pa.scalar(keys[field.name], field.type), count)
        if field.name in keys
        else pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.nulls(count, field.type)
        for field in schema
    ]
    Path(paths.trial_file(table, trial.trial_id)).write_bytes(encode(pa.table(arrays, schema=schema)))


def _measured(uri: str) -> dict[str, float]:
    """Return the seconds of each table and of the loss variance, and the peak memory of this process."""
    study = open_study(uri)
    read: dict[str, Callable[[], Any]] = {
        "trials": study.trials,
        "epochs": study.epochs,
        "evaluations": study.evaluations,
    }
    seconds, found = {}, {}
    for name, table in read.items():
        seconds[name], found[name] = _timed(table)
    seconds["loss variance"], _ = _timed(lambda: smoothness(study, found["trials"], keep=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return seconds | {"all": sum(seconds.values()), "peak_bytes": peak}


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _in_a_process(uri: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "--measure", uri], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _print_figures(title: str, found: dict[str, float]) -> None:
    peak = found.pop("peak_bytes")
    print(f"{title}: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.items()), end="")
    print(f"; {peak / 2**30:.2f} GiB", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure how quickly very many trials are read, and again.")
    parser.add_argument("--trials", type=int, default=10_000, help="about how many")
    parser.add_argument("--rows", type=int, default=200, help="iterations of each trial")
    parser.add_argument("--folder", help="where to make the store (the system's temporary folder)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
