"""What is known of each trial's loss curve, kept beside the report: a later one reads the new trials only."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy

from bs_study.analysis import loss_variance, spikes, stability
from bs_study.analysis.loss_variance import STATISTICS, LossArray, window_statistics
from bs_study.analysis.stability import Fate
from bs_study.store import Study
from bs_study.store.kept import read_kept, write_kept

NAME = "aggregates"
ROW = ("batch_size", "status", "attempts", "iterations", "end_time")  # of a trial that is run again, some change
SUMMARY = ("batch_size", "fate", "first_loss", "lowest_mean", "last_examples")


@dataclass
class Aggregate:
    """What is known of a trial's curve.

    Attributes:
        fate: what holds for all of its windows.
        first_loss: NaN where there is no finite one.
        lowest_mean: over 100 consecutive losses; NaN where there are fewer.
        last_examples: seen by the last finite loss; NaN where there is none.
        is_whole: whether all of its rows could be read.
        windows: the statistics of each window that was looked at, by its name, with the limit that it ends at.
    """

    batch_size: int
    fate: Fate | None
    first_loss: float
    lowest_mean: float
    last_examples: float
    is_whole: bool = True
    windows: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)

    def look(self, window: str, *, limit: float, loss: LossArray) -> None:
        """Learn a window from its losses."""
        self.windows[window] = (limit, self._statistics(loss))

    def look_at_beginning(self, window: str, *, limit: float, loss: LossArray) -> None:
        """Learn a window from the trial's first losses; another such window of as many has the same statistics."""
        alike = [found for _, found in self.windows.values() if found["iterations"] == len(loss)]
        self.windows[window] = (limit, alike[0] if alike else self._statistics(loss))

    def _statistics(self, loss: LossArray) -> dict[str, Any]:
        return window_statistics(loss, first_loss=self.first_loss, batch_size=self.batch_size, fate=self.fate)

    def knows(self, window: str, *, limit: float) -> bool:
        return window in self.windows and np.array_equal(self.windows[window][0], limit, equal_nan=True)


def stamps(study: Study, trials: pd.DataFrame) -> dict[str, str]:
    """Return what tells for each trial with iterations that neither its row nor its file has changed."""
    files = study.paths.listed(study.paths.table("iterations"))
    listed = {info.base_name.removesuffix(".parquet"): f"{info.size} {info.mtime_ns}" for info in files}
    rows = zip(*(map(str, trials[name]) for name in ROW if name in trials), strict=True)
    return {
        trial_id: " ".join((*row, listed[trial_id]))
        for trial_id, row in zip(trials["trial_id"], rows, strict=True)
        if trial_id in listed
    }


def read_aggregates(study: Study, known: Mapping[str, str]) -> dict[str, Aggregate]:
    """Return what is kept of the trials that have not changed, by these stamps."""
    rows = read_kept(study.paths, NAME, version=_code_version())
    return {row["trial_id"]: _aggregate(row) for row in rows if row["stamp"] == known.get(row["trial_id"])}


def write_aggregates(study: Study, aggregates: Mapping[str, Aggregate], known: Mapping[str, str]) -> None:
    """Keep what is known of the trials that could be read whole."""
    rows = [
        {"trial_id": trial_id, "stamp": known[trial_id], **_row(each)}
        for trial_id, each in aggregates.items()
        if each.is_whole and trial_id in known
    ]
    write_kept(study.paths, NAME, rows, version=_code_version())


def _row(aggregate: Aggregate) -> dict[str, Any]:
    windows = {
        f"{window}.{name}": value
        for window, (limit, found) in aggregate.windows.items()
        for name, value in {"limit": float(limit), **found, "spikes": float(found["spikes"])}.items()
    }
    return {name: getattr(aggregate, name) for name in SUMMARY} | windows


def _aggregate(row: Mapping[str, Any]) -> Aggregate:
    windows = dict.fromkeys(name.partition(".")[0] for name in row if "." in name)
    return Aggregate(
        **{name: row[name] for name in SUMMARY},
        windows={w: (row[f"{w}.limit"], {name: row[f"{w}.{name}"] for name in STATISTICS}) for w in windows},
    )


@functools.cache
def _code_version() -> str:
    """Return a digest of the code that the statistics come from: with other code they are computed anew."""
    code = hashlib.sha256(f"{np.__version__} {scipy.__version__}".encode())
    for module in (loss_variance, spikes, stability):
        code.update(Path(str(module.__file__)).read_bytes())
    for file in (Path(__file__), Path(__file__).with_name("windows.py")):
        code.update(file.read_bytes())
    return code.hexdigest()
