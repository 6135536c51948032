"""What a trial that has not ended has written so far: the parts of its attempts.

A part is one file per table, named by its first iteration: ``live/<trial_id>/<attempt>/<table>-<first>.parquet``.
Iterations are written last, so a part counts once its iterations are there. An attempt that continued another's work
names the parts it stands on in ``adopted.json``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.store.believed import believed
from bs_study.store.column import NUMBER
from bs_study.store.faults import DAMAGE, reason
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import LATER_COLUMNS, ROW_TABLES, SPARSE_TABLES, Table, table_schema


class Part(NamedTuple):
    """A span of iterations that one attempt wrote."""

    attempt: str
    first_iteration: int

    def file(self, table: Table) -> str:
        return f"{self.attempt}/{table}-{self.first_iteration:012d}.parquet"


def is_sound(paths: StudyPaths, trial_id: str, part: Part) -> bool:
    """Return whether all files of a part are there and can be read.

    Raises:
        OSError: an object store does not answer.
    """
    try:
        for table in ROW_TABLES:
            read_part(paths, trial_id, part, table)
    except FileNotFoundError:
        return False
    except DAMAGE as error:
        if isinstance(error, OSError) and not paths.is_local:
            raise
        return False
    return True


def read_part(paths: StudyPaths, trial_id: str, part: Part, table: Table) -> pa.Table:
    """Return the rows that a part holds of a table.

    Of a table that it has no rows of it may have no file.

    Raises:
        FileNotFoundError: the part is gone.
        OSError: the store does not answer.
        ValueError: the file is damaged.
    """

    def rows(content: bytes) -> pa.Table:
        try:
            return pq.read_table(pa.BufferReader(content))
        except DAMAGE as error:
            raise ValueError(f"{part.file(table)} of {trial_id} is damaged: {reason(error)}") from error

    try:
        return believed(paths, f"{paths.live_trial(trial_id)}/{part.file(table)}", rows)
    except FileNotFoundError:
        if table in SPARSE_TABLES:
            return table_schema(table).empty_table()
        raise


def fits(schema: pa.Schema, table: Table, metrics: Sequence[str]) -> bool:
    """Return whether rows of this schema go into the table of a trial that has these metrics, or any if none is known.

    >>> fits(table_schema("evaluations", metrics=["accuracy"]), "evaluations", [])
    True
    """
    if table == "evaluations" and not metrics:
        known = table_schema(table).names
        metrics = [field.name for field in schema if field.name not in known and field.type == NUMBER]
    wanted = table_schema(table, metrics=metrics)
    there = {name: schema.field(name).type for name in schema.names}
    needed = [name for name in wanted.names if name not in LATER_COLUMNS.get(table, ())]
    return set(needed) <= set(there) and all(
        name in wanted.names and wanted.field(name).type == kind for name, kind in there.items()
    )


def adopt(paths: StudyPaths, trial_id: str, attempt: str, parts: list[Part]) -> None:
    """Record on which parts of earlier attempts an attempt stands."""
    paths.write(f"{paths.live_trial(trial_id)}/{attempt}/adopted.json", json.dumps(parts).encode())


def attempts(paths: StudyPaths, trial_id: str) -> list[str]:
    """Return the ids of a trial's attempts, oldest first."""
    return paths.names(paths.live_trial(trial_id))


def live_parts(paths: StudyPaths, trial_id: str) -> list[Part]:
    """Return the parts of the newest attempt that wrote any, in order, without a gap from iteration 1."""
    for attempt in reversed(attempts(paths, trial_id)):
        chain = _parts_of(paths, trial_id, attempt)
        if chain:
            return chain
    return []


def _parts_of(paths: StudyPaths, trial_id: str, attempt: str) -> list[Part]:
    folder = f"{paths.live_trial(trial_id)}/{attempt}"
    names = paths.names(folder)
    adopted = believed(paths, f"{folder}/adopted.json", json.loads) if "adopted.json" in names else []
    own = [
        Part(attempt, int(n.removeprefix("iterations-").removesuffix(".parquet")))
        for n in names
        if n.startswith("iterations-") and n.endswith(".parquet")
    ]
    return [Part(*part) for part in adopted] + sorted(own)
