"""The figure of the README, drawn from the shipped study. The file carries the text of its marks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from bs_study.analysis.best import best_cells
from bs_study.report.cell_points import cell_points
from bs_study.report.curves import Source
from bs_study.report.figures import CHOICE
from bs_study.report.style import as_png
from tests.docs import shipped
from tests.docs.pages import DOCS

FIGURE = DOCS / "time_by_batch_size.png"
_TEXT = "Description"


def drawn() -> bytes:
    """Return the figure as a PNG."""
    picture = Image.open(io.BytesIO(as_png(CHOICE.draw(Source(None, shipped.found())))))
    kept = PngImagePlugin.PngInfo()
    kept.add_itxt(_TEXT, marks())
    sink = io.BytesIO()
    # A palette: the file is a third as large, and looks the same.
    picture.convert("RGB").quantize(colors=64).save(sink, "png", optimize=True, pnginfo=kept)
    return sink.getvalue()


def marks() -> str:
    """Return what the marks of the figure say, a line for each cell."""
    found = shipped.found()
    tables, clock = found.tables, found.tables.clock
    best = found.recommendation.best
    points = cell_points(tables.convergence, best_cells(tables.best, clock), clock=clock, recipe="", recommended=best)
    return "\n".join(point.text for point in points)


def marks_in(file: Path) -> str:
    with Image.open(file) as picture:
        return str(picture.info[_TEXT])


def pixels(data: bytes) -> npt.NDArray[np.float64]:
    """Return a PNG's pixels, shape (height, width, 3), 0 to 1."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float) / 255
