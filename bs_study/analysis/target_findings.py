"""Which batch size reaches the target first."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bs_study.analysis.censoring import TARGET_CLOCKS
from bs_study.analysis.finding import Finding, slope_evidence
from bs_study.analysis.fit import MIN_FOR_INTERVAL, log_line
from bs_study.analysis.rivals import REASONS, beats, clock_words, doubts, on_edge
from bs_study.words import setting, times

if TYPE_CHECKING:
    from bs_study.analysis.tables import StudyTables

NO_TARGET = "no target is known"
SATURATED = -0.5  # doubling the batch saves less than 30 % of the updates; perfect scaling is -1


def middle_batch_size_is_fastest(tables: StudyTables) -> Finding:
    """Judge whether at one fixed lr some middle batch size reaches the target in the least time.

    At an lr with at least three batch sizes, all ended: middle, if the fastest is neither the smallest nor the largest
    and beats both; end, if it is one of these and beats all others. Supported: middle wherever it can be told;
    contradicted: end.
    """
    winners = {lr: _fastest_at(tables, lr) for lr in sorted(tables.convergence["lr"].unique())}
    told = {lr: place for lr, (place, _) in winners.items() if place in ("middle", "end")}
    evidence = {
        "at_lr": {lr: {"place": place} | row for lr, (place, row) in winners.items()},
        "middle_at_lrs": [lr for lr, place in told.items() if place == "middle"],
        "end_at_lrs": [lr for lr, place in told.items() if place == "end"],
    }
    judged = functools.partial(
        Finding,
        "middle_batch_size",
        "At one fixed lr, some middle batch size reaches the target in the least total time",
        how=f"At each lr the fastest median {clock_words(tables)} against the smallest and largest batch size, "
        "by the 95 % interval of their ratio over seeds.",
        evidence=evidence,
    )
    if len(set(told.values())) == 1:
        return judged("supported" if "middle" in told.values() else "contradicted")
    if told:
        return judged("undecided", reason="it is a middle batch size at some lrs and an end of the grid at others")
    reasons = sorted({place for place, _ in winners.values()}) if tables.target else [NO_TARGET]
    return judged("undecided", reason="; ".join(reasons) or "no trial has ended")


def _fastest_at(tables: StudyTables, lr: float) -> tuple[str, dict[str, Any]]:
    """Return where the fastest batch size of an lr lies (middle or end), or why that can't be told; and its numbers."""
    cells = tables.convergence[tables.convergence["lr"] == lr].sort_values("batch_size").reset_index(drop=True)
    times = cells[f"{tables.clock}_to_target"]
    if times.notna().sum() == 0:
        return "no batch size reached the target", {}
    fastest = int(times.argmin())
    winner = cells.iloc[fastest]
    row = {
        "batch_size": winner["batch_size"],
        f"{tables.clock}_to_target": times.iloc[fastest],
        "batch_sizes": len(cells),
    }
    if len(cells) < MIN_FOR_INTERVAL:
        return "fewer than 3 batch sizes have the same lr", row
    if (tables.open_cells["lr"] == lr).any():
        return "trials have not ended", row
    if winner["seeds"] < 2:
        return REASONS["one seed"], row
    is_end = fastest in (0, len(cells) - 1)
    rivals = cells.drop(index=fastest) if is_end else cells.iloc[[0, -1]]
    for _, rival in rivals.iterrows():
        answer = beats(tables, winner, rival)
        if answer != "yes":
            return REASONS[answer], row | {"rival_batch_size": rival["batch_size"]}
    return ("end" if is_end else "middle"), row


def fastest_after_tuning(tables: StudyTables) -> Finding:
    """Judge which batch size reaches the target first, each with its best lr, and by how much.

    Supported: its cell beats the best cell of every other batch size; no cell of theirs missed within a budget that
    ended before the winner's time; their best lrs lie inside the grid; and all trials have ended.
    """
    ranked = tables.best[tables.best[f"{tables.clock}_to_target"].notna()].sort_values(
        [f"{tables.clock}_to_target", "batch_size"]
    )
    judged = functools.partial(
        Finding,
        "fastest_after_tuning",
        how=f"Median {clock_words(tables)} to the target with the best lr of each batch size; "
        "the winner against every other, by the 95 % interval of the ratio over seeds.",
        evidence=_by_clock(tables.best),
    )
    if ranked.empty:
        return judged(
            "After tuning the lr, no batch size reached the target",
            "undecided",
            reason="no cell's median seed reached the target",
        )
    names = [setting(size) for size in ranked["batch_size"]]
    claim = f"After tuning the lr per batch size, batch size {names[0]} reaches the target in the least time"
    if len(ranked) > 1 and ranked[f"{tables.clock}_to_target"].iloc[0] > 0:
        ratio = _runner_up_ratio(ranked[f"{tables.clock}_to_target"])
        claim += f"; the runner-up, {names[1]}, takes {times(ratio)} as long"
    reasons = _open_questions(tables, ranked)
    return judged(claim, "undecided" if reasons else "supported", reason="; ".join(reasons))


def _by_clock(best: pd.DataFrame) -> dict[str, Any]:
    """Return the winner and the runner-up by each clock."""
    evidence = {}
    for clock in TARGET_CLOCKS:
        time, lr = f"{clock}_to_target", f"best_lr_by_{clock}"
        ranked = best[best[time].notna()].sort_values([time, "batch_size"])
        rows = ranked[["batch_size", lr, time]].set_axis(["batch_size", "lr", time], axis=1).to_dict("records")
        if ranked.empty and clock == "clean_seconds":
            continue  # there was no timing pass
        ratio = _runner_up_ratio(ranked[time])
        evidence[clock] = dict(zip(("winner", "runner_up"), rows, strict=False)) | {"runner_up_takes_times": ratio}
    return evidence


def _runner_up_ratio(times: pd.Series[float]) -> float:
    """Return the second time over the first, of times in order; NaN where there is no second, or the first is 0."""
    return float(times.iloc[1] / times.iloc[0]) if len(times) > 1 and times.iloc[0] > 0 else np.nan


def _open_questions(tables: StudyTables, ranked: pd.DataFrame) -> list[str]:
    """Return what keeps the fastest batch size from being certain."""
    cells = tables.convergence.set_index(["batch_size", "lr"], drop=False)
    best_lrs = ranked.set_index("batch_size")[f"best_lr_by_{tables.clock}"]
    winner = cells.loc[(best_lrs.index[0], best_lrs.iloc[0])]
    questions = ["trials have not ended"] if len(tables.open_cells) else []
    others = sorted(set(tables.convergence["batch_size"]) - {winner["batch_size"]})
    if not others:
        return [*questions, "the study has one batch size"]
    for size in others:
        answers = doubts(tables, winner, batch_size=size)
        questions += [f"batch size {setting(size)}: {REASONS[answer]}" for answer in answers]
    return questions + on_edge(tables, {size: lr for size, lr in best_lrs.items() if size in others})


def updates_stop_falling(tables: StudyTables) -> Finding:
    """Judge whether large batches need about as many updates as middle ones: the limit of data parallelism.

    Slope of log iterations to the target (best lr by iterations, all seeds) on log batch size, over the larger half of
    the batch sizes, at least three: 0 is no saving, -1 is perfect scaling. Supported if its interval lies above -1/2
    (doubling the batch saves less than 30 % of the updates), contradicted if below. Source: Shallue et al. 2019.
    """
    best = tables.best.sort_values("batch_size")
    large = best.tail(max(MIN_FOR_INTERVAL, (len(best) + 1) // 2))
    cells = large.rename(columns={"best_lr_by_iterations": "lr"})[["batch_size", "lr"]]
    times = tables.times.merge(cells.dropna(), on=["batch_size", "lr"])
    fit = log_line(times["batch_size"], times["iterations_to_target"])
    judged = functools.partial(
        Finding,
        "updates_saturate",
        "Large batches need about as many updates as middle ones",
        how="Slope of log iterations to the target, each with its best lr, on log batch size over the larger half of "
        "the batch sizes: above -1/2 by its 95 % interval.",
        evidence=slope_evidence(fit)
        | {"iterations_to_target": dict(zip(large["batch_size"], large["iterations_to_target"], strict=True))},
    )
    reason = _why_updates_are_open(tables, large)
    if reason or not (fit.low > SATURATED or fit.high < SATURATED):
        return judged("undecided", reason=reason or "the interval of the slope holds -1/2, or is missing")
    return judged("supported" if fit.low > SATURATED else "contradicted")


def _why_updates_are_open(tables: StudyTables, large: pd.DataFrame) -> str:
    sizes = [int(size) for size in large["batch_size"]]
    reached = [int(size) for size in large.loc[large["iterations_to_target"].notna(), "batch_size"]]
    best_lrs = large.set_index("batch_size")["best_lr_by_iterations"].dropna()
    if tables.target is None:
        return NO_TARGET
    if len(sizes) < MIN_FOR_INTERVAL:
        return f"a trend needs 3 batch sizes, and the study has {len(sizes)}"
    if reached != sizes:
        return "no lr reached the target at batch size " + ", ".join(str(s) for s in sizes if s not in reached)
    if tables.open_cells["batch_size"].isin(sizes).any():
        return "trials have not ended"
    return "; ".join(on_edge(tables, dict(best_lrs.items())))
