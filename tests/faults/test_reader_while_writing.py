"""A reader may query at any moment while trials are written, committed and killed."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest

from bs_study import Study, open_study
from bs_study.config import TrialConfig
from bs_study.store import listing, reader
from bs_study.store.check import problems
from bs_study.store.parts import Part
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.scan import Chain, Found, Question, read_chains
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
        found: list[int] = open_study(paths.root, live=True).iterations()["iteration"].tolist()
    return found


def test_a_trial_that_commits_between_listing_and_reading_is_read_once_and_whole(
    running: tuple[StudyPaths, TrialConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, trial = running
    writer = run_trial(paths, trial)

    def commit_first(paths: StudyPaths, chains: Sequence[Chain], question: Question) -> Found:
        monkeypatch.undo()
        writer.commit(outcome())
        return read_chains(paths, chains, question)

    monkeypatch.setattr(reader, "read_chains", commit_first)
    assert live_iterations(paths) == list(range(1, 11))


def test_a_trial_that_commits_while_its_parts_are_listed_is_read_once_and_whole(
    running: tuple[StudyPaths, TrialConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, trial = running
    writer = run_trial(paths, trial)

    def list_what_is_half_removed(paths: StudyPaths, trial_id: str) -> list[Part]:
        monkeypatch.undo()
        writer.commit(outcome())
        return [Part(writer.attempt, 6)]

    monkeypatch.setattr(listing, "live_parts", list_what_is_half_removed)
    assert live_iterations(paths) == list(range(1, 11))


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
