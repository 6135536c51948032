"""What to see in each figure, in a sentence or two, with the numbers of this study."""

from __future__ import annotations

import math

import pandas as pd

from bs_study.analysis.tables import StudyTables
from bs_study.analysis.windows import FIRST_ITERATIONS
from bs_study.report.curves import shown_lrs
from bs_study.report.wording import goal
from bs_study.words import CLOCK_WORDS, count, counted, duration, listing, number, setting

_MOST_NAMED = 12


def time_to_target(tables: StudyTables) -> str:
    return (
        f"Median {CLOCK_WORDS[tables.clock]} to {_goal(tables)} over {_seeds(tables)}. "
        "A cell with “2 of 3” lost a seed; one that most seeds missed is hatched and has no time. "
        "An empty place was not run, or has not ended."
    )


def recipes(tables: StudyTables, clock: str) -> str:
    return (
        f"Median {CLOCK_WORDS[clock]} to {_goal(tables)} over {_seeds(tables)}, each recipe at its best lr by this "
        "clock; bars span the seeds. Points of a batch size stand side by side."
    )


def iterations_to_target(tables: StudyTables) -> str:
    return (
        f"Iterations to {_goal(tables)} at each batch size's best lr by iterations; bars span the seeds. "
        "Along the dashed line twice the batch size halves the iterations; "
        "where the points leave it, a larger batch costs more examples."
    )


def best_lr(tables: StudyTables) -> str:
    text = "Best lr by iterations to the target. The two rules run through the middle of the best cells."
    fit = tables.lr_fit
    if fit.empty or not math.isfinite(fit["exponent"].iloc[0]):
        return f"{text} Too few batch sizes reached the target inside the grid for a fit."
    row = fit.iloc[0]
    exponent = f"{number(row['exponent'], digits=2)}{_interval(row, 'exponent')}"
    return f"{text} The fit: best lr grows as batch size to the power {exponent}."


def metric_progress(tables: StudyTables, clock: str) -> str:
    if clock in ("iteration", "examples"):
        words = {"iteration": "update, of which each is larger with a larger batch", "examples": "example seen"}[clock]
        return f"The same trials per {words}."
    first = "A line for each seed, a dot where it first meets the target: the furthest left takes the least time."
    return f"{first} {_lrs(tables)}"


def first_losses(tables: StudyTables) -> str:
    return (
        f"Training loss of each of the first {count(FIRST_ITERATIONS)} iterations, one seed each, nothing smoothed; "
        "spikes above the top are cut off, a dot ends a trial that was shorter. "
        f"{_lrs(tables)}"
    )


def first_loss_panels(tables: StudyTables) -> str:
    return (
        f"The same curves apart, {_seeds(tables)} in a panel, on one log scale: a swing shows relative to the level. "
        "A cross ends a loss that turned NaN."
    )


def loss_noise(tables: StudyTables) -> str:
    slopes = tables.noise_slope
    found = slopes[(slopes["window"] == "first_1000") & slopes["slope"].notna()] if len(slopes) else slopes
    text = (
        f"Noise (std of loss[t] − loss[t−1], over √2) in the first {count(FIRST_ITERATIONS)} iterations: "
        "a dot for each trial, a line for each lr."
    )
    if found.empty:
        return f"{text} Too few batch sizes for a slope."
    if len(found) == 1:
        return f"{text} Slope {number(found['slope'].iloc[0], digits=2)}{_interval(found.iloc[0], 'slope')}."
    low, high = (number(value, digits=2) for value in (found["slope"].min(), found["slope"].max()))
    return f"{text} Fitted slopes run from {low} to {high} over {counted(len(found), 'lr')}."


def epoch_time(tables: StudyTables) -> str:
    return (
        "Median time of one pass over the training set, and its parts: "
        "waiting for batches (load) and forward, backward and update (compute). "
        f"{_measured(tables)} Warm-up and evaluation are left out."
    )


def iteration_time(tables: StudyTables) -> str:
    fit = tables.throughput_fit
    text = f"Median time of one update. {_measured(tables)}"
    if fit.empty or not math.isfinite(fit["a_seconds"].iloc[0]):
        return text
    row = fit.iloc[0]
    fixed, each = duration(row["a_seconds"]), duration(row["b_seconds_per_example"])
    text += f" Dashed: a fixed cost of {fixed} and {each} for each example."
    limit = row["doubling_gain_limit_batch_size"]
    return (
        f"{text} Beyond batch size {setting(round(limit))}, doubling it gains less than 10 %."
        if math.isfinite(limit)
        else text
    )


def _measured(tables: StudyTables) -> str:
    if tables.is_clean:
        return "Measured alone, in the timing pass; pale bars span its repeats."
    return "By the clocks of the trials; pale bars span the quartiles over epochs."


def _goal(tables: StudyTables) -> str:
    return goal(tables.target) if tables.target else "the target"


def _seeds(tables: StudyTables) -> str:
    return counted(int(tables.trials["seed"].nunique()), "seed")


def _lrs(tables: StudyTables) -> str:
    lrs = shown_lrs(tables)
    text = (
        f"Each batch size is drawn at its best lr by {CLOCK_WORDS[tables.clock]}, "
        "or where it missed the target at the lr that came closest"
    )
    if len(lrs) > _MOST_NAMED:
        return f"{text}."
    return f"{text}: {listing([f'{setting(lr)} for {setting(size)}' for size, lr in lrs.items()])}."


def _interval(row: pd.Series, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f" (95 % interval {number(low, digits=2)} to {number(high, digits=2)})"
