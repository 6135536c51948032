"""A trial against a bare loop, the script that people write, and the limit of the device, at several batch sizes.

    python tests/bench/training_speed.py                  on a GPU if there is one, else on one CPU thread
    python tests/bench/training_speed.py --batch-sizes 60 --rounds 9

Trains the MNIST CNN on MNIST's files, or, where BS_STUDY_DATA is not set, on files of random pixels: a clock does not
see the difference. A trial is taken whole: batches, updates, recording and writing, but for evaluations and warm-up.
Prints tables of ratios of medians, timed in turn within this run. It needs minutes and is no part of the tests.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parent))

from compare import alternately, milliseconds, ratio, show, where
from loops import LR, MOMENTUM, bare_loop, plain_script, synchronized
from random_mnist import write_random_mnist

from bs_study.config import StudyConfig, TrialConfig
from bs_study.store.paths import study_paths
from bs_study.store.study_json import create_study
from bs_study.training.data import DataSets
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.progress import Ending
from bs_study.training.run import TrialRun
from bs_study.training.trial import run_trial
from bs_study.workloads.base import examples_in
from bs_study.workloads.mnist import Mnist

ROUND_SECONDS = 1.0


class Stopwatch:
    """Times the trainings that run within it, but for their warm-ups and evaluations."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._train = TrialRun.train

    def __enter__(self) -> Self:
        def train(run: TrialRun) -> Ending:
            clocks = run.recorder.clocks
            start, earlier = synchronized(), clocks.warmup_seconds
            ending = self._train(run)
            self.seconds += synchronized() - start - (clocks.warmup_seconds - earlier) - clocks.eval_seconds
            return ending

        TrialRun.train = train  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        TrialRun.train = self._train  # type: ignore[method-assign]


def trial_seconds(data: DataSets, batch_size: int, device: str, iterations: int, **settings: str) -> float:
    """Return the seconds of one iteration of a trial, recorded and written as always."""
    trial = TrialConfig(
        workload="mnist", batch_size=batch_size, lr=LR, momentum=MOMENTUM, seed=0, max_iterations=iterations + 3,
        min_iterations=iterations + 3, eval_every_examples=10**12, **settings,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as store:
        paths = study_paths(f"{store}/{uuid.uuid4().hex}")
        config = StudyConfig(batch_sizes=(batch_size,), lrs=(LR,), max_iterations=1)
        create_study(paths, config, metrics=("accuracy", "loss"), train_examples=examples_in(data.train))
        place = Place(paths, Path(store), metrics=("accuracy", "loss"))
        with Stopwatch() as timed:
            ending = run_trial(trial, place, Machine(device, threads=1), pacing=Pacing(60), data=data)
    assert ending.iterations == iterations + 3
    return timed.seconds / iterations


def peak_flops(device: torch.device) -> float:
    """Return the floating-point operations per second of a large product of float32 matrices."""
    size = 8192 if device.type == "cuda" else 1536
    a, b = torch.rand(size, size, device=device), torch.rand(size, size, device=device)

    def seconds() -> float:
        start = synchronized()
        a @ b
        return synchronized() - start

    seconds()
    return 2 * size**3 / min(seconds() for _ in range(10))


def flops_per_example() -> float:
    """Return the operations of forward and backward for one image."""
    workload, model = Mnist(), Mnist().model()
    batch = workload.prepare(torch.zeros(8, 28, 28, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64))
    with FlopCounterMode(display=False) as counter:
        workload.loss(model, *batch).backward()
    return counter.get_total_flops() / 8


def contestants(batch_size: int, data_dir: Path, device: torch.device) -> dict[str, Callable[[int], float]]:
    workload = Mnist()
    data = DataSets(workload.train_data(data_dir), tuple(t[:1000] for t in workload.eval_data(data_dir)))
    ours = partial(trial_seconds, data, batch_size, device.type)
    found = {
        "bare loop": bare_loop(data.train, batch_size, device),  # type: ignore[arg-type]
        "plain script": plain_script(data_dir, batch_size, device),
        "trial": ours,
    }
    if device.type == "cuda":
        return found | {"trial, eager": partial(ours, engine="eager")}
    # micro_batch: what a trial would choose for itself is another kernel choice
    return found | {"trial, kernels of the bare loop": partial(ours, kernels="onednn", micro_batch=batch_size)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 6, 60, 600, 6000])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(os.environ.get("BS_STUDY_DATA") or write_random_mnist(Path(folder)))
        rows = [_row(size, data_dir, device, rounds=arguments.rounds) for size in arguments.batch_sizes]
    show(f"One iteration, {where()}; ratios of medians of {arguments.rounds} rounds (range of single rounds)", rows)


def _row(batch_size: int, data_dir: Path, device: torch.device, *, rounds: int) -> dict[str, str]:
    runs = contestants(batch_size, data_dir, device)
    started = time.perf_counter()
    once = {name: run(3) for name, run in runs.items()}
    counts = {name: max(3, round(ROUND_SECONDS / run(max(3, round(0.1 / once[name]))))) for name, run in runs.items()}
    times = alternately({name: partial(run, counts[name]) for name, run in runs.items()}, rounds=rounds)
    peak, needed = peak_flops(device), flops_per_example() * batch_size
    print(f"batch size {batch_size}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    others = [name for name in runs if name.startswith("trial")]
    return (
        {"batch size": str(batch_size), "trial, ms": milliseconds(times, "trial")}
        | {f"{name} / bare loop": ratio(times, name, "bare loop") for name in others}
        | {"plain script / trial": ratio(times, "plain script", "trial")}
        | {"share of the peak": f"{needed / statistics.median(times['trial']) / peak:.1%}"}
    )


if __name__ == "__main__":
    main()
