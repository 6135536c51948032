"""The study asked again with a few other targets that were reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from bs_study.analysis.critical_batch import CRITICAL
from bs_study.analysis.levels import FINER, ROUND, seen, telling_levels
from bs_study.analysis.recommendation import Recommendation
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.analysis.trials import CELL
from bs_study.target import Target

MOST = 5
"""How many targets a page offers, its own among them."""
COLUMNS = [
    *("target", "value", "recipe", "batch_size", "lr", "seconds", "iterations", "outcome", "grade", "is_best"),
]


def other_targets(found: Analysis, *, asked: Sequence[Target] = (), most: int = MOST) -> list[Analysis]:
    """Return the analyses of a study by a few targets of one metric, the easiest first; `found` is one of them.

    They are those that are asked for. Else they are the study's own target, and round levels from one that tells
    something to the hardest that at least one cell reached with most of its seeds. Of these another than `found` is
    left out where nothing can be told of it. Rows are not read again. Without a target there are none.

    Args:
        found: of the study; it has its rows.
        asked: other targets of the same metric. They stay, though nothing can be told of them.
        most: how many there are at most, where none are asked for.
    """
    target = found.recommendation.target
    if target is None or found.rows is None or found.tables.convergence.empty:
        return []
    chosen = asked or _chosen(found, found.rows, target, most=most)
    others = [
        analyse_rows(found.rows, target=other, name=found.name, uri=found.uri, known=found.tables) for other in chosen
    ]
    told = [found, *(other for other in others if asked or other.best_cell)]
    return sorted(told, key=lambda one: _value(one) * (1 if target.direction == "max" else -1))


def config_targets(found: Analysis) -> list[Target]:
    """Return the further targets that a study's config asks for, of the metric of the target that is answered."""
    own = found.recommendation.target
    if own is None or found.config is None:
        return []
    alike = [one for one in found.config.targets if (one.metric, one.direction) == (own.metric, own.direction)]
    return [one for one in alike if one != own]


def _value(found: Analysis) -> float:
    return found.recommendation.target.value if found.recommendation.target else np.nan


def _chosen(found: Analysis, rows: StudyRows, target: Target, *, most: int) -> list[Target]:
    """Return targets beside that of an analysis: the study's own, and round levels spread over what was reached."""
    own = rows.target or target
    is_asked_too = own != target and (own.metric, own.direction) == (target.metric, target.direction)
    first = [own] if is_asked_too else []
    count = most - 1 - len(first)
    levels = _levels(found, rows, target, but=(own, target), count=count)
    places = np.linspace(0, len(levels) - 1, min(len(levels), count)).round()
    return [*first, *(levels[int(place)] for place in places)]


def _levels(found: Analysis, rows: StudyRows, target: Target, *, but: Sequence[Target], count: int) -> list[Target]:
    """Return the round levels that tell something, the hardest first; finer ones where there are not so many."""
    reached = found.tables.convergence["best_metric"].agg(target.direction)
    if not np.isfinite(reached):
        return []
    known = rows.evaluations[rows.evaluations["trial_id"].isin(rows.trials["trial_id"])]
    metric = seen(known, target.metric, target.direction)
    initial = found.tables.times["initial_metric"]
    levels: list[Target] = []
    for digits in (ROUND, FINER):
        telling = telling_levels(metric, hardest=reached, trials=len(metric.first), digits=digits)
        levels = [level for level in telling if level not in but and not any(map(level.is_met, initial))]
        if len(levels) >= count:
            break
    return levels


def target_table(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """Return what each target asks of each batch size, a row per target, recipe and batch size.

    Returns:
        target, as --target takes it, and its value; recipe, batch_size; lr: the best of the batch size by the clock
        that ranks; seconds by that clock and iterations to the target with it (missing where no lr reached it);
        outcome: reached, or why no lr did: not_tried where a trial that might have ended at an easier target, else
        what became of most trials; grade: how sure the recommendation for the target is; is_best: whether this is the
        batch size that it recommends.
    """
    rows = [row for found in analyses if found.recommendation.target for row in _rows(found, found.recommendation)]
    types = {"value": float, "batch_size": int, "lr": float, "seconds": float, "iterations": float, "is_best": bool}
    return pd.DataFrame(rows, columns=COLUMNS).astype(types)


def _rows(found: Analysis, told: Recommendation) -> Iterator[dict[str, object]]:
    iterations = found.tables.convergence.set_index(CELL)["iterations_to_target"]
    missed = {(one.recipe, one.batch_size): one.why for one in told.missed}
    for row in found.tables.best.to_dict("records"):
        place = row["recipe"], row["batch_size"]
        lr, known = (row[f"best_lr_by_{clock}"] for clock in (told.clock, "iterations"))
        lr = known if np.isnan(lr) else lr  # reached before the clock ran
        yield {
            "target": told.target.typed if told.target else "",
            "value": _value(found),
            "recipe": row["recipe"],
            "batch_size": row["batch_size"],
            "lr": lr,
            "seconds": row[f"{told.clock}_to_target"],
            "iterations": iterations.get((*place, lr), np.nan),
            "outcome": _why(missed[place]) if place in missed else "reached",
            "grade": told.grade,
            "is_best": told.best is not None and told.best.cell[:2] == place,
        }


def critical_by_target(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """Return the critical batch size at each target, a row per target and recipe.

    Returns:
        target, as --target takes it, and its value; then the columns of `critical_batch`.
    """
    parts = [
        found.tables.critical_batch.assign(target=found.recommendation.target.typed, value=_value(found))
        for found in analyses
        if found.recommendation.target
    ]
    return pd.concat(parts, ignore_index=True)[["target", "value", *CRITICAL]]


def _why(outcomes: Mapping[str, int]) -> str:
    """Return why no lr of a batch size reached a target.

    >>> _why({"missed": 3, "not_tried": 1}), _why({"missed": 1, "diverged": 2})
    ('not_tried', 'diverged')
    """
    return "not_tried" if "not_tried" in outcomes else max(outcomes, key=lambda name: outcomes[name])
