"""A reader may query at any moment while trials are written, committed and killed."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bs_study import Study, open_study
from bs_study.config import TrialConfig
from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths, study_paths
from tests.faults.small_studies import empty_study, outcome, run_trial

ROOT = Path(__file__).parents[2]


class Witness:
    """Reads a study again and again, and remembers what it has seen."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._committed: set[str] = set()
        self._seen: dict[str, int] = {}
        self.reads = 0

    def look(self) -> None:
        """Read every table; no row may be doubled, missing, or gone that was there before."""
        committed = open_study(self._folder)
        trials = committed.trials()["trial_id"].tolist()
        assert len(trials) == len(set(trials))
        assert self._committed <= set(trials)
        self._committed = set(trials)
        self._look_at_committed(committed)
        self._look_at_live(open_study(self._folder, live=True))
        if self.reads % 5 == 0:
            assert list(problems(study_paths(self._folder))) == []
        self.reads += 1

    def _look_at_committed(self, study: Study) -> None:
        counts = last_iterations(study.iterations())
        assert self._committed <= set(counts)
        assert set(counts.values()) <= {10}

    def _look_at_live(self, study: Study) -> None:
        counts = last_iterations(study.iterations())
        assert {trial: count for trial, count in self._seen.items() if counts.get(trial, 0) < count} == {}
        self._seen = counts
        epochs = study.epochs()
        assert not epochs.duplicated(["trial_id", "epoch"]).any()


def last_iterations(rows: pd.DataFrame) -> dict[str, int]:
    """Return each trial's last iteration, having made sure that it has each from 1 on once."""
    by_trial = rows.groupby("trial_id")["iteration"]
    assert (by_trial.nunique() == by_trial.size()).all()
    assert (by_trial.max() == by_trial.size()).all()
    return {str(trial): int(last) for trial, last in by_trial.max().items()}


@contextlib.contextmanager
def writer_process(folder: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "tests.faults.endless_writer", folder], cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)


def watch(folder: str, *, kills: int) -> Witness:
    """Let a process write a study, kill and restart it so many times, and read all the while until it has ended."""
    witness = Witness(folder)
    moments = random.Random(kills)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for remaining in reversed(range(kills + 1)):
            with writer_process(folder) as process:
                # At least two commits' time, most of which is the start of Python.
                end = time.monotonic() + (moments.uniform(1.2, 2.2) if remaining else 120)
                while process.poll() is None and time.monotonic() < end:
                    witness.look()
        witness.look()
    return witness


def test_a_reader_never_fails_and_sees_each_row_once_while_a_writer_is_killed(tmp_path: Path) -> None:
    paths, trials = empty_study(tmp_path / "study", seeds=tuple(range(60)))
    witness = watch(paths.root, kills=3)
    assert witness.reads > 10
    assert len(open_study(paths.root).iterations()) == 10 * len(trials)
    assert list(problems(paths)) == []


@pytest.mark.soak
def test_a_reader_never_fails_over_30_kills_of_the_writer(tmp_path: Path) -> None:
    paths, trials = empty_study(tmp_path / "study", seeds=tuple(range(500)))
    watch(paths.root, kills=30)
    assert len(open_study(paths.root).trials()) == len(trials)
    assert list(problems(paths)) == []


@pytest.fixture
def running(tmp_path: Path) -> tuple[StudyPaths, TrialConfig]:
    paths, trials = empty_study(tmp_path / "study")
    return paths, trials[0]


def live_iterations(paths: StudyPaths) -> list[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found: list[int] = Study(paths, live=True).iterations()["iteration"].tolist()
    return found


@dataclass(frozen=True)
class SlowPaths(StudyPaths):
    """Paths on which something happens while a reader looks at a file or a folder: `meanwhile` gives what it sees."""

    meanwhile: Callable[[str, Any], Any] = field(kw_only=True)

    def exists(self, path: str) -> bool:
        return bool(self.meanwhile(path, super().exists(path)))

    def names(self, folder: str) -> list[str]:
        names: list[str] = self.meanwhile(folder, super().names(folder))
        return names


def slowed(paths: StudyPaths, meanwhile: Callable[[str, Any], Any]) -> SlowPaths:
    return SlowPaths(paths.filesystem, paths.root, paths.uri, meanwhile=meanwhile)


def test_a_trial_that_commits_between_listing_and_reading_is_read_once_and_whole(
    running: tuple[StudyPaths, TrialConfig],
) -> None:
    paths, trial = running
    writer = run_trial(paths, trial)
    looked_at: list[str] = []

    def commit_after_the_last_look(path: str, seen: Any) -> Any:
        looked_at.append(path)
        if looked_at.count(paths.trial_file("trials", trial.trial_id)) == 1 and not paths.names(paths.table("trials")):
            assert f"{paths.live_trial(trial.trial_id)}/{writer.attempt}" in looked_at
            writer.commit(outcome())
        return seen

    assert live_iterations(slowed(paths, commit_after_the_last_look)) == list(range(1, 11))
    assert paths.trial_ids("trials") == [trial.trial_id]


def test_a_trial_that_commits_while_its_parts_are_listed_is_read_once_and_whole(
    running: tuple[StudyPaths, TrialConfig],
) -> None:
    paths, trial = running
    writer = run_trial(paths, trial)
    parts = Path(paths.live_trial(trial.trial_id), writer.attempt)

    def commit_but_for_the_second_part(path: str, seen: Any) -> Any:
        if path != str(parts) or paths.trial_ids("trials"):
            return seen
        second = parts / "iterations-000000000006.parquet"
        content = second.read_bytes()
        writer.commit(outcome())
        parts.mkdir(parents=True)
        second.write_bytes(content)  # which is yet to be removed
        return [second.name]

    assert live_iterations(slowed(paths, commit_but_for_the_second_part)) == list(range(1, 11))
    assert paths.trial_ids("trials") == [trial.trial_id]


def test_a_trial_in_both_live_and_the_tables_counts_once(running: tuple[StudyPaths, TrialConfig]) -> None:
    paths, trial = running
    writer = run_trial(paths, trial)
    parts = {file: file.read_bytes() for file in Path(paths.live).rglob("*.parquet")}
    writer.commit(outcome())
    for file, content in parts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert live_iterations(paths) == list(range(1, 11))


def test_tables_without_their_row_do_not_count_and_the_live_parts_do(running: tuple[StudyPaths, TrialConfig]) -> None:
    paths, trial = running
    run_trial(paths, trial).commit(outcome())
    Path(paths.trial_file("trials", trial.trial_id)).unlink()
    run_trial(paths, trial, epochs=1)
    assert live_iterations(paths) == [1, 2, 3, 4, 5]
    assert len(open_study(paths.root).iterations()) == 0
