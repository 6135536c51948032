"""Where a trial runs: its study and its data, what it may use of a machine, and how often it is heard of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bs_study.store.paths import StudyPaths


@dataclass(frozen=True)
class Place:
    """Where a trial reads and writes.

    Args:
        paths: of its study.
        data_dir: folder with data sets.
        metrics: the metric columns of evaluations; none of a function, whose metrics are known once it reports them.
        loss_batch: of how many examples an evaluation computes a loss that is no mean over examples; None elsewhere.
        workload_version: which of the study's versions of workload and data this is.
        unheeded: settings that say nothing of how a function trains; they are null in the rows of its trials.
    """

    paths: StudyPaths
    data_dir: Path
    metrics: tuple[str, ...]
    loss_batch: int | None = None
    workload_version: int = 1
    unheeded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine:
    """What a trial may use of the machine that it runs on.

    Args:
        device: "cpu" or "cuda".
        threads: CPU threads of torch.
        loader_processes: processes that read batches ahead, where they are not resident.
        node_id: of Ray; None without it, as is ray_version.
        gpu_ids: the GPUs that the trial was given, as "0" or "0,1".
    """

    device: str
    threads: int
    loader_processes: int = 0
    node_id: str | None = None
    gpu_ids: str | None = None
    ray_version: str | None = None


@dataclass(frozen=True)
class Probing:
    """What is looked at in a trial beside its losses. None of it changes them.

    Args:
        gradients: probe them as it trains.
        curvature: at each probe the sharpness of a batch, and at the end the largest eigenvalue of the Hessian.
    """

    gradients: bool = True
    curvature: bool = False


@dataclass(frozen=True)
class Pacing:
    """How often a trial is heard of, and what is looked at in it.

    Args:
        checkpoint_seconds: between writes of what it has recorded.
        report_seconds: between reports of its progress, at least.
        timeout_seconds: without progress that end it as failed; None waits for ever.
        probing: what else is looked at.
    """

    checkpoint_seconds: float
    report_seconds: float = 1.0
    timeout_seconds: float | None = None
    probing: Probing = Probing()
