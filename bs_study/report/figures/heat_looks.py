"""How a cell of the heatmap looks: its colour, its hatch, and the few words in it."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.colors import LogNorm, to_hex

from bs_study.report.colours import PAPER, contrast
from bs_study.report.outrun import beyond
from bs_study.report.style import INK
from bs_study.words import count, duration

TEXT_CONTRAST = 4.5
MISSED, NOT_TRIED, OUTRUN = "////", "\\\\\\\\", "---"
WHITE, SLOWER, DIVERGED, EDGE = "#ffffff", "#e3e3e3", "#3a3a3a", "#b5b5b5"
_PARTLY, _NO_ANSWER = "#8c8c8c", "#f3f3f3"
_DARK_PAGE = 14.3  # contrast of ink on paper there, where colours keep theirs with the paper


class Look(NamedTuple):
    """How a cell is shown."""

    colour: str
    hatch: str
    text: str

    @property
    def ink(self) -> str:
        """The colour of the words: of those on a hatch ink, since they have a ground of their own."""
        return PAPER if not self.hatch and contrast(self.colour, PAPER) >= TEXT_CONTRAST else INK


def time_colours(times: npt.NDArray[np.float64]) -> list[str]:
    """Return the colour of each time on a log scale; of a missing one it means nothing."""
    finite = times[np.isfinite(times) & (times > 0)]
    low, high = (finite.min(), finite.max()) if len(finite) else (1.0, 1.0)
    shares = LogNorm(low, max(high, low * 1.01))(times).filled(0.0)
    ramp = _ramp()
    return [ramp[round(share * (len(ramp) - 1))] for share in shares]


@functools.cache
def _ramp() -> list[str]:
    """Return the colours of times: yellow is quick; made for the colour-blind.

    Those of the middle are left out: on them neither white nor ink has enough contrast, or would not on a dark page.
    """
    colours = [to_hex(colour) for colour in colormaps["cividis_r"](np.linspace(0.05, 0.9, 200))]
    light, dark = 0.97 * _DARK_PAGE / TEXT_CONTRAST, 1.01 * TEXT_CONTRAST
    return [colour for colour in colours if not light < contrast(colour, PAPER) < dark]


def cell_look(cell: Mapping[Hashable, Any], *, shade: str, clock: str) -> Look:
    """Return how a cell is shown.

    Args:
        cell: a row of `convergence`, with `ratio`, of `outrun_cells`.
        shade: the colour of its time, if it has one.
    """
    time, status, seeds = cell[f"{clock}_to_target"], cell["status"], cell["seeds"]
    if np.isfinite(time):
        share = "" if cell["reached"] == seeds else f"\n{cell['reached']} of {seeds}"
        return Look(shade, "", _short(time, clock) + share)
    if cell["outrun"] and not cell["diverged"]:
        is_known = np.isfinite(cell["ratio"]) or not cell["reached"]
        return Look(SLOWER, OUTRUN, beyond(cell["ratio"]) if is_known else f"{cell['outrun']} of {seeds}\noutrun")
    if cell["reached"]:
        return Look(WHITE, MISSED, f"{cell['reached']} of {seeds}")
    if status == "diverged":
        return Look(DIVERGED, "", "div.")
    if cell["diverged"]:
        return Look(_PARTLY, MISSED, f"{cell['diverged']} of {seeds}\ndiv.")
    if cell["not_tried"]:
        share = "" if status == "not_tried" else f"{cell['not_tried']} of {seeds} "
        return Look(WHITE, NOT_TRIED, f"{share}not\ntried")
    words = {"out_of_memory": "no\nmemory", "failed": "failed", "not_evaluated": "not\neval."}
    return Look(_NO_ANSWER, "....", words[status]) if status in words else Look(WHITE, MISSED, "missed")


def _short(value: float, clock: str) -> str:
    if not clock.endswith("seconds"):
        return count(value)
    return duration(value).replace(" ", "\n" if value >= 99.5 else " ", 1)
