"""A checkpoint that can't be continued from is set aside with a message; nothing in one is ever executed."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study import Study
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.training.progress import Ending

Run = Callable[..., tuple[Ending, Study]]
TRIAL = {
    "workload": "faulty_workloads:Interrupted", "optimizer": "adam", "lr_decay": "cosine", "max_iterations": 60,
    "stop_at_target": False, "checkpoint_seconds": 1e-9,
}  # fmt: skip


@pytest.fixture(scope="module")
def unbroken(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The losses of the trial when nothing happens to it."""
    paths = study_paths(tmp_path_factory.mktemp("unbroken") / "study")
    losses: list[float] = run_in(paths, **TRIAL)[1].iterations()["loss"].tolist()
    return losses


@pytest.fixture(scope="module")
def interrupted(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study whose trial was interrupted after 40 iterations."""
    paths = study_paths(tmp_path_factory.mktemp("interrupted") / "study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("faulty_workloads").Interrupted, "after", 40)
        with pytest.raises(RuntimeError, match="interrupted by the test"):
            run_in(paths, **TRIAL)
    return Path(paths.root)


@pytest.fixture
def folder(interrupted: Path, paths: StudyPaths) -> Path:
    """The folder of the attempt that was interrupted, in a study of the test's own, with two checkpoints."""
    shutil.copytree(interrupted, paths.root)
    (attempt,) = Path(paths.live).glob("*/*")
    assert {"checkpoint.pt", "checkpoint-previous.pt"} <= {file.name for file in attempt.iterdir()}
    return attempt


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


def test_a_trial_goes_on_from_its_newest_checkpoint_with_the_losses_of_an_unbroken_one(
    run: Run, folder: Path, unbroken: list[float]
) -> None:
    newest = iterations_of(folder / "checkpoint.pt")
    assert 0 < newest <= 40
    assert finished(run, unbroken) == (newest, "")


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def noise(file: Path) -> None:
    file.write_bytes(bytes(i * 7919 % 251 for i in range(file.stat().st_size)))


def one_byte_changed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def changed(file: Path, **changes: Any) -> None:
    state = torch.load(io.BytesIO(file.read_bytes()), weights_only=True) | changes
    torch.save({name: value for name, value in state.items() if value is not ...}, file)


def of_another_trial(file: Path) -> None:
    changed(file, trial_id="b60-lr0.02-s0-3f9a2c")


def a_list(file: Path) -> None:
    torch.save([1, 2, 3], file)


def without_parts(file: Path) -> None:
    changed(file, parts=...)


def with_odd_parts(file: Path) -> None:
    changed(file, parts=[1, "two"])


DAMAGES = [cut_short, empty, noise, one_byte_changed, of_another_trial, a_list, without_parts, with_odd_parts]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_with_a_message_for_the_one_before(
    run: Run, folder: Path, unbroken: list[float], damage: Callable[[Path], None]
) -> None:
    before = iterations_of(folder / "checkpoint-previous.pt")
    damage(folder / "checkpoint.pt")
    went_on, message = finished(run, unbroken)
    assert went_on == before
    assert f"{folder.name}/checkpoint.pt was set aside" in message
    assert "checkpoint-previous.pt" not in message


@pytest.mark.parametrize("damage", [cut_short, of_another_trial])
def test_without_a_sound_checkpoint_a_trial_starts_from_zero_and_says_so(
    run: Run, folder: Path, unbroken: list[float], damage: Callable[[Path], None]
) -> None:
    for name in ("checkpoint.pt", "checkpoint-previous.pt"):
        damage(folder / name)
    went_on, message = finished(run, unbroken)
    assert went_on == 0
    assert message.count("was set aside") == 2


@pytest.mark.parametrize("damage", [Path.unlink, cut_short, noise])
@pytest.mark.parametrize("table", ["iterations", "evaluations"])
def test_a_checkpoint_that_stands_on_a_part_that_is_gone_or_damaged_is_set_aside(
    run: Run, folder: Path, unbroken: list[float], damage: Callable[[Path], None], table: str
) -> None:
    before = iterations_of(folder / "checkpoint-previous.pt")
    state = torch.load(io.BytesIO((folder / "checkpoint.pt").read_bytes()), weights_only=True)
    number = f"{state['parts'][-1][1]:012d}"
    damage(folder / f"{table}-{number}.parquet")
    went_on, message = finished(run, unbroken)
    assert went_on == before
    assert number in message


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


class Code:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("wrapped", [True, False], ids=["saved-by-torch", "bare-pickle"])
def test_code_in_a_checkpoint_is_never_executed(
    run: Run, folder: Path, unbroken: list[float], tmp_path: Path, wrapped: bool
) -> None:
    content = {"trial_id": folder.parent.name, "parts": [], "code": Code(tmp_path / "executed")}
    for name in ("checkpoint.pt", "checkpoint-previous.pt"):
        if wrapped:
            torch.save(content, folder / name)
        else:
            (folder / name).write_bytes(pickle.dumps(content))
    went_on, message = finished(run, unbroken)
    assert went_on == 0
    assert message.count("was set aside") == 2
    assert not (tmp_path / "executed").exists()
