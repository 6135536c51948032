"""How much seeds differ, target by target: a target on which they agree needs fewer of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator

import numpy as np
import pandas as pd

from bs_study.analysis.convergence import metrics_of, time_to_target
from bs_study.analysis.fit import FloatArray
from bs_study.analysis.levels import Seen, seen, telling_levels
from bs_study.analysis.spread import pooled_variance
from bs_study.analysis.trials import CELL
from bs_study.metric_names import direction_of
from bs_study.target import Target

OTHERS = 3
"""How many levels of a metric are looked at beside the target asked."""
MOST_PARTIAL = 0.1
"""Of the cells that reached such a level, the share of which some seed may have missed it."""
COLUMNS = ["target", "spread_percent", "cells", "seeds"]


def target_spread(
    evaluations: pd.DataFrame,
    trials: pd.DataFrame,
    *,
    target: Target | None,
    window: int = 1,
    others: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the spread over seeds of the log of iterations to some targets, a row per target; the one asked first.

    It is the pooled standard deviation: sqrt(sum (n - 1) s^2 / sum (n - 1)) over the cells of two seeds or more, all of
    which reached the target. Of a cell some of whose seeds did not, only the quick ones would be seen. Where many such
    cells are left out, those that remain are too alike: of a spread of .3, .24 was found where half of the trials had
    missed. The step between two looks is in it: s^2 is at least step^2 / 12.

    Other targets are the hardest round levels of each metric that most trials of such cells reached, and not at their
    first look, and that hardly any cell reached with only some of its seeds. Of a fraction of which more is better the
    distance from 1 is round. A metric whose name does not tell its direction has none, unless it is the target's.

    Args:
        evaluations, trials: of ended trials, with their recipe. Trials that failed are no answer.
        target: None where the study has none.
        window: as `time_to_target` takes it.
        others: this table of the same rows by another target: its targets are the others, and no level is looked for.

    Returns:
        target, as it is typed; spread_percent: 100 times the spread of the log; cells and seeds that it rests on. No
        row of a target that no such cell reached.
    """
    answers = trials[trials["status"].isin(["completed", "diverged", "out_of_memory"])]
    answers = answers[answers.groupby(CELL)["trial_id"].transform("size") > 1]
    own = evaluations[evaluations["trial_id"].isin(answers["trial_id"])]
    is_told = len(own) > 0
    rows = [_row(own, answers, target, window)] if target is not None and is_told else []
    for metric in _metrics(own, target) if is_told and others is None else ():
        levels = (level for level in _levels(metric, trials=len(answers)) if level != target)
        levels_told = (_row(own, answers, level, window, most_partial=MOST_PARTIAL) for level in levels)
        rows += itertools.islice((row for row in levels_told if row is not None), OTHERS)
    types = {"spread_percent": float, "cells": int, "seeds": int}
    found = pd.DataFrame([row for row in rows if row is not None], columns=COLUMNS).astype(types)
    if others is None or target is None:
        return found
    return pd.concat([found, others[others["target"] != target.typed]], ignore_index=True).astype(types)


def _row(
    evaluations: pd.DataFrame, trials: pd.DataFrame, target: Target, window: int, *, most_partial: float = 1.0
) -> tuple[object, ...] | None:
    """Return a row; None where no cell tells, or most trials met the target at their first look.

    Args:
        most_partial: of the cells that reached it, the share of which some seed may have missed it; else None.
    """
    times = time_to_target(evaluations, target=target, window=window).set_index("trial_id")
    ends = times[["iterations_to_target", "iterations_before_target"]].reindex(trials["trial_id"])
    met, before = ends.to_numpy(np.float64).T
    if 2 * np.sum(before == 0) >= len(trials):
        return None
    partial = 0
    logs: dict[Hashable, FloatArray] = {}
    steps: dict[Hashable, float] = {}
    for cell, places in trials.reset_index(drop=True).groupby(CELL).indices.items():
        is_met = np.isfinite(met[places])
        partial += bool(is_met.any() and not is_met.all())
        if is_met.all():
            logs[cell] = np.log(met[places])
            looks = np.log(met[places] / np.maximum(before[places], 1.0))
            steps[cell] = float(looks[before[places] > 0].mean()) if (before[places] > 0).any() else 0.0
    variance = pooled_variance(logs, resolution=steps)
    if variance is None or partial > most_partial * (partial + len(logs)):
        return None
    return target.typed, 100 * math.sqrt(variance), len(logs), sum(len(own) for own in logs.values())


def _metrics(evaluations: pd.DataFrame, target: Target | None) -> Iterator[Seen]:
    """Yield the metrics whose direction is known, that of the target first."""
    names = metrics_of(evaluations)
    for name in sorted(names, key=lambda name: target is None or name != target.metric):
        direction = target.direction if target is not None and name == target.metric else direction_of(name)
        if direction is not None:
            yield seen(evaluations, name, direction)


def _levels(metric: Seen, *, trials: int) -> Iterator[Target]:
    """Yield round levels that most of so many trials reached, and not at their first look; the hardest first."""
    known = np.sort(metric.best[np.isfinite(metric.best)])
    ranked = known[::-1] if metric.direction == "max" else known
    if len(ranked) > trials // 2:
        yield from telling_levels(metric, hardest=float(ranked[trials // 2]), trials=trials)
