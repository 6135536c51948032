"""Parts of trials that begin anew: they are kept under `set_aside/`, where no reader and no attempt looks."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.store.faults import DAMAGE
from bs_study.store.listing import running_trials
from bs_study.store.parts import attempts, fits
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import ROW_TABLES


def set_aside(paths: StudyPaths, trial_id: str, *, version: int) -> str:
    """Move what a trial has live out of the way; return the folder, from the study's on.

    Args:
        version: of workload and data, with which it was trained.
    """
    folder = f"set_aside/{trial_id}-v{version}"
    for attempt in attempts(paths, trial_id):
        paths.move_folder(f"{paths.live_trial(trial_id)}/{attempt}", f"{paths.root}/{folder}/{attempt}")
    paths.remove(paths.live_trial(trial_id))
    return folder


def set_all_aside(paths: StudyPaths, *, version: int, but: set[str]) -> list[str]:
    """Set aside what all trials have live but for some that have ended; return which were."""
    trial_ids = [trial_id for trial_id in running_trials(paths) if trial_id not in but]
    for trial_id in trial_ids:
        set_aside(paths, trial_id, version=version)
    return trial_ids


def set_unfit_aside(paths: StudyPaths, trial_id: str, *, metrics: tuple[str, ...], version: int) -> str | None:
    """Set aside what a trial has live if some of it can't become one table with what comes; return where, in words."""
    for attempt in attempts(paths, trial_id):
        folder = f"{paths.live_trial(trial_id)}/{attempt}"
        if not all(
            _fits(paths, f"{folder}/{name}", metrics) for name in paths.names(folder) if name.endswith(".parquet")
        ):
            place = set_aside(paths, trial_id, version=version)
            return f"it began anew: its parts have other columns or metrics than the study, and are in {place}"
    return None


def _fits(paths: StudyPaths, file: str, metrics: tuple[str, ...]) -> bool:
    """Return whether a part fits; of one that is damaged the checkpoint tells."""
    table = next((table for table in ROW_TABLES if file.rpartition("/")[2].startswith(f"{table}-")), None)
    try:
        return table is None or fits(pq.read_schema(pa.BufferReader(paths.read(file))), table, metrics)
    except FileNotFoundError:
        return True
    except DAMAGE as error:
        if isinstance(error, OSError) and not paths.is_local:
            raise
        return True
