"""The queries of the pages run as printed and agree with each other and with the report's tables."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bs_study import Target, analyse, open_study
from bs_study.analysis.tables import Tables
from tests.docs.pages import blocks
from tests.faults.small_studies import set_column
from tests.report.demo_store import TRAIN_EXAMPLES, write_demo_study
from tests.store.test_old_store import resume, unpacked

QUERIES = ["pandas", "duckdb", "polars"]
CELLS, BATCHES = ["batch_size", "lr"], ["batch_size"]


STORES = {
    "a target that some miss": "accuracy>=0.98",
    "an easier one, and metrics that are no number": "accuracy>=0.975",
    "one that some met within the warm-up": "accuracy>=0.95",
}


@pytest.fixture(scope="module", params=STORES.values(), ids=STORES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study that the queries name."""
    folder = tmp_path_factory.mktemp("analyst")
    grid: dict[str, Any] = {"batch_sizes": (64, 256, 1024), "lrs": (0.01, 0.04, 0.16), "seeds": (0, 1, 2)}
    warmup = 450 if request.param == "accuracy>=0.95" else 3
    paths = write_demo_study(
        str(folder / "results/digits"), **grid, target=request.param, max_epochs=40, warmup_iterations=warmup
    )
    if request.param == "accuracy>=0.975":
        spoil(Path(paths.root) / "evaluations")
    return folder


def spoil(evaluations: Path) -> None:
    """Make the first accuracies of each trial null or NaN, as other writers have them."""
    for place, file in enumerate(sorted(evaluations.iterdir())):
        table = pq.read_table(file)
        accuracy = table["accuracy"].to_pylist()
        accuracy[: len(accuracy) // 3] = [None if place % 2 else math.nan] * (len(accuracy) // 3)
        set_column(file, "accuracy", accuracy)


@pytest.fixture(scope="module")
def tables(folder: Path) -> Tables:
    return analyse(open_study(folder / "results/digits"), target=Target("accuracy", 0.98)).tables


@pytest.fixture(params=QUERIES)
def answers(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What one language's block leaves behind."""
    monkeypatch.chdir(folder)
    return left_by(request.param)


def left_by(library: str, *, accuracy: float = 0.98) -> dict[str, Any]:
    """Return what the block of a library leaves behind, run in this folder with a target of one's own."""
    pytest.importorskip(library)
    (block,) = [block.text for block in blocks("python", page="queries.md") if f"import {library}" in block.text]
    names: dict[str, Any] = {}
    exec(block.replace("0.98", str(accuracy)), names)  # noqa: S102 the page's own code is what is tested
    return names


def as_pandas(table: Any) -> pd.DataFrame:
    frame = table.to_pandas() if hasattr(table, "to_pandas") else table
    return frame.reset_index() if isinstance(frame, pd.Series) else frame


def test_the_time_to_98_percent_is_the_reports(answers: dict[str, Any], tables: Tables) -> None:
    """Infinite is missed; null is a cell without a median: one not tried at this target, or with an unknown time."""
    found = as_pandas(answers["time_to_98"]).set_index(CELLS)["train_seconds"]
    cells = tables.convergence.set_index(CELLS)
    missed = cells["iterations_to_target"].isna() & (cells["not_tried"] == 0)
    expected = cells["train_seconds_to_target"].mask(missed, np.inf)
    assert np.isfinite(expected).any()
    assert not np.isfinite(expected).all()
    pd.testing.assert_series_equal(found, expected, check_names=False)


@pytest.fixture(scope="module", params=[False, True], ids=["as it is", "and resumed"])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of version 0.1.0, of which some files may be of this version."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "results").mkdir()
    study = unpacked(folder)
    if request.param:
        resume(study)
    study.rename(folder / "results/digits")
    return folder


@pytest.mark.parametrize("library", QUERIES)
@pytest.mark.parametrize("accuracy", [0.5, 0.9])
def test_a_store_of_an_older_version_is_asked_the_same(
    old: Path, library: str, accuracy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(old)
    found = left_by(library, accuracy=accuracy)
    study = open_study(old / "results/digits")
    tables = analyse(study, target=Target("accuracy", accuracy)).tables
    expected = tables.convergence.set_index(CELLS)["train_seconds_to_target"].fillna(np.inf)
    assert np.isfinite(expected).any()
    times = as_pandas(found["time_to_98"]).set_index(CELLS)["train_seconds"]
    pd.testing.assert_series_equal(times, expected, check_names=False)
    epochs = as_pandas(found["epoch_seconds"]).set_index(BATCHES)["epoch_seconds"]
    rows = study.epochs()
    whole = rows[rows["epoch"] > 1]  # of at least three iterations, which is as many as warm up
    pd.testing.assert_series_equal(epochs, whole.groupby("batch_size")["epoch_seconds"].median())
    assert len(as_pandas(found["noise"])) > 0


def test_the_noise_is_the_reports(answers: dict[str, Any], tables: Tables) -> None:
    found = as_pandas(answers["noise"]).set_index(BATCHES).iloc[:, -1]
    trials = tables.smoothness.merge(tables.trials[["trial_id", "status"]], on="trial_id")
    first = trials[(trials["window"] == "first_1000") & (trials["status"] == "completed")]
    pd.testing.assert_series_equal(found, first.groupby("batch_size")["noise"].median(), check_names=False, rtol=1e-6)


def test_the_epoch_time_is_the_median_of_the_stores(answers: dict[str, Any], folder: Path) -> None:
    found = as_pandas(answers["epoch_seconds"]).set_index(BATCHES)["epoch_seconds"]
    epochs = open_study(folder / "results/digits").epochs()
    for size in (64, 256, 1024):
        whole = math.ceil(TRAIN_EXAMPLES / size)
        own = epochs[(epochs["batch_size"] == size) & (epochs["timed_iterations"] == whole)]
        assert len(own)
        assert found[size] == pytest.approx(np.median(own["epoch_seconds"]))


def test_five_lines_draw_a_figure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (block,) = [block.text for block in blocks("python", page="queries.md") if "open_study" in block.text]
    assert len(re.findall(r"^\S", block, re.MULTILINE)) <= 5
    exec(block, {})  # noqa: S102
    assert (folder / "losses.png").read_bytes().startswith(b"\x89PNG")
