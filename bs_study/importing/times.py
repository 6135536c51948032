"""One row a run: when it met the target, or how long it went on without."""

from __future__ import annotations

from bs_study.importing.looks import iterations_of
from bs_study.importing.record import Cell, Look, Row, Run
from bs_study.importing.sheet import finite, whole
from bs_study.target import Target
from bs_study.words import count, typed


def run_of_time(name: str, cell: Cell, row: Row, target: Target) -> Run:
    """Return a run of its row.

    The time is taken as it is told: one iteration earlier the target had not been met.

    Raises:
        ValueError: its numbers are none, contradict each other, or nothing says how far it came.
    """
    reached, examples = _counted(cell, row)
    if reached is None:
        return _missed(name, cell, row, target)
    seconds = row.value("seconds_to_target")
    if seconds is not None:
        seconds = finite(seconds, name=row.named("seconds_to_target"), place=row.place)
        if seconds <= 0:
            raise ValueError(
                f"{row.named('seconds_to_target')}: {typed(seconds)} is no time ({row.place}). Give one above 0"
            )
    met = Look(reached, examples, seconds, {target.metric: target.value})
    before = [Look(reached - 1, examples - min(cell.batch_size, examples - 1), None, {target.metric: None})]
    looks = [*(before if reached > 1 else []), met]
    return Run(name, row.place, cell, looks, met, is_target_its_end=True)


def _counted(cell: Cell, row: Row) -> tuple[int | None, int]:
    """Return the iterations and the examples to the target; None where it was not met."""
    given = {
        name: whole(row.value(name), name=row.named(name), place=row.place, least=1)
        for name in ("iterations_to_target", "examples_to_target")
        if row.value(name) is not None
    }
    if not given:
        return None, 0
    examples, reached = given.get("examples_to_target"), given.get("iterations_to_target")
    if reached is None:
        examples = given["examples_to_target"]
        return iterations_of(examples, cell.batch_size, row, "examples_to_target"), examples
    whole_batches = reached * cell.batch_size
    if examples is not None and not reached <= examples <= whole_batches:
        raise ValueError(
            f"{row.named('examples_to_target')}: {count(examples)} can't be {count(reached)} iterations of batch size "
            f"{cell.batch_size} ({row.place}). Give at most {count(whole_batches)}"
        )
    return reached, examples or whole_batches


def _missed(name: str, cell: Cell, row: Row, target: Target) -> Run:
    if row.value("iterations") is None:
        raise ValueError(
            f"iterations_to_target: is missing ({row.place}). If the run did not meet the target, say how long it "
            "went on: a column iterations"
        )
    end = whole(row.value("iterations"), name=row.named("iterations"), place=row.place, least=1)
    last = Look(end, end * cell.batch_size, None, {target.metric: None})
    return Run(name, row.place, cell, [last], last)
