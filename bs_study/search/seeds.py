"""Seeds where they decide: one for every cell first, then one more for the winner and each rival that is still open.

What is looked at after each round is counted: the level of a study is shared out among as many looks as it may take.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from bs_study.analysis.comparison import ranking_field
from bs_study.analysis.contest import contest
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.seed_steps import open_rivals
from bs_study.analysis.trials import CELL, Cell
from bs_study.analysis.verdict import confidences_of


def contenders(rows: StudyRows, times: pd.DataFrame, *, seeds: int) -> list[Cell]:
    """Return the cells that a further seed is for, after so many rounds: none once all is known that seeds can tell.

    The winner comes first, then its rivals in the order of how little is known of them: by the smallest ratio over its
    standard error. After the first round nothing is known of the spread: the best cell of each batch size that reached
    the target is open then.

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
    rivals = [one for one in open_rivals(field, found) if seeds > 1 or len(field.cells[one.rival].met)]
    rivals.sort(key=lambda one: (-np.nan_to_num(one.p, nan=1.0), abs(np.log(one.ratio)), one.rival))
    return [found.winner, *(one.rival for one in rivals)] if rivals else []
