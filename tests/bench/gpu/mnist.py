"""Milliseconds an iteration of MNIST's CNN, by batch size: ours, others' loops, and the limit."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from bs_study.training.data import DataSets
from bs_study.workloads.mnist import Mnist
from tests.bench.gpu.record import Record
from tests.bench.gpu.whole_graph import Learner, captured, seconds_each
from tests.bench.loops import bare_loop, plain_script
from tests.bench.random_mnist import write_random_mnist
from tests.bench.trial_clock import iterations_of_trial

Contestant = Callable[[int], float]
"""Makes so many iterations and returns the seconds of one."""


def measure(record: Record) -> None:
    record.describe()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    sizes, round_seconds, rounds = ((1, 8, 64, 512, 4096, 60_000), 0.25, 9)
    if device.type == "cpu":
        sizes, round_seconds, rounds = (1, 8), 0.02, 1
    with tempfile.TemporaryDirectory() as folder:
        data_dir = given_mnist(record, Path(folder))
        workload = Mnist()
        # Few to evaluate, which each trial does before its first iteration.
        data = DataSets(workload.train_data(data_dir), tuple(t[:500] for t in workload.eval_data(data_dir)))
        of_size: dict[int, tuple[dict[str, Contestant], dict[str, int]]] = {}
        for number in range(rounds):
            for size in sizes:
                if size not in of_size:
                    runs = contestants(record, data, data_dir, size, device)
                    of_size[size] = runs, {n: _count(record, size, n, run, round_seconds) for n, run in runs.items()}
                _one_round(record, size, *of_size[size])
                if record.left() < 0:
                    record.note(f"out of time in round {number + 1} of {rounds}, at batch size {size}")
                    return


def given_mnist(record: Record, folder: Path) -> Path:
    """Return the folder of MNIST's files, or of files with random pixels, of which a clock sees nothing."""
    given = os.environ.get("BS_STUDY_DATA")
    record.note(f"MNIST's files: {'as given by BS_STUDY_DATA' if given else 'random pixels, only clocks count'}")
    return Path(given) if given else write_random_mnist(folder)


def contestants(
    record: Record, data: DataSets, data_dir: Path, batch_size: int, device: torch.device
) -> dict[str, Contestant]:
    images, labels = data.train  # type: ignore[misc]
    found: dict[str, Contestant] = {}
    engines = {"ours by graph": "cuda_graph"} if device.type == "cuda" else {}
    for name, engine in (engines | {"ours, eager": "eager"}).items():
        found[name] = partial(_ours, record, data, batch_size, device.type, engine)
    found["bare eager loop"] = bare_loop((images, labels), batch_size, device)
    found["plain script"] = plain_script(data_dir, batch_size, device)
    limit = captured(Learner(images.to(device), labels.to(device), batch_size).iteration)
    found["one graph (the limit)"] = partial(seconds_each, limit)
    return found


def _ours(record: Record, data: DataSets, batch_size: int, device: str, engine: str, iterations: int) -> float:
    timed = iterations_of_trial(data, batch_size, device, iterations, engine=engine)
    if timed.ending.message:
        record.note(f"B = {batch_size}, engine {engine}: {timed.ending.message}")
    return timed.seconds / iterations


def _count(record: Record, size: int, name: str, run: Contestant, seconds: float) -> int:
    """Return how many iterations take about so many seconds; 0 for what can't be run."""
    try:
        once = run(1 if size > 1000 else 3)
        return max(1, round(seconds / min(once, run(max(1, round(0.2 * seconds / once))))))
    except Exception as error:  # noqa: BLE001  what fails leaves the others their time
        record.note(f"B = {size}, {name}: {type(error).__name__}: {error}".splitlines()[0])
        return 0


def _one_round(record: Record, size: int, runs: dict[str, Contestant], counts: dict[str, int]) -> None:
    for name, run in runs.items():
        if counts[name] and record.left() > 0:
            samples = [1000 * run(counts[name])]
            record.add(f"B = {size}", name, "ms/iteration", samples, iterations_a_round=counts[name])
