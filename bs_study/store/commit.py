"""The commit of a trial: all of it appears in the tables, or nothing; its row in `trials` comes last."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.config import TrialConfig
from bs_study.store.asked_trials import row_fault
from bs_study.store.broken import broken_files
from bs_study.store.encoding import encode
from bs_study.store.faults import DAMAGE
from bs_study.store.file_rows import Question, VanishedError, file_rows
from bs_study.store.listing import running_parts
from bs_study.store.parts import Part, attempts, fits, is_sound, read_part
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Study
from bs_study.store.schema import ROW_TABLES, SPARSE_TABLES, Table, table_schema
from bs_study.store.study_json import asked_names


def key_values(paths: StudyPaths, trial: TrialConfig) -> dict[str, Any]:
    """Return the key columns' values of every row of a trial."""
    return {
        "study": paths.name,
        "trial_id": trial.trial_id,
        "batch_size": trial.batch_size,
        "lr": trial.lr,
        "seed": trial.seed,
    }


def trial_row(paths: StudyPaths, trial: TrialConfig) -> dict[str, Any] | None:
    """Return the row of an ended trial; None where there is none of its config, or a file of it is missing or damaged.

    Raises:
        OSError: an object store does not answer.
    """
    file = paths.trial_file("trials", trial.trial_id)
    try:
        rows = pq.read_table(pa.BufferReader(paths.read(file))).to_pylist()
    except FileNotFoundError:
        return None
    except DAMAGE as error:
        if isinstance(error, OSError) and not paths.is_local:
            raise
        return None
    row: dict[str, Any] | None = rows[0] if len(rows) == 1 and "status" in rows[0] else None
    if row is None or row_fault(row, trial) or broken_files(paths, {trial.trial_id: row.get("probes")}):
        return None
    with contextlib.suppress(VanishedError):
        if file_rows(paths, paths.trial_file("evaluations", trial.trial_id), Question("evaluations")).fault:
            return None
    names = asked_names(paths, Study(paths).known_asked)
    return row if names is None or row["study"] in names else None


def has_answer(paths: StudyPaths, trial: TrialConfig) -> bool:
    """Return whether a trial needs no other run: it ended, and not as failed."""
    row = trial_row(paths, trial)
    return row is not None and row["status"] != "failed"


def commit_trial(
    paths: StudyPaths,
    trial: TrialConfig,
    *,
    parts: Sequence[Part],
    metrics: Sequence[str],
    outcome: Mapping[str, object],
) -> None:
    """End a trial: one file per table at its final place, then its row in trials, then no live files.

    A commit that was cut short can be done again. Of attempts that overlap, the first one's answer stands.

    Args:
        paths: the study.
        trial: what was trained.
        parts: what the attempt recorded, or stands on, in order.
        metrics: the metric columns of evaluations.
        outcome: the columns of the trials row that are neither keys nor config.
    """
    trial_id = trial.trial_id
    try:
        tables = {table: _joined_parts(paths, trial_id, parts, table, metrics) for table in ROW_TABLES}
    except FileNotFoundError:
        if not has_answer(paths, trial):  # else another attempt has committed, and removed what was live
            raise
    if not has_answer(paths, trial):
        count = max(1, len(attempts(paths, trial_id)))
        commit_whole(paths, trial, tables=tables, outcome=outcome, attempts=count)
    paths.remove(paths.live_trial(trial_id))


def commit_whole(
    paths: StudyPaths,
    trial: TrialConfig,
    *,
    tables: Mapping[Table, pa.Table],
    outcome: Mapping[str, object],
    attempts: int,
) -> None:
    """Write a trial whose rows are all at hand: one file per table at its final place, then its row in trials.

    Args:
        outcome: the columns of the trials row that are not its keys. A setting of the config among them takes its
            place: None where it is not known.
        attempts: how often the trial was started.
    """
    for table, rows in tables.items():
        file = paths.trial_file(table, trial.trial_id)
        if len(rows) or table not in SPARSE_TABLES:
            paths.write(file, encode(rows))
        else:
            paths.remove(file)  # of an attempt that failed
    row = trial.model_dump() | dict(outcome) | key_values(paths, trial) | {"attempts": attempts}
    row_table = pa.Table.from_pylist([row], schema=table_schema("trials"))
    paths.write(paths.trial_file("trials", trial.trial_id), encode(row_table))


def _joined_parts(
    paths: StudyPaths, trial_id: str, parts: Sequence[Part], table: Table, metrics: Sequence[str]
) -> pa.Table:
    empty = table_schema(table, metrics=metrics).empty_table()
    found = [read_part(paths, trial_id, part, table) for part in parts]
    return pa.concat_tables([empty, *found], promote_options="default")  # an older part lacks later columns


def commit_failed(
    paths: StudyPaths,
    trial: TrialConfig,
    *,
    metrics: Sequence[str],
    message: str,
    stop_reason: str = "error",
    workload_version: int | None = None,
    unheeded: Sequence[str] = (),
) -> None:
    """End a trial whose process can't: it failed for good, or is gone. What its newest attempt wrote is kept.

    Args:
        unheeded: settings that say nothing of how it was trained; they are null in its row.
    """
    parts = _sound_parts(paths, trial.trial_id, metrics)
    outcome = {"status": "failed", "stop_reason": stop_reason, "message": message, "end_time": datetime.now(UTC)}
    outcome |= _counted(paths, trial.trial_id, parts) | {"workload_version": workload_version}
    outcome |= dict.fromkeys(unheeded)
    commit_trial(paths, trial, parts=parts, metrics=metrics, outcome=outcome)


def _counted(paths: StudyPaths, trial_id: str, parts: Sequence[Part]) -> dict[str, int]:
    """Return how many iterations and examples the last part with rows tells of."""
    for part in reversed(parts):
        tables = [read_part(paths, trial_id, part, table) for table in ("iterations", "evaluations")]
        last = [(rows["iteration"][-1].as_py(), rows["examples"][-1].as_py()) for rows in tables if len(rows)]
        if last:
            return dict(zip(("iterations", "examples"), max(last), strict=True))
    return {"iterations": 0, "examples": 0}


def _sound_parts(paths: StudyPaths, trial_id: str, metrics: Sequence[str]) -> list[Part]:
    """Return the parts of the newest attempt, up to the first that is damaged or has other metrics."""
    try:
        parts = running_parts(paths, trial_id)
    except (FileNotFoundError, ValueError):
        return []

    def is_usable(part: Part) -> bool:
        return is_sound(paths, trial_id, part) and all(
            fits(read_part(paths, trial_id, part, table).schema, table, metrics) for table in ROW_TABLES
        )

    return list(itertools.takewhile(is_usable, parts))
