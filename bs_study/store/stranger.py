"""What lies in a table's folder and is no file of that table: told by its name and kind, before anything opens it."""

from __future__ import annotations

from pyarrow import fs as pafs


def stranger(info: pafs.FileInfo) -> str | None:
    """Return why something in a table's folder is no file of that table; None where it can be one."""
    if info.type == pafs.FileType.Directory:
        return "it is a folder, and only .parquet files may lie here"
    if info.type != pafs.FileType.File:  # opening a pipe would wait for ever
        return "it is no regular file, and only .parquet files may lie here"
    if info.base_name.startswith((".", "_")):
        return "it is a hidden file, as an operating system leaves beside others"
    if not info.base_name.endswith(".parquet"):
        return "it is no .parquet file, and only these may lie here"
    return None
