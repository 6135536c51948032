"""The machine that a trial runs on: brought to the state that a trial starts from, its memory, and what it is."""

from __future__ import annotations

import functools
import gc
import os
import platform
import socket
import sys
from pathlib import Path

import torch

from bs_study.config import TrialConfig
from bs_study.training.placement import Machine
from bs_study.training.precision import set_float32_products
from bs_study.training.randomness import seed_generators
from bs_study.version import __version__


def set_up(machine: Machine, *, trial: TrialConfig) -> None:
    """Bring the process to the state that a trial starts from, whatever ran in it before.

    Threads count as part of the device: sums are split among them, and so rounded differently.
    """
    torch.set_num_threads(machine.threads)
    seed_generators(trial.seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    set_float32_products(trial.settings.precision)
    device = torch.device(machine.device)
    if device.type == "cuda":
        torch.cuda.synchronize()
        if torch.cuda.current_stream() == torch.cuda.default_stream():  # on which no CUDA graph can be captured
            # One for all trials of the process: cuBLAS keeps a workspace for each stream that it has seen.
            torch.cuda.set_stream(torch.cuda.Stream())  # type: ignore[no-untyped-call]
    gc.collect()  # the trial before is a cycle of references, and on a GPU its memory is not yet free
    _look_past_libraries()
    _reset_peak_memory(device)


@functools.cache
def _look_past_libraries() -> None:
    """Let no collection look again through what the libraries hold, which stays: that took half of a short trial.

    Once in a process. To ask the collector whether it was done takes longer the more there is.
    """
    gc.freeze()


def _reset_peak_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    elif os.access("/proc/self/clear_refs", os.W_OK):
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak resident size back to the present one


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory in use since the trial began: on the GPU, or by the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine_columns(machine: Machine) -> dict[str, object]:
    """Return the columns of `trials` and `timings` that say on what one ran; threads are those of this process."""
    return {
        "device": machine.device,
        "device_name": device_name(machine),
        "host": socket.gethostname(),
        "node_id": machine.node_id,
        "gpu_ids": machine.gpu_ids,
        "threads": torch.get_num_threads(),
        "bs_study_version": __version__,
        "python_version": platform.python_version(),
        "torch_version": torch.__version__,
        "ray_version": machine.ray_version,
        "cuda_version": torch.version.cuda if machine.device == "cuda" else None,
    }


def machine_kind(machine: Machine) -> dict[str, object]:
    """Return what of a machine decides how long an iteration takes."""
    return {
        "device": machine.device,
        "device_name": device_name(machine),
        "threads": machine.threads,
        "loader_processes": machine.loader_processes,
    }


def device_name(machine: Machine) -> str:
    return torch.cuda.get_device_name() if machine.device == "cuda" else cpu_name()


def cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
