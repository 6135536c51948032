"""TensorBoard's files hold each number under its iteration, and what the trial and the answer are as texts."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from bs_study.config import LaunchOptions
from bs_study.launch.trackers.chosen import chosen_trackers
from bs_study.store.paths import StudyPaths, study_paths
from tests.launch.trackers.told import ANSWER, LABELS, LOSS, TRIAL, tell


def told_folder(paths: StudyPaths) -> Path:
    (tracker,) = chosen_trackers(LaunchOptions(tensorboard=True), paths)
    tell(tracker)
    return Path(paths.root, "tensorboard")


def values(folder: Path) -> dict[str, dict[int, Any]]:
    """Read an event file: records of an 8-byte length, its checksum, a protocol buffer and its checksum."""
    event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    (file,) = folder.iterdir()
    data, found = file.read_bytes(), {}
    while data:
        length = int.from_bytes(data[:8], "little")
        event = event_pb2.Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            text = [part.decode() for part in value.tensor.string_val]
            found.setdefault(value.tag, {})[event.step] = text[0] if text else value.simple_value
        data = data[16 + length :]
    return found


def test_each_number_lies_under_its_iteration(paths: StudyPaths) -> None:
    found = values(told_folder(paths) / TRIAL.trial_id)
    assert found["loss"] == pytest.approx(LOSS)
    assert found["running/loss"] == {15: 7.0}


def test_the_trial_and_the_answer_are_texts(paths: StudyPaths) -> None:
    folder = told_folder(paths)
    ((_, text),) = values(folder / TRIAL.trial_id)["trial/text_summary"].items()
    for name, value in (LABELS | {"status": "completed", "stop_reason": "max_iterations"}).items():
        assert f"| {name} | {value} |" in text
    ((_, text),) = values(folder / "study")["answer/text_summary"].items()
    for name, value in ANSWER.items():
        assert f"| {name} | {value} |" in text


def test_files_of_a_study_in_a_bucket_lie_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tracker,) = chosen_trackers(LaunchOptions(tensorboard=True), study_paths("s3://bucket/study?region=us-east-1"))
    tell(tracker)
    assert (tmp_path / "bs_study" / "study" / "tensorboard" / TRIAL.trial_id).is_dir()


def test_what_is_told_again_of_a_trial_that_goes_on_takes_the_place_of_what_was_told(paths: StudyPaths) -> None:
    event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    starts = []
    for attempt in range(2):
        folder = told_folder(paths) / TRIAL.trial_id
        (file,) = folder.glob("events*")
        starts.append(_starts(file.read_bytes(), event_pb2.Event))
        file.rename(folder / f"earlier-{attempt}")  # two within a second have the same name
    assert starts == [[], [0]]  # where TensorBoard drops what it has read


def _starts(data: bytes, event_class: Any) -> list[int]:
    found = []
    while data:
        length = int.from_bytes(data[:8], "little")
        event = event_class.FromString(data[12 : 12 + length])
        if event.HasField("session_log"):
            found.append(event.step)
        data = data[16 + length :]
    return found
