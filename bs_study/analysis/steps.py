"""What would settle a study's doubts, as the settings to add to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from bs_study.analysis.comparison import Field
from bs_study.analysis.contest import Contest
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.trials import CELL
from bs_study.analysis.unreached import Unanswered
from bs_study.analysis.verdict import Doubt, Reason
from bs_study.target import Target

StepKind = Literal["finish", "target", "harder_target", "timing", "seeds", "lrs", "batch_sizes", "budget"]

FEW_SEEDS = 3
MOST_SEEDS = 8  # to add at once
OF_SEEDS: tuple[Reason, ...] = ("one_seed", "within_spread", "tie", "missed_seeds")
BY_SEEDS: tuple[Reason, ...] = (*OF_SEEDS, "within_looks")
"""Doubts of a comparison that more seeds may settle: looks are a part of its interval, and seeds another."""
OF_BUDGET = ("missed_earlier", "not_tried", "nothing_reached")


@dataclass(frozen=True)
class Step:
    """What would settle a doubt, as the settings to add to the study.

    Attributes:
        kind: finish: resume what has not ended; target: ask for another one; harder_target: train to a harder one, in a
            study of its own; timing: time the batch sizes alone; seeds, lrs, batch_sizes: add these; budget: a larger
            one, in a study of its own.
        seeds, lrs, batch_sizes: to add. With an lr rule lrs are those of the base batch size, as they are typed.
        at: the batch sizes that it is for.
        target: the target to ask for, where one is known; of a budget, that of the new study where it differs.
        trials: how many it trains.
    """

    kind: StepKind
    seeds: tuple[int, ...] = ()
    lrs: tuple[float, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    at: tuple[int, ...] = ()
    target: Target | None = None
    trials: int = 0


def steps(
    rows: StudyRows,
    doubts: Sequence[Doubt],
    *,
    field: Field,
    contest: Contest | None,
    scaling: pd.DataFrame,
    convergence: pd.DataFrame,
    target: Target | None,
    unanswered: Unanswered | None,
    is_untimed: bool,
) -> tuple[Step, ...]:
    """Return what would settle the doubts of a recommendation, the cheapest kind first.

    Args:
        doubts: of the recommendation.
        scaling: its lrs to add, of batch sizes whose best lr is on an edge of the grid.
        unanswered: why no trial was judged, if none was.
        is_untimed: whether batch sizes lack a clean time.
    """
    reasons = {doubt.reason for doubt in doubts}
    tells_nothing = bool(reasons & {"initial_weights", "first_look", "out_of_range", "out_of_reach"})
    found = [
        Step("finish", trials=rows.state.left) if rows.state.left else None,
        _finish_failed(rows) if not rows.state.left else None,
        Step("timing") if is_untimed or reasons & {"no_clock", "disturbed_timing"} else None,
        *_other_target(reasons, convergence, target),
        _easier_target(convergence, target) if not unanswered and "nothing_reached" in reasons else None,
        *(_unanswered(rows, unanswered) if unanswered else ()),
        _seeds(rows, field, contest) if reasons & set(OF_SEEDS) or len(rows.versions.others) else None,
        None if tells_nothing else _lrs(rows, scaling),
        _batch_sizes(rows, contest),
        _budget(rows, doubts, convergence, target) if reasons & set(OF_BUDGET) else None,
    ]
    return tuple(step for step in found if step)


def _cells(rows: StudyRows) -> int:
    """Return how many trials of one seed a study has."""
    return len(_asked_cells(rows))


def _asked_cells(rows: StudyRows) -> pd.DataFrame:
    """Return recipe, batch_size and lr of every cell of a study, with whichever version of its workload it was tried.

    What is added to a study is trained in all of them, and what one of them has already adds nothing.
    """
    return pd.concat([rows.tried, rows.versions.others[CELL]]).drop_duplicates(ignore_index=True)


def _finish_failed(rows: StudyRows) -> Step | None:
    failed = int((rows.trials["status"] == "failed").sum())
    return Step("finish", trials=failed) if failed else None


def _other_target(reasons: set[Reason], convergence: pd.DataFrame, target: Target | None) -> list[Step]:
    """Return the step to a target that tells more: a harder one, or one in the unit of the metric."""
    if target is None or not reasons & {"initial_weights", "first_look", "out_of_range", "out_of_reach"}:
        return []
    most = convergence["best_metric"].max()
    if "out_of_reach" in reasons:
        return [Step("target", target=replace(target, value=target.value / 100))] if target.value <= 100 else []
    is_percent = "out_of_range" in reasons and target.value <= 1 < most <= 100
    return [Step("harder_target", target=replace(target, value=100 * target.value) if is_percent else None)]


def _unanswered(rows: StudyRows, found: Unanswered) -> list[Step]:
    """Return what to try where no trial was judged: smaller lrs where all diverged, a smaller batch size for memory."""
    tried = _asked_cells(rows)
    if set(found.why) == {"diverged"}:
        smallest = tried.sort_values("lr", kind="stable").iloc[0]
        lr = smallest["lr"] / _lr_factor(rows, str(smallest["recipe"]), int(smallest["batch_size"]))
        lrs = tuple(float(f"{lr / factor:.4g}") for factor in (100, 10))
        return [Step("lrs", lrs=lrs, trials=len(lrs) * _groups(rows) * _seed_count(rows))]
    size = int(tried["batch_size"].min()) // 2
    if set(found.why) == {"out_of_memory"} and size:
        lrs_tried = len(tried[["recipe", "lr"]].drop_duplicates())
        return [Step("batch_sizes", batch_sizes=(size,), trials=lrs_tried * _seed_count(rows))]
    return []


def _easier_target(convergence: pd.DataFrame, target: Target | None) -> Step | None:
    """Return the step to a target that half of the cells reached, in three digits."""
    if convergence["iterations_to_target"].notna().any():
        return None
    easier = _reached_by(convergence, target, share=0.5)
    if easier is None or target is None or target.is_met(easier.value):
        return None
    return Step("target", target=easier)


def other_target(convergence: pd.DataFrame, target: Target | None) -> Target | None:
    """Return another target than the study's: one that half of the cells reached, or as many as have another value."""
    found = (_reached_by(convergence, target, share=share) for share in (0.5, 0.25, 0.75, 0.0, 1.0))
    return next((other for other in found if other is not None and other != target), None)


def _reached_by(convergence: pd.DataFrame, target: Target | None, *, share: float) -> Target | None:
    """Return the target of a study's metric that a share of the cells reached, in three digits on the easier side."""
    known = convergence["best_metric"][np.isfinite(convergence["best_metric"])]
    if target is None or known.empty:
        return None
    value = float(known.quantile(1 - share if target.direction == "max" else share))
    step = 1e-3 * 10 ** np.floor(np.log10(abs(value) or 1.0))
    rounded = np.floor(value / step) * step if target.direction == "max" else np.ceil(value / step) * step
    return Target(target.metric, float(f"{rounded:.4g}"), target.direction)


def _seeds(rows: StudyRows, field: Field, contest: Contest | None) -> Step | None:
    """Return the seeds to add: up to three, else as many as would tell the closest open rival apart.

    Where cells were tried with another version of the workload alone, one more seed tries all of them with this one.
    With n seeds each the standard error of a difference of logs is sqrt(2 v / n), so that the interval of a level that
    is t standard errors wide leaves out d with n = 2 v (t / d)^2.
    """
    if contest is None:
        return _next_seeds(rows, 1) if len(rows.versions.others) else None
    has = len(field.cells[contest.winner].met)
    wanted = FEW_SEEDS
    spread = field.spread.of(contest.winner)
    open_rivals = [c for c in contest.rivals if any(d.reason == "within_spread" for d in c.doubts) and c.ratio > 1]
    if spread is not None and has >= FEW_SEEDS and open_rivals:
        closest = min(np.log(c.ratio) for c in open_rivals)
        width = np.log(open_rivals[0].ratio / open_rivals[0].low) / np.sqrt(2 * spread[0] / has)
        wanted = int(np.ceil(2 * spread[0] * (width / closest) ** 2))
    return _next_seeds(rows, int(np.clip(wanted - has, 1, MOST_SEEDS)))


def _next_seeds(rows: StudyRows, more: int) -> Step:
    known = {
        *rows.trials["seed"],
        *rows.versions.others["seed"],
        *(rows.asked["seed"] if rows.asked is not None else ()),
    }
    first = max((int(seed) for seed in known), default=-1) + 1
    return Step("seeds", seeds=tuple(range(first, first + more)), trials=more * _cells(rows))


def _lrs(rows: StudyRows, scaling: pd.DataFrame) -> Step | None:
    """Return the lrs to add beyond the edges, as they are typed: those of the base batch size of an lr rule."""
    columns = ["add_lr_1", "add_lr_2"]
    beyond = scaling[scaling[columns[0]].notna()]
    if beyond.empty:
        return None
    typed = set()
    for row in beyond[["recipe", "batch_size", *columns]].itertuples(index=False, name=None):
        factor = _lr_factor(rows, str(row[0]), int(row[1]))
        typed |= {float(f"{lr / factor:.4g}") for lr in row[2:] if np.isfinite(lr)}
    if rows.config is not None:
        typed -= set(rows.config.lrs)  # tried, with another version of the workload
    if not typed:
        return None
    sizes = tuple(sorted({int(size) for size in beyond["batch_size"]}))
    return Step("lrs", lrs=tuple(sorted(typed)), at=sizes, trials=len(typed) * _groups(rows) * _seed_count(rows))


def _lr_factor(rows: StudyRows, recipe: str, batch_size: int) -> float:
    """Return an lr of a batch size over that which is typed, of the base batch size."""
    settings = rows.settings.get(recipe)
    return settings.trial_lr(lr=1.0, batch_size=batch_size) if settings else 1.0


def _groups(rows: StudyRows) -> int:
    """Return how many batch sizes a study has, over all recipes."""
    return len(_asked_cells(rows)[["recipe", "batch_size"]].drop_duplicates())


def _batch_sizes(rows: StudyRows, contest: Contest | None) -> Step | None:
    """Return the batch size to add where the best one is the smallest, the largest or the only one tried."""
    if contest is None:
        return None
    size = contest.winner.batch_size
    cells = _asked_cells(rows)
    sizes = sorted(int(size) for size in cells["batch_size"].unique())
    most = rows.train_examples if rows.train_examples > 0 else np.inf
    below = [size // 2] if size == sizes[0] and size > 1 else []
    above = [size * 2] if size == sizes[-1] and size * 2 <= most else []
    if not below + above:
        return None
    lrs = len(cells[["recipe", "lr"]].drop_duplicates())
    added = tuple(below + above)
    return Step("batch_sizes", batch_sizes=added, trials=len(added) * lrs * _seed_count(rows))


def _budget(rows: StudyRows, doubts: Sequence[Doubt], convergence: pd.DataFrame, target: Target | None) -> Step | None:
    """Return the study to begin anew: with a larger budget, or with the target at which its trials would go on."""
    cut = convergence[convergence["missed"] + convergence["not_tried"] > 0]
    named = {doubt.batch_size for doubt in doubts if doubt.reason in OF_BUDGET and doubt.batch_size is not None}
    sizes = tuple(sorted(int(size) for size in cut["batch_size"].unique() if not named or size in named))
    if not sizes:
        return None
    harder = target if cut["not_tried"].any() else None
    return Step("budget", at=sizes, target=harder, trials=_cells(rows) * _seed_count(rows))


def _seed_count(rows: StudyRows) -> int:
    known = rows.asked if rows.asked is not None else rows.trials
    return max(1, known["seed"].nunique())
