"""Long rows: each is a look at a run after an iteration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from bs_study.importing.record import Cell, Look, Row, Run
from bs_study.importing.sheet import finite, number, whole
from bs_study.words import count, shown, typed

DATES = 10 * 365.25 * 24 * 3600
"""No run trains for so many seconds: above it a number of seconds counts from 1970."""


@dataclass
class _Moment:
    """All that rows say of one iteration: trackers write training and evaluation apart."""

    row: Row
    iteration: int
    examples: int
    seconds: float | None = None
    train_loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def is_finite(self) -> bool:
        return all(map(math.isfinite, (self.train_loss or 0.0, self.metrics.get("loss", 0.0))))


def run_of_looks(name: str, cell: Cell, rows: Sequence[Row]) -> Run:
    """Return a run of its rows, in the order of the file.

    A loss that is no finite number ends it as diverged. Iteration 0 is before the first update.

    Raises:
        ValueError: something goes backwards, is no number, or is said twice; the message names the place.
    """
    moments = _moments(cell, rows)
    end = next((at for at, moment in enumerate(moments) if not moment.is_finite), None)
    message = None
    if end is not None:
        moments = moments[: end + 1]
        message = f"a loss is no finite number at iteration {moments[-1].iteration} ({moments[-1].row.place})"
    trained = [moment for moment in moments if moment.iteration]
    if not trained:
        raise ValueError(f"run: {shown(name)} has no iteration above 0 ({rows[0].place}). Leave the run out")
    _refuse_gaps(trained)
    looks = [_look(moment) for moment in trained if moment.metrics]
    before = moments[0].metrics if moments[0].iteration == 0 else {}
    initial = {metric: value for metric, value in before.items() if math.isfinite(value)}
    last = _look(trained[-1])
    if not all(moment.train_loss is not None for moment in trained) or len(trained) != last.iteration:
        return Run(name, rows[0].place, cell, looks, last, initial=initial, message=message)
    losses = [moment.train_loss or 0.0 for moment in trained]
    examples = [moment.examples for moment in trained]
    return Run(
        name, rows[0].place, cell, looks, last, losses=losses, examples=examples, initial=initial, message=message
    )


def _look(moment: _Moment) -> Look:
    metrics = {name: value if math.isfinite(value) else None for name, value in moment.metrics.items()}
    return Look(moment.iteration, moment.examples, moment.seconds, metrics)


def _moments(cell: Cell, rows: Sequence[Row]) -> list[_Moment]:
    found: list[_Moment] = []
    for row in rows:
        now = _moment(cell, row)
        before = found[-1] if found else None
        if before is None or now.iteration > before.iteration:
            if before is not None:
                _refuse_backwards(now, before)
            found.append(now)
            continue
        if now.iteration < before.iteration:
            raise _backwards("iteration", now.row, before.iteration, now.iteration)
        _merge(before, now)
    return found


def _moment(cell: Cell, row: Row) -> _Moment:
    size, given = cell.batch_size, {name: row.value(name) for name in ("iteration", "examples", "seconds")}
    counts = {
        name: whole(given[name], name=row.named(name), place=row.place)
        for name in ("iteration", "examples")
        if row.has(name) and _is_there(name, row)
    }
    if "iteration" not in counts:
        counts["iteration"] = iterations_of(counts["examples"], size, row, "examples")
    iteration, examples = counts["iteration"], counts.get("examples", counts["iteration"] * size)
    if not min(iteration, 1) <= examples <= iteration * size:
        raise ValueError(
            f"{row.named('examples')}: {count(examples)} at iteration {count(iteration)} of batch size {size} can't "
            f"be ({row.place}). Give at most {count(iteration * size)}, or the batch size of an update"
        )
    now = _Moment(row, iteration, examples)
    if given["seconds"] is not None:
        now.seconds = finite(given["seconds"], name=row.named("seconds"), place=row.place)
        if now.seconds < 0:
            raise ValueError(f"{row.named('seconds')}: {typed(now.seconds)} is below 0 ({row.place}). Give a time")
        if now.seconds > DATES:
            raise ValueError(
                f"{row.named('seconds')}: {typed(now.seconds)} is a date, or 10 years ({row.place}). Give the seconds "
                "since the run began"
            )
    if (loss := row.value("train_loss")) is not None:
        now.train_loss = number(loss, name=row.named("train_loss"), place=row.place)
    for name in row.columns.metrics:
        if (value := row.value(name)) is not None:
            now.metrics[name] = number(value, name=row.named(name), place=row.place)
    return now


def _is_there(name: str, row: Row) -> bool:
    if row.value(name) is None:
        raise ValueError(f"{row.named(name)}: is missing ({row.place}). Give it in every row, or in none")
    return True


def iterations_of(examples: int, batch_size: int, row: Row, name: str) -> int:
    """Return how many updates have seen so many examples.

    Raises:
        ValueError: they are no whole number of batches.
    """
    if examples % batch_size:
        raise ValueError(
            f"{row.named(name)}: {count(examples)} are no whole number of batches of {batch_size} ({row.place}). Give "
            f"{'iteration' if name == 'examples' else 'iterations_to_target'} too"
        )
    return examples // batch_size


def _refuse_backwards(now: _Moment, before: _Moment) -> None:
    if now.examples <= before.examples:
        raise _backwards("examples", now.row, before.examples, now.examples)
    _refuse_seconds_back(now, before)


def _refuse_seconds_back(now: _Moment, before: _Moment) -> None:
    if now.seconds is not None and before.seconds is not None and now.seconds < before.seconds:
        raise _backwards("seconds", now.row, before.seconds, now.seconds)


def _backwards(name: str, row: Row, before: float, now: float) -> ValueError:
    step = "goes" if name == "iteration" else "go"
    told = f"{step} back from {typed(before)} to {typed(now)}" if now < before else f"{step} no further than {now}"
    return ValueError(f"{row.named(name)}: {told} ({row.place}). Give the rows of a run in the order of its iterations")


def _merge(moment: _Moment, more: _Moment) -> None:
    """Add what a second row says of an iteration."""
    if more.examples != moment.examples:
        raise _twice("examples", more.row, moment.row)
    _refuse_seconds_back(more, moment)
    moment.seconds = more.seconds if more.seconds is not None else moment.seconds
    if more.train_loss is not None:
        if moment.train_loss is not None and repr(moment.train_loss) != repr(more.train_loss):
            raise _twice("train_loss", more.row, moment.row)
        moment.train_loss = more.train_loss
    for name, value in more.metrics.items():
        if name in moment.metrics and repr(moment.metrics[name]) != repr(value):  # as NaN is no equal of itself
            raise _twice(name, more.row, moment.row)
        moment.metrics[name] = value


def _twice(name: str, row: Row, other: Row) -> ValueError:
    return ValueError(
        f"{row.named(name)}: one iteration of a run has two values ({other.place}, {row.place}). Give each run a name "
        "of its own: --map run=COLUMN"
    )


def _refuse_gaps(moments: Sequence[_Moment]) -> None:
    """Refuse a clock that some looks at a run have and others lack."""
    without = next((moment for moment in moments if moment.seconds is None), None)
    if without is not None and any(moment.seconds is not None for moment in moments):
        raise ValueError(
            f"{without.row.named('seconds')}: is missing at iteration {without.iteration} ({without.row.place}), and "
            "the run has it at others. Give it at all of them, or at none"
        )
