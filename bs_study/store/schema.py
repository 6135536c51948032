"""The contract: tables, columns, types, units, schema version.

Units are in the names: seconds, bytes. A loss is in nats per example, a metric in its own unit: accuracy is a fraction.
A time that was never measured, a setting that was not given and a message that was not needed are null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pyarrow as pa

Table = Literal["iterations", "epochs", "evaluations", "trials", "timings"]

TABLES: tuple[Table, ...] = ("iterations", "epochs", "evaluations", "trials", "timings")
ROW_TABLES: tuple[Table, ...] = ("iterations", "epochs", "evaluations")
SCHEMA_VERSION = 1
VERSION_KEY = b"bs_study.schema_version"

Status = Literal["completed", "diverged", "out_of_memory", "failed"]

KEYS: dict[str, pa.DataType] = {
    "study": pa.string(),
    "trial_id": pa.string(),
    "batch_size": pa.int64(),
    "lr": pa.float64(),
    "seed": pa.int64(),
}

ITERATIONS: dict[str, pa.DataType] = {
    "epoch": pa.int64(),
    "iteration": pa.int64(),  # 1, 2, ... within the trial
    "examples": pa.int64(),  # seen, this iteration's included
    "loss": pa.float32(),  # mean over the batch, before the update
}

EPOCHS: dict[str, pa.DataType] = {
    "epoch": pa.int64(),
    "iterations": pa.int64(),  # cumulative, as are examples
    "examples": pa.int64(),
    "epoch_seconds": pa.float64(),  # of this epoch, pauses and warm-up iterations left out
    "load_seconds": pa.float64(),
    "compute_seconds": pa.float64(),
    "peak_memory_bytes": pa.int64(),  # of the trial up to here: of the device on a GPU, of the process on a CPU
    "clipped_share": pa.float64(),  # of its iterations, the part whose gradients clip_norm scaled down
}

EVALUATIONS: dict[str, pa.DataType] = {
    "epoch": pa.float64(),  # a fraction
    "iteration": pa.int64(),
    "examples": pa.int64(),
    "train_seconds": pa.float64(),  # the sum of epoch_seconds up to here; load and compute likewise
    "load_seconds": pa.float64(),
    "compute_seconds": pa.float64(),
    "eval_seconds": pa.float64(),  # of this evaluation alone
}

# The config of the trial, then how it went.
TRIALS: dict[str, pa.DataType] = {
    "workload": pa.string(),
    "target": pa.string(),
    "optimizer": pa.string(),
    "momentum": pa.float64(),
    "nesterov": pa.bool_(),
    "weight_decay": pa.float64(),
    "beta1": pa.float64(),  # of adam and adamw, as used: an lr rule moves them
    "beta2": pa.float64(),
    "eps": pa.float64(),
    "clip_norm": pa.float64(),
    "lr_warmup_iterations": pa.int64(),
    "lr_warmup_epochs": pa.float64(),
    "lr_decay": pa.string(),
    "lr_decay_iterations": pa.int64(),
    "lr_decay_epochs": pa.float64(),
    "lr_decay_factor": pa.float64(),
    "lr_rule": pa.string(),
    "base_batch_size": pa.int64(),
    "max_epochs": pa.float64(),
    "max_iterations": pa.int64(),
    "max_examples": pa.int64(),
    "max_train_seconds": pa.float64(),
    "stop_at_target": pa.bool_(),
    "min_iterations": pa.int64(),
    "validation_examples": pa.int64(),
    "validation_seed": pa.int64(),
    "eval_every_examples": pa.int64(),
    "eval_batch_size": pa.int64(),
    "loss_limit": pa.float64(),
    "loss_limit_iterations": pa.int64(),
    "micro_batch": pa.int64(),  # as asked for, as are the next four
    "precision": pa.string(),
    "engine": pa.string(),
    "loader": pa.string(),
    "kernels": pa.string(),
    "warmup_iterations": pa.int64(),
    "status": pa.string(),
    "stop_reason": pa.string(),
    "message": pa.string(),
    "iterations": pa.int64(),
    "examples": pa.int64(),
    "train_seconds": pa.float64(),  # sums over the trial; train_seconds is the sum of all epochs' clocks
    "load_seconds": pa.float64(),
    "compute_seconds": pa.float64(),
    "warmup_seconds": pa.float64(),
    "eval_seconds": pa.float64(),
    "write_seconds": pa.float64(),
    "wall_seconds": pa.float64(),
    "micro_batch_used": pa.int64(),  # examples whose gradients were computed at once, at the end
    "engine_used": pa.string(),
    "loader_used": pa.string(),
    "kernels_used": pa.string(),
    "neighbours": pa.int64(),  # most other trials that ran on its machine at the same time
    "device": pa.string(),
    "device_name": pa.string(),
    "host": pa.string(),
    "node_id": pa.string(),  # Ray's name of the node, null in a local run
    "gpu_ids": pa.string(),  # the GPUs of the node that the trial held, as "0" or "0,1"
    "threads": pa.int64(),
    "bs_study_version": pa.string(),
    "python_version": pa.string(),
    "torch_version": pa.string(),
    "ray_version": pa.string(),  # null in a local run
    "cuda_version": pa.string(),
    "attempts": pa.int64(),
    "start_time": pa.timestamp("us", tz="UTC"),
    "end_time": pa.timestamp("us", tz="UTC"),
}

# A batch size alone on a device. Of the keys, trial_id names the timing, and lr and seed are those it was run with.
TIMINGS: dict[str, pa.DataType] = {
    "workload": pa.string(),
    "precision": pa.string(),
    "status": pa.string(),  # completed, out_of_memory or failed
    "message": pa.string(),
    "repeats": pa.int64(),
    "iterations": pa.int64(),  # in each repeat
    "iteration_seconds": pa.float64(),  # median of the repeats
    "iteration_seconds_low": pa.float64(),  # the quickest repeat
    "iteration_seconds_high": pa.float64(),  # the slowest repeat
    "iteration_seconds_spread": pa.float64(),  # (high - low) / median, a fraction
    "load_seconds": pa.float64(),  # of an iteration, the median of the repeats
    "compute_seconds": pa.float64(),
    "examples_per_second": pa.float64(),
    "warmup_seconds": pa.float64(),
    "peak_memory_bytes": pa.int64(),
    "micro_batch_used": pa.int64(),
    "engine_used": pa.string(),
    "loader_used": pa.string(),
    "kernels_used": pa.string(),
    "neighbours": pa.int64(),  # trials that ran on its machine at the same time, of other studies
    "device": pa.string(),
    "device_name": pa.string(),
    "host": pa.string(),
    "node_id": pa.string(),
    "gpu_ids": pa.string(),
    "threads": pa.int64(),
    "bs_study_version": pa.string(),
    "python_version": pa.string(),
    "torch_version": pa.string(),
    "ray_version": pa.string(),
    "cuda_version": pa.string(),
    "end_time": pa.timestamp("us", tz="UTC"),
}

_COLUMNS = {
    "iterations": ITERATIONS,
    "epochs": EPOCHS,
    "evaluations": EVALUATIONS,
    "trials": TRIALS,
    "timings": TIMINGS,
}


def table_schema(table: Table, *, metrics: Iterable[str] = ()) -> pa.Schema:
    """Return a table's Arrow schema; evaluations end with a float64 column for each metric."""
    columns = KEYS | _COLUMNS[table]
    if table == "evaluations":
        columns = columns | dict.fromkeys(metrics, pa.float64())
    return pa.schema(list(columns.items()), metadata={VERSION_KEY: str(SCHEMA_VERSION)})
