"""A checkpoint that no longer fits what is trained is set aside with a message, and leaves no trace in the trial."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study.store.paths import study_paths
from tests.training.interrupted import TRIAL, Run, changed, finished, iterations_of


def without_kernels(file: Path) -> None:
    changed(file, kernels=...)


def with_unknown_kernels(file: Path) -> None:
    changed(file, kernels=("magic", 64))


def of_another_version(file: Path) -> None:
    state = torch.load(io.BytesIO(file.read_bytes()), weights_only=True)
    changed(file, standing=state["standing"] | {"mood": 1})


def changed_learner(file: Path, **changes: Any) -> None:
    changed(file, learner=torch.load(io.BytesIO(file.read_bytes()), weights_only=True)["learner"] | changes)


def of_another_optimizer(file: Path) -> None:
    parameters = [torch.nn.Parameter(torch.zeros(10, 64)), torch.nn.Parameter(torch.zeros(10))]
    changed_learner(file, optimizer=torch.optim.SGD(parameters, lr=0.1, momentum=0.9).state_dict())


def with_moments_of_another_shape(file: Path) -> None:
    optimizer = torch.load(io.BytesIO(file.read_bytes()), weights_only=True)["learner"]["optimizer"]
    optimizer["state"][0]["exp_avg"] = torch.zeros(10, 10)
    changed_learner(file, optimizer=optimizer)


def without_second_moments(file: Path) -> None:
    optimizer = torch.load(io.BytesIO(file.read_bytes()), weights_only=True)["learner"]["optimizer"]
    del optimizer["state"][1]["exp_avg_sq"]
    changed_learner(file, optimizer=optimizer)


MISFITS = {
    without_kernels: "it lacks 'kernels'",
    with_unknown_kernels: "its kernels 'magic' are unknown",
    of_another_version: "mood",
    of_another_optimizer: "it does not fit the optimizer, Adam: it has no betas",
    with_moments_of_another_shape: "exp_avg is of shape (10, 10) for a parameter of (10, 64)",
    without_second_moments: "it does not fit the optimizer, Adam: it keeps exp_avg, step",
}


@pytest.mark.parametrize(("spoil", "told"), MISFITS.items())
def test_a_checkpoint_that_does_not_fit_is_set_aside_with_a_message_for_the_one_before(
    run: Run, folder: Path, unbroken: list[float], spoil: Callable[[Path], None], told: str
) -> None:
    before = iterations_of(folder / "checkpoint-previous.pt")
    spoil(folder / "checkpoint.pt")
    went_on, message = finished(run, unbroken)
    assert went_on == before
    assert f"{folder.name}/checkpoint.pt was set aside: " in message
    assert told in message


MODELS = {
    "1.weight was not there, and is of shape (64,)": lambda: (torch.nn.BatchNorm1d(64), torch.nn.Linear(64, 10)),
    "2.weight was of shape (10, 64), and is of shape (32, 64)": lambda: (
        torch.nn.Dropout(0.2), torch.nn.Linear(64, 32), torch.nn.Linear(32, 10),
    ),
    "2.bias was of shape (10,), and is not there": lambda: (
        torch.nn.Dropout(0.2), torch.nn.Linear(64, 10, bias=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "layers"), MODELS.items())
def test_a_trial_whose_model_has_changed_begins_anew_with_the_weights_of_its_seed(
    run: Run, run_in: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, layers: Any
) -> None:
    def model(self: Any) -> torch.nn.Module:
        self._updates = 0
        return torch.nn.Sequential(torch.nn.Flatten(), *layers())

    monkeypatch.setattr(importlib.import_module("faulty_workloads").Interrupted, "model", model)
    anew: list[float] = run_in(study_paths(tmp_path / "anew" / "study"), **TRIAL)[1].iterations()["loss"].tolist()
    went_on, message = finished(run, anew)
    assert went_on == 0
    assert message.count("was set aside: it does not fit the model: ") == 2
    assert told in message
