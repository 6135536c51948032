"""Networks that fill a GPU: ResNet-18 by precision beside a bare channels_last loop, tokens a second of char_lm."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bs_study.training.data import DataSets
from bs_study.training.precision import set_float32_products
from bs_study.workloads.base import Workload, load_workload
from tests.bench.gpu.record import Record
from tests.bench.gpu.whole_graph import seconds_each
from tests.bench.loops import LR, MOMENTUM
from tests.bench.trial_clock import iterations_of_trial

PRECISIONS = ("fp32", "tf32", "bf16")


def measure(record: Record) -> None:
    record.describe()
    on_gpu = torch.cuda.is_available()
    torch.set_num_threads(1)
    rounds = 3 if on_gpu else 1
    images = random_images(50_000 if on_gpu else 64)
    text = load_workload("char_lm")
    nowhere = Path("/nonexistent")  # so that it takes the text that comes with Python
    windows = DataSets(text.train_data(nowhere), tuple(t[:64] for t in text.eval_data(nowhere)))
    network, size = ("cifar10", 512) if on_gpu else ("cifar10_resnet8", 8)
    contestants: dict[tuple[str, str, str], tuple[Callable[[int], float], int]] = {}
    for precision in PRECISIONS if on_gpu else ("fp32", "bf16"):
        case = f"{network}, B = {size}, {precision}"
        for name, run in _both(record, images, network, size, precision).items():
            contestants[case, name, "ms/iteration"] = run, size
    for size in (64, 512) if on_gpu else (8,):
        for precision in ("fp32", "bf16") if on_gpu else ("fp32",):
            case = f"char_lm, B = {size}, {precision}"
            for name, run in _both(record, windows, "char_lm", size, precision).items():
                contestants[case, name, "tokens/s"] = run, size
    _rounds(record, contestants, rounds=rounds, seconds=1.0 if on_gpu else 0.01)


def _rounds(record: Record, contestants: dict[Any, Any], *, rounds: int, seconds: float) -> None:
    counts: dict[Any, int] = {}
    for _ in range(rounds):
        for (case, name, unit), (run, size) in contestants.items():
            key = case, name
            if record.left() < 0:
                return record.note(f"out of time at {case}, {name}")
            if counts.get(key) == 0:
                continue
            try:
                counts[key] = counts.get(key) or max(2, round(seconds / run(3)))
                each = run(counts[key])
            except Exception as error:  # noqa: BLE001  what fails leaves the others their time
                record.note(f"{case}, {name}: {type(error).__name__}: {error}".splitlines()[0])
                counts[key] = 0
                continue
            record.add(case, name, unit, [1000 * each if unit == "ms/iteration" else 64 * size / each])
    return None


def random_images(examples: int) -> DataSets:
    """Return pixels and labels in the form of CIFAR-10."""
    generator = torch.Generator().manual_seed(0)

    def part(count: int) -> tuple[Tensor, Tensor]:
        pixels = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
        return pixels, torch.randint(10, (count,), generator=generator)

    return DataSets(part(examples), part(64))


def _both(
    record: Record, data: DataSets, name: str, batch_size: int, precision: str
) -> dict[str, Callable[[int], float]]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        "ours": partial(_ours, record, data, name, batch_size, device.type, precision),
        "bare loop, channels_last": bare_loop(data, load_workload(name), batch_size, device, precision),
    }


def _ours(
    record: Record, data: DataSets, name: str, batch_size: int, device: str, precision: str, iterations: int
) -> float:
    timed = iterations_of_trial(data, batch_size, device, iterations, workload=name, precision=precision)
    if timed.ending.message:
        record.note(f"{name}, {precision}: {timed.ending.message}")
    return timed.seconds / iterations


def bare_loop(
    data: DataSets, workload: Workload, batch_size: int, device: torch.device, precision: str
) -> Callable[[int], float]:
    """Return what trains so many iterations on resident data as fast as plain PyTorch does, and says their seconds."""
    made: list[Callable[[], None]] = []

    def train(iterations: int) -> float:
        # What a trial before this has set.
        set_float32_products(precision)  # type: ignore[arg-type]
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = False, True
        if not made:
            made.append(_iteration(data, workload, batch_size, device, is_bf16=precision == "bf16"))
            seconds_each(made[0], 5 if device.type == "cuda" else 1)
        return seconds_each(made[0], iterations)

    return train


def _iteration(
    data: DataSets, workload: Workload, batch_size: int, device: torch.device, *, is_bf16: bool
) -> Callable[[], None]:
    torch.manual_seed(0)
    model = workload.model().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, fused=True)
    tensors = tuple(tensor.to(device) for tensor in data.train)  # type: ignore[union-attr]
    order = torch.randperm(len(tensors[0])).to(device)
    place = 0

    def iteration() -> None:
        nonlocal place
        batch = workload.prepare(*(t.index_select(0, order[place : place + batch_size]) for t in tensors))
        batch = tuple(t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for t in batch)
        place = place + batch_size if place + 2 * batch_size <= len(order) else 0
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16) if is_bf16 else contextlib.nullcontext():
            loss = workload.loss(model, *batch)
        loss.backward()
        optimizer.step()

    return iteration
