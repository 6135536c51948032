"""Which files beside a page are the report's own: it lists those that it writes, and removes no others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pyarrow import fs as pafs

from bs_study.store.paths import StudyPaths

LIST = "files.json"
"""Beside the page: the files that its report wrote in tables/ and figures/, each with the SHA-256 of its content."""
FOLDERS = ("tables", "figures")


def replace_files(paths: StudyPaths, folder: str, files: Mapping[str, bytes]) -> None:
    """Write the files of a report and remove what an earlier one left beside them.

    Removed is what the earlier report lists, as long as it still is what was written, and nothing behind a symbolic
    link. The list comes first, with the earlier one's files, so that a report that is cut off loses sight of none.

    Args:
        paths: the study.
        folder: of the page.
        files: content by name, as tables/best.csv.
    """
    before = written_files(paths, folder)
    now = {name: _digest(data) for name, data in files.items()}
    _write_list(paths, folder, before | now)
    for name, data in files.items():
        paths.write(f"{folder}/{name}", data)
    for name in before.keys() - now.keys():
        _remove(paths, f"{folder}/{name}", digest=before[name])
    _write_list(paths, folder, now)


def written_files(paths: StudyPaths, folder: str) -> dict[str, str]:
    """Return what the last report in a folder lists: the SHA-256 of each file by name; nothing where there is no list.

    Reports had none up to version 0.1: of what those wrote nothing is known, and nothing is removed.
    """
    try:
        listed = json.loads(paths.read(f"{folder}/{LIST}"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):  # another's file of this name
        return {}
    return {name: digest for name, digest in listed.items() if _is_own(name)} if isinstance(listed, dict) else {}


def _write_list(paths: StudyPaths, folder: str, files: Mapping[str, str]) -> None:
    paths.write(f"{folder}/{LIST}", json.dumps(files, indent=2, sort_keys=True).encode())


def _is_own(name: str) -> bool:
    """Return whether a name, which anyone may have written, is of a file in one of the report's two folders."""
    folder, _, file = name.partition("/")
    return folder in FOLDERS and file not in ("", ".", "..") and "/" not in file and "\\" not in file


def _remove(paths: StudyPaths, file: str, *, digest: str) -> None:
    is_there = paths.kind(file) == pafs.FileType.File  # neither a folder nor a pipe, which would be waited for
    if is_there and not _is_linked(paths, file) and _digest(paths.read(file)) == digest:
        paths.remove(file)


def _is_linked(paths: StudyPaths, file: str) -> bool:
    """Return whether the way from the study to a file leads by a symbolic link, the file included."""
    below = Path(file).relative_to(paths.root)
    ways = [Path(paths.root, part) for part in (below, *below.parents[:-1])]
    return paths.is_local and any(way.is_symlink() for way in ways)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
