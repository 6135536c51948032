from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study.config import TrialConfig
from bs_study.store.asked_trials import SETTINGS
from bs_study.store.encoding import encode
from bs_study.store.paths import StudyPaths
from bs_study.store.writer import TrialWriter

KEYS = [
    ("study", pa.string()),
    ("trial_id", pa.string()),
    ("batch_size", pa.int64()),
    ("lr", pa.float64()),
    ("seed", pa.int64()),
]
COLUMNS = {
    "iterations": [
        ("epoch", pa.int64()), ("iteration", pa.int64()), ("examples", pa.int64()), ("loss", pa.float32()),
        ("grad_norm2", pa.float32()),
    ],
    "epochs": [
        ("epoch", pa.int64()), ("iterations", pa.int64()), ("examples", pa.int64()),
        ("timed_iterations", pa.int64()), ("epoch_seconds", pa.float64()),
        ("load_seconds", pa.float64()), ("compute_seconds", pa.float64()), ("peak_memory_bytes", pa.int64()),
        ("clipped_share", pa.float64()),
    ],
    "evaluations": [
        ("epoch", pa.float64()), ("iteration", pa.int64()), ("examples", pa.int64()), ("timed_iterations", pa.int64()),
        ("train_seconds", pa.float64()),
        ("load_seconds", pa.float64()), ("compute_seconds", pa.float64()), ("eval_seconds", pa.float64()),
        ("accuracy", pa.float64()), ("loss", pa.float64()),
    ],
}  # fmt: skip


@pytest.mark.parametrize("table", COLUMNS)
def test_each_table_has_the_documented_columns_and_types_in_every_file(written: Path, table: str) -> None:
    files = sorted((written / "toy" / table).iterdir())
    assert len(files) == 4
    for file in files:
        schema = pq.read_schema(file)
        assert [(f.name, f.type) for f in schema] == KEYS + COLUMNS[table]


def test_a_trials_row_holds_the_whole_config_and_how_it_ended(written: Path) -> None:
    files = sorted((written / "toy" / "trials").iterdir())
    assert len({pq.read_schema(file) for file in files}) == 1
    names = set(pq.read_schema(files[0]).names)
    ending = {"status", "stop_reason", "message", "iterations", "examples", "train_seconds", "load_seconds"}
    ending |= {"compute_seconds", "device", "threads", "torch_version", "attempts", "start_time", "end_time"}
    assert {*SETTINGS, "batch_size", "lr", "seed"} | ending <= names
    assert all(pq.read_metadata(file).num_rows == 1 for file in files)


@pytest.mark.parametrize("table", [*COLUMNS, "trials"])
def test_the_schema_version_is_in_the_metadata_of_every_file(written: Path, table: str) -> None:
    for file in (written / "toy" / table).iterdir():
        assert pq.read_schema(file).metadata[b"bs_study.schema_version"] == b"1"


def test_files_are_zstd_with_delta_counters_byte_stream_split_floats_and_dictionary_strings(written: Path) -> None:
    file = next((written / "toy" / "iterations").glob("b4-*"))
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    assert {c.compression for c in columns} == {"ZSTD"}
    encodings = {c.path_in_schema: set(c.encodings) for c in columns}
    assert all("DELTA_BINARY_PACKED" in encodings[name] for name in ("epoch", "iteration", "examples"))
    assert "BYTE_STREAM_SPLIT" in encodings["loss"]
    assert all("RLE_DICTIONARY" in encodings[name] for name in ("study", "trial_id"))


def test_a_row_of_trials_which_is_read_among_thousands_is_not_compressed(written: Path) -> None:
    group = pq.ParquetFile(next((written / "toy" / "trials").iterdir())).metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"UNCOMPRESSED"}


def test_rows_come_back_as_they_were_added(written: Path) -> None:
    rows = pq.read_table(next((written / "toy" / "iterations").glob("b4-lr0.02-*"))).to_pydict()
    assert rows["iteration"] == list(range(1, 11))
    assert rows["epoch"] == [1] * 5 + [2] * 5
    assert rows["examples"] == [4 * i for i in range(1, 11)]
    assert rows["loss"] == [float(np.float32(1) / np.float32(i)) for i in range(1, 11)]
    assert set(rows["batch_size"]) == {4}
    assert set(rows["lr"]) == {0.02}
    assert set(rows["study"]) == {"toy"}


def test_a_loss_that_is_not_finite_is_stored_as_it_is(written: Path) -> None:
    rows = pq.read_table(next((written / "toy" / "iterations").glob("b16-lr0.5-*"))).to_pydict()
    assert rows["loss"] == [1.0, 5.0, float("inf")]


def test_a_thousand_iterations_take_less_than_seven_bytes_each(paths: StudyPaths, trial: TrialConfig) -> None:
    writer = TrialWriter(paths, trial, metrics=[])
    loss = np.random.default_rng(0).random(100_000).astype(np.float32)
    counts = np.arange(1, 100_001)
    writer.add_iterations(epoch=1, first_iteration=1, examples=4 * counts, loss=loss)
    writer.write_part()
    part = next(Path(paths.live_trial(trial.trial_id)).glob("*/iterations-*.parquet"))
    assert part.stat().st_size < 7 * 100_000


def test_writing_nothing_leaves_no_part(writer: TrialWriter, paths: StudyPaths, trial: TrialConfig) -> None:
    writer.write_part()
    assert list(Path(paths.live_trial(trial.trial_id)).glob("*/*.parquet")) == []


def test_each_part_is_a_file_per_table_named_by_its_first_iteration(
    writer: TrialWriter, paths: StudyPaths, trial: TrialConfig, add_rows: Callable[..., None]
) -> None:
    for first in (1, 6):
        add_rows(writer, first=first, count=5)
        writer.write_part()
    names = sorted(file.name for file in Path(paths.live_trial(trial.trial_id), writer.attempt).glob("*.parquet"))
    tables = ("epochs", "evaluations", "gradients", "iterations")
    spans = [f"{table}-{first:012d}.parquet" for table in tables for first in (1, 6)]
    assert names == spans


def test_an_encoded_table_reads_back_equal_with_missing_values_and_no_rows() -> None:
    for values in ([], [None, 1.5, float("nan")]):
        table = pa.table({"lr": pa.array(values, pa.float64()), "message": pa.array([None] * len(values), pa.string())})
        again = pq.read_table(pa.BufferReader(encode(table)))
        assert str(again.to_pydict()) == str(table.to_pydict())


def test_rows_that_the_store_does_not_take_are_kept_on_the_local_disk_and_the_error_says_where(
    writer: TrialWriter,
    add_rows: Callable[..., None],
    paths: StudyPaths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "kept").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "kept"))
    add_rows(writer, first=1, count=5)
    writer.write_part()
    add_rows(writer, first=6, count=3)
    shutil.rmtree(paths.live)
    Path(paths.live).write_text("a file, where a folder should be")
    with pytest.raises(OSError, match=r"the store can't be written to .* kept in ") as told:
        writer.write_part()
    (kept,) = Path(str(told.value).rpartition("kept in ")[2]).glob("iterations-*.parquet")
    assert pq.read_table(kept)["iteration"].to_pylist() == [6, 7, 8]
