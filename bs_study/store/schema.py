"""The contract: tables, columns, types, units, schema version.

Each column is said once, here or as a setting of the config. The Arrow schema of a file has its meaning and unit.
A time that was never measured, a setting that was not given and a message that was not needed are null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pyarrow as pa

from bs_study.config import TrialSettings
from bs_study.config.settings import KEPT
from bs_study.store.column import COUNT, NUMBER, TEXT, TIME, Column, setting_column
from bs_study.store.row_columns import CURVED, EPOCHS, EVALUATIONS, GRADIENTS, ITERATIONS

Table = Literal["iterations", "epochs", "evaluations", "gradients", "trials", "timings"]

TABLES: tuple[Table, ...] = ("iterations", "epochs", "evaluations", "gradients", "trials", "timings")
ROW_TABLES: tuple[Table, ...] = ("iterations", "epochs", "evaluations", "gradients")
"""Those with many rows of a trial."""
SPARSE_TABLES: tuple[Table, ...] = ("gradients",)
"""Those of which a trial has a file only if it has rows."""
SCHEMA_VERSION = 1
VERSION_KEY = b"bs_study.schema_version"

Status = Literal["completed", "diverged", "out_of_memory", "failed"]

FUNCTION = "function"
"""How the iterations of a function that trains by itself ran."""

SETTINGS = tuple(
    setting_column(name, annotation=field.annotation, description=str(field.description))
    for name, field in TrialSettings.model_fields.items()
    if name not in KEPT
)
"""The settings of a trial's config, but for its cell and seed, which are keys."""

KEY_COLUMNS = (
    Column("study", TEXT, "name of the study"),
    Column("trial_id", TEXT, "name of the trial; in timings, of the timing"),
    Column("batch_size", COUNT, "of an update", "examples"),
    Column("lr", NUMBER, "learning rate of the trial, as its lr rule makes it"),
    Column("seed", COUNT, "seed of weights and batches"),
)

_ENDING = (
    Column("status", TEXT, "completed, diverged, out_of_memory or failed"),
    Column("stop_reason", TEXT, "target, outrun, a budget, loss_limit; returned by a function, ended of an import"),
    Column("bound", COUNT, "by which a trial that was outrun had not met the target; null for others", "iterations"),
    Column("outrun_by", TEXT, "the trial of the same batch size whose time that bound follows from"),
    Column("message", TEXT, "what went wrong, if anything did"),
    Column("iterations", COUNT, "of the trial"),
    Column("examples", COUNT, "seen by the trial"),
    Column("timed_iterations", COUNT, "of these, those that its clocks cover: all but warm-up"),
    Column("train_seconds", NUMBER, "of all iterations but warm-up; null where there was no other"),
    Column("load_seconds", NUMBER, "of train_seconds, spent waiting for batches"),
    Column("compute_seconds", NUMBER, "of train_seconds, spent on updates"),
    Column("warmup_seconds", NUMBER, "of the warm-up iterations"),
    Column("eval_seconds", NUMBER, "of all evaluations"),
    Column(
        "eval_loss_batch_size",
        COUNT,
        "on which an evaluation computed the loss; null where its value depends on none",
        "examples",
    ),
    Column("write_seconds", NUMBER, "of all writing to the store"),
    Column("probes", COUNT, "rows of the trial in gradients; null where a function reports"),
    Column("probe_seconds", NUMBER, "of all probes"),
    Column(
        "largest_eigenvalue",
        NUMBER,
        "of the Hessian of the loss on 512 fixed training examples at the end, by Lanczos; null without curvature, "
        "and where 200 products do not settle it to 1 %",
        CURVED,
    ),
    Column("wall_seconds", NUMBER, "from start to end, all attempts together"),
    Column("initial_metric", NUMBER, "the target's metric with the initial weights", "as that metric"),
)

_COMPUTED = (
    Column(
        "micro_batch_used", COUNT, "size of the parts whose gradients were computed at once, at the end", "examples"
    ),
    Column("engine_used", TEXT, "how iterations ran"),
    Column("loader_used", TEXT, "where batches came from"),
    Column("kernels_used", TEXT, "library and layout of convolutions on a CPU"),
    Column("parameters", COUNT, "of the model that are trained; null of a function", "numbers"),
    Column(
        "neighbours",
        COUNT,
        "most other trials on its machine at the same time; of a timing, of other studies",
    ),
)

_MACHINE = (
    Column("device", TEXT, "cpu or cuda"),
    Column("device_name", TEXT, "what the maker calls it"),
    Column("host", TEXT, "name of the machine"),
    Column("node_id", TEXT, "Ray's name of the node, null in a local run"),
    Column("gpu_ids", TEXT, "the GPUs of the node that were held, as 0 or 0,1"),
    Column("threads", COUNT, "of torch on the CPU"),
    Column("bs_study_version", TEXT, "of bs_study"),
    Column("python_version", TEXT, "of Python"),
    Column("torch_version", TEXT, "of torch"),
    Column("ray_version", TEXT, "of Ray, null in a local run"),
    Column("cuda_version", TEXT, "of CUDA, null on a CPU"),
)

_VERSION = Column(
    "workload_version", COUNT, "of workload and data, with which it was trained: which of `versions` in study.json"
)

_LIFE = (
    Column("attempts", COUNT, "how often the trial was started"),
    Column("start_time", TIME, "of the last attempt", "UTC"),
    Column("end_time", TIME, "of the last attempt", "UTC"),
)

_TIMED = (
    Column("status", TEXT, "completed, out_of_memory or failed"),
    Column("message", TEXT, "what went wrong, if anything did"),
    Column("repeats", COUNT, "of the measurement"),
    Column("iterations", COUNT, "in each repeat"),
    Column("iteration_seconds", NUMBER, "median of the repeats"),
    Column("iteration_seconds_low", NUMBER, "the quickest repeat", "seconds"),
    Column("iteration_seconds_high", NUMBER, "the slowest repeat", "seconds"),
    Column("iteration_seconds_spread", NUMBER, "(high - low) / median", "fraction"),
    Column(
        "disturbed",
        pa.bool_(),
        "its repeats differed by more than 20 %, of five or more without the slowest, or others took the processor "
        "from them",
    ),
    Column("load_seconds", NUMBER, "of an iteration, median of the repeats"),
    Column("compute_seconds", NUMBER, "of an iteration, median of the repeats"),
    Column("examples_per_second", NUMBER, "mean examples of an iteration / iteration_seconds", "examples per second"),
    Column("warmup_seconds", NUMBER, "before the first repeat"),
    Column("peak_memory_bytes", COUNT, "of the device on a GPU, of the process on a CPU"),
    Column(
        "flops",
        COUNT,
        "of forward and backward on a whole batch, as torch counts them; null where it can't",
        "floating-point operations",
    ),
    Column("energy_joules", NUMBER, "of an iteration, on a GPU that ran nothing else; null elsewhere", "joules"),
)

# A timing is a batch size alone on a device; lr and seed are those that it was run with.
_TIMED_SETTINGS = tuple(column for column in SETTINGS if column.name in ("workload", "precision"))

COLUMNS: dict[Table, tuple[Column, ...]] = {
    "iterations": ITERATIONS,
    "epochs": EPOCHS,
    "evaluations": EVALUATIONS,
    "gradients": GRADIENTS,
    "trials": (*SETTINGS, _VERSION, *_ENDING, *_COMPUTED, *_MACHINE, *_LIFE),
    "timings": (*_TIMED_SETTINGS, _VERSION, *_TIMED, *_COMPUTED, *_MACHINE, _LIFE[-1]),
}
"""The columns of each table after its keys."""

LATER_COLUMNS: dict[Table, tuple[str, ...]] = {
    "iterations": ("grad_norm2",),
    "epochs": ("timed_iterations",),
    "evaluations": ("timed_iterations",),
    "trials": (
        "timed_iterations",
        *("target_window", "eval_spacing", "max_eval_share"),
        *("eval_loss_batch_size", "initial_metric", "workload_version"),
        *("bound", "outrun_by", "parameters"),
        *("probes", "probe_seconds", "largest_eigenvalue"),
    ),
    "timings": ("flops", "disturbed", "workload_version", "energy_joules", "parameters"),
}
"""Columns that files of version 0.1.0 lack. They read as null there."""

KEYS = tuple(column.name for column in KEY_COLUMNS)
"""The columns that every table begins with."""


def table_schema(table: Table, *, metrics: Iterable[str] = ()) -> pa.Schema:
    """Return a table's Arrow schema; evaluations end with a float64 column for each metric."""
    columns = (*KEY_COLUMNS, *COLUMNS[table])
    if table == "evaluations":
        columns += tuple(
            Column(name, NUMBER, "metric of the workload on held-out data, in its own unit") for name in metrics
        )
    return pa.schema([column.field for column in columns], metadata={VERSION_KEY: str(SCHEMA_VERSION)})
