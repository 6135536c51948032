"""Which files are a user's own: not Python's, not an installed package's, not this one's."""

from __future__ import annotations

import functools
import site
import sysconfig
from pathlib import Path

OURS = Path(__file__).resolve().parent.parent
PACKAGES = {"site-packages", "dist-packages"}


@functools.cache
def installed_folders() -> frozenset[Path]:
    """Return where Python and its packages are installed."""
    paths = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    return frozenset(Path(path).resolve() for path in [*paths, site.getusersitepackages()])


def is_installed(file: Path) -> bool:
    """Return whether a file or folder came with Python or with a package."""
    return not PACKAGES.isdisjoint(file.parts) or any(file.is_relative_to(folder) for folder in installed_folders())


def is_pythons(file: Path) -> bool:
    """Return whether a file is part of Python itself."""
    return is_installed(file) and PACKAGES.isdisjoint(file.parts)


def is_own(filename: str) -> bool:
    """Return whether a traceback's file name is that of a user's file; `<frozen importlib>` and the like are none."""
    file = Path(filename).resolve()
    return not (filename.startswith("<") or is_installed(file) or file.is_relative_to(OURS))
