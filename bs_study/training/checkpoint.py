"""Checkpoints: what a new attempt needs to continue a trial as if it had never been interrupted.

Each attempt keeps its last two under `live/<trial_id>/<attempt>/`; whatever ends it, the newest that was written is
there. A checkpoint is written after the parts it stands on and names them. It is read with `weights_only=True`:
tensors, numbers, text, and nothing that could run code. One that is damaged, or does not fit what the workload makes
now, is set aside: it stays where it is, and the trial's message tells.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from bs_study.store.faults import reason
from bs_study.store.parts import Part, attempts, is_sound
from bs_study.store.paths import StudyPaths
from bs_study.training.kernels import KERNELS, Kernels
from bs_study.training.learner import Learner, is_out_of_memory
from bs_study.training.optimizer import STATE_NAMES

NAMES = ("checkpoint-next.pt", "checkpoint.pt", "checkpoint-previous.pt")
"""Newest first. The first is there only until those before it have made room."""

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
    following, newest, previous = (f"{folder}/{name}" for name in NAMES)
    paths.write(following, buffer.getvalue())
    if paths.exists(newest):
        paths.move(newest, previous)
    paths.move(following, newest)


class MisfitError(ValueError):
    """A checkpoint does not fit what is trained now."""


def checkpoints(paths: StudyPaths, trial_id: str, complaints: list[str | None]) -> Iterator[tuple[str, State]]:
    """Yield the checkpoints of a trial that can be read, with their names, the newest first.

    Args:
        paths: the study.
        trial_id: of the trial.
        complaints: is told which can't be read, and why.
    """
    for attempt in reversed(attempts(paths, trial_id)):
        folder = f"{paths.live_trial(trial_id)}/{attempt}"
        for name in NAMES:
            if paths.exists(f"{folder}/{name}"):
                try:
                    state = _read(paths, trial_id, f"{folder}/{name}")
                except ValueError as error:
                    complaints.append(told_aside(f"{attempt}/{name}", error))
                else:
                    yield f"{attempt}/{name}", state


def told_aside(name: str, why: ValueError) -> str:
    return f"{name} was set aside: {why}"


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


@contextlib.contextmanager
def misfits_raise() -> Iterator[None]:
    """Raise a MisfitError for whatever is raised by a state that lacks something, or holds something else."""
    try:
        yield
    except MisfitError:
        raise
    except UNREADABLE as error:
        if is_out_of_memory(error):
            raise
        what = f"it lacks {error}" if isinstance(error, KeyError) else reason(error)
        raise MisfitError(f"it does not fit the trial ({what})") from error


def saved_kernels(state: State) -> Kernels | None:
    """Return the kernels that a trial was computed with.

    Raises:
        MisfitError: the state does not say, or there are none of this name.
    """
    with misfits_raise():
        if state["kernels"] is None:
            return None
        name, micro_batch = state["kernels"]
        if name not in KERNELS:
            raise MisfitError(f"its kernels {name!r} are unknown")
        return Kernels(name, int(micro_batch))


def restore_learner(learner: Learner, state: State, *, iteration: int) -> None:
    """Bring a newly built learner to a saved state, after an iteration. One that was misfit is half restored.

    Raises:
        MisfitError: the state is of another model or optimizer.
    """
    with misfits_raise():
        _refuse_other_model(learner.model.state_dict(), state["model"])
        _refuse_other_optimizer(learner.optimizer, state["optimizer"])
        lrs = [group["lr"] for group in learner.optimizer.param_groups]
        learner.model.load_state_dict(state["model"])
        learner.optimizer.load_state_dict(state["optimizer"])
        learner.micro_batch = int(state["micro_batch"])
        learner.clipped.fill_(state["clipped"])
        learner.begin()
    for group, lr in zip(learner.optimizer.param_groups, lrs, strict=True):
        group["lr"] = lr  # where the learner was built to have it: on the host, or on the device
    if learner.schedule:
        learner.schedule.start(iteration + 1)


def _refuse_other_model(model: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    for name in [*model, *saved]:
        now, before = _shape(model, name), _shape(saved, name)
        if now != before:
            raise MisfitError(f"it does not fit the model: {name} was {before}, and is {now}")


def _shape(state: Mapping[str, Any], name: str) -> str:
    if name not in state:
        return "not there"
    shape = getattr(state[name], "shape", None)
    return "no tensor" if shape is None else f"of shape {tuple(shape)}"


def _refuse_other_optimizer(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Raise where torch would not until the next step, or never."""
    kind = type(optimizer).__name__
    for group, before in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        for name in group:
            if name not in before:
                raise MisfitError(f"it does not fit the optimizer, {kind}: it has no {name}")
        for parameter, index in zip(group["params"], before["params"], strict=True):
            kept = saved["state"].get(index, {})
            if kept and set(kept) != STATE_NAMES[kind]:
                raise MisfitError(f"it does not fit the optimizer, {kind}: it keeps {', '.join(sorted(kept))}")
            for name, value in kept.items():
                if value is not None and value.dim() and value.shape != parameter.shape:
                    shapes = f"{tuple(value.shape)} for a parameter of {tuple(parameter.shape)}"
                    raise MisfitError(f"it does not fit the optimizer, {kind}: {name} is of shape {shapes}")
