"""The energy of an iteration on a GPU, by its own counter, where nothing else computes on it."""

from __future__ import annotations

import contextlib
import importlib
import itertools
from collections.abc import Callable
from statistics import median
from typing import Any, Protocol

import torch

ENERGY_REPEATS = 3
ENERGY_SECONDS = 1.0
"""Of each, at least: GPUs count up every 20 to 100 ms, so a repeat of the times may see no step or one too many."""


class EnergyMeter(Protocol):
    """Counts what a device has used."""

    def joules(self) -> float | None:
        """Return what the device has used so far; None where that is not known to be of this process alone."""


class NvmlMeter:
    """The counter of a GPU, which NVML has from Volta on.

    Args:
        nvml: the module `pynvml`, initialised, or what stands in for it.
        uuid: of the GPU. Its number among those that this process sees is not the one that NVML has.
        wait: waits until the GPU has done all that it was given.

    Raises:
        nvml.NVMLError: there is no such GPU.
    """

    def __init__(self, nvml: Any, uuid: str, *, wait: Callable[[], object]) -> None:
        self._nvml, self._wait = nvml, wait
        self._gpu = nvml.nvmlDeviceGetHandleByUUID(uuid)

    def joules(self) -> float | None:
        self._wait()
        try:
            # This process computes, so one that is listed is this one: in a container its number is another. Where
            # none is listed, others are not either.
            if len(self._nvml.nvmlDeviceGetComputeRunningProcesses(self._gpu)) != 1:
                return None
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._gpu)) / 1000  # from millijoules
        except self._nvml.NVMLError:
            return None


def energy_meter(device: torch.device) -> EnergyMeter | None:
    """Return the meter of a device; None of a CPU, without the package nvidia-ml-py, or where NVML does not answer."""
    if device.type != "cuda":
        return None
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    with contextlib.suppress(nvml.NVMLError, AttributeError):  # a torch or a pynvml without what is asked
        nvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        return NvmlMeter(nvml, uuid, wait=torch.cuda.synchronize)
    return None


def iteration_joules(
    run: Callable[[int], object], meter: EnergyMeter | None, *, iteration_seconds: float
) -> float | None:
    """Return the energy of an iteration, median of repeats that are long enough for the counter.

    None without a meter, where a reading is not of this process alone, and where the counter stood still.

    Args:
        run: makes so many iterations.
        iteration_seconds: what one takes.
    """
    if meter is None:
        return None
    iterations = max(1, round(ENERGY_SECONDS / iteration_seconds))
    readings = [meter.joules()]
    while len(readings) <= ENERGY_REPEATS and readings[-1] is not None:
        run(iterations)
        readings.append(meter.joules())
    known = [reading for reading in readings if reading is not None]
    used = [after - before for before, after in itertools.pairwise(known)]
    is_whole = len(used) == ENERGY_REPEATS and min(used) > 0
    return median(used) / iterations if is_whole else None
