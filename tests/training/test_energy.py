"""The energy of an iteration: by a counter that moves in steps, and only where nothing else is on the GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bs_study import TrialConfig
from bs_study.training import repeats, timing
from bs_study.training.energy import EnergyMeter, NvmlMeter, energy_meter, iteration_joules
from bs_study.training.placement import Machine


class Gpu:
    """Stands in for pynvml: a GPU that takes 300 W while it computes, whose counter is read in steps.

    Args:
        step_seconds: between two counts.
        others: processes beside ours.
        fails: whether NVML answers no question but the first, of which GPU.
    """

    class NVMLError(Exception):
        pass

    def __init__(self, *, step_seconds: float = 0.1, others: int = 0, fails: bool = False) -> None:
        self.seconds, self.waits = 0.0, 0
        self.others = others
        self._step, self._fails = step_seconds, fails

    def compute(self, iterations: int) -> None:
        self.seconds += 0.01 * iterations

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802  NVML's own names
        if uuid != "GPU-1":
            raise self.NVMLError("not found")
        return uuid

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[str]:  # noqa: N802
        return ["a process"] * (1 + self.others)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        if self._fails or handle != "GPU-1":
            raise self.NVMLError("not supported")
        return round(300_000 * self._step * (self.seconds // self._step))

    def wait(self) -> None:
        self.waits += 1


def meter(gpu: Gpu) -> NvmlMeter:
    return NvmlMeter(gpu, "GPU-1", wait=gpu.wait)


def test_an_iteration_of_10_ms_at_300_w_takes_3_joules_to_one_step_of_the_counter() -> None:
    gpu = Gpu()
    assert iteration_joules(gpu.compute, meter(gpu), iteration_seconds=0.01) == pytest.approx(3.0, rel=0.1)
    assert gpu.seconds == pytest.approx(3.0)  # three repeats of a second
    assert gpu.waits == 4  # a kernel that still runs is in no reading


def test_a_counter_that_stands_still_gives_no_energy_and_never_0() -> None:
    gpu = Gpu(step_seconds=5.0)
    assert iteration_joules(gpu.compute, meter(gpu), iteration_seconds=0.01) is None


def test_beside_another_process_nothing_is_known() -> None:
    busy = Gpu(others=1)
    assert iteration_joules(busy.compute, meter(busy), iteration_seconds=0.01) is None
    assert busy.seconds == 0
    joined = Gpu()

    def compute(iterations: int) -> None:
        joined.compute(iterations)
        joined.others = int(joined.seconds > 1.5)

    assert iteration_joules(compute, meter(joined), iteration_seconds=0.01) is None


def test_a_process_that_sees_no_process_not_even_itself_knows_nothing() -> None:
    blind = Gpu(others=-1)
    assert iteration_joules(blind.compute, meter(blind), iteration_seconds=0.01) is None


def test_a_gpu_without_a_counter_gives_none() -> None:
    assert meter(Gpu(fails=True)).joules() is None


def test_a_cpu_has_no_meter() -> None:
    assert energy_meter(torch.device("cpu")) is None
    assert iteration_joules(lambda _: None, None, iteration_seconds=0.01) is None


class Steady:
    """Counts 5 J between two readings."""

    def __init__(self) -> None:
        self._joules = 0.0

    def joules(self) -> float:
        self._joules += 5.0
        return self._joules


@pytest.mark.parametrize("found", [Steady(), None], ids=["a meter", "none"])
def test_a_timing_has_the_energy_of_an_iteration_where_there_is_a_meter(
    found: EnergyMeter | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "LONGEST_SECONDS", 0.0)
    monkeypatch.setattr(repeats, "PASSES", 1)
    monkeypatch.setattr("bs_study.training.energy.ENERGY_SECONDS", 1e-9)
    monkeypatch.setattr(timing, "energy_meter", lambda _: found)
    trial = TrialConfig(batch_size=64, lr=0.01, seed=0, max_iterations=10)
    row = timing.time_batch_size(trial, Machine("cpu", threads=1), data_dir=Path("/"), give_up=lambda: None).columns()
    assert row["status"] == "completed"
    assert row["energy_joules"] == (5.0 if found else None)  # of the one iteration of a repeat
    assert row["parameters"] == 16 * (9 + 1) + 32 * (16 * 9 + 1) + 10 * (128 + 1)
