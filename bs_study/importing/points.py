"""Numbers that a tracker keeps of a run, each at a step, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bs_study.importing.sheet import Sheet


class Point(NamedTuple):
    """A number that was logged.

    Attributes:
        seconds: when, since 1970.
    """

    name: str
    step: int
    seconds: float
    value: float


def sheet_of_points(
    source: str, run: str, *, settings: Mapping[str, Any], points: Iterable[Point], began: float | None
) -> Sheet:
    """Return the points of a run, a row for each step. A setting that is named as a metric gives way to it.

    A step has a second row where a name has two numbers: whoever reads that name refuses it.

    Args:
        settings: what the tracker keeps of the whole run. Each row has it.
        began: when the run did, in seconds since 1970; None where that is not known.
    """
    steps: dict[int, list[dict[str, Any]]] = {}
    times: dict[int, float] = {}
    for name, step, seconds, value in points:
        rows = steps.setdefault(int(step), [])
        row = next((row for row in rows if name not in row), None)
        if row is None:
            rows.append(row := {})
        row[name] = value
        times[int(step)] = max(seconds, times.get(int(step), seconds))
    order = [step for step in sorted(steps) for _ in steps[step]]
    first = min(times.values(), default=0.0)
    begin = first if began is None else min(began, first)
    rows = [row for step in sorted(steps) for row in steps[step]]
    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, list[Any]] = {name: [value] * len(rows) for name, value in settings.items()}
    columns |= {"step": order, "wall_time": [times[step] - begin for step in order], "run": [run] * len(rows)}
    columns |= {name: [row.get(name) for row in rows] for name in names}
    return Sheet(source, columns, order, unit="step", run=run)
