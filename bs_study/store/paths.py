"""Which file holds what, on any file system that pyarrow opens."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import fs as pafs

from bs_study.store.schema import Table


@dataclass(frozen=True)
class StudyPaths:
    """The files of one study: where each lies, and how one is read, written and removed."""

    filesystem: pafs.FileSystem
    root: str
    uri: str

    @property
    def name(self) -> str:
        return self.root.rsplit("/", 1)[-1]

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
        return bool(self.filesystem.get_file_info(path).type != pafs.FileType.NotFound)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted; none where there is no such folder."""
        selector = pafs.FileSelector(folder, allow_not_found=True)
        return sorted(info.base_name for info in self.filesystem.get_file_info(selector))

    def trial_ids(self, table: Table) -> list[str]:
        """Return the trials that have a file in this table, sorted."""
        return [n.removesuffix(".parquet") for n in self.names(self.table(table)) if n.endswith(".parquet")]

    def read(self, path: str) -> bytes:
        with self.filesystem.open_input_file(path) as file:
            return bytes(file.read())

    def write(self, path: str, data: pa.Buffer | bytes) -> None:
        """Let a file appear whole or not at all, replacing what was there."""
        if isinstance(self.filesystem, pafs.LocalFileSystem):
            self._replace_local(path, data)
        else:
            # One put. No `with`: closing a stream after an exception would publish a truncated object.
            stream = self.filesystem.open_output_stream(path)
            stream.write(data)
            stream.close()

    def _replace_local(self, path: str, data: pa.Buffer | bytes) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Beside the table folders, which hold complete Parquet files only, and on the same disk.
        temporary = Path(self.live, f"tmp-{uuid.uuid4().hex}")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def remove(self, folder: str) -> None:
        """Remove a folder and all in it, if it is there."""
        if self.exists(folder):
            self.filesystem.delete_dir(folder)


def study_paths(uri: str | os.PathLike[str]) -> StudyPaths:
    """Return the paths of the study at a folder or at a URI such as ``s3://bucket/results/mnist``."""
    text = os.fspath(uri).rstrip("/")
    if "://" in text:
        filesystem, root = pafs.FileSystem.from_uri(text)
        return StudyPaths(filesystem, root.rstrip("/"), text)
    root = str(Path(text).expanduser().absolute())
    return StudyPaths(pafs.LocalFileSystem(), root, root)
