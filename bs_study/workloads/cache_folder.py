"""Where data sets are kept if no folder was given."""

from __future__ import annotations

from pathlib import Path


def cache_folder() -> Path:
    """Return the folder, which need not be there."""
    return Path.home() / ".cache" / "bs_study"
