"""The tables of the page on time and what it costs: of a machine, of an epoch, of an iteration."""

from __future__ import annotations

from bs_study.report.page_table import RECIPE, PageTable, more, plain, settings
from bs_study.report.table_view import Column

_SPEED = (
    Column("examples_per_iteration", "fewer than the batch size where the last batch of an epoch is short"),
    Column("load_share", "load seconds over epoch seconds"),
    Column("epoch_seconds", "one pass over the training set"),
    Column("load_seconds", "of an epoch: waiting for batches"),
    Column("compute_seconds", "of an epoch: forward, backward and update"),
    Column("iteration_seconds", "one optimizer update"),
    Column("examples_per_second"),
)
_MACHINE = (
    Column("device_name", "of the machine"),
    Column("threads", is_setting=True),
    Column("is_own", "trials ran on it; else their updates are taken over"),
    Column("source", "whose clock told the time of an update: timings or trials"),
)
_HOW = (
    Column("is_modelled", "by data parallelism, and not measured"),
    Column("is_interpolated", "updates or their time lie between two batch sizes", is_more=True),
)

SPEED_TABLES = (
    PageTable(
        "machines",
        "The best batch size on each machine",
        "Of those tried, by time to the target. The fitted one is between them, with those that take at most 10 % "
        "longer in grey.",
        (
            *_MACHINE,
            *RECIPE,
            Column("batch_sizes", "of which both updates and their time are known"),
            *settings("batch_size", "lr"),
            *plain("seconds", "dollars", "joules"),
            Column("fitted_batch_size", "the fastest by the fits of updates and of the time of one"),
            Column("peak_memory_bytes", is_more=True),
        ),
    ),
    PageTable(
        "pareto",
        "Time against price",
        "No row of all costs is both quicker and cheaper than one of these. Without a price, GPU seconds stand for it.",
        (*_MACHINE, *RECIPE, *settings("batch_size", "gpus"), *plain("seconds", "dollars", "gpu_seconds"), *_HOW),
    ),
    PageTable(
        "costs",
        "What each batch size costs",
        "To the target, at each batch size's best lr by updates. Several GPUs are modelled, not measured.",
        (
            *_MACHINE,
            *RECIPE,
            *settings("batch_size", "gpus", "batch_size_per_gpu", "lr"),
            *plain("seconds", "gpu_seconds", "dollars", "joules"),
            Column("within_deadline"),
            Column("is_pareto", "no other is both quicker and cheaper"),
            *_HOW,
            Column("peak_memory_bytes", "of each GPU", is_more=True),
            *more("rank_by_seconds", "rank_by_gpu_seconds", "rank_by_dollars", "rank_by_joules"),
        ),
    ),
    PageTable(
        "throughput",
        "Epoch, load, compute and iteration time",
        "By the clocks of the trials: medians over epochs and trials, quartiles in grey; warm-up left out.",
        (*RECIPE, *settings("batch_size"), *plain("trials", "epochs"), *_SPEED),
    ),
    PageTable(
        "clean_throughput",
        "The same, measured alone in the timing pass",
        "Medians of the repeats, the quickest and the slowest in grey.",
        (
            *settings("batch_size"),
            Column("epochs", "repeats"),
            *_SPEED,
            Column("iteration_seconds_spread", "(slowest − quickest) / median"),
            Column("disturbed", "repeats that differ by more than 20 %, or others took the processor"),
            *plain("peak_memory_bytes", "neighbours"),
        ),
    ),
    PageTable(
        "throughput_fit",
        "Fit of iteration time: a + b·B",
        "a/b is the batch size at half of the throughput limit.",
        (
            *RECIPE,
            *plain("a_seconds", "b_seconds_per_example", "half_limit_batch_size", "limit_examples_per_second"),
            Column("doubling_gain_limit_batch_size", "beyond it, doubling the batch gains less than 10 %"),
            Column("worst_relative_error", "of the fit"),
            Column("batch_sizes", "points of the fit"),
        ),
    ),
)
