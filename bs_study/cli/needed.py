"""Packages that a command needs: one that is missing is told with the line that installs it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

ANALYSIS = ("jinja2", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "scipy")
"""What reads a study and writes its report."""


def need(packages: Iterable[str], *, extra: str = "") -> None:
    """Raise if a package is not installed.

    Args:
        packages: as they are imported.
        extra: the part of this package that installs them, as "[sweep]".

    Raises:
        ValueError: one is missing.
    """
    missing = next((name for name in packages if not _is_there(name)), None)
    if missing is None:
        return
    is_clone = (Path(__file__).parents[2] / "pyproject.toml").is_file()
    line = f"pip install -e '.{extra}'" if is_clone else f"pip install 'bs-study{extra}'"
    raise ValueError(f"{missing} is not installed. Run: {line}")


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # something in its place that is no package
        return False
