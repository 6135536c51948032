from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bs_study import StudyConfig, open_study
from bs_study.config import TrialConfig
from bs_study.store.commit import commit_failed
from bs_study.store.own_trials import answered_trials
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Study
from bs_study.store.study_json import create_study
from bs_study.store.writer import TrialWriter

METRICS = ["accuracy", "loss"]
Rows = Callable[..., None]
Outcome = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _study(paths: StudyPaths) -> None:
    config = StudyConfig(batch_sizes=(4,), lrs=(0.02,), seeds=(0, 1), max_iterations=10)
    create_study(paths, config, metrics=METRICS, train_examples=20)


def iterations(paths: StudyPaths, *, live: bool = False) -> list[int]:
    return open_study(paths.root, live=live).iterations()["iteration"].tolist()


def files(paths: StudyPaths) -> list[str]:
    return sorted(str(f.relative_to(paths.root)) for f in Path(paths.root).rglob("*") if f.is_file())


def test_before_its_commit_a_trial_is_in_no_table_and_after_it_in_all_with_nothing_live(
    paths: StudyPaths, writer: TrialWriter, trial: TrialConfig, add_rows: Rows, outcome: Outcome
) -> None:
    add_rows(writer, first=1, count=5)
    writer.write_part()
    assert all(name.startswith(("live/", "study.json")) for name in files(paths))
    add_rows(writer, first=6, count=5)
    writer.commit(outcome())
    tables = [f"{table}/{trial.trial_id}.parquet" for table in ("epochs", "evaluations", "gradients", "iterations")]
    assert files(paths) == [*tables, "study.json", f"trials/{trial.trial_id}.parquet"]
    assert iterations(paths) == list(range(1, 11))


class DiskFullError(OSError):
    pass


@pytest.mark.parametrize("writes_that_succeed", range(1, 7))
def test_a_commit_cut_short_at_any_file_shows_nothing_of_the_trial_and_can_be_done_again(
    paths: StudyPaths,
    writer: TrialWriter,
    add_rows: Rows,
    outcome: Outcome,
    monkeypatch: pytest.MonkeyPatch,
    writes_that_succeed: int,
) -> None:
    write = StudyPaths.write
    left = iter(range(writes_that_succeed))

    def write_until_full(self: StudyPaths, path: str, data: bytes) -> None:
        if next(left, None) is None:
            raise DiskFullError
        write(self, path, data)

    add_rows(writer, first=1, count=10)
    with monkeypatch.context() as patch:
        patch.setattr(StudyPaths, "write", write_until_full)
        # three files of the part, three of the tables, the row in trials
        with pytest.raises(OSError):  # noqa: PT011
            writer.commit(outcome())
    study = open_study(paths.root)
    assert [len(rows) for rows in (study.iterations(), study.epochs(), study.evaluations(), study.trials())] == [0] * 4
    assert answered_trials(Study(paths)) == set()
    writer.commit(outcome())
    assert iterations(paths) == iterations(paths, live=True) == list(range(1, 11))


def test_a_file_that_is_being_replaced_is_whole_or_the_old_one(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{paths.root}/trials/x.parquet"
    paths.write(place, b"old")

    def full(_: int) -> None:
        raise DiskFullError

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError):
        paths.write(place, b"new and longer")
    assert paths.read(place) == b"old"
    assert files(paths) == ["study.json", "trials/x.parquet"]


def test_two_attempts_that_overlap_share_no_file(
    paths: StudyPaths, trial: TrialConfig, add_rows: Rows, outcome: Outcome
) -> None:
    first, second = (TrialWriter(paths, trial, metrics=METRICS) for _ in range(2))
    add_rows(first, first=1, count=4)
    first.write_part()
    of_first = {name: Path(paths.root, name).read_bytes() for name in files(paths) if name.startswith("live/")}
    add_rows(second, first=1, count=10)
    second.write_part()
    assert {name: Path(paths.root, name).read_bytes() for name in of_first} == of_first
    second.commit(outcome(iterations=10))
    assert iterations(paths) == list(range(1, 11))
    assert open_study(paths.root).trials()["attempts"].tolist() == [2]


def test_an_attempt_that_outlived_the_commit_adds_nothing_to_what_is_read(
    paths: StudyPaths, trial: TrialConfig, add_rows: Rows, outcome: Outcome
) -> None:
    lost, second = (TrialWriter(paths, trial, metrics=METRICS) for _ in range(2))
    add_rows(second, first=1, count=10)
    second.commit(outcome())
    add_rows(lost, first=1, count=4)
    lost.write_part()
    assert iterations(paths) == iterations(paths, live=True) == list(range(1, 11))


def test_the_live_reader_adds_a_running_trial_without_gaps_and_without_doubles(
    paths: StudyPaths, trial: TrialConfig, add_rows: Rows
) -> None:
    first = TrialWriter(paths, trial, metrics=METRICS)
    for start in (1, 6):
        add_rows(first, first=start, count=5)
        first.write_part()
    second = TrialWriter(paths, trial, metrics=METRICS, adopted=first.parts[:1])
    add_rows(second, first=6, count=2)
    assert iterations(paths, live=True) == list(range(1, 6))  # what the newest attempt stands on
    second.write_part()
    assert iterations(paths) == []
    assert iterations(paths, live=True) == list(range(1, 8))
    assert len(open_study(paths.root, live=True).evaluations()) == 2


def test_the_live_reader_shows_ended_and_running_trials_side_by_side(
    paths: StudyPaths, writer: TrialWriter, add_rows: Rows, outcome: Outcome
) -> None:
    add_rows(writer, first=1, count=10)
    writer.commit(outcome())
    running = TrialWriter(paths, TrialConfig(batch_size=8, lr=0.5, seed=0, max_iterations=10), metrics=METRICS)
    add_rows(running, first=1, count=3)
    running.write_part()
    found = open_study(paths.root, live=True).iterations()
    assert found.groupby("batch_size").size().to_dict() == {4: 10, 8: 3}


def test_a_trial_that_failed_is_to_run_again_and_one_that_diverged_is_not(
    paths: StudyPaths, writer: TrialWriter, trial: TrialConfig, add_rows: Rows, outcome: Outcome
) -> None:
    other = TrialConfig(batch_size=4, lr=0.02, seed=0, max_iterations=10)
    add_rows(writer, first=1, count=10)
    writer.commit(outcome(status="diverged", stop_reason="non_finite"))
    commit_failed(paths, other, metrics=METRICS, message="boom")
    assert answered_trials(Study(paths)) == {trial.trial_id}
    again = TrialWriter(paths, other, metrics=METRICS)
    add_rows(again, first=1, count=10)
    again.commit(outcome())
    assert answered_trials(Study(paths)) == {trial.trial_id, other.trial_id}
    assert len(open_study(paths.root).trials()) == 2


def test_a_failed_trial_keeps_what_its_newest_attempt_wrote(
    paths: StudyPaths, trial: TrialConfig, add_rows: Rows
) -> None:
    for count in (9, 3):
        attempt = TrialWriter(paths, trial, metrics=METRICS)
        add_rows(attempt, first=1, count=count)
        attempt.write_part()
    commit_failed(paths, trial, metrics=METRICS, message="ValueError: seven")
    row = open_study(paths.root).trials().iloc[0]
    assert (row["status"], row["message"], row["iterations"], row["examples"]) == ("failed", "ValueError: seven", 3, 12)
    assert row["attempts"] == 2
    assert iterations(paths) == [1, 2, 3]


def test_a_trial_that_failed_before_its_first_iteration_has_a_row_and_empty_tables(
    paths: StudyPaths, trial: TrialConfig
) -> None:
    commit_failed(paths, trial, metrics=METRICS, message="no model")
    study = open_study(paths.root)
    assert study.trials()["iterations"].tolist() == [0]
    assert len(study.iterations()) == len(study.evaluations()) == 0
    assert "accuracy" in study.evaluations().columns


@pytest.mark.parametrize("damaged", ["evaluations-000000000006.parquet", "adopted.json"])
def test_a_trial_that_fails_on_a_damaged_part_is_recorded_with_what_can_be_read(
    paths: StudyPaths, writer: TrialWriter, trial: TrialConfig, add_rows: Rows, damaged: str
) -> None:
    for first in (1, 6):
        add_rows(writer, first=first, count=5)
        writer.write_part()
    Path(paths.live_trial(trial.trial_id), writer.attempt, damaged).write_bytes(b"noise")
    commit_failed(paths, trial, metrics=METRICS, message="it can't be read")
    found = open_study(paths.root, strict=True)
    left = 5 if damaged.endswith("parquet") else 0
    assert found.trials()[["status", "iterations"]].to_numpy().tolist() == [["failed", left]]
    assert found.iterations()["iteration"].tolist() == list(range(1, left + 1))
