"""A trial against a bare loop, the script that people write, and the limit of the device, at several batch sizes.

    python -m tests.bench.training_speed                  on a GPU if there is one, else on one CPU thread
    python -m tests.bench.training_speed --batch-sizes 60 --rounds 9

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
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from bs_study.training.data import DataSets
from bs_study.workloads.mnist import Mnist
from tests.bench.compare import alternately, milliseconds, ratio, show, where
from tests.bench.loops import bare_loop, plain_script, synchronized
from tests.bench.random_mnist import write_random_mnist
from tests.bench.trial_clock import trial_seconds

ROUND_SECONDS = 1.0


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
