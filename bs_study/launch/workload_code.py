"""A user's own workload on its way to other nodes: the files that it was imported from, and their place there.

Ray's runtime environments could carry them, but a job that was submitted with one of its own may not be given another,
and their workers start anew. These files travel as the data does, once per node.
"""

from __future__ import annotations

import functools
import importlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bs_study.workloads.built_in import BUILT_IN
from bs_study.workloads.given import given
from bs_study.workloads.names import code_place
from bs_study.workloads.source import OWN, modules_beside, places

Code = tuple[tuple[str, bytes], ...]
"""Files: the path below a folder of `sys.path`, and what is in them."""

MOST_BYTES = 100 * 2**20


def workload_code(workload: str) -> Code:
    """Return the files of a workload that is not installed: its module, and what was imported from beside it.

    A package travels whole, with the data files in it.

    Raises:
        ValueError: they are larger than code is.
    """
    if workload in BUILT_IN or workload.startswith(f"{OWN}.") or given(workload):  # which every node has, or gets
        return ()
    top, folder = code_place(workload)
    files = sorted(
        {
            (str(folder / file.relative_to(place.parent)), file)
            for module in modules_beside(top)
            for place in places(module)
            for file in _files(place)
        }
    )
    size = sum(file.stat().st_size for _, file in files)
    if size > MOST_BYTES:
        raise ValueError(
            f"workload: the files of {workload} are {size / 2**20:.0f} MiB, too many for each node. "
            "Keep data in --data-dir, out of the package"
        )
    return tuple((name, file.read_bytes()) for name, file in files)


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    else:
        yield from (file for file in place.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


@functools.cache
def use_code(code: Code) -> tempfile.TemporaryDirectory[str]:
    """Let this process import these files, before others of their name, from a folder that goes when it ends."""
    folder = tempfile.TemporaryDirectory(prefix="bs_study-code-")
    for name, content in code:
        file = Path(folder.name, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    sys.path.insert(0, folder.name)
    importlib.invalidate_caches()
    return folder
