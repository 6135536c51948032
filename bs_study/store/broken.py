"""Which files of ended trials are not there, or were cut short: told by their sizes and last bytes, without reading."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pyarrow import fs as pafs

from bs_study.store.paths import StudyPaths
from bs_study.store.schema import ROW_TABLES, SPARSE_TABLES
from bs_study.store.stranger import stranger

MAGIC = b"PAR1"
MISSING = "it is not there, and the trial has ended"
CUT = "it is cut short, or no Parquet"


def broken_files(paths: StudyPaths, probes: Mapping[str, int | None]) -> dict[str, str]:
    """Return the files beside the rows of ended trials that can't be whole, each with its fault.

    Args:
        probes: of each trial how many its row tells of: without any it has no file of gradients.
    """
    found = {file: _fault(paths, file, info) for file, info in _files(paths, probes)}
    may_lack = {paths.trial_file(table, one) for table in SPARSE_TABLES for one, count in probes.items() if not count}
    return {f: fault for f, fault in found.items() if fault and not (fault == MISSING and f in may_lack)}


def _files(paths: StudyPaths, trial_ids: Collection[str]) -> Iterator[tuple[str, pafs.FileInfo | None]]:
    for table in ROW_TABLES:
        files = [paths.trial_file(table, trial_id) for trial_id in sorted(trial_ids)]
        if len(files) == 1:
            yield from zip(files, paths.infos(files), strict=True)
        elif files:
            found = {info.path: info for info in paths.listed(paths.table(table))}
            yield from ((file, found.get(file)) for file in files)


def _fault(paths: StudyPaths, file: str, info: pafs.FileInfo | None) -> str | None:
    if info is None or info.type == pafs.FileType.NotFound:
        return MISSING
    return stranger(info) or (None if _ends_well(paths, file, info) else CUT)


def _ends_well(paths: StudyPaths, file: str, info: pafs.FileInfo) -> bool:
    if info.size < 2 * len(MAGIC):
        return False
    if not paths.is_local:  # where a look into each file is a request
        return True
    try:
        with paths.open(file) as opened:
            opened.seek(info.size - len(MAGIC))
            return bool(opened.read() == MAGIC)
    except OSError:
        return False
