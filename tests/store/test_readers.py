"""The documented paths, read with the tools that analysts have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study import StudyConfig, open_study
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths

# batch size -> rows of iterations, of both lrs together: 10 + 10, and 10 + 3 of the trial that diverged
ITERATIONS = {4: 20, 16: 13}
TABLES = {"iterations": 33, "epochs": 6, "evaluations": 6, "trials": 4, "timings": 2}


@pytest.mark.parametrize(("table", "rows"), TABLES.items())
def test_pandas_reads_a_table_folder(written: Path, table: str, rows: int) -> None:
    found = pd.read_parquet(f"{written}/toy/{table}")
    assert len(found) == rows
    assert found["lr"].dtype == "float64"
    assert found["batch_size"].dtype == "int64"


@pytest.mark.parametrize(("table", "rows"), TABLES.items())
def test_duckdb_reads_all_studies_of_a_store_by_a_glob(written: Path, table: str, rows: int) -> None:
    found = duckdb.sql(f"select count(*), count(distinct study) from '{written}/*/{table}/*.parquet'").fetchall()  # noqa: S608
    assert found == [(rows, 1)]


def test_duckdb_groups_by_the_real_typed_columns(written: Path) -> None:
    query = f"select batch_size, count(*) from '{written}/*/iterations/*.parquet' where lr > 0.01 group by 1"  # noqa: S608
    assert dict(duckdb.sql(query).fetchall()) == ITERATIONS


@pytest.mark.parametrize(("table", "rows"), TABLES.items())
def test_polars_scans_a_table_by_folder_and_by_glob(written: Path, table: str, rows: int) -> None:
    for place in (f"{written}/toy/{table}", f"{written}/*/{table}/*.parquet"):
        assert pl.scan_parquet(place).collect().height == rows


def test_polars_pushes_a_filter_on_a_key_down(written: Path) -> None:
    scan = pl.scan_parquet(f"{written}/toy/iterations").filter(pl.col("batch_size") == 16)
    assert scan.collect().height == ITERATIONS[16]


def test_the_table_folders_hold_complete_parquet_files_only(written: Path) -> None:
    for table in TABLES:
        names = [file.name for file in (written / "toy" / table).iterdir()]
        assert len(names) == (2 if table == "timings" else 4)
        assert all(name.endswith(".parquet") and not name.startswith((".", "_")) for name in names)


def test_study_json_says_what_was_asked(written: Path) -> None:
    asked = json.loads((written / "toy" / "study.json").read_text())
    assert {"config", "schema_version", "package_version", "created"} <= set(asked)
    assert asked["schema_version"] == 1
    assert asked["created"].endswith("+00:00")
    assert StudyConfig.model_validate(asked["config"]).batch_sizes == (4, 16)


def test_open_study_gives_each_table_as_pandas(written: Path) -> None:
    study = open_study(written / "toy")
    for table, rows in TABLES.items():
        assert len(getattr(study, table)()) == rows
    assert (study.name, study.config.lrs) == ("toy", (0.02, 0.5))


def test_open_study_filters_by_a_value_by_several_and_by_trial(written: Path) -> None:
    study = open_study(written / "toy")
    assert len(study.iterations(batch_size=16)) == ITERATIONS[16]
    assert len(study.iterations(batch_size=[4, 16], lr=0.02)) == 20
    diverged = study.trials(status="diverged")["trial_id"].tolist()
    assert len(study.iterations(trial_id=diverged)) == len(study.iterations(trial_id=diverged[0])) == 3
    assert len(study.iterations(trial_id="b1-lr1-s1-000000")) == 0
    assert list(study.iterations(["loss"], batch_size=4).columns) == ["loss"]


def test_a_column_that_is_not_there_is_named_with_those_that_are(written: Path) -> None:
    with pytest.raises(KeyError, match=r"bacth_size.*batch_size"):
        open_study(written / "toy").iterations(bacth_size=4)


def test_a_uri_opens_the_same_study_as_its_folder(written: Path) -> None:
    assert len(open_study(f"file://{written}/toy").iterations()) == 33


def test_a_folder_without_a_study_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        open_study(tmp_path)


def test_a_study_of_which_no_trial_ended_gives_empty_tables_with_their_columns(written: Path, tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text((written / "toy" / "study.json").read_text())
    found = open_study(tmp_path).iterations()
    assert list(found.columns) == [
        "study",
        "trial_id",
        "batch_size",
        "lr",
        "seed",
        "epoch",
        "iteration",
        "examples",
        "loss",
        "grad_norm2",
    ]
    assert len(found) == 0


def test_timings_are_there_before_any_trial_has_ended_and_a_study_without_them_has_their_columns(
    written: Path, tmp_path: Path
) -> None:
    (tmp_path / "study.json").write_text((written / "toy" / "study.json").read_text())
    none = open_study(tmp_path).timings()
    shutil.copytree(written / "toy" / "timings", tmp_path / "timings")
    found = open_study(tmp_path).timings(batch_size=4)
    assert list(none.columns) == list(found.columns)
    assert (len(none), found["iteration_seconds"].tolist()) == (0, [0.01])


def test_the_check_knows_timings(written: Path, tmp_path: Path) -> None:
    paths = study_paths(shutil.copytree(written / "toy", tmp_path / "toy"))
    before = list(problems(paths))
    file = tmp_path / "toy" / "timings" / "timing-b4-3f9a2c.parquet"
    rows = pq.read_table(file)
    place = rows.schema.get_field_index("compute_seconds")
    pq.write_table(rows.set_column(place, rows.schema.field(place), pa.array([0.5])), file)
    file.rename(file.with_name("timing-b5-3f9a2c.parquet"))
    told = "\n".join(set(problems(paths)) - set(before))
    assert "timings" not in "\n".join(before)
    for words in (
        "batch size 5 does not belong",
        "'batch_size' says 4, not 5",
        "more than the 0.012 s of an iteration",
    ):
        assert words in told
