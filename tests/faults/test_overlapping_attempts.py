"""Two attempts of one trial at once, as when a worker outlives its node: one answer, each row once."""

from __future__ import annotations

import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from bs_study import TrialConfig
from bs_study.store.commit import trial_row
from bs_study.store.paths import StudyPaths, study_paths
from tests.faults.attempts import begin_study, start_attempt, wait_until
from tests.faults.same_rows import assert_same_rows

TRIAL = TrialConfig(
    workload="faulty_workloads:Paced", batch_size=12, lr=0.01, seed=3, eval_every_examples=64, max_iterations=400
)


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """The same trial, by one attempt."""
    paths = study_paths(tmp_path / "alone" / "study")
    attempt = start_attempt(TRIAL, begin_study(paths))
    attempt.join(200)
    assert attempt.exitcode == 0
    return Path(paths.root)


def has_part(paths: StudyPaths) -> bool:
    return any(Path(paths.live).glob("*/*/iterations-*.parquet"))


def overtaken(paths: StudyPaths, pace: Path, monkeypatch: pytest.MonkeyPatch) -> BaseProcess:
    """Return a slow attempt that has written a part, and still runs when a quick one has committed the trial."""
    pace.write_text("0.1")
    old = start_attempt(TRIAL, begin_study(paths))
    wait_until(lambda: has_part(paths))
    monkeypatch.delenv("BS_STUDY_TEST_PACE")
    new = start_attempt(TRIAL, begin_study(paths))
    new.join(200)
    assert new.exitcode == 0
    assert old.is_alive(), "the old one was to be slower"
    return old


def test_attempts_that_start_at_once_give_one_answer_and_each_row_once(tmp_path: Path, alone: Path) -> None:
    for round_ in range(2):
        paths = study_paths(tmp_path / str(round_) / "study")
        both = [start_attempt(TRIAL, begin_study(paths)) for _ in range(2)]
        for attempt in both:
            attempt.join(200)
        assert [attempt.exitcode for attempt in both] == [0, 0]
        assert_same_rows(paths.root, alone)
        assert paths.names(paths.live) == []


def test_an_old_attempt_that_is_overtaken_ends_without_an_error_and_changes_nothing(
    tmp_path: Path, alone: Path, pace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = study_paths(tmp_path / "overtaken" / "study")
    old = overtaken(paths, pace, monkeypatch)
    answer = {file: file.read_bytes() for file in Path(paths.root).glob("*/*.parquet")}
    pace.unlink()
    old.join(200)
    assert old.exitcode == 0
    assert {file: file.read_bytes() for file in Path(paths.root).glob("*/*.parquet")} == answer
    assert_same_rows(paths.root, alone)
    assert paths.names(paths.live) == []


def test_an_old_attempt_that_commits_while_the_new_one_trains_leaves_one_answer(
    tmp_path: Path, alone: Path, pace: Path
) -> None:
    paths = study_paths(tmp_path / "kept" / "study")
    old = start_attempt(TRIAL, begin_study(paths))
    time.sleep(0.3)
    new = start_attempt(TRIAL, begin_study(paths), checkpoint_seconds=0.01)
    for attempt in (old, new):
        attempt.join(200)
        assert attempt.exitcode == 0
    row = trial_row(paths, TRIAL)
    assert row
    assert row["status"] == "completed"
    assert_same_rows(paths.root, alone)
    assert paths.names(paths.live) == []


def test_an_attempt_that_is_killed_after_another_has_committed_does_not_bring_the_trial_back(
    tmp_path: Path, alone: Path, pace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = study_paths(tmp_path / "killed" / "study")
    old = overtaken(paths, pace, monkeypatch)
    time.sleep(0.2)  # it may write once more
    old.kill()
    old.join(100)
    assert_same_rows(paths.root, alone)
