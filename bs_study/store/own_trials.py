"""The trials of a study that ended: rows of `trials` whose configs it asks for, and whose files are whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bs_study.config import StudyConfig
from bs_study.store.asked_trials import SETTINGS, AskedTrials
from bs_study.store.broken import MISSING, broken_files
from bs_study.store.file_rows import Question, VanishedError, file_rows
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Study
from bs_study.store.scan import side_by_side
from bs_study.store.schema import KEYS
from bs_study.store.study_json import asked_names
from bs_study.words import shown


def own_trials(study: Study, *, config: StudyConfig | None = None) -> pd.DataFrame:
    """Return the rows of `trials` that are this study's own; what is left out is told as by any reader.

    Left out are rows of a config that is not asked for, as of trials that were copied from another study, and trials of
    which another table's file is missing or cut short: they have no answer, and a study that goes on trains them again.

    Args:
        study: of which store.
        config: what is asked; None for what study.json says. Where that can't be read nothing is compared.

    Raises:
        OSError: the store does not answer.
    """
    rows = study.scan("trials")
    ids = rows["trial_id"].to_pylist()
    config = config or study.known_config
    faults = _foreign(study, rows, AskedTrials(config)) if config else {}
    files = broken_files(study.paths, dict(zip(ids, rows["probes"].to_pylist(), strict=True)))
    study.leave_out(faults | files)
    broken = {study.paths.owner(file) for file in (*faults, *files)}
    frame: pd.DataFrame = rows.filter(pa.array([trial_id not in broken for trial_id in ids], pa.bool_())).to_pandas()
    return frame


def ended_rows(study: Study, *, config: StudyConfig | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of `own_trials` whose evaluations can be read, and the evaluations: what an answer stands on.

    It takes and raises what `own_trials` does.
    """
    trials, evaluations = own_trials(study, config=config), study.evaluations()
    folder = f"{study.paths.table('evaluations')}/"
    damaged = [study.paths.owner(file) for file in study.left_out if file.startswith(folder)]
    return trials[~trials["trial_id"].isin(damaged)].reset_index(drop=True), evaluations


def answered_trials(study: Study, *, config: StudyConfig | None = None) -> set[str]:
    """Return the trials that need no other run: those of `ended_rows` but for failed ones, by their ids.

    Their evaluations are looked through for damage, a file at a time, and not kept.
    """
    trials = own_trials(study, config=config)
    answered = set(trials.loc[trials["status"] != "failed", "trial_id"])
    files = [study.paths.trial_file("evaluations", trial_id) for trial_id in sorted(answered)]
    faults = dict(side_by_side(study.paths, partial(_fault, study.paths), files))
    damaged = {file: fault for file, fault in faults.items() if fault}
    study.leave_out(damaged)
    return answered - {study.paths.owner(file) for file in damaged}


def _fault(paths: StudyPaths, file: str) -> tuple[str, str | None]:
    try:
        return file, file_rows(paths, file, Question("evaluations")).fault
    except VanishedError:
        return file, MISSING


def _foreign(study: Study, rows: pa.Table, asked: AskedTrials) -> dict[str, str]:
    """Return the faults of rows that are of another study, or of another config than their trial's."""
    names = asked_names(study.paths, study.known_asked)
    faults = {}
    for row in _config_rows(rows):
        fault = asked.fault(row["trial_id"], row)
        if fault is None and names is not None and row["study"] not in names:
            fault = f"it is a trial of the study {shown(row['study'])}"
        if fault:
            faults[study.paths.trial_file("trials", row["trial_id"])] = fault
    return faults


def _config_rows(rows: pa.Table) -> Iterator[Mapping[str, Any]]:
    """Yield the config of each row. Most settings are the same in all, and to make each anew would take seconds."""
    first = rows.slice(0, 1).select([name for name in SETTINGS if name in rows.column_names]).to_pylist()
    varying = [
        name for name in SETTINGS if name in rows.column_names and pc.count_distinct(rows[name], "all").as_py() > 1
    ]
    for row in rows.select([*KEYS, *varying]).to_pylist():
        yield {**first[0], **row}
