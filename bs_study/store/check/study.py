"""What is wrong with a study's store as a whole.

A trial whose files are in the tables without a row in `trials`, and which still has something live, is a commit that
was cut short or goes on at this moment; so is a retry over the row of a failed trial. Both are unfinished, not damaged:
running the study again ends them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bs_study.config import StudyConfig, TrialConfig
from bs_study.grid import study_trials
from bs_study.store.check.files import FileCheck
from bs_study.store.check.timings import timing_problems
from bs_study.store.check.trials import ended_problems, live_problems
from bs_study.store.imported import asked_imported
from bs_study.store.listing import running_trials
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import ROW_TABLES, TABLES
from bs_study.store.stranger import stranger
from bs_study.store.study_json import asked_config, asked_metrics, asked_names, newer_version, read_study_json
from bs_study.store.versions import known_versions, metrics_of


def problems(paths: StudyPaths) -> Iterator[str]:
    """Yield what is wrong with a study, one line each that names the file. It is read trial by trial.

    Raises:
        FileNotFoundError: there is no study at this place.
        OSError: the store does not answer.
    """
    _refuse_nothing(paths)
    files = FileCheck(paths)
    grid: dict[str, TrialConfig] | None = None
    try:
        asked, faults = read_study_json(paths)
        yield from (f"study.json: {fault}" for fault in faults)
        newer = newer_version(paths, asked)
        if newer:
            yield newer.removeprefix(f"{paths.root}/")
        files = FileCheck(
            paths,
            names=asked_names(paths, asked) or {str(asked.get("study", paths.name))},
            metrics=asked_metrics(asked) or None,
            is_imported=asked_imported(asked) is not None,
            of_versions={one["version"]: metrics_of(asked, one["version"]) or None for one in known_versions(asked)},
        )
        grid = _grid(asked_config(paths, asked))
    except FileNotFoundError:
        yield "study.json: it is not there"
    except ValueError as error:
        yield str(error).removeprefix(f"{paths.root}/")
    yield from _strangers(paths)
    for trial_id in paths.trial_ids("trials"):
        yield from ended_problems(files, trial_id, grid)
    ended = set(paths.trial_ids("trials"))
    for trial_id in running_trials(paths):
        if trial_id not in ended:
            yield from live_problems(files, trial_id, grid)
    yield from _without_row(paths)
    for timing_id in paths.trial_ids("timings"):
        yield from timing_problems(files, timing_id, grid)


def unfinished(paths: StudyPaths) -> list[str]:
    """Return the trials that have begun and not ended: they run, were interrupted, or their commit was cut short."""
    begun = set(running_trials(paths))
    return sorted(begun - set(paths.trial_ids("trials")))


def _refuse_nothing(paths: StudyPaths) -> None:
    if not paths.exists(paths.study_json) and not any(paths.names(paths.table(table)) for table in TABLES):
        raise FileNotFoundError(f"{paths.uri} holds no study. Give the folder of one, as results/digits")


def _grid(config: StudyConfig) -> dict[str, TrialConfig]:
    return {trial.trial_id: trial for trial in study_trials(config)}


def _strangers(paths: StudyPaths) -> Iterator[str]:
    """Yield what is in the table folders and is no Parquet file: one reader or another takes it for one."""
    for table in TABLES:
        faults = {info.base_name: stranger(info) for info in paths.listed(paths.table(table))}
        yield from (f"{table}/{name}: {fault}" for name, fault in sorted(faults.items()) if fault)


def _without_row(paths: StudyPaths) -> Iterator[str]:
    """Yield the files of trials that have neither a row nor anything live, which a commit removes after the row."""
    held = {table: paths.trial_ids(table) for table in ROW_TABLES}
    known: Collection[str] = {*running_trials(paths), *paths.trial_ids("trials")}
    for table, trial_ids in held.items():
        yield from (f"{table}/{i}.parquet: the trial has no row in trials" for i in trial_ids if i not in known)
