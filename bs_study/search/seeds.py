"""Seeds where they decide: one for every cell first, then one more for the winner and each rival that is still open.

What is looked at after each round is counted: the level of a study is shared out among as many looks as it may take.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bs_study.analysis.comparison import Comparison, Field, ranking_field
from bs_study.analysis.contest import Contest, contest
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.seed_steps import BY_SEEDS
from bs_study.analysis.trials import CELL, Cell
from bs_study.analysis.verdict import confidences_of


def contenders(rows: StudyRows, times: pd.DataFrame, *, seeds: int) -> list[Cell]:
    """Return the cells that a further seed is for, after so many rounds: none once all is known that seeds can tell.

    The winner comes first, then its rivals in the order of how little is known of them: by the smallest ratio over its
    standard error. Rivals of the same batch size are none: which lr of it is best decides no batch size. After the
    first round nothing is known of the spread: the best cell of each batch size that reached the target is open then.

    Args:
        rows: of the study.
        times: `convergence.trial_times` of its trials.
        seeds: rounds that are over; only the seeds below that number are looked at.
    """
    seen = times[times["seed"] < seeds]
    field = ranking_field(seen, rows.timings, rows.trials, open_cells=pd.DataFrame(columns=CELL))
    found = contest(
        field,
        recipes=rows.recipes,
        edges={},
        open_cells=pd.DataFrame(columns=CELL),
        confidence=confidences_of(
            recipes=len(rows.recipes), sizes=times["batch_size"].nunique(), looks=rows.looks
        ).fastest,
    )
    if found is None:
        return []
    rivals = [one for one in _open_rivals(field, found) if seeds > 1 or len(field.cells[one.rival].met)]
    rivals.sort(key=lambda one: (-np.nan_to_num(one.p, nan=1.0), abs(np.log(one.ratio)), one.rival))
    return [found.winner, *(one.rival for one in rivals)] if rivals else []


def _open_rivals(field: Field, found: Contest) -> Iterator[Comparison]:
    """Yield the comparison with each cell of another batch size or recipe that seeds may tell apart from the winner.

    A batch size is open as long as its best cell is: the others, of which most are outrun, wait until that is decided.
    """
    for lane in found.rivals:
        if lane.is_slower or lane.is_equal:
            continue
        cells = [cell for cell in field.cells if cell[:2] == lane.rival[:2]]
        found_open = [
            one for cell in cells if _is_open(one := field.compare(found.winner, cell, confidence=lane.confidence))
        ]
        best = [one for one in found_open if one.rival == lane.rival]
        yield from best or found_open


def _is_open(one: Comparison) -> bool:
    return not one.is_equal and any(doubt.reason in BY_SEEDS for doubt in one.doubts)
