"""Checkpoints: what a new attempt needs to continue a trial as if it had never been interrupted.

Each attempt keeps its last two under `live/<trial_id>/<attempt>/`. A checkpoint is written after the parts it stands on
and names them. It is read with `weights_only=True`: tensors, numbers, text, and nothing that could run code.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any

import torch

from bs_study.store.faults import reason
from bs_study.store.parts import Part, attempts, is_sound
from bs_study.store.paths import StudyPaths
from bs_study.training.learner import Learner

NAMES = ("checkpoint.pt", "checkpoint-previous.pt")

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)
"""What reading a file raises that is no checkpoint, or one that was made to look like one."""

State = dict[str, Any]


def write_checkpoint(paths: StudyPaths, trial_id: str, attempt: str, state: State) -> None:
    """Write a checkpoint of an attempt; the last one becomes the one before."""
    folder = f"{paths.live_trial(trial_id)}/{attempt}"
    buffer = io.BytesIO()
    torch.save(state | {"trial_id": trial_id}, buffer)
    newest, previous = (f"{folder}/{name}" for name in NAMES)
    if paths.exists(newest):
        paths.move(newest, previous)
    paths.write(newest, buffer.getvalue())


def newest_checkpoint(paths: StudyPaths, trial_id: str) -> tuple[State | None, list[str | None]]:
    """Return the newest checkpoint that can be continued from, if there is one, and why newer ones can't be."""
    complaints: list[str | None] = []
    for attempt in reversed(attempts(paths, trial_id)):
        folder = f"{paths.live_trial(trial_id)}/{attempt}"
        for name in NAMES:
            if paths.exists(f"{folder}/{name}"):
                try:
                    return _read(paths, trial_id, f"{folder}/{name}"), complaints
                except ValueError as error:
                    complaints.append(f"{attempt}/{name} was set aside: {error}")
    return None, complaints


def _read(paths: StudyPaths, trial_id: str, file: str) -> State:
    state = _loaded(_content(paths, file))
    if not isinstance(state, dict) or state.get("trial_id") != trial_id:
        raise ValueError("it is of another trial")
    try:
        state["parts"] = [Part(*part) for part in state["parts"]]
    except (KeyError, TypeError) as error:
        raise ValueError("it does not say on which parts it stands") from error
    known = attempts(paths, trial_id)
    unsound = [part for part in state["parts"] if part.attempt not in known or not is_sound(paths, trial_id, part)]
    if unsound:
        raise ValueError(f"it stands on a part that is gone or damaged, {unsound[0].file('iterations')}")
    return state


def _content(paths: StudyPaths, file: str) -> bytes:
    try:
        return paths.read(file)
    except OSError as error:
        if paths.is_local or isinstance(error, FileNotFoundError):
            raise ValueError(f"it can't be read ({reason(error)})") from error
        raise  # an object store that does not answer says nothing about the checkpoint


def _loaded(content: bytes) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()  # torch does not look at the checksums that it writes
        if damaged:
            raise ValueError(f"the checksum of {damaged} is wrong")
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise ValueError(f"it can't be read ({reason(error)})") from error


def learner_state(learner: Learner) -> State:
    """Return the state of model and optimizer."""
    return {
        "model": learner.model.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "micro_batch": learner.micro_batch,
        "clipped": int(learner.clipped),
    }


def restore_learner(learner: Learner, state: State, *, iteration: int) -> None:
    """Bring a newly built learner to a saved state, after an iteration."""
    lrs = [group["lr"] for group in learner.optimizer.param_groups]
    learner.model.load_state_dict(state["model"])
    learner.optimizer.load_state_dict(state["optimizer"])
    learner.micro_batch = state["micro_batch"]
    learner.clipped.fill_(state["clipped"])
    for group, lr in zip(learner.optimizer.param_groups, lrs, strict=True):
        group["lr"] = lr  # where the learner was built to have it: on the host, or on the device
    if learner.schedule:
        learner.schedule.start(iteration + 1)
