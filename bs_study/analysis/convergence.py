"""Time to the target: of each trial, and of each cell over its seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from bs_study.analysis.training_clock import OF_TRAINING, estimated_timed, of_all_iterations, with_shares, with_timed
from bs_study.analysis.trials import CELL, KEYS, complete_trials, effective_lr
from bs_study.config import BUDGETS
from bs_study.target import Target

TARGET_CLOCKS = ["iterations", "examples", "train_seconds", "compute_seconds", "wall_seconds", "clean_seconds"]
OUTCOMES = ["reached", "missed", "outrun", "not_tried", "diverged", "out_of_memory", "failed", "not_evaluated"]
NO_ANSWER = ["failed", "not_evaluated"]
CENSORED = ["missed", "outrun", "not_tried"]
"""Outcomes of which only the time is known that it would have taken at least."""
_COLUMNS = {"iterations": "iteration", "examples": "examples", "epochs": "epoch"} | {c: c for c in TARGET_CLOCKS[2:]}
"""The clocks of a time to the target, each with the column of evaluations that it is read from."""
TIMES = [f"{clock}_to_target" for clock in _COLUMNS]


def time_to_target(
    evaluations: pd.DataFrame, *, target: Target, window: int = 1, clean: Mapping[int, float] | None = None
) -> pd.DataFrame:
    """Return what each trial took to the target, a row per trial with evaluations.

    Reached is the first look (evaluation) that meets the target, as MLPerf and AlgoPerf have it. The target was met
    at some time after the look before, so a time is an interval: above `<clock>_before_target`, which is 0 where the
    first look met it, up to `<clock>_to_target`. A trial that never met it has neither; a missing metric meets no
    target. A training clock leaves out warm-up iterations; a time to the target has them too, at the others' mean:
    seconds * iteration / timed iterations. It is missing where the target was met before the clock ran, and so are all
    that it leads to. Where only the look before was, its time is its share of the iterations to the target. Wall
    seconds are those of training plus all evaluations up to and including that one. Clean seconds are its iterations
    times the seconds of one, measured alone.

    Args:
        evaluations: the store's table, with a column for the target's metric; where `timed_iterations` are missing, its
            clocks cover all.
        window: an odd number of looks; reached is the first at which the median of so many last ones meets the target,
            which it does where more than half of them do.
        clean: seconds of an iteration by batch size, of the timing pass; clean seconds are missing without it.

    Returns:
        recipe, trial_id, batch_size, lr, seed; for iterations, examples, epochs, train_, compute_, wall_ and
        clean_seconds: <clock>_to_target and <clock>_before_target; best_metric (at any look; of a window, its median),
        looks (how many).

    Raises:
        ValueError: no column for the target's metric.
    """
    refuse_missing(target.metric, evaluations)
    looks = clocked_looks(evaluations, metric=target.metric, clean=clean or {})
    of_trial = looks.groupby("trial_id", sort=False)
    is_met = looks[target.metric] >= target.value
    if target.direction == "min":
        is_met = looks[target.metric] <= target.value
    if window > 1:
        met = is_met.astype(float).groupby(looks["trial_id"], sort=False).rolling(window).sum()
        is_met = met.droplevel(0).reindex(looks.index) > window / 2
    columns = {column: f"{clock}_to_target" for clock, column in _COLUMNS.items()}
    before = (
        of_trial[list(columns)]
        .shift(fill_value=0.0)
        .rename(columns={c: f"{k}_before_target" for k, c in _COLUMNS.items()})
    )
    met_first = with_shares(looks.assign(**before)[is_met].drop_duplicates("trial_id"))
    first = met_first[["trial_id", *columns, *before.columns]].rename(columns=columns)
    judged = looks[target.metric]
    if window > 1:
        judged = of_trial[target.metric].rolling(window).median().droplevel(0).reindex(looks.index)
    judged_by_trial = judged.groupby(looks["trial_id"], sort=False)
    found = judged_by_trial.agg([target.direction, "size"]).set_axis(["best_metric", "looks"], axis=1)
    times = looks[KEYS].drop_duplicates("trial_id").merge(first, on="trial_id", how="left")
    clocks = dict.fromkeys([*TIMES, *before.columns], float)
    return times.merge(found, left_on="trial_id", right_index=True, how="left").astype(clocks).reset_index(drop=True)


def clocked_looks(evaluations: pd.DataFrame, *, metric: str, clean: Mapping[int, float]) -> pd.DataFrame:
    """Return the evaluations in order, each with every clock."""
    numbers = dict.fromkeys(["train_seconds", "compute_seconds", "eval_seconds", metric], float)
    recipe = {} if "recipe" in evaluations else {"recipe": ""}
    looks = evaluations.assign(**recipe).sort_values(["trial_id", "iteration"], kind="stable").astype(numbers)
    for clock in OF_TRAINING:
        looks[clock] = of_all_iterations(
            looks[clock], looks["iteration"], timed=looks.get("timed_iterations", looks["iteration"])
        )
    pauses = looks.groupby("trial_id", sort=False)["eval_seconds"].cumsum(skipna=False)
    return looks.assign(
        wall_seconds=looks["train_seconds"] + pauses,
        clean_seconds=looks["iteration"] * looks["batch_size"].map(clean).astype(float),
    ).reset_index(drop=True)


def refuse_missing(metric: str, evaluations: pd.DataFrame) -> None:
    """Raise if evaluations have no column for a metric."""
    if metric not in evaluations:
        raise ValueError(
            f"target: no metric {metric!r} in the evaluations. They have {', '.join(metrics_of(evaluations)) or 'none'}"
        )


def metrics_of(evaluations: pd.DataFrame) -> list[str]:
    """Return the names of the metrics: the last columns, behind the schema's."""
    names = [name for name in evaluations.columns if name != "recipe"]
    start = names.index("eval_seconds") + 1 if "eval_seconds" in names else 0
    return names[start:]


def trial_times(
    evaluations: pd.DataFrame,
    trials: pd.DataFrame,
    *,
    target: Target | None,
    window: int = 1,
    clean: Mapping[int, float] | None = None,
) -> pd.DataFrame:
    """Return what became of each ended trial, a row per trial: `time_to_target`, and how it answered.

    Args:
        trials: the ended ones; evaluations of others do not count.
        target: without one nobody reached it and nobody missed it: times are missing, the outcome is the status.

    Returns:
        the columns of `time_to_target`; <clock>_at_end of each clock of TARGET_CLOCKS: where the trial ended;
        stop_reason and the budgets; effective_lr; initial_metric, with the initial weights (missing where the trial had
        a target of another metric), and is_met_initially; outcome: reached, or missed, outrun (in a race to this
        target, by another lr), not_tried (it ended at another target of its own, or in a race to it), diverged,
        out_of_memory, failed, not_evaluated (it ended before a first look).
    """
    trials = complete_trials(trials)
    keys = trials[KEYS].assign(effective_lr=effective_lr(trials), **{name: trials[name] for name in BUDGETS})
    ends = pd.DataFrame({name: trials[name] for name in ("iterations", "examples", "train_seconds", "compute_seconds")})
    timed = trials["timed_iterations"].fillna(estimated_timed(trials["iterations"], warmup=trials["warmup_iterations"]))
    for clock in OF_TRAINING:
        ends[clock] = of_all_iterations(ends[clock], ends["iterations"], timed=timed)
    ends["wall_seconds"] = ends["train_seconds"] + trials["eval_seconds"]
    ends["clean_seconds"] = trials["iterations"] * trials["batch_size"].map(clean or {}).astype(float)
    keys = keys.join(ends.add_suffix("_at_end")).assign(status=trials["status"], stop_reason=trials["stop_reason"])
    initial = _initial_metric(trials, target)
    keys["initial_metric"] = initial
    keys["is_met_initially"] = [target is not None and target.is_met(value) for value in initial]
    own = with_timed(evaluations[evaluations["trial_id"].isin(trials["trial_id"])], trials)
    if target is None or own.empty:
        found = own[["trial_id"]].drop_duplicates().assign(**dict.fromkeys([*_time_columns(), "best_metric"], np.nan))
        found["looks"] = own.groupby("trial_id").size().reindex(found["trial_id"]).to_numpy(float)
    else:
        found = time_to_target(own, target=target, window=window, clean=clean).drop(columns=["recipe", *KEYS[2:]])
    times = keys.merge(found, on="trial_id", how="left")
    times["looks"] = times["looks"].fillna(0).astype(int)
    times["outcome"] = _outcomes(times, has_target=target is not None, is_own=_is_own(trials, target, window))
    return times


def _initial_metric(trials: pd.DataFrame, target: Target | None) -> pd.Series[float]:
    own = {text: Target.parse(text).metric for text in trials["target"].unique() if text}
    is_asked = trials["target"].map(own) == (target.metric if target else None)
    return trials["initial_metric"].where(is_asked)


def _is_own(trials: pd.DataFrame, target: Target | None, window: int) -> pd.Series[bool]:
    """Return whether the target asked is that of each trial, and met over the same window."""
    same = [text for text in trials["target"].unique() if text and target and Target.parse(text) == target]
    return trials["target"].isin(same) & (trials["target_window"] == window)


def _time_columns() -> list[str]:
    return [f"{clock}_{end}" for clock in _COLUMNS for end in ("to_target", "before_target")]


def _outcomes(times: pd.DataFrame, *, has_target: bool, is_own: pd.Series[bool]) -> pd.Series[str]:
    """Return how each trial answered.

    Args:
        is_own: whether the target asked is that of the trial. One that was outrun in a race to another target was not
            tried at this one.
    """
    is_answer = times["status"].isin(["completed", "diverged", "out_of_memory"])
    outcome = times["status"].astype(object).where(is_answer, "failed")
    if has_target:
        ended = times["stop_reason"]
        unmet = np.select(
            [(ended == "outrun") & is_own.to_numpy(), ended.isin(["target", "outrun"])],
            ["outrun", "not_tried"],
            "missed",
        )
        outcome = outcome.where(outcome != "completed", np.where(times["looks"] > 0, unmet, "not_evaluated"))
    return outcome.where(times["iterations_to_target"].isna(), "reached")


def convergence(times: pd.DataFrame, *, direction: Literal["max", "min"] = "max") -> pd.DataFrame:
    """Return what each cell took to the target, a row per cell with an ended trial.

    Over seeds: the median, where a trial that did not reach it counts as above every number, so that it can be missing;
    `_low` and `_high` are the smallest and largest (missing if a trial did not). Trials that failed or were never
    evaluated are no answer and count in no median; one that failed or diverged later counts as reached.

    Args:
        times: `trial_times`.
        direction: in which the target's metric is better.

    Returns:
        recipe, batch_size, lr, effective_lr (missing where trials differ), seeds (trials), how many of them reached,
        missed, outrun, not_tried, diverged, out_of_memory, failed, not_evaluated (each counted once); <clock>_to_target
        with _low and _high; is_at_most: whether that median is known only to be no more, since seeds met the target
        at their first look; best_metric, which most seeds reached (the median; of two in the middle the worse), with
        _low and _high (smallest and largest over seeds); status: what became of all trials of the cell, or mixed; the
        budgets (missing where there was none, or trials differ);
        censored_<clock>: where on that clock the first of those ended that missed, were outrun or not tried;
        censored_by: their stop_reason, or mixed; '' where the median was reached or none missed.
    """
    by_cell = times.groupby(CELL)
    cells = _common(by_cell["effective_lr"]).to_frame()
    cells["seeds"] = by_cell.size()
    for outcome in OUTCOMES:
        cells[outcome] = (times["outcome"] == outcome).groupby([times[key] for key in CELL]).sum().astype(int)
    for time in TIMES:
        cells = cells.join(_over_seeds(times, time))
    first = times["iterations_before_target"] == 0
    least = _over_seeds(times.assign(iterations_to_target=times["iterations_to_target"].mask(first, 0.0)), TIMES[0])
    cells["is_at_most"] = least[TIMES[0]] < cells[TIMES[0]]
    ordered = times.sort_values("best_metric", ascending=direction == "min", kind="stable")
    known = ordered[ordered["best_metric"].notna()].groupby(CELL)["best_metric"]
    counts = known.transform("size")
    middle = ordered.loc[counts.index[known.cumcount() == counts // 2]].set_index(CELL)["best_metric"]
    metric = pd.DataFrame({"median": middle, "min": known.min(), "max": known.max()}).reindex(cells.index)
    cells = cells.join(metric.set_axis(["best_metric", "best_metric_low", "best_metric_high"], axis=1))
    cells["status"] = _common(by_cell["outcome"]).fillna("mixed")
    cells = cells.join(pd.DataFrame({budget: _common(by_cell[budget]) for budget in BUDGETS}))
    censored = times[times["outcome"].isin(CENSORED)].groupby(CELL)
    ends = censored[[f"{clock}_at_end" for clock in TARGET_CLOCKS]].min()
    cells = cells.join(ends.set_axis([f"censored_{clock}" for clock in TARGET_CLOCKS], axis=1))
    reasons = _common(censored["stop_reason"]).fillna("mixed").reindex(cells.index)
    cells["censored_by"] = reasons.where(cells["iterations_to_target"].isna()).fillna("")
    return cells.reset_index()


def _common(groups: Any) -> pd.Series[Any]:
    """Return the value that all rows of a group have; missing where they differ."""
    common: pd.Series[Any] = groups.first().where(groups.nunique(dropna=False) == 1)
    return common


def _over_seeds(times: pd.DataFrame, time: str) -> pd.DataFrame:
    """Return the median, smallest and largest time of each cell's trials; never reached is above every number."""
    cell = [times[key] for key in CELL]
    is_reached = times["outcome"] == "reached"
    values = times[time].where(is_reached, np.inf).where(~times["outcome"].isin(NO_ANSWER))
    unknown = (is_reached & values.isna()).groupby(cell).any()
    over = values.groupby(cell).agg(["median", "min", "max"]).set_axis([time, f"{time}_low", f"{time}_high"], axis=1)
    return over.where(np.isfinite(over)).where(~unknown, axis=0)
