"""Which batch size, and which recipe, reaches the target first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from bs_study.analysis.comparison import Field
from bs_study.analysis.contest import Contest, once
from bs_study.analysis.convergence import TARGET_CLOCKS
from bs_study.analysis.fit import MIN_FOR_INTERVAL, log_line
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Claim, Doubt, Outcome, Verdict

SATURATED = -0.5  # doubling the batch saves less than 30 % of the updates; perfect scaling is -1


def fastest_after_tuning(
    contest: Contest | None, best: pd.DataFrame, *, open_anyway: Sequence[Doubt] = (), recipe: str = ""
) -> Verdict:
    """Judge which batch size reaches the target first, each at its best lr, and by how much.

    Supported: every cell of every other batch size is known to be slower, their best lrs lie inside the grid, and all
    trials have ended.

    Args:
        contest: None where no cell reached the target.
        best: the table of `convergence.best`, of the recipes that take part.
        open_anyway: what keeps it open whoever wins.
    """
    evidence = by_clock(best)
    if contest is None:
        doubts = open_anyway or (Doubt("nothing_reached", recipe),)
        return Verdict("fastest_after_tuning", "undecided", tuple(doubts), evidence, recipe)
    evidence |= {
        "confidence": contest.confidence,
        "comparisons": len(contest.rivals),
        "batch_size": contest.winner.batch_size,
        "lr": contest.winner.lr,
        "recipe": contest.winner.recipe,
        "ratio": {_name(c.rival, contest.winner): c.ratio for c in contest.rivals},
        "ratio_low": {_name(c.rival, contest.winner): c.low for c in contest.rivals},
        "ratio_high": {_name(c.rival, contest.winner): c.high for c in contest.rivals},
    } | ({"is_at_most": True} if contest.is_at_most else {})
    return _verdict("fastest_after_tuning", once([*open_anyway, *contest.doubts]), evidence, recipe=recipe)


def _name(rival: Cell, winner: Cell) -> str | int:
    """Return what tells a rival from the others: its batch size, and its recipe where that is another."""
    return rival.batch_size if rival.recipe == winner.recipe else f"{rival.recipe}, {rival.batch_size}"


def _verdict(claim: Claim, doubts: tuple[Doubt, ...], evidence: Mapping[str, Any], *, recipe: str) -> Verdict:
    return Verdict(claim, "undecided" if doubts else "supported", doubts, evidence, recipe)


def by_clock(best: pd.DataFrame) -> dict[str, Any]:
    """Return the two first batch sizes by each clock that is known, each at its best lr: medians over seeds."""
    found: dict[str, Any] = {}
    for clock in TARGET_CLOCKS:
        time, lr = f"{clock}_to_target", f"best_lr_by_{clock}"
        ranked = best[best[time].notna()].sort_values([time, "batch_size"], kind="stable")
        if ranked.empty:
            continue
        names = ["recipe", "batch_size", "lr", time]
        rows = ranked[["recipe", "batch_size", lr, time]].set_axis(names, axis=1).to_dict("records")
        first, second = ranked[time].iloc[0], ranked[time].iloc[1] if len(ranked) > 1 else np.nan
        found[clock] = dict(zip(("first", "second"), rows, strict=False))
        found[clock]["ratio_of_medians"] = second / first if first > 0 else np.nan
    return found


def middle_batch_size(
    field: Field,
    *,
    open_cells: pd.DataFrame,
    confidence: float,
    open_anyway: Sequence[Doubt] = (),
    recipe: str = "",
) -> Verdict:
    """Judge whether at one fixed lr some middle batch size reaches the target in the least time.

    At an lr with at least three batch sizes, all ended: middle, if the fastest is neither the smallest nor the largest
    and both of these are known to be slower; end, if it is one of these and all others are. The lrs at which that is
    so are found by Holm's procedure over all lrs, the p of each being the largest of its comparisons times the number
    of batch sizes that could have been the fastest. Supported: middle wherever it can be told, at one lr at least;
    contradicted: end at every lr at which a batch size reached the target. Source: Holm 1979.
    """
    lrs = sorted({cell.lr for cell in field.cells})
    races = {lr: _race(field, lr, open_cells=open_cells, recipe=recipe) for lr in lrs}
    told = _holm({lr: race.p for lr, race in races.items() if race.place}, alpha=1 - confidence)
    middle = [lr for lr in told if races[lr].place == "middle"]
    end = [lr for lr in told if races[lr].place == "end"]
    evidence = {
        "confidence": confidence,
        "lrs": len(lrs),
        "middle_at_lrs": middle,
        "end_at_lrs": end,
        "fastest_batch_size": {lr: race.fastest for lr, race in races.items() if race.fastest is not None},
        "p": {lr: race.p for lr, race in races.items() if race.place},
    }

    def judged(outcome: Outcome, *doubts: Doubt) -> Verdict:
        return Verdict("middle_batch_size", outcome, once([*open_anyway, *doubts]), evidence, recipe)

    if open_anyway:
        return judged("undecided")
    reached = [lr for lr, race in races.items() if race.fastest is not None]
    if middle and not end:
        return judged("supported")
    if end and set(end) == set(reached):
        return judged("contradicted")
    if middle:
        return judged("undecided", Doubt("mixed", recipe, count=len(told)))
    if not reached:
        return judged("undecided", Doubt("nothing_reached", recipe))
    left = [doubt for lr in reached if lr not in told for doubt in races[lr].doubts]
    return judged("undecided", *left)


class _Race(NamedTuple):
    """The batch sizes of one lr: which is fastest, where it lies (if it may be told), and why that isn't certain."""

    fastest: int | None = None
    place: Literal["", "middle", "end"] = ""
    p: float = 1.0
    doubts: Sequence[Doubt] = ()


def _race(field: Field, lr: float, *, open_cells: pd.DataFrame, recipe: str) -> _Race:
    cells = sorted(cell for cell in field.cells if cell.lr == lr)
    medians = {cell: field.cells[cell].median for cell in cells if np.isfinite(field.cells[cell].median)}
    if not medians:
        return _Race()
    fastest = min(medians, key=lambda cell: (medians[cell], cell))
    if len(cells) < MIN_FOR_INTERVAL:
        return _Race(fastest.batch_size, doubts=[Doubt("few_batch_sizes", recipe, lr=lr, count=len(cells))])
    left = int(((open_cells["lr"] == lr) & (open_cells["recipe"] == recipe)).sum())
    if left:
        return _Race(fastest.batch_size, doubts=[Doubt("not_ended", recipe, lr=lr, count=left)])
    is_end = fastest in (cells[0], cells[-1])
    rivals = [cell for cell in cells if cell != fastest] if is_end else [cells[0], cells[-1]]
    found = [field.compare(fastest, rival, confidence=0.0) for rival in rivals]
    # At the level 0 the interval is the estimate alone: what is open there is open at every level.
    doubts = once(doubt for comparison in found for doubt in comparison.doubts)
    if doubts:
        return _Race(fastest.batch_size, doubts=doubts)
    # Which of them is the fastest was chosen by the same numbers.
    p = min(1.0, max(comparison.p for comparison in found) * len(medians))
    return _Race(fastest.batch_size, "end" if is_end else "middle", p, [Doubt("within_spread", recipe, lr=lr)])


def _holm(p: Mapping[float, float], *, alpha: float) -> list[float]:
    """Return the lrs whose hypothesis is rejected, in order of the lr."""
    ordered = sorted(p, key=lambda lr: p[lr])
    rejected = []
    for rank, lr in enumerate(ordered):
        if p[lr] > alpha / (len(ordered) - rank):
            break
        rejected.append(lr)
    return sorted(rejected)


def updates_saturate(
    best: pd.DataFrame,
    *,
    examples: Mapping[int, float],
    edges: Mapping[Cell, str],
    open_cells: pd.DataFrame,
    confidence: float,
    open_anyway: Sequence[Doubt] = (),
    recipe: str = "",
) -> Verdict:
    """Judge whether large batches need about as many updates as middle ones: the limit of data parallelism.

    Slope of log iterations to the target on log batch size, over the larger half of the batch sizes, at least three:
    0 is no saving, -1 is perfect scaling. One point per batch size, the median over seeds at its best lr by
    iterations: the seeds of a cell share its lr and its looks. Supported if the interval lies above -1/2 (doubling the
    batch saves less than 30 % of the updates), contradicted if below. Source: Shallue et al. 2019.

    Args:
        best: the table of `convergence.best`, of one recipe.
        examples: per iteration, by batch size, where that is not the batch size itself.
        edges: on which edge of the grid the best lr by iterations of a batch size lies, where it does.
    """
    ordered = best.sort_values("batch_size")
    large = ordered.tail(max(MIN_FOR_INTERVAL, (len(ordered) + 1) // 2))
    x = [examples.get(size, size) for size in large["batch_size"]]
    fit = log_line(x, large["iterations_to_target"], confidence=confidence)
    evidence = {
        **fit.evidence(confidence),
        "iterations_to_target": dict(zip(large["batch_size"], large["iterations_to_target"], strict=True)),
    }
    doubts = tuple(open_anyway) or once(_why_updates_are_open(large, edges=edges, open_cells=open_cells, recipe=recipe))
    if not doubts and not (fit.low > SATURATED or fit.high < SATURATED):
        doubts = (Doubt("slope_unclear", recipe, count=fit.points),)
    outcome: Outcome = "undecided" if doubts else "supported" if fit.low > SATURATED else "contradicted"
    return Verdict("updates_saturate", outcome, doubts, evidence, recipe)


def _why_updates_are_open(
    large: pd.DataFrame, *, edges: Mapping[Cell, str], open_cells: pd.DataFrame, recipe: str
) -> list[Doubt]:
    sizes = [int(size) for size in large["batch_size"]]
    if len(sizes) < MIN_FOR_INTERVAL:
        return [Doubt("few_batch_sizes", recipe, count=len(sizes))]
    missed = large.loc[large["iterations_to_target"].isna(), "batch_size"]
    doubts = [Doubt("nothing_reached", recipe, int(size)) for size in missed]
    cut = large[large["censored_rivals_by_iterations"] > 0]
    doubts += [Doubt("missed_earlier", recipe, int(size)) for size in cut["batch_size"]]
    left = open_cells[(open_cells["recipe"] == recipe) & (open_cells["batch_size"] >= sizes[0])]
    doubts += [Doubt("not_ended", recipe, count=len(left))] if len(left) else []
    doubts += [Doubt("lr_on_edge", *cell) for cell in edges if cell.recipe == recipe and cell.batch_size in sizes]
    return doubts


def soonest_recipe(
    contest: Contest | None, rows: pd.DataFrame, *, batch_size: int, clock: str, open_anyway: Sequence[Doubt] = ()
) -> Verdict:
    """Judge which recipe reaches the target first at one batch size, each at its best of the lrs tried.

    Args:
        contest: of the cells of this batch size; None where no recipe reached the target.
        rows: of `convergence.best`, those of this batch size.
    """
    evidence: dict[str, Any] = {
        "batch_size": batch_size,
        f"{clock}_to_target": dict(zip(rows["recipe"], rows[f"{clock}_to_target"], strict=True)),
        "iterations_to_target": dict(zip(rows["recipe"], rows["iterations_to_target"], strict=True)),
        "best_lr": dict(zip(rows["recipe"], rows[f"best_lr_by_{clock}"], strict=True)),
    }
    if contest is None:
        doubts = tuple(open_anyway) or (Doubt("nothing_reached", batch_size=batch_size),)
        return Verdict("soonest_recipe", "undecided", doubts, evidence)
    evidence |= {
        "confidence": contest.confidence,
        "soonest": contest.winner.recipe,
        "lr": contest.winner.lr,
        "ratio": {c.rival.recipe: c.ratio for c in contest.rivals},
        "ratio_low": {c.rival.recipe: c.low for c in contest.rivals},
        "ratio_high": {c.rival.recipe: c.high for c in contest.rivals},
    }
    return _verdict("soonest_recipe", once([*open_anyway, *contest.doubts]), evidence, recipe="")
