"""Where a trial runs: its device, threads and memory, and the columns of `trials` that tell of them."""

from __future__ import annotations

import gc
import os
import platform
import socket
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import torch

import bs_study
from bs_study.config import TrialConfig
from bs_study.store.paths import PATIENCE_SECONDS, StudyPaths, study_paths
from bs_study.training.data import DataSets
from bs_study.training.precision import set_float32_products
from bs_study.training.randomness import seed_generators


@dataclass(frozen=True)
class Surroundings:
    """What a launcher gives a trial: where its study and its data lie, and what it may use.

    Args:
        study: folder or URI of the study.
        data_dir: folder with data sets.
        metrics: the metric columns of evaluations.
        device: "cpu" or "cuda".
        threads: CPU threads of torch.
        loader_processes: processes that read batches ahead, where they are not resident.
        checkpoint_seconds: between writes of what the trial has recorded.
        report_seconds: between reports of its progress, at least.
        store_patience_seconds: how long a store that stops answering is waited for.
        trial_timeout: seconds without progress that end a trial as failed; None waits for ever.
        launched: when the study was started or resumed, UTC.
        ray_version: None without Ray, as is node_id.
        gpu_ids: the GPUs that the trial was given, as "0" or "0,1".
        data: the data sets, if they are at hand; else the trial reads them.
    """

    study: str
    data_dir: Path
    metrics: tuple[str, ...]
    device: str
    threads: int
    checkpoint_seconds: float
    loader_processes: int = 0
    report_seconds: float = 1.0
    store_patience_seconds: float = PATIENCE_SECONDS
    trial_timeout: float | None = None
    launched: datetime | None = None
    ray_version: str | None = None
    node_id: str | None = None
    gpu_ids: str | None = None
    data: DataSets | None = field(default=None, repr=False)


def study_of(surroundings: Surroundings) -> StudyPaths:
    """Return the paths of the study that a trial writes to."""
    return study_paths(surroundings.study, patience_seconds=surroundings.store_patience_seconds)


def set_up(surroundings: Surroundings, *, trial: TrialConfig) -> None:
    """Bring the process to the state that a trial starts from, whatever ran in it before.

    Threads count as part of the device: sums are split among them, and so rounded differently.
    """
    torch.set_num_threads(surroundings.threads)
    seed_generators(trial.seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    set_float32_products(trial.precision)
    device = torch.device(surroundings.device)
    if device.type == "cuda":
        torch.cuda.synchronize()
        if torch.cuda.current_stream() == torch.cuda.default_stream():  # on which no CUDA graph can be captured
            # One for all trials of the process: cuBLAS keeps a workspace for each stream that it has seen.
            torch.cuda.set_stream(torch.cuda.Stream())  # type: ignore[no-untyped-call]
    gc.collect()  # the trial before is a cycle of references, and on a GPU its memory is not yet free
    _reset_peak_memory(device)


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


def surroundings_columns(surroundings: Surroundings) -> dict[str, object]:
    """Return the columns of `trials` that say on what a trial ran."""
    on_gpu = surroundings.device == "cuda"
    return {
        "device": surroundings.device,
        "device_name": torch.cuda.get_device_name() if on_gpu else cpu_name(),
        "host": socket.gethostname(),
        "node_id": surroundings.node_id,
        "gpu_ids": surroundings.gpu_ids,
        "threads": torch.get_num_threads(),
        "bs_study_version": bs_study.__version__,
        "python_version": platform.python_version(),
        "torch_version": torch.__version__,
        "ray_version": surroundings.ray_version,
        "cuda_version": torch.version.cuda if on_gpu else None,
    }


def cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
