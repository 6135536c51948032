"""A trial that an error has interrupted, its checkpoints, and how it goes on."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bs_study import Study
from bs_study.training.progress import Ending

Run = Callable[..., tuple[Ending, Study]]
TRIAL = {
    "workload": "faulty_workloads:Interrupted", "optimizer": "adam", "lr_decay": "cosine", "max_iterations": 60,
    "stop_at_target": False, "checkpoint_seconds": 1e-9,
    "loss_limit": 1e6,  # given, so that each loss in training mode is of an update
}  # fmt: skip


def finished(run: Run, unbroken: list[float]) -> tuple[int, str]:
    """Finish the trial; return at which iteration it went on, and the message in its row."""
    module = importlib.import_module("faulty_workloads")
    counted: list[int] = []
    original = module.Interrupted.loss

    def counting(self: Any, model: Any, *batch: Any) -> Any:
        counted.append(model.training)
        return original(self, model, *batch)

    module.Interrupted.loss = counting
    try:
        ending, study = run(**TRIAL)
    finally:
        module.Interrupted.loss = original
    assert ending.status == "completed"
    assert study.iterations()["iteration"].tolist() == list(range(1, 61))
    assert study.iterations()["loss"].tolist() == unbroken
    return 60 - sum(counted), study.trials()["message"].fillna("").iloc[0]


def iterations_of(checkpoint: Path) -> int:
    state = torch.load(io.BytesIO(checkpoint.read_bytes()), weights_only=True)
    return int(state["standing"]["iteration"])


def changed(file: Path, **changes: Any) -> None:
    state = torch.load(io.BytesIO(file.read_bytes()), weights_only=True) | changes
    torch.save({name: value for name, value in state.items() if value is not ...}, file)
