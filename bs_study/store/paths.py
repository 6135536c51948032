"""Which file holds what, on any file system that pyarrow opens."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from pyarrow import fs as pafs

from bs_study.store.schema import Table
from bs_study.store.stranger import stranger
from bs_study.store.uris import refuse_unfit
from bs_study.store.whole import whole_object
from bs_study.streams import refuse_no_text
from bs_study.words import shortened, shown

T = TypeVar("T")

PATIENCE_SECONDS = 120.0
FINAL = ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "No response body")
"""What an object store answers when asking again won't help."""


@dataclass(frozen=True)
class StudyPaths:
    """The files of one study: where each lies, and how one is read, written and removed.

    Args:
        filesystem: local, or an object store's.
        root: the study's folder on it.
        uri: the same as the user gives it.
        patience_seconds: how long an object store that does not answer is asked again.
    """

    filesystem: pafs.FileSystem
    root: str
    uri: str
    patience_seconds: float = PATIENCE_SECONDS

    def __reduce__(self) -> tuple[Callable[..., StudyPaths], tuple[str, float]]:
        # By its URI, which holds no secret: where it arrives, it is opened with the credentials that are there.
        return _opened, (self.uri, self.patience_seconds)

    @property
    def name(self) -> str:
        return self.root.rsplit("/", 1)[-1]

    @property
    def is_local(self) -> bool:
        return isinstance(self.filesystem, pafs.LocalFileSystem)

    @property
    def study_json(self) -> str:
        return f"{self.root}/study.json"

    @property
    def live(self) -> str:
        return f"{self.root}/live"

    def table(self, table: Table) -> str:
        return f"{self.root}/{table}"

    def trial_file(self, table: Table, trial_id: str) -> str:
        return f"{self.root}/{table}/{trial_id}.parquet"

    def live_trial(self, trial_id: str) -> str:
        return f"{self.live}/{trial_id}"

    def exists(self, path: str) -> bool:
        return bool(self.kind(path) != pafs.FileType.NotFound)

    def kind(self, path: str) -> pafs.FileType:
        return self._ask(lambda: self.filesystem.get_file_info(path)).type

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted; none where there is no such folder."""
        return sorted(info.base_name for info in self.listed(folder))

    def listed(self, folder: str) -> list[pafs.FileInfo]:
        """Return what is in a folder, each with its size and the time of its last change."""
        selector = pafs.FileSelector(folder, allow_not_found=True)
        found: list[pafs.FileInfo] = self._ask(lambda: self.filesystem.get_file_info(selector))
        return found

    def infos(self, files: Sequence[str]) -> list[pafs.FileInfo]:
        """Return what is known of some files; the type of one that is not there says so."""
        found: list[pafs.FileInfo] = self._ask(lambda: self.filesystem.get_file_info(list(files)))
        return found

    def trial_ids(self, table: Table) -> list[str]:
        """Return the trials that have a file in this table, sorted. What else lies there is a stranger."""
        names = [str(info.base_name) for info in self.listed(self.table(table)) if stranger(info) is None]
        return sorted(name.removesuffix(".parquet") for name in names)

    def owner(self, file: str) -> str:
        """Return the trial that a file of a table is of, or the timing: by its name, or by the folder of its parts."""
        parts = file.removeprefix(f"{self.root}/").split("/")
        return parts[1] if parts[0] == "live" else parts[-1].removesuffix(".parquet")

    def read(self, path: str) -> bytes:
        return self._ask(lambda: self._read(path))

    def _read(self, path: str) -> bytes:
        with self.open(path) as file:
            return bytes(file.read()) if self.is_local else whole_object(file, path)

    def open(self, path: str) -> pa.NativeFile:
        """Open a file for reading. A pipe is refused: opening it would wait for who writes into it."""
        if self.is_local and not stat.S_ISREG(Path(path).stat().st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        return self.filesystem.open_input_file(path)

    def write(self, path: str, data: pa.Buffer | bytes) -> None:
        """Let a file appear whole or not at all, replacing what was there."""
        if self.is_local:
            self._replace_local(path, data)
        else:
            self._ask(lambda: self._put(path, data))

    def _put(self, path: str, data: pa.Buffer | bytes) -> None:
        # No `with`: closing a stream after an exception would publish a truncated object.
        stream = self.filesystem.open_output_stream(path)
        stream.write(data)
        stream.close()

    def _replace_local(self, path: str, data: pa.Buffer | bytes) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with self.written_beside(data) as temporary:
            temporary.replace(path)

    @contextlib.contextmanager
    def written_beside(self, data: pa.Buffer | bytes) -> Iterator[Path]:
        """Write to a local file that is to get its name, and goes if it does not."""
        # Beside the table folders, which hold complete Parquet files only, and on the same disk.
        temporary = Path(self.live, f"tmp-{uuid.uuid4().hex}")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def move(self, path: str, target: str) -> None:
        """Give a file another name, replacing what had it."""
        if self.is_local:
            Path(path).replace(target)
        else:
            self._ask(lambda: self.filesystem.move(path, target))

    def move_folder(self, folder: str, target: str) -> None:
        """Give a folder that is there another name, which nothing has; an object store moves it file by file."""
        if self.is_local:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            Path(folder).rename(target)
            return
        selector = pafs.FileSelector(folder, recursive=True)
        for info in self._ask(lambda: self.filesystem.get_file_info(selector)):
            if info.type == pafs.FileType.File:
                self.move(info.path, f"{target}{info.path.removeprefix(folder)}")
        self.remove(folder)

    def remove(self, path: str) -> None:
        """Remove a file, or a folder and all in it, if it is there."""
        kind = self.kind(path)
        if kind == pafs.FileType.File:
            self._ask(lambda: self.filesystem.delete_file(path))
        elif kind == pafs.FileType.Directory:
            self._ask(lambda: self.filesystem.delete_dir(path))

    def _ask(self, operation: Callable[[], T]) -> T:
        """Return what an operation gives; ask an object store that does not answer again, with growing pauses."""
        end = time.monotonic() + (0 if self.is_local else self.patience_seconds)
        pause = 0.5
        while True:
            try:
                return operation()
            except FileNotFoundError:
                raise
            except OSError as error:
                if time.monotonic() + pause > end or any(answer in str(error) for answer in FINAL):
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 15)


def study_paths(uri: str | os.PathLike[str], *, patience_seconds: float = PATIENCE_SECONDS) -> StudyPaths:
    """Return the paths of the study at a folder or at a URI such as ``s3://bucket/results/mnist``.

    Raises:
        ValueError: it is empty, no file system is known for the URI, it lacks a slash, or it holds credentials.
    """
    given = os.fspath(uri)
    if not given.strip():
        raise ValueError(f"study: {shown(given)} names no folder. Give the folder of one, as results/digits")
    text = given if given.endswith("://") else given.rstrip("/") or "/"
    refuse_unfit(given)
    if "://" not in text:
        root = str(Path(text).expanduser().absolute())
        refuse_no_text("store", root)
        return StudyPaths(pafs.LocalFileSystem(), root, root, patience_seconds)
    try:
        filesystem, root = pafs.FileSystem.from_uri(text)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise ValueError(f"store: {shown(text)} can't be opened: {error}") from error
    if not root:
        raise ValueError(f"store: {shown(text)} names no folder. Write one like {shortened(text)}bucket/results")
    return StudyPaths(filesystem, root.rstrip("/"), text, patience_seconds)


def _opened(uri: str, patience_seconds: float) -> StudyPaths:
    return study_paths(uri, patience_seconds=patience_seconds)


def store_uri(paths: StudyPaths) -> str:
    """Return the URI of the store that holds a study: the inverse of `study_uri`."""
    folder, mark, query = paths.uri.partition("?") if "://" in paths.uri else (paths.uri, "", "")
    return f"{folder.rpartition('/')[0] or '/'}{mark}{query}"
