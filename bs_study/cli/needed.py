"""Packages that a command needs: one that is missing is told with the line that installs it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path

ANALYSIS = ("jinja2", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "scipy")
"""What reads a study and writes its report."""
SWEEP = "sweep"
"""The extra that trains."""
_IMPORTED_AS = {"pyyaml": "yaml", "scikit-learn": "sklearn"}


def need(packages: Iterable[str], *, extra: str = "") -> None:
    """Raise if a package is not installed.

    Args:
        packages: as they are imported.
        extra: the part of this package that they belong to, as `SWEEP`.

    Raises:
        ValueError: one is missing.
    """
    missing = [name for name in packages if not _is_there(name)]
    if not missing:
        return
    is_clone = (Path(__file__).parents[2] / "pyproject.toml").is_file()
    what = ["-e", f".[{extra}]" if extra else "."] if is_clone else _missing_requirements(extra) or missing
    raise ValueError(f"{missing[0]} is not installed. Run: {shlex.join(['pip', 'install', *what])}")


def _missing_requirements(extra: str) -> list[str]:
    """Return all that is missing of an extra, as pip takes it: no registry has the package itself."""
    try:
        lines = requires("bs-study") or []
    except PackageNotFoundError:  # copied, not installed
        return []
    belongs = re.compile(f"extra == .{extra}\\b" if extra else r"(?!.*extra ==)")
    asked = [
        text.strip() for text, _, marker in (line.partition(";") for line in lines) if belongs.match(marker.strip())
    ]
    names = {text: re.split(r"[^\w.-]", text, maxsplit=1)[0].lower() for text in asked}
    return [text for text, name in names.items() if not _is_there(_IMPORTED_AS.get(name, name))]


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # something in its place that is no package
        return False
