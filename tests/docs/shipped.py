"""The small study that samples and the README's figure are made from: a run of the embedded study, in digits.zip.

It is as it was written, on a machine that others used too, but for its report and what only a running study needs.
"""

from __future__ import annotations

import functools
import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bs_study import analyse, open_study
from bs_study.analysis.study import Analysis

STORE = Path(__file__).with_name("digits.zip")
SHOWN = "results/digits"
"""Where pages say that it is."""
HOME = "/home/you"
"""The folder that a person types in, as pages show it."""


def unpacked(folder: Path) -> Path:
    """Put the study where pages have it, below a folder; return its place."""
    with zipfile.ZipFile(STORE) as archive:
        archive.extractall(folder / "results")
    return folder / SHOWN


@functools.cache
def found() -> Analysis:
    """Return what the study says, as if it lay where pages have it."""
    return priced(None)


@functools.cache
def priced(price: float | None) -> Analysis:
    """Return the same, with a price of an hour of its machine."""
    with TemporaryDirectory() as folder:
        analysis = analyse(open_study(unpacked(Path(folder))), price_per_hour=price)
    return replace(analysis, uri=f"{HOME}/{SHOWN}")
