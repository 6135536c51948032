"""Which tables of the analysis the page shows, and which of their columns; the CSVs have all."""

from __future__ import annotations

from bs_study.report.gradient_tables import GRADIENT_TABLES
from bs_study.report.page_table import CELL_COLUMNS, RECIPE, TIMES, PageTable, more, plain, settings
from bs_study.report.speed_tables import SPEED_TABLES
from bs_study.report.table_view import Column

TABLES = (
    PageTable(
        "cells",
        "Every cell",
        "Medians over seeds, least to most in grey. A missing time was not reached. "
        "“> 2.1×” was outrun: its first seed was cut after 2.1 times the best time. Best: of its batch size.",
        (
            *CELL_COLUMNS,
            Column("is_best", "the best lr of its batch size by the ranking clock"),
            Column("status", "what became of all trials of the cell", link="#{curves}"),
            Column("seeds", "trials that have ended"),
            Column("reached"),
            *TIMES,
            *more("missed"),
            Column("outrun", "trials that ended since another lr of their batch size had won", is_more=True),
            Column("not_tried", "trials that ended at another target of their own", is_more=True),
            *more("diverged"),
            Column("effective_lr", "lr / (1 − momentum) of SGD", is_setting=True, is_more=True),
            Column("best_metric", "of the target's metric, at any evaluation", is_more=True),
            Column("censored_by", "what ended the trials that did not reach it", is_more=True),
        ),
    ),
    PageTable(
        "times",
        "Time to the target, trial by trial",
        "At the first evaluation that met the target. A missing time was not reached. “> 2.1×” was outrun: it takes "
        "more than 2.1 times the best cell's median.",
        (
            *CELL_COLUMNS,
            *settings("seed"),
            Column("outcome", link="#{curves}"),
            Column("stop_reason"),
            *TIMES,
            *plain("best_metric", "looks"),
        ),
    ),
    PageTable(
        "target_spread",
        "How much seeds differ, by target",
        "The target asked comes first, where seeds reached it. With half the spread a quarter of the seeds tells as "
        "much.",
        (
            Column("target", "as --target takes it"),
            Column("spread_percent", "standard deviation over seeds of the log of iterations to it, pooled over cells"),
            Column("cells", "those of two seeds or more, all of which reached it"),
            Column("seeds", "of these cells"),
        ),
    ),
    PageTable(
        "versions",
        "Trials of each version of workload and data",
        "The workload or its data changed while the study went on. Only the judged version counts in all else.",
        (*CELL_COLUMNS, *settings("seed", "workload_version"), *plain("is_judged", "status")),
    ),
    PageTable(
        "loss_at",
        "Held-out loss after the budget",
        "Medians over seeds, 95 % of a typical seed in grey. A missing loss: trials ended before the budget, or most "
        "diverged.",
        (
            *CELL_COLUMNS,
            Column("loss", "held-out, read between the evaluations around the budget"),
            Column("is_best_lr", "of its batch size"),
            Column("seeds", "that gave an answer"),
            Column("read", "seeds with a loss at the budget"),
            Column("ended", "trials that ended before it"),
            *plain("diverged", "best_lr_on_edge"),
            *more("no_look", "out_of_memory", "failed"),
        ),
    ),
    PageTable(
        "scaling_curve",
        "Updates and examples to the target",
        "Each batch size at its best lr by iterations; medians over seeds, 95 % of a typical seed in grey.",
        (
            *RECIPE,
            *settings("batch_size", "lr"),
            Column("seeds", "that gave an answer"),
            Column("iterations_to_target"),
            Column("examples_to_target"),
            Column("overhead", "examples over the median of the three smallest batch sizes, less 1"),
            Column("doubling_saves", "part of the updates that a doubling saves, from the batch size before"),
            Column("doubling_costs", "examples that it costs more"),
            Column("fitted_iterations", "by S = S_min (1 + B_c/B)"),
            Column("regime", "by the slope, where all curves that fit agree: of every power p that is not ruled out"),
            Column("lr_gain", "part of the updates that an lr between those tried may save", is_more=True),
            *more("examples_per_iteration", "slope_low", "slope_high", "best_lr_on_edge"),
        ),
    ),
    PageTable(
        "critical_batch",
        "Critical batch size by each definition",
        "The 20 % rule is without a model. The knee is B_c of S = S_min (1 + B_c/B).",
        (
            *RECIPE,
            Column("batch_sizes", "whose updates are known"),
            Column("left_out", "no lr reached the target, or the first look met it"),
            Column("rule_batch_size", "up to there it takes at most 20 % more examples"),
            Column("rule_is_at_least", "the largest tried"),
            *plain("rule_low", "rule_high"),
            *plain("knee_batch_size", "knee_low", "knee_high", "min_iterations", "min_examples"),
            Column("power_low", "of a free power p", is_more=True),
            *more("power_high", "is_widened", "rule_reference_examples"),
        ),
    ),
    PageTable(
        "scaling",
        "Best lr, stable lrs and the band that works",
        "Best lr by iterations to the target.",
        (
            *RECIPE,
            *settings("batch_size", "best_lr", "largest_stable_lr", "smallest_unstable_lr"),
            *settings("band_low_lr", "band_high_lr"),
            Column("band_octaves", "log2 of the largest over the smallest lr that reaches the target"),
            Column("band_gaps", "lrs between them that do not"),
            Column("diverged_share", "of the trials"),
            Column("best_lr_on_edge", "of the grid"),
            *settings("add_lr_1", "add_lr_2"),
            Column("lr_step", "ratio of neighbouring lrs"),
        ),
    ),
    PageTable(
        "lr_fit",
        "Exponent of best lr against batch size",
        "1: linear scaling; 0.5: square root.",
        (
            *RECIPE,
            Column("exponent", "of all batch sizes"),
            Column("saturates_at", "batch size beyond which the best lr is constant"),
            Column("exponent_below", "of the batch sizes below that"),
            Column("saturated_lr", "best lr beyond it"),
            Column("batch_sizes", "points of the fit"),
            Column("left_out", "batch sizes whose best lr is on an edge of the grid"),
        ),
    ),
    *SPEED_TABLES,
    *GRADIENT_TABLES,
    PageTable(
        "smoothness",
        "Loss variance of each trial",
        "Over the first 1,000 iterations, over equal examples, and at an equal loss level.",
        (
            *CELL_COLUMNS,
            *settings("seed"),
            *plain("window", "iterations", "loss_variance"),
            Column("detrended_variance", "about a rolling median"),
            Column("noise", "std of loss[t] − loss[t−1], over √2"),
            Column("spikes"),
            Column("max_loss_ratio", "largest loss over the first"),
            Column("stability"),
        ),
    ),
    PageTable(
        "noise_slope",
        "Slope of log noise on log batch size",
        "Independent noise gives −0.5.",
        (*RECIPE, *settings("lr"), *plain("window", "slope"), Column("batch_sizes", "points"), Column("left_out")),
    ),
)
