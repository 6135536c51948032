"""Reading a study: ``open_study(uri)``, and a method for each table, as ``.trials()`` or ``.iterations()``."""

from __future__ import annotations

import errno
import functools
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pandas as pd
import pyarrow as pa

from bs_study.config import StudyConfig
from bs_study.metric_names import Direction
from bs_study.store.file_rows import Question, VanishedError, file_rows
from bs_study.store.filters import expression, named_trials
from bs_study.store.imported import asked_imported
from bs_study.store.listing import ended_files, table_chains
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.scan import Found, read_chains, side_by_side
from bs_study.store.schema import Table
from bs_study.store.study_json import asked_config, asked_directions, asked_metrics, complaints, read_asked
from bs_study.store.warned import LeftOutWarning
from bs_study.target import Target
from bs_study.words import shortened

R = TypeVar("R")
LISTINGS = 1000  # of a table whose trials commit faster than they are read


@dataclass(frozen=True)
class Each(Generic[R]):
    """What a function made of a trial's rows, and whether they were all there."""

    result: R
    is_whole: bool


@dataclass(frozen=True)
class Study:
    """One study of a store. Each method returns a table; filters are column=value or column=[values].

    A file that can't be read is left out with a warning that names it; with `strict` it is a ValueError. `left_out` has
    those of all reads so far, each with its fault.
    """

    paths: StudyPaths
    live: bool = False
    strict: bool = False
    left_out: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def _repr_html_(self) -> str:
        from bs_study.report.notebook import study_html

        return study_html(self)

    @property
    def name(self) -> str:
        return self.paths.name

    @functools.cached_property
    def asked(self) -> dict[str, Any]:
        """What ``study.json`` says was asked: config, versions, created (UTC). ValueError: the file is damaged."""
        return read_asked(self.paths)

    @property
    def known_asked(self) -> dict[str, Any]:
        """What ``study.json`` says; nothing where it is damaged or gone."""
        try:
            return self.asked
        except (OSError, ValueError):
            return {}

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in ``study.json`` as they stand there, whatever version wrote them; none of a damaged one."""
        settings = self.known_asked.get("config")
        return settings if isinstance(settings, dict) else {}

    @functools.cached_property
    def config(self) -> StudyConfig:
        """The config in ``study.json``.

        Raises:
            ValueError: the file is damaged, or its config is none that this version understands.
        """
        return asked_config(self.paths, self.asked)

    @property
    def known_config(self) -> StudyConfig | None:
        """The config in ``study.json``; None where there is none that this version understands."""
        try:
            return self.config
        except (KeyError, TypeError, ValueError):  # no JSON object, or settings that are unknown here
            return None

    @property
    def train_examples(self) -> float:
        """The size of the training set; NaN where ``study.json`` doesn't say."""
        return self._asked_number("train_examples")

    @property
    def eval_examples(self) -> float:
        """The size of the set that trials are judged by; NaN where ``study.json`` doesn't say."""
        return self._asked_number("eval_examples")

    @property
    def directions(self) -> dict[str, Direction]:
        """Which way metrics are better ("max" or "min"), as far as the study's target and its workload tell."""
        told = asked_directions(self.known_asked)
        own = self.known_config.settings.target if self.known_config else None
        return told | ({own.metric: own.direction} if isinstance(own, Target) else {})

    @property
    def imported(self) -> list[tuple[int, float, int]] | None:
        """Batch size, lr and seed of the runs that the study was imported from; None of one that was trained."""
        return asked_imported(self.known_asked)

    def _asked_number(self, name: str) -> float:
        number = self.known_asked.get(name)
        return float("nan") if number is None else float(number)

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
            ValueError: a value that the column can't be compared with; with `strict`, a file that can't be read.
        """
        return self._read("iterations", columns, filters)

    def gradients(self, columns: Sequence[str] | None = None, **filters: object) -> pd.DataFrame:
        """Return a row per gradient probe and trial; none of studies of version 0.1, and of functions."""
        return self._read("gradients", columns, filters)

    def timings(self, columns: Sequence[str] | None = None, **filters: object) -> pd.DataFrame:
        """Return a row per batch size and kind of machine that the timing pass measured."""
        return self._read("timings", columns, filters)

    def _read(self, table: Table, columns: Sequence[str] | None, filters: dict[str, object]) -> pd.DataFrame:
        frame: pd.DataFrame = self.scan(table, columns, **filters).to_pandas()
        return frame

    def scan(self, table: Table, columns: Sequence[str] | None = None, **filters: object) -> pa.Table:
        """Return rows of a table as Arrow, with the filters pushed down to the files."""
        found = self._found(table, columns, filters)
        self.leave_out(found.faults)
        return found.rows

    def each_trial(
        self, function: Callable[..., R], table: Table, columns: Sequence[str], trial_ids: Sequence[str]
    ) -> list[Each[R]]:
        """Return what a function makes of each trial and its columns of a table, in order of the trials.

        It is called as function(trial_id, column, ...) with an array for each of the columns, shape (rows,).
        The tables are listed once and the files read by a few threads, which call the function too: at most a few
        trials' rows are in memory at a time. What a file that can't be read would have held is missing.
        """
        question = self._question(table, columns, {}, is_empty=False)
        files = ended_files(self.paths, table, trial_ids)

        def of_trial(trial_id: str) -> tuple[R, dict[str, str]]:
            found = self._found_quickly(files.get(trial_id), question)
            rows, faults = found or self._found(table, columns, {"trial_id": trial_id})
            return function(trial_id, *(column.to_numpy() for column in rows.columns)), faults

        found = list(side_by_side(self.paths, of_trial, trial_ids))
        self.leave_out({file: fault for _, faults in found for file, fault in faults.items()})
        return [Each(result, is_whole=not faults) for result, faults in found]

    def _found_quickly(self, file: str | None, question: Question) -> Found | None:
        """Return the rows of an ended trial; None where its files must be listed: it runs, is damaged, or is gone."""
        if file is None:
            return None
        try:
            found = file_rows(self.paths, file, question)
        except VanishedError:
            return None
        return None if found.rows is None else Found(found.rows.select(list(question.columns or ())), {})

    def _found(self, table: Table, columns: Sequence[str] | None, filters: dict[str, object]) -> Found:
        """List the files and read them. Those of a trial that committed in between are gone: list again."""
        vanished: set[str] = set()
        for _ in range(LISTINGS):
            chains, holes = table_chains(
                self.paths, table, trial_ids=named_trials(filters), live=self.live, vanished=vanished
            )
            question = self._question(table, columns, filters, is_empty=not chains)
            try:
                rows, faults = read_chains(self.paths, chains, question)
            except VanishedError as error:
                vanished.add(error.file)
            else:
                return Found(rows, holes | faults)
        raise OSError(f"{self.paths.uri}: files of {table} vanish faster than they can be read")

    def _question(
        self, table: Table, columns: Sequence[str] | None, filters: dict[str, object], *, is_empty: bool
    ) -> Question:
        if named_trials(filters) is not None:
            # The files are these trials' own; comparing the id in every row would take longer than reading them.
            filters = {name: value for name, value in filters.items() if name != "trial_id"}
        metrics = asked_metrics(self.known_asked) if is_empty and table == "evaluations" else ()
        wanted = list(columns) if columns else None
        return Question(table, wanted, expression(filters), frozenset(filters), metrics)

    def leave_out(self, faults: Mapping[str, str]) -> None:
        """Tell of files that are left out, with their faults.

        Raises:
            ValueError: there are some, and the study is strict.
        """
        if faults and self.strict:
            raise ValueError("; ".join(f"{file}: left out, {fault}" for file, fault in faults.items()))
        self.left_out.update(faults)
        for file, fault in faults.items():
            warnings.warn(f"{file}: left out, {fault}", category=LeftOutWarning, stacklevel=3)


def open_study(uri: str | os.PathLike[str], *, live: bool = False, strict: bool = False) -> Study:
    """Open a study by its folder or URI, as ``results/mnist`` or ``s3://bucket/results/mnist``.

    Args:
        uri: the study, not the store that holds it.
        live: add what running trials have written so far, without gaps, to iterations, epochs and evaluations.
        strict: refuse a study with a damaged file, rather than leave the file out with a warning.

    Raises:
        FileNotFoundError: there is no study at this place.
        ValueError: with `strict`, study.json is damaged or of a newer version.
    """
    study = Study(study_paths(uri), live=live, strict=strict)
    try:
        found = complaints(study.paths)
    except OSError as error:
        if not isinstance(error, FileNotFoundError | NotADirectoryError) and error.errno != errno.ENAMETOOLONG:
            raise
        raise FileNotFoundError(
            f"{shortened(study.paths.uri)} holds no study (no study.json). Give the folder of one, as results/digits"
        ) from None
    if found and strict:
        raise ValueError("; ".join(found))
    for complaint in found:
        warnings.warn(complaint, category=LeftOutWarning, stacklevel=2)
    return study
