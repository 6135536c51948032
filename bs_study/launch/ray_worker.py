"""What each worker of Ray is sent, and what a trial may use there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import ray
import torch

from bs_study.launch.shared_data import SharedArrays, shared_tensors
from bs_study.launch.workload_code import Code, use_code
from bs_study.training.data import DataSets
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.workloads.given import Made, give


@dataclass(frozen=True)
class Parcel:
    """What the driver sends to all workers, once per node.

    Args:
        place: where trials read and write.
        machine: what each may use, but for what only its worker knows.
        pacing: how often a trial is heard of.
        launched: when the study was started or resumed.
        arrays: the data sets that the driver has read; None if each worker reads them.
        code: the workload's modules, where a worker may be on another machine.
        workload: its name.
        given: the workload itself, where it is code of a notebook or a script: it travels by value.
    """

    place: Place
    machine: Machine
    pacing: Pacing
    launched: datetime
    arrays: SharedArrays | None
    code: Code
    workload: str
    given: Made | None

    def unpacked(self) -> tuple[Machine, DataSets | None]:
        """Let this worker find the workload; return what a trial may use here, and its data."""
        if self.code:
            use_code(self.code)
        if self.given:
            give(self.given, name=self.workload)
        gpu_ids = ray.get_gpu_ids()
        # By what this worker was given: on a machine with GPUs, a trial without one sees them all.
        machine = replace(
            self.machine,
            device="cuda" if gpu_ids and torch.cuda.is_available() else "cpu",
            node_id=ray.get_runtime_context().get_node_id(),
            gpu_ids=",".join(str(gpu_id) for gpu_id in gpu_ids) or None,
            ray_version=ray.__version__,
        )
        return machine, shared_tensors(self.arrays) if self.arrays else None
