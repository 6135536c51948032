"""`bs-study compare`: two studies side by side, and one line for each mistake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import bs_study
from bs_study.cli.main import main
from tests.grid_command import is_one_line_that_tells
from tests.report.demo_store import write_demo_study

GRID: dict[str, Any] = {"batch_sizes": (64, 256), "lrs": (0.02, 0.08), "max_epochs": 12}
STUDIES: dict[str, dict[str, Any]] = {
    "plain": {"seeds": (0, 1, 2)},
    "heavy": {"seeds": (0, 1, 2), "recipes": ({"momentum": 0.9},)},
    "more": {"seeds": (2, 3)},
    "edited": {"seeds": (4, 5)},
    "easier": {"seeds": (0,), "target": "accuracy>=0.95"},
    "by-loss": {"seeds": (0,), "target": "loss<=0.2"},
    "windowed": {"seeds": (0,), "target_window": 3},
    "begun": {"seeds": (0,), "is_ended": lambda trial: False},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of small studies; of all but one the workload's fingerprint is known, and one was edited."""
    folder = tmp_path_factory.mktemp("store")
    for name, options in STUDIES.items():
        write_demo_study(str(folder / name), **GRID | options)
        if name != "easier":
            tell_version(folder / name, source="2" if name == "edited" else "1")
    (folder / "damaged").mkdir()
    (folder / "damaged/study.json").write_text("{")
    return folder


def tell_version(study: Path, *, source: str) -> None:
    asked = json.loads((study / "study.json").read_text())
    told = {"version": 1, "source": {"task.py": source}, "data": {"train": {"examples": 12_000}}}
    (study / "study.json").write_text(json.dumps({**asked, "versions": [told]}))


def compared(store: Path, *words: str, capsys: pytest.CaptureFixture[str], status: int = 0) -> str:
    names = [str(store / word) if (store / word).is_dir() else word for word in words]
    assert main(["compare", *names]) == status
    printed = capsys.readouterr()
    assert (printed.err == "") == (status == 0)
    return printed.out if status == 0 else printed.err


def answer(store: Path, *words: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(compared(store, *words, "--json", capsys=capsys))
    return found


def test_it_says_what_differs_what_each_recommends_and_which_is_sooner(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(compared(store, "plain", "heavy", capsys=capsys).split())
    assert "recipes: A none; B momentum 0.9" in text
    assert "seeds" not in text.partition("A recommends")[0]
    assert "A recommends batch size 256 at lr 0.08" in text
    assert "B recommends batch size 256 at lr 0.08" in text
    assert text.count("B is sooner") == 4  # two batch sizes, by seconds and by iterations
    assert "With its recommended cell B reaches the target sooner than A" in text


def test_for_programs_it_gives_the_same_numbers(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(store, "plain", "heavy", capsys=capsys)
    assert list(found["by_size"]) == ["train_seconds", "iterations"]
    pair = found["by_size"]["iterations"]["256"]
    assert pair["sooner"] == "B"
    assert pair["ratio"] == pytest.approx(pair["a"]["value"] / pair["b"]["value"], rel=0.05)
    assert found["recommended"]["sooner"] == "B"
    assert found["settings"] == {"recipes": {"a": [], "b": [{"momentum": 0.9}]}}


def test_an_edited_workload_leaves_only_iterations_to_compare(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(compared(store, "plain", "edited", capsys=capsys).split())
    assert "Workload or data differ, from A to B: task.py was edited." in text
    assert "training time, each" not in text
    assert list(answer(store, "plain", "edited", capsys=capsys)["by_size"]) == ["iterations"]


def test_seeds_are_pooled_only_when_it_is_asked_for(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    apart = answer(store, "plain", "more", capsys=capsys)
    assert (apart["pooled"], apart["a"]["recommendation"]["seeds"]) == (None, 3)
    pooled = answer(store, "plain", "more", "--pool", capsys=capsys)
    assert pooled["pooled"] == {"cells": 4, "repeated": 4}
    assert [pooled[side]["recommendation"]["seeds"] for side in "ab"] == [4, 4]
    assert all(pair["is_same"] for pair in pooled["by_size"]["iterations"].values())
    text = " ".join(compared(store, "plain", "more", "--pool", capsys=capsys).split())
    assert "4 trials of B are left out" in text


def test_studies_of_two_targets_are_compared_by_one_that_is_given(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(store, "plain", "easier", "--target", "accuracy>=0.9", capsys=capsys)
    assert found["target"] == "accuracy>=0.9"


def test_what_imported_runs_do_not_tell_is_not_said_to_be_the_same_or_to_differ(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"64,0.02,{seed},{steps}" for seed, steps in enumerate((300, 310, 320))]
    (tmp_path / "runs.csv").write_text("\n".join(["batch_size,lr,seed,iterations_to_target", *rows]))
    bs_study.import_runs(tmp_path / "runs.csv", study="old", target="accuracy>=0.97", store=tmp_path)
    found = answer(store, "heavy", str(tmp_path / "old"), capsys=capsys)
    assert set(found["settings"]) == {"batch_sizes", "lrs"}
    assert (found["is_imported"], found["is_other_workload"]) == ({"a": False, "b": True}, False)
    assert list(found["by_size"]) == ["iterations"]
    text = " ".join(compared(store, "heavy", str(tmp_path / "old"), capsys=capsys).split())
    assert "B holds imported runs: its workload, device and other settings are not known." in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["plain"], ("B", "required")),
        (["plain", "plain"], ("plain", "twice")),
        (["plain", "nowhere"], ("nowhere", "no study")),
        (["plain", __file__], ("test_compare.py", "no study")),
        (["plain", "damaged"], ("damaged/study.json", "damaged")),
        (["plain", "begun"], ("begun", "no trial has ended")),
        (["plain", "easier"], ("plain has accuracy >= 0.97", "easier has accuracy >= 0.95", "--target")),
        (["plain", "by-loss"], ("loss <= 0.2", "--target")),
        (["plain", "heavy", "--target", "f1>=0.9"], ("plain: ", "f1", "loss, accuracy")),
        (["plain", "heavy", "--target", "rubbish"], ("target", "rubbish")),
        (["plain", "windowed"], ("target_window", "1 in plain and 3 in windowed")),
        (["plain", "heavy", "--pool"], ("pool", "recipes differ")),
        (["plain", "edited", "--pool"], ("pool", "workload or data")),
        (["plain", "easier", "--target", "accuracy>=0.9", "--pool"], ("pool", "study.json does not say")),
    ],
)
def test_a_mistake_is_one_line(
    words: Sequence[str], told: tuple[str, ...], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert is_one_line_that_tells(compared(store, *words, capsys=capsys, status=2), told)


def test_a_study_is_the_same_by_whatever_path_it_is_given(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(store / "plain")
    line = compared(store, "plain", str(tmp_path / "link"), capsys=capsys, status=2)
    assert is_one_line_that_tells(line, ("twice",))
