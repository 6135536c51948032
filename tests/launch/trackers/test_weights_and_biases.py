"""W&B holds a run for each trial, in the study's group."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bs_study.config import LaunchOptions
from bs_study.launch.trackers.chosen import chosen_trackers
from bs_study.store.paths import StudyPaths
from tests.launch.trackers.told import ANSWER, LABELS, TRIAL, tell


def test_offline_runs_hold_group_tags_numbers_status_and_the_answer(
    paths: StudyPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    (tracker,) = chosen_trackers(LaunchOptions(wandb=True), paths)
    tell(tracker)
    whole = [b"completed", b"max_iterations", TRIAL.trial_id.encode(), b"running/loss", paths.name.encode()]
    tags = [f"{name}={value}".encode() for name, value in LABELS.items() if name != "study"]
    answer = [str(ANSWER["answer"]).encode(), b"leaning", b"best_batch_size"]
    _found_in_one_file(tmp_path, [*whole, *tags])
    _found_in_one_file(tmp_path, answer)
    _found_in_one_file(tmp_path, [b"seed=1", b"interrupted"])


def _found_in_one_file(folder: Path, texts: list[bytes]) -> None:
    """Wait until a run's file holds them all: a process of W&B's own writes it, a while after the run's end."""
    deadline = time.monotonic() + 20
    while not any(
        all(text in file.read_bytes() for text in texts) for file in folder.glob("wandb/offline-run-*/*.wandb")
    ):
        assert time.monotonic() < deadline, texts
        time.sleep(0.1)
