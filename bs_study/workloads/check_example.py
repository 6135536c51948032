"""Is it one example that a batch fails by, and not the size of the batch?"""

from __future__ import annotations

from bs_study.workloads.telling import spread_places
from bs_study.workloads.tries import Batch, Tries

SHIFTS = (0, 1, 3)  # of places, at which examples are looked for that pass together


def refuse_bad_example(tries: Tries, batch: Batch, *, usual: int) -> None:
    """Raise if a batch that fails holds an example that fails among others that pass, in a size that passes.

    The examples are halved until they are no more than in that size; then they take the places of some that pass,
    half as many each time. So a size that fails by itself is never told as an example.

    Args:
        tries: what a batch shows.
        batch: that fails.
        usual: the number of examples that are tried together.

    Raises:
        ValueError: the message tells the place of the example, and how it fails.
    """
    total = tries.examples(batch.is_trained)
    suspects = spread_places(total, count=batch.size)

    def fault(places: list[int]) -> str | None:
        return tries.fault_at(places, is_trained=batch.is_trained)

    spread = spread_places(total, count=usual)
    shifted = ([(place + shift) % total for place in spread] for shift in SHIFTS)
    good = next((places for places in shifted if not fault(places)), None)
    while good and len(suspects) > len(good):
        suspects = next((half for half in _halves(suspects) if fault(half)), [])

    def among_good(places: list[int]) -> str | None:
        return fault([*places, *(good or [])[len(places) :]])

    if not (good and suspects and among_good(suspects)):
        return
    while len(suspects) > 1:
        suspects = next((half for half in _halves(suspects) if among_good(half)), [])
    if suspects:
        whose = tries.named(suspects[0], batch.is_trained)
        told = among_good(suspects) or ""
        raise ValueError(told if told.startswith(whose) else f"{whose} fails among others that pass: {told}")


def _halves(places: list[int]) -> tuple[list[int], list[int]]:
    return places[: len(places) // 2], places[len(places) // 2 :]
