"""Reading a study: ``open_study(uri)``, with ``.trials() .epochs() .evaluations() .iterations()``."""

from __future__ import annotations

import functools
import json
import operator
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from bs_study.config import StudyConfig
from bs_study.store.parts import live_parts
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.schema import Table, table_schema


@dataclass(frozen=True)
class Study:
    """One study of a store. Each method returns a table; filters are column=value or column=[values]."""

    paths: StudyPaths
    live: bool = False

    @property
    def name(self) -> str:
        return self.paths.name

    @functools.cached_property
    def asked(self) -> dict[str, Any]:
        """What ``study.json`` says was asked: config, schema version, package version, created (UTC)."""
        asked: dict[str, Any] = json.loads(self.paths.read(self.paths.study_json))
        return asked

    @functools.cached_property
    def config(self) -> StudyConfig:
        return StudyConfig.model_validate(self.asked["config"])

    def trials(self, columns: Sequence[str] | None = None, **filters: object) -> pd.DataFrame:
        """Return a row per ended trial: its config, how it ended, its clocks."""
        return self._read("trials", columns, filters)

    def epochs(self, columns: Sequence[str] | None = None, **filters: object) -> pd.DataFrame:
        """Return a row per epoch and trial."""
        return self._read("epochs", columns, filters)

    def evaluations(self, columns: Sequence[str] | None = None, **filters: object) -> pd.DataFrame:
        """Return a row per evaluation and trial, with a column for each metric."""
        return self._read("evaluations", columns, filters)

    def iterations(self, columns: Sequence[str] | None = None, **filters: object) -> pd.DataFrame:
        """Return a row per optimizer update and trial.

        Raises:
            KeyError: a filter or column that the table does not have.
        """
        return self._read("iterations", columns, filters)

    def _read(self, table: Table, columns: Sequence[str] | None, filters: dict[str, object]) -> pd.DataFrame:
        frame: pd.DataFrame = self.scan(table, columns, **filters).to_pandas()
        return frame

    def scan(self, table: Table, columns: Sequence[str] | None = None, **filters: object) -> pa.Table:
        """Return rows of a table as Arrow, with the filters pushed down to the files."""
        named = _named_trials(filters)
        files = self._files(table, trial_ids=named)
        if not files:
            empty = table_schema(table).empty_table()
            return empty.select(list(columns)) if columns else empty
        dataset = ds.dataset(files, filesystem=self.paths.filesystem, format="parquet")
        unknown = [name for name in (*filters, *(columns or ())) if name not in dataset.schema.names]
        if unknown:
            raise KeyError(f"{table} has no column {unknown[0]!r}. It has {', '.join(dataset.schema.names)}")
        if named is not None:
            # The files are these trials' own; comparing the id in every row would take longer than reading them.
            filters = {name: value for name, value in filters.items() if name != "trial_id"}
        return dataset.to_table(columns=list(columns) if columns else None, filter=_expression(filters))

    def _files(self, table: Table, *, trial_ids: Collection[str] | None) -> list[str]:
        """Return the files of ended trials, and of running ones if asked: a trial's own, or its parts, never both."""
        ended = self._held("trials", trial_ids)
        files = [self.paths.trial_file(table, i) for i in self._held(table, ended)]
        if self.live and table != "trials":
            running = [i for i in self.paths.names(self.paths.live) if i not in ended and not i.startswith("tmp-")]
            for trial_id in running:
                if trial_ids is None or trial_id in trial_ids:
                    parts = live_parts(self.paths, trial_id)
                    files += [f"{self.paths.live_trial(trial_id)}/{part.file(table)}" for part in parts]
        return files

    def _held(self, table: Table, trial_ids: Collection[str] | None) -> list[str]:
        """Return which of these trials, or of all, have a file in a table; one that ended early may lack some.

        A single trial is looked up: listing the table for each of thousands would take their square.
        """
        if trial_ids is not None and len(trial_ids) == 1:
            return [i for i in trial_ids if "/" not in i and self.paths.exists(self.paths.trial_file(table, i))]
        return [i for i in self.paths.trial_ids(table) if trial_ids is None or i in trial_ids]


def _named_trials(filters: dict[str, object]) -> Collection[str] | None:
    """Return the trials that the filters name, whose files alone need to be opened."""
    wanted = filters.get("trial_id")
    if isinstance(wanted, str):
        return {wanted}
    return set(wanted) if isinstance(wanted, list | tuple | set) else None


def _expression(filters: dict[str, object]) -> ds.Expression | None:
    terms = [
        ds.field(name).isin(list(value)) if isinstance(value, list | tuple | set | range) else ds.field(name) == value
        for name, value in filters.items()
    ]
    return functools.reduce(operator.and_, terms) if terms else None


def open_study(uri: str | os.PathLike[str], *, live: bool = False) -> Study:
    """Open a study by its folder or URI, as ``results/mnist`` or ``s3://bucket/results/mnist``.

    Args:
        uri: the study, not the store that holds it.
        live: add what running trials have written so far, without gaps, to iterations, epochs and evaluations.

    Raises:
        FileNotFoundError: there is no study at this place.
    """
    paths = study_paths(uri)
    if not paths.exists(paths.study_json):
        raise FileNotFoundError(
            f"{paths.uri} holds no study (no study.json). Give the folder of one, as results/digits"
        )
    return Study(paths, live=live)
