"""The contract, literally: which columns a table has, and that each says what it means."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study.store.schema import KEYS, TABLES, Table, table_schema

ALL_BEGIN_WITH = "study:text trial_id:text batch_size:int64 lr:double seed:int64"
COLUMNS = {
    "iterations": """
        epoch:int64 iteration:int64 examples:int64 loss:float grad_norm2:float
    """,
    "epochs": """
        epoch:int64 iterations:int64 examples:int64 timed_iterations:int64 epoch_seconds:double load_seconds:double
        compute_seconds:double peak_memory_bytes:int64 clipped_share:double
    """,
    "evaluations": """
        epoch:double iteration:int64 examples:int64 timed_iterations:int64 train_seconds:double load_seconds:double
        compute_seconds:double eval_seconds:double
    """,
    "gradients": """
        epoch:double iteration:int64 examples:int64 g2:double tr_sigma:double g2_scaled:double tr_sigma_scaled:double
        cos_next:double batch_sharpness:double step_lr:double chunk:int64 chunks:int64 by_batch:bool
        probe_seconds:double
    """,
    "trials": """
        workload:text target:text optimizer:text momentum:double nesterov:bool weight_decay:double beta1:double
        beta2:double eps:double clip_norm:double lr_warmup_iterations:int64 lr_warmup_epochs:double lr_decay:text
        lr_decay_iterations:int64 lr_decay_epochs:double lr_decay_factor:double lr_rule:text base_batch_size:int64
        max_epochs:double max_iterations:int64 max_examples:int64 max_train_seconds:double stop_at_target:bool
        target_window:int64 min_iterations:int64 validation_examples:int64 validation_seed:int64 eval_spacing:double
        max_eval_share:double eval_every_examples:int64 eval_batch_size:int64 loss_limit:double
        loss_limit_iterations:int64 micro_batch:int64 precision:text engine:text loader:text kernels:text
        warmup_iterations:int64 workload_version:int64 status:text stop_reason:text bound:int64 outrun_by:text
        message:text iterations:int64 examples:int64 timed_iterations:int64 train_seconds:double load_seconds:double
        compute_seconds:double warmup_seconds:double eval_seconds:double eval_loss_batch_size:int64
        write_seconds:double probes:int64 probe_seconds:double largest_eigenvalue:double
        wall_seconds:double initial_metric:double micro_batch_used:int64 engine_used:text
        loader_used:text kernels_used:text parameters:int64 neighbours:int64 device:text device_name:text host:text
        node_id:text
        gpu_ids:text threads:int64 bs_study_version:text python_version:text torch_version:text ray_version:text
        cuda_version:text attempts:int64 start_time:time end_time:time
    """,
    "timings": """
        workload:text precision:text workload_version:int64 status:text message:text repeats:int64 iterations:int64
        iteration_seconds:double iteration_seconds_low:double iteration_seconds_high:double
        iteration_seconds_spread:double disturbed:bool load_seconds:double compute_seconds:double
        examples_per_second:double warmup_seconds:double peak_memory_bytes:int64 flops:int64 energy_joules:double
        micro_batch_used:int64 engine_used:text loader_used:text kernels_used:text parameters:int64 neighbours:int64
        device:text device_name:text host:text
        node_id:text gpu_ids:text threads:int64 bs_study_version:text python_version:text torch_version:text
        ray_version:text
        cuda_version:text end_time:time
    """,
}
KINDS = {"string": "text", "timestamp[us, tz=UTC]": "time"}
WITHOUT_UNIT = {"lr", "step_lr", "seed", "epoch", "iteration", "cos_next"} | {
    *("neighbours", "threads", "attempts", "repeats", "probes", "chunks"),
}
"""Numbers that are an index, or count what they are called."""


def meaning(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"meaning", b"").decode())


def unit(field: pa.Field) -> str:
    return str((field.metadata or {}).get(b"unit", b"").decode())


@pytest.mark.parametrize("table", TABLES)
def test_the_columns_their_types_and_their_order_are_the_contracts(table: Table) -> None:
    found = [f"{field.name}:{KINDS.get(str(field.type), field.type)}" for field in table_schema(table)]
    assert found == [*ALL_BEGIN_WITH.split(), *COLUMNS[table].split()]


def test_evaluations_end_with_the_metrics() -> None:
    metrics = list(table_schema("evaluations", metrics=("accuracy", "loss")))[-2:]
    assert [(field.name, field.type) for field in metrics] == [("accuracy", pa.float64()), ("loss", pa.float64())]


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_a_meaning(table: Table) -> None:
    assert [field.name for field in table_schema(table, metrics=("accuracy",)) if not meaning(field)] == []


@pytest.mark.parametrize("table", TABLES)
def test_whatever_is_measured_has_a_unit(table: Table) -> None:
    settings = set(table_schema("trials").names[: table_schema("trials").names.index("status")])
    numbers = [f for f in table_schema(table) if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
    measured = [field for field in numbers if field.name not in settings - set(KEYS) | WITHOUT_UNIT]
    assert [field.name for field in measured if not unit(field)] == []
    assert all(unit(field) for field in table_schema(table) if pa.types.is_timestamp(field.type))


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        ("iterations", "loss", "nats per example"),
        ("epochs", "clipped_share", "fraction"),
        ("epochs", "peak_memory_bytes", "bytes"),
        ("evaluations", "epoch", "epochs"),
        ("trials", "max_train_seconds", "seconds"),
        ("trials", "micro_batch", "examples"),
        ("trials", "lr_decay", ""),
        ("timings", "iteration_seconds_low", "seconds"),
        ("timings", "end_time", "UTC"),
        ("timings", "flops", "floating-point operations"),
    ],
)
def test_a_unit_is_that_of_the_name_or_its_own(table: Table, column: str, expected: str) -> None:
    assert unit(table_schema(table).field(column)) == expected


def test_a_setting_means_what_the_config_says() -> None:
    assert meaning(table_schema("trials").field("stop_at_target")) == "end a trial at the target"


@pytest.mark.parametrize("table", TABLES)
def test_every_file_carries_the_meanings_of_its_columns(written: Path, table: Table) -> None:
    for file in (written / "toy" / table).iterdir():
        assert all(meaning(field) for field in pq.read_schema(file))
