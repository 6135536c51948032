"""How trials ended, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import Cell
from bs_study.config import BUDGETS
from bs_study.words import count, listing

OUTCOME_WORDS = {
    "reached": "reached it",
    "missed": "ran out of budget",
    "outrun": "were outrun",
    "not_tried": "ended at another target",
    "diverged": "diverged",
    "out_of_memory": "ran out of memory",
    "failed": "gave no answer",
    "not_evaluated": "gave no answer",
}
"""What a sentence says of trials with each outcome, in the order in which it does."""
CUT = ("missed", "outrun", "not_tried", "diverged", "out_of_memory")
"""Outcomes of trials that answered without a time to the target."""


def missed_by(stop_reason: str) -> str:
    """Return what a mark says of trials that missed the target: a function or an imported run may end by itself.

    >>> missed_by("max_epochs"), missed_by("returned")
    ('ran out of budget', 'ended before the target')
    """
    return OUTCOME_WORDS["missed"] if stop_reason in BUDGETS else "ended before the target"


def ended(counts: Mapping[str, int], *, missed: str = OUTCOME_WORDS["missed"]) -> str:
    """Return how trials ended that did not reach the target, as a sentence; empty where there are none.

    Args:
        counts: of each outcome.
        missed: what is said of those that missed it: a function and an imported run may end by themselves.

    >>> ended({"missed": 6, "diverged": 3}), ended({"missed": 6}), ended({"outrun": 1})
    ('Of these, 6 ran out of budget and 3 diverged.', 'All 6 ran out of budget.', 'It was outrun.')
    """
    told: dict[str, int] = {}
    for name, words in (OUTCOME_WORDS | {"missed": missed}).items():
        told[words] = told.get(words, 0) + counts.get(name, 0)
    told.pop(OUTCOME_WORDS["reached"])
    parts = [f"{count(trials)} {_verb(words, trials)}" for words, trials in told.items() if trials]
    if len(parts) == 1:
        return f"All {parts[0]}." if parts[0][:2] != "1 " else f"It {parts[0][2:]}."
    more = f" Another {listing(parts[4:])}." if parts[4:] else ""  # in one sentence they would be too many words
    return f"Of these, {listing(parts[:4])}.{more}" if parts else ""


def _verb(words: str, trials: int) -> str:
    return words.replace("were ", "was ") if trials == 1 else words


def outcomes(found: Analysis, cell: Cell) -> dict[str, int]:
    """Return how many trials of a cell ended in each way; empty where none has."""
    cells = found.tables.convergence
    is_own = np.logical_and.reduce([cells[name].to_numpy() == value for name, value in cell._asdict().items()])
    counts = {name: int(cells[name].to_numpy()[is_own].sum()) for name in OUTCOME_WORDS}
    return {name: trials for name, trials in counts.items() if trials}


def why_infeasible(counts: Mapping[str, int]) -> str:
    """Return why no trial could reach the target.

    >>> why_infeasible({"diverged": 2}), why_infeasible({"diverged": 1, "out_of_memory": 1})
    ('diverged', 'diverged or ran out of memory')
    """
    told = [OUTCOME_WORDS[name] for name in ("diverged", "out_of_memory") if counts.get(name, 0)]
    return " or ".join(told or [OUTCOME_WORDS["diverged"], OUTCOME_WORDS["out_of_memory"]])


def summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return how many trials ended in each way, over several counts."""
    names = dict.fromkeys(name for own in counts for name in own)
    return {name: sum(own.get(name, 0) for own in counts) for name in names}
