"""Epoch, load, compute and iteration time against batch size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bs_study.analysis.trials import complete_trials

EPOCH_PARTS = ["epoch_seconds", "load_seconds", "compute_seconds"]
MEASURES = [*EPOCH_PARTS, "iteration_seconds", "examples_per_second"]
_GROUP = ["recipe", "batch_size"]


def throughput(epochs: pd.DataFrame, trials: pd.DataFrame, *, train_examples: float = np.nan) -> pd.DataFrame:
    """Return how long an epoch and an iteration take, a row per recipe and batch size, warm-up left out.

    A trial's measure is the median over its epochs; a batch size's is the median over its trials, whatever became of
    them (a diverging iteration takes as long). Of a trial count the epochs that are whole and free of warm-up; where
    it has none, its partial ones, scaled up to a whole epoch by examples; where it has no epoch row at all, the sums
    of its trials row. `epochs_left_out` says how many rows did not count.

    `<measure>_low` and `<measure>_high` are quartiles: over trials, of each trial's lower (upper) quartile over epochs.
    iteration_seconds = epoch_seconds / timed iterations, examples_per_second = timed examples / epoch_seconds, and
    examples_per_iteration = timed examples / timed iterations, which a short last batch makes smaller than batch_size.
    A whole epoch is the most examples that an epoch of this batch size had; or the whole training set, if that is a
    batch more: then no epoch of this batch size was whole. (A loop that drops the last, incomplete batch loses less.)

    An epoch of 1,437 examples in batches of 1,024, of which the first was warm-up, has 1 timed iteration of 413.
    So an epoch whose clocks cover some of its iterations only is partial.

    Args:
        epochs: the store's table; iterations and examples are cumulative, the clocks are those of `timed_iterations`.
        trials: the store's table. Where `timed_iterations` are missing, as in stores of version 0.1.0, the first
            `warmup_iterations` of a trial are taken to be in no epoch's clock, if it has `warmup_seconds`.
        train_examples: the training set's; if it isn't known, the longest epoch of the study stands for it.

    Returns:
        recipe, batch_size, examples_per_iteration, trials (timed ones; with 0 all times are missing), epochs,
        epochs_left_out, load_share (of an epoch, load_seconds / epoch_seconds), and for each of epoch_seconds,
        load_seconds, compute_seconds, iteration_seconds, examples_per_second: it, its low, its high; source, which says
        that they are the clocks of trials.
    """
    trials = complete_trials(trials).assign(recipe=trials.get("recipe", ""))
    spans = _timed_spans(epochs, trials, train_examples=train_examples)
    counted = spans[spans["counts"]]
    by_batch_size = counted.groupby(_GROUP)
    by_trial = counted.groupby([*_GROUP, "trial_id"])
    table = trials[_GROUP].drop_duplicates().astype({"batch_size": np.int64}).set_index(_GROUP).sort_index()
    table["examples_per_iteration"] = by_trial["examples_per_iteration"].median().groupby(_GROUP).median()
    table["trials"] = by_batch_size["trial_id"].nunique()
    table["epochs"] = by_batch_size.size()
    table["epochs_left_out"] = spans.groupby(_GROUP).size() - table["epochs"].fillna(0)
    for measure in MEASURES:
        for suffix, share in (("", 0.5), ("_low", 0.25), ("_high", 0.75)):
            table[measure + suffix] = by_trial[measure].quantile(share).groupby(_GROUP).quantile(share)
    table.insert(4, "load_share", table["load_seconds"] / table["epoch_seconds"])
    counts = ["trials", "epochs", "epochs_left_out"]
    table[counts] = table[counts].fillna(0).astype(int)
    table["source"] = "trials"
    return table.reset_index()


def examples_per_iteration(trials: pd.DataFrame) -> pd.Series[float]:
    """Return the mean examples of an iteration by recipe and batch size: the batch size of a point of a trend.

    Over all iterations of all trials: sum(examples) / sum(iterations). A short last batch makes it smaller than the
    batch size. It is the batch size where no trial has an iteration.
    """
    known = trials.assign(recipe=trials.get("recipe", ""), nominal=trials["batch_size"].astype(float))
    sums = known.groupby(_GROUP)[["examples", "iterations"]].sum()
    ratio = (sums["examples"] / sums["iterations"]).where((sums["examples"] > 0) & (sums["iterations"] > 0))
    return ratio.fillna(known.groupby(_GROUP)["nominal"].first()).rename("examples_per_iteration")


def _timed_spans(epochs: pd.DataFrame, trials: pd.DataFrame, *, train_examples: float) -> pd.DataFrame:
    """Return a row per timed stretch of a trial: its measures, and whether it counts."""
    told = {} if "timed_iterations" in epochs else {"timed_iterations": np.nan}
    columns = ["trial_id", "epoch", "iterations", "examples", "timed_iterations", *EPOCH_PARTS]
    spans = epochs.assign(**told)[columns].sort_values(["trial_id", "epoch"])
    spans = pd.concat([frame for frame in (spans, _whole_trials(spans, trials)) if len(frame)] or [spans])
    warm = trials["warmup_iterations"].where(trials["warmup_seconds"] > 0, 0)
    spans = spans.merge(trials[["trial_id", *_GROUP]].assign(warm=warm), on="trial_id").astype(
        dict.fromkeys(["iterations", "examples", "timed_iterations", *EPOCH_PARTS], float)
    )
    before = spans.groupby("trial_id")[["iterations", "examples"]].shift(fill_value=0.0)
    done = spans["iterations"] - before["iterations"]
    spans = spans.assign(examples=spans["examples"] - before["examples"])
    estimated = (spans["warm"] - before["iterations"]).clip(lower=0, upper=done)
    untimed = (done - spans["timed_iterations"]).fillna(estimated)
    # Warm-up comes first and the short batch last: what warmed up had whole batches.
    rest = spans["examples"] - untimed * spans["batch_size"]
    share = (done - untimed) / done.where(done > 0)
    timed = pd.DataFrame({"iterations": done - untimed, "examples": rest.where(rest > 0, spans["examples"] * share)})
    return _with_measures(spans, timed=timed, full=_full_examples(spans, train_examples=train_examples))


def _whole_trials(spans: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of trials that ended before their first epoch row, as if they were an epoch."""
    lacking = trials[~trials["trial_id"].isin(spans["trial_id"])]
    whole = lacking.rename(columns={"train_seconds": "epoch_seconds"}).assign(epoch=np.nan)
    return whole.loc[whole["epoch_seconds"] > 0, list(spans.columns)]


def _with_measures(spans: pd.DataFrame, *, timed: pd.DataFrame, full: pd.Series[float]) -> pd.DataFrame:
    is_timed = (timed["iterations"] > 0) & (spans["epoch_seconds"] > 0)
    iterations, examples = timed["iterations"].where(is_timed), timed["examples"].where(is_timed)
    is_whole = is_timed & (examples == full)
    has_whole = is_whole.groupby(spans["trial_id"]).transform("any")
    to_whole_epoch = (full / examples).where(~is_whole, 1.0)
    return spans.assign(
        iteration_seconds=spans["epoch_seconds"] / iterations,
        examples_per_second=examples / spans["epoch_seconds"],
        examples_per_iteration=examples / iterations,
        counts=is_timed & (is_whole | ~has_whole),
        **{clock: spans[clock] * to_whole_epoch for clock in EPOCH_PARTS},
    )


def _full_examples(spans: pd.DataFrame, *, train_examples: float) -> pd.Series[float]:
    """Return the examples of a whole epoch of each row's batch size."""
    of_epochs = spans["examples"].where(spans["epoch"].notna())
    whole = train_examples if train_examples > 0 else of_epochs.max()
    own = of_epochs.groupby(spans["batch_size"]).transform("max")
    return own.where(own > whole - spans["batch_size"], whole)
