"""Rows of `timings`: one file for each batch size and kind of machine, which a later pass replaces whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.config import TrialConfig
from bs_study.store.encoding import encode
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import table_schema

DISTURBED = 0.20
"""Repeats of a timing that differ by more, (slowest - quickest) / median, were disturbed."""


def timing_id(trial: TrialConfig, machine: Mapping[str, object], *, workload_version: int = 1) -> str:
    """Return the name of a timing, as timing-b60-3f9a2c: a function of what decides a time.

    Args:
        trial: of whose config all counts but lr and seed.
        machine: what is known of the device, its threads among it.
        workload_version: of workload and data.
    """
    known = dict(machine) | ({"workload_version": workload_version} if workload_version > 1 else {})
    digest = hashlib.sha256(
        f"{trial.distinction(but=('lr', 'seed'))} {json.dumps(known, sort_keys=True)}".encode()
    ).hexdigest()
    return f"timing-b{trial.batch_size}-{digest[: trial.settings.trial_id_digits]}"


def timed_batch_size(name: str) -> int | None:
    """Return the batch size of a timing's name; None if it is none.

    >>> timed_batch_size("timing-b60-3f9a2c"), timed_batch_size("b60-lr0.02-s0-3f9a2c")
    (60, None)
    """
    found = re.fullmatch(r"timing-b(\d{1,19})-([0-9a-f]{6}|[0-9a-f]{16})", name)
    return int(found[1]) if found else None


def write_timing(paths: StudyPaths, name: str, trial: TrialConfig, measured: Mapping[str, object]) -> None:
    """Write a timing, in the place of an earlier one of its name."""
    keys = {"study": paths.name, "trial_id": name, "batch_size": trial.batch_size, "lr": trial.lr, "seed": trial.seed}
    settings = {"workload": trial.settings.workload, "precision": trial.settings.precision}
    rows = pa.Table.from_pylist([settings | dict(measured) | keys], schema=table_schema("timings"))
    paths.write(paths.trial_file("timings", name), encode(rows))


def read_timing(paths: StudyPaths, name: str) -> dict[str, Any] | None:
    """Return a timing that needs no other run; None where there is none, or where it failed."""
    file = paths.trial_file("timings", name)
    if not paths.exists(file):
        return None
    row: dict[str, Any] = pq.read_table(pa.BufferReader(paths.read(file))).to_pylist()[0]
    return row if row["status"] != "failed" else None
