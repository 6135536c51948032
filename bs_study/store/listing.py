"""Which files hold a table's rows at this moment: of ended trials their own, of running ones their parts."""

from __future__ import annotations

from collections.abc import Collection

from pyarrow import fs as pafs

from bs_study.store.faults import reason
from bs_study.store.parts import Part, live_parts
from bs_study.store.paths import StudyPaths
from bs_study.store.scan import Chain
from bs_study.store.schema import SPARSE_TABLES, Table
from bs_study.store.stranger import stranger

LONGEST_NAME = 200  # bytes; file systems take 255


def table_chains(
    paths: StudyPaths,
    table: Table,
    *,
    trial_ids: Collection[str] | None = None,
    live: bool = False,
    vanished: Collection[str] = (),
) -> tuple[list[Chain], dict[str, str]]:
    """Return the files of each trial in a table, and the faults of those that should be there and are not.

    Args:
        paths: the study.
        table: which table.
        trial_ids: the trials; None for all.
        live: add the parts of trials that have not ended.
        vanished: files that were gone when they were to be read. No file comes back under the name of a part, so one
            of them that is still part of a trial is a hole, and the trial is cut there.
    """
    if table == "timings":  # no trial's: each file is whole and stands for itself
        held, faults = _held_and_strangers(paths, table, trial_ids)
        return [[paths.trial_file(table, i)] for i in held], faults
    live = live and table != "trials"
    # Live first: a trial that commits meanwhile is then found among the ended.
    begun = running_trials(paths) if live else []
    ended = _held(paths, "trials", trial_ids)
    held, faults = _held_and_strangers(paths, table, trial_ids if trial_ids is None else ended)
    if table != "trials":
        held = sorted(set(held) & set(ended))
    chains: list[Chain] = [[paths.trial_file(table, i)] for i in held]
    running = [i for i in begun if i not in set(ended) and (trial_ids is None or i in trial_ids)]
    if not running:
        return chains, faults
    found, holes = live_chains(paths, table, running)
    faults |= holes
    # Parts are removed only after the row in trials is there, so those of trials that still have none are whole.
    committed = set(_held(paths, "trials", set(running)))
    if committed:
        return table_chains(paths, table, trial_ids=trial_ids, live=live, vanished=vanished)
    for chain in found:
        gone = next((file for file in chain if file in vanished), None)
        chains.append(chain[: chain.index(gone)] if gone else chain)
        faults |= {gone: "it is gone"} if gone else {}
    return chains, faults


def ended_files(paths: StudyPaths, table: Table, trial_ids: Collection[str]) -> dict[str, str]:
    """Return the file in a table of each of these trials that has ended and has one."""
    held = _held(paths, "trials", set(trial_ids))
    return {trial_id: paths.trial_file(table, trial_id) for trial_id in _held(paths, table, set(held))}


def running_trials(paths: StudyPaths) -> list[str]:
    """Return the trials that have something live: they run, were interrupted, or commit at this moment."""
    folders = [info for info in paths.listed(paths.live) if info.type == pafs.FileType.Directory]
    return sorted(info.base_name for info in folders if not info.base_name.startswith("."))


def live_chains(paths: StudyPaths, table: Table, trial_ids: Collection[str]) -> tuple[list[Chain], dict[str, str]]:
    """Return the files of running trials, and the faults of those of which it can't be told."""
    chains: list[Chain] = []
    faults = {}
    for trial_id in trial_ids:
        folder = paths.live_trial(trial_id)
        try:
            files = [f"{folder}/{part.file(table)}" for part in running_parts(paths, trial_id)]
            chains.append([file for file in files if table not in SPARSE_TABLES or paths.exists(file)])
        except FileNotFoundError:
            continue  # it has just committed
        except ValueError as error:
            faults[folder] = str(error)
    return chains, faults


def running_parts(paths: StudyPaths, trial_id: str) -> list[Part]:
    """Return the parts that a running trial's newest attempt stands on.

    Raises:
        FileNotFoundError: they were removed meanwhile.
        ValueError: what is in the folder is none of our making, or damaged.
        OSError: an object store does not answer.
    """
    try:
        return _checked(live_parts(paths, trial_id))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, OSError) and not paths.is_local:
            raise
        raise ValueError(f"its parts can't be told ({reason(error)})") from error


def _checked(parts: list[Part]) -> list[Part]:
    """Return the parts, or refuse names that lead out of the trial's folder: adopted.json may be anyone's."""
    for attempt, first in parts:
        if not isinstance(attempt, str) or "/" in attempt or "\\" in attempt or attempt in ("", ".", ".."):
            raise ValueError(f"{attempt!r} is no attempt")
        if not isinstance(first, int) or first < 1:
            raise ValueError(f"{first!r} is no iteration")
    return parts


def _held_and_strangers(
    paths: StudyPaths, table: Table, trial_ids: Collection[str] | None
) -> tuple[list[str], dict[str, str]]:
    """Return which trials have a file in a table; of all trials, also the strangers in its folder."""
    if trial_ids is not None:
        return _held(paths, table, trial_ids), {}
    found = paths.listed(paths.table(table))
    faults = {info.path: fault for info in found if (fault := stranger(info))}
    return sorted(paths.owner(info.path) for info in found if info.path not in faults), faults


def _held(paths: StudyPaths, table: Table, trial_ids: Collection[str] | None) -> list[str]:
    """Return which of these trials, or of all, have a file in a table.

    A single trial is looked up: listing the table for each of thousands would take their square.
    """
    if trial_ids is not None and len(trial_ids) == 1:
        return [i for i in trial_ids if is_name(i) and paths.exists(paths.trial_file(table, i))]
    return [i for i in paths.trial_ids(table) if trial_ids is None or i in trial_ids]


def is_name(trial_id: object) -> bool:
    """Return whether this can be a trial's name: text that leads nowhere else.

    >>> is_name("b60-lr0.02-s0-3f9a2c"), is_name("../mnist"), is_name("a\\0b")
    (True, False, False)
    """
    is_text = isinstance(trial_id, str) and trial_id.isprintable()
    return is_text and not set(str(trial_id)) & set("/\\") and len(str(trial_id).encode()) <= LONGEST_NAME
