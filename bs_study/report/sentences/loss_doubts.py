"""What keeps open which batch size has the lowest held-out loss, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bs_study.analysis.loss_at import LossAt
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import CELL, Cell
from bs_study.analysis.verdict import Doubt
from bs_study.report.sentences.places import cells_of, sizes_of
from bs_study.words import counted, listing, sentence

ENDS = {
    "ended": "ended before that",
    "no_look": "had no evaluation by then",
    "diverged": "diverged",
    "out_of_memory": "ran out of memory",
    "failed": "failed",
}
"""What became of trials that have no loss at a budget."""


def unsure(found: Analysis, told: LossAt) -> list[str]:
    """Return what keeps it open, a sentence for each reason; without a best cell, how the trials ended."""
    if told.best is None:
        counts: dict[str, int] = {}
        for one in told.missed:
            for name, trials in one.why.items():
                counts[name] = counts.get(name, 0) + trials
        ends = [f"{counted(n, 'trial')} {ENDS[name]}" for name, n in counts.items() if name in ENDS]
        return [sentence(listing(ends))] if ends else []
    return reasons(found, told.doubts)


def reasons(found: Analysis, doubts: Iterable[Doubt]) -> list[str]:
    """Return doubts in sentences, those of a reason together.

    That a study has one batch size, or has not ended, is said elsewhere.
    """
    by_reason: dict[str, list[Doubt]] = {}
    for doubt in doubts:
        by_reason.setdefault(doubt.reason, []).append(doubt)
    return [_SAID[reason](found, own) for reason, own in by_reason.items() if reason in _SAID]


def _places(doubts: Iterable[Doubt]) -> str:
    return sizes_of(dict.fromkeys((one.recipe, one.batch_size) for one in doubts if one.batch_size))


def _cells(doubts: Iterable[Doubt]) -> str:
    return cells_of(Cell(one.recipe, one.batch_size, one.lr) for one in doubts if one.batch_size and one.lr)


def _not_read(found: Analysis, doubts: Sequence[Doubt]) -> str:
    """Return of which cells nothing is known, and why: some of their trials ended too early, or failed."""
    rows = found.tables.loss_at.set_index(CELL)
    why = [
        ENDS[name]
        for name in ("ended", "no_look", "failed")
        if any(rows.at[(one.recipe, one.batch_size, one.lr), name] for one in doubts)
    ]
    return sentence(f"nothing is known of {_cells(doubts)}, of which trials {listing(why)}")


def _edge(found: Analysis, doubts: Sequence[Doubt]) -> str:
    rows = found.tables.loss_at.set_index(CELL)
    edges = {str(rows.at[(one.recipe, one.batch_size, one.lr), "best_lr_on_edge"]) for one in doubts}
    which = {"low": "the smallest tried", "high": "the largest tried", "both": "the only one tried"}
    is_one = len(doubts) == 1
    where = which[edges.pop()] if len(edges) == 1 else "on an edge of those tried"
    return sentence(f"the best lr{'' if is_one else 's'} of {_places(doubts)} {'is' if is_one else 'are'} {where}")


_SAID: Mapping[str, Callable[[Analysis, Sequence[Doubt]], str]] = {
    "one_seed": lambda _, doubts: sentence(f"one seed shows no spread, at {_places(doubts)}"),
    "tie": lambda _, doubts: sentence(f"{_cells(doubts)} {'has' if len(doubts) == 1 else 'have'} the same median"),
    "within_spread": lambda _, doubts: sentence(f"seeds differ too much to tell {_places(doubts)} apart"),
    "within_looks": lambda _, doubts: sentence(
        f"evaluations around the budget are too far apart to tell {_places(doubts)} apart"
    ),
    "missed_seeds": lambda _, doubts: sentence(f"of {_cells(doubts)} some seeds did not get so far"),
    "no_answer": _not_read,
    "lr_on_edge": _edge,
    "clock_alarm": lambda _, doubts: sentence(f"the clock can't be right at {_places(doubts)}"),
    "disturbed_timing": lambda _, doubts: sentence(f"the timing pass was disturbed at {_places(doubts)}"),
    "differing_devices": lambda _, doubts: sentence(
        f"trials ran on {counted(doubts[0].count or 0, 'kind')} of device, and seconds differ by it"
    ),
}
