"""Several trials on one GPU at once: branches of one graph, processes, vmap; trials an hour against one at a time.

A trial is a thousand iterations of MNIST's CNN, each with its own weights, lr and order of the examples.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bs_study.training.data import DataSets
from tests.bench.gpu.branches import branches
from tests.bench.gpu.processes import Workers
from tests.bench.gpu.record import Record
from tests.bench.gpu.vmapped import vmapped
from tests.bench.gpu.whole_graph import Learner, captured, seconds_each
from tests.bench.trial_clock import trial_seconds

ITERATIONS = 1000  # of a trial
UNIT = "trials/hour"
WAYS = {"branches of one graph": branches, "vmap in one graph": vmapped}


def measure(record: Record) -> None:
    is_small = torch.cuda.device_count() == 0  # which asks NVML, and so leaves this process free to fork
    sizes, together, seconds, rounds = ((8,), (2,), 0.01, 1) if is_small else ((1, 8, 64), (4, 8, 16), 0.3, 3)
    # Forked before this process asks for the device.
    with Workers(max(together), examples=600 if is_small else 60_000) as workers:
        record.describe()
        torch.set_num_threads(1)
        images, labels = random_digits(600 if is_small else 60_000)
        for size in sizes:
            alone = _alone(record, (images, labels), size, seconds=seconds, rounds=rounds)
            for count in together:
                if record.left() < 0:
                    return record.note(f"out of time at B = {size}, K = {count}")
                _side_by_side(record, (images, labels), size, count, seconds=seconds, rounds=rounds)
                each = workers.seconds(count, batch_size=size, iterations=max(3, round(2 * seconds / alone)))
                if each:
                    record.add(
                        f"B = {size}, K = {count}", "processes", UNIT, [trials_an_hour(1, s) * count for s in each]
                    )
                else:
                    record.note(f"B = {size}, K = {count}: processes did not answer")
    return None


def trials_an_hour(count: int, iteration_seconds: float) -> float:
    return count * 3600 / (ITERATIONS * iteration_seconds)


def random_digits(examples: int) -> tuple[Tensor, Tensor]:
    """Return pixels and labels in the form of MNIST, on the device."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (examples, 28, 28), dtype=torch.uint8, generator=generator)
    return images.to(device), torch.randint(10, (examples,), generator=generator).to(device)


def _alone(record: Record, data: tuple[Tensor, Tensor], size: int, *, seconds: float, rounds: int) -> float:
    """Time one at a time, our trial and one graph; return the seconds of an iteration of ours."""
    images, labels = data
    sets = DataSets((images, labels), (images[:64], labels[:64]))
    once = trial_seconds(sets, size, images.device.type, 10)
    found = [trial_seconds(sets, size, images.device.type, max(3, round(seconds / once))) for _ in range(rounds)]
    record.add(f"B = {size}, K = 1", "ours, one at a time", UNIT, [trials_an_hour(1, s) for s in found])
    limit = captured(Learner(images, labels, size).iteration)
    _time(record, f"B = {size}, K = 1", "one graph", limit, 1, seconds=seconds, rounds=rounds)
    return min(found)


def _side_by_side(
    record: Record, data: tuple[Tensor, Tensor], size: int, count: int, *, seconds: float, rounds: int
) -> None:
    for what, make in WAYS.items():
        case = f"B = {size}, K = {count}"
        try:
            _time(record, case, what, make(data, size, count), count, seconds=seconds, rounds=rounds)
        except Exception as error:  # noqa: BLE001  what fails leaves the others their time
            record.note(f"{case}, {what}: {type(error).__name__}: {error}".splitlines()[0])


def _time(
    record: Record, case: str, what: str, step: Callable[[], None], count: int, *, seconds: float, rounds: int
) -> None:
    once = seconds_each(step, 3)
    found = [seconds_each(step, max(3, round(seconds / once))) for _ in range(rounds)]
    record.add(case, what, UNIT, [trials_an_hour(count, s) for s in found])
