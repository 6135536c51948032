"""What would settle a study's doubts, as the settings to add to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bs_study.analysis.comparison import Field
from bs_study.analysis.contest import Contest
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.seed_steps import OF_SEEDS, more_seeds
from bs_study.analysis.step import Step
from bs_study.analysis.unreached import Unanswered
from bs_study.analysis.verdict import Doubt, Reason, Verdict
from bs_study.target import Target

RESUMED = ("finish", "seeds", "lrs", "batch_sizes")
"""Steps that train more trials of the same study."""
OF_BUDGET = ("missed_earlier", "not_tried", "nothing_reached")


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
    lacks_clean = is_untimed or bool(reasons & {"no_clock", "disturbed_timing"})
    tells_nothing = bool(reasons & {"initial_weights", "first_look", "out_of_range", "out_of_reach"})
    found = [
        Step("finish", trials=rows.state.left) if rows.state.left else None,
        _finish_failed(rows) if not rows.state.left else None,
        Step("timing") if lacks_clean and not rows.is_of_function else None,
        *_other_target(reasons, convergence, target),
        _easier_target(convergence, target) if not unanswered and "nothing_reached" in reasons else None,
        *(_unanswered(rows, unanswered) if unanswered else ()),
        more_seeds(rows, field, contest) if reasons & set(OF_SEEDS) or len(rows.versions.others) else None,
        None if tells_nothing else _lrs(rows, scaling),
        _batch_sizes(rows, contest),
        _budget(rows, doubts, convergence, target) if reasons & set(OF_BUDGET) else None,
    ]
    if rows.is_imported:  # nothing can be trained: its reports can only be asked for another target
        return tuple(step for step in found if step and step.kind == "target")
    known = [step for step in found if step]
    told = [step for step in known if _tells_of(target, step, rows)]
    if len(told) < len(known) and target is not None and not any(step.kind == "budget" for step in told):
        told.append(Step("own_study", target=target))
    return tuple(told)


def verdict_steps(verdict: Verdict) -> tuple[Step, ...]:
    """Return what would settle a verdict that no step of the recommendation does."""
    return (Step("curvature"),) if any(doubt.reason == "no_curvature" for doubt in verdict.doubts) else ()


def _tells_of(target: Target | None, step: Step, rows: StudyRows) -> bool:
    """Return whether a step tells of the target asked: a study that goes on trains and decides by its own target."""
    own = rows.target
    if step.kind not in RESUMED or own is None or target in (None, own):
        return True
    is_passed = (own.metric, own.direction) == (target.metric, target.direction) and target.is_met(own.value)
    is_whole = bool(rows.settings) and not any(settings.stop_at_target for settings in rows.settings.values())
    return (is_passed or is_whole) and not (step.is_auto or step.max_seeds)


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
    tried = rows.cells
    if set(found.why) == {"diverged"}:
        smallest = tried.sort_values("lr", kind="stable").iloc[0]
        lr = smallest["lr"] / _lr_factor(rows, str(smallest["recipe"]), int(smallest["batch_size"]))
        lrs = tuple(float(f"{lr / factor:.4g}") for factor in (100, 10))
        return [Step("lrs", lrs=lrs, trials=len(lrs) * _groups(rows) * _seed_count(rows))]
    size = int(tried["batch_size"].min()) // 2
    if set(found.why) == {"out_of_memory"} and size:
        return [Step("batch_sizes", batch_sizes=(size,), trials=_cells_of_a_size(rows) * _seed_count(rows))]
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
    return len(rows.cells[["recipe", "batch_size"]].drop_duplicates())


def _batch_sizes(rows: StudyRows, contest: Contest | None) -> Step | None:
    """Return the batch size to add where the best one is the smallest, the largest or the only one tried."""
    if contest is None:
        return None
    size = contest.winner.batch_size
    cells = rows.cells
    sizes = sorted(int(size) for size in cells["batch_size"].unique())
    most = rows.train_examples if rows.train_examples > 0 else np.inf
    below = [size // 2] if size == sizes[0] and size > 1 else []
    above = [size * 2] if size == sizes[-1] and size * 2 <= most else []
    if not below + above:
        return None
    added = tuple(below + above)
    trials = len(added) * _cells_of_a_size(rows) * _seed_count(rows)
    return Step("batch_sizes", batch_sizes=added, trials=trials)


def _budget(rows: StudyRows, doubts: Sequence[Doubt], convergence: pd.DataFrame, target: Target | None) -> Step | None:
    """Return the study to begin anew: with a larger budget, or with the target at which its trials would go on."""
    cut = convergence[convergence["missed"] + convergence["not_tried"] > 0]
    named = {doubt.batch_size for doubt in doubts if doubt.reason in OF_BUDGET and doubt.batch_size is not None}
    sizes = tuple(sorted(int(size) for size in cut["batch_size"].unique() if not named or size in named))
    if not sizes:
        return None
    harder = target if cut["not_tried"].any() or target != rows.target else None
    return Step("budget", at=sizes, target=harder, trials=len(rows.cells) * _seed_count(rows))


def _cells_of_a_size(rows: StudyRows) -> int:
    """Return how many cells a batch size takes, over all recipes; a bracket comes to other lrs at each."""
    return math.ceil(len(rows.cells) / max(1, rows.cells["batch_size"].nunique()))


def _seed_count(rows: StudyRows) -> int:
    """Return with how many seeds a further cell begins."""
    if rows.config is not None and rows.config.seeds == "auto":
        return len(rows.config.first_seeds)
    known = rows.asked if rows.asked is not None else rows.trials
    return max(1, known["seed"].nunique())
