"""A study that grows by the command a person types: what is added is trained, and nothing is trained twice."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths, study_paths
from tests.grid_command import FULL_GRID, command_in_this_process, is_one_line_that_tells

BEGUN = (
    *FULL_GRID, "--local", "--batch-sizes", "64", "--lrs", "0.1", "--max-iterations", "20", "--min-iterations", "0",
)  # fmt: skip
Grid = Callable[..., int]


def ids_and_starts(study: Path) -> dict[str, pd.Timestamp]:
    trials = open_study(study).trials()
    return dict(zip(trials["trial_id"], trials["start_time"], strict=True))


def cells(study: Path) -> set[tuple[int, float, int]]:
    trials = open_study(study).trials()
    return set(zip(trials["batch_size"], trials["lr"], trials["seed"], strict=True))


def contents(study: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in study.rglob("*") if file.is_file()}


def history(study: Path) -> list[dict[str, object]]:
    return json.loads((study / "study.json").read_text()).get("history", [])  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def ended_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of digits, of one trial, that has been timed."""
    store = tmp_path_factory.mktemp("store")
    assert command_in_this_process()([*BEGUN, "--timing", "--store", str(store)]) == 0
    return store / "digits"


@pytest.fixture
def study(ended_study: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ended_study, tmp_path / "digits")


@pytest.fixture
def resume(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Grid:
    """Go on with the study, in this process and without Ray."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    command = command_in_this_process()

    def run(*flags: str) -> int:
        capsys.readouterr()
        return command(["--resume", str(study), "--local", *flags])

    return run


def test_seeds_lrs_and_batch_sizes_are_added_by_and_by_and_nothing_is_trained_twice(study: Path, resume: Grid) -> None:
    for flags, grid in [
        (("--seeds", "3", "4"), {(64, 0.1, seed) for seed in (0, 3, 4)}),
        (("--lrs", "2.56", "0.10"), {(64, lr, seed) for lr in (0.1, 2.56) for seed in (0, 3, 4)}),
        (("--batch-sizes", "128"), {(b, lr, seed) for b in (64, 128) for lr in (0.1, 2.56) for seed in (0, 3, 4)}),
    ]:
        before = ids_and_starts(study)
        assert resume(*flags) == 0
        assert cells(study) == grid
        after = ids_and_starts(study)
        assert {trial_id: after[trial_id] for trial_id in before} == before
    told = history(study)
    assert [(len(t["config"]["batch_sizes"]), len(t["config"]["lrs"]), len(t["config"]["seeds"])) for t in told] == [  # type: ignore[index]
        (1, 1, 1), (1, 1, 3), (1, 2, 3), (2, 2, 3)
    ]  # fmt: skip
    assert list(problems(study_paths(study))) == []
    assert sorted(open_study(study).timings()["batch_size"]) == [64, 128]  # what was timed before is, once
    throughput = pd.read_csv(study / "report" / "tables" / "throughput.csv")
    assert sorted(throughput["batch_size"].unique()) == [64, 128]


def test_recipes_are_added_and_the_report_compares_them(study: Path, resume: Grid) -> None:
    before = ids_and_starts(study)
    assert resume("--recipes", "{momentum: 0.9}", "{}") == 0
    after = ids_and_starts(study)
    assert {trial_id: after[trial_id] for trial_id in before} == before
    assert open_study(study).trials()["momentum"].value_counts().to_dict() == {0.5: 1, 0.9: 1}
    assert (study / "report" / "tables" / "recipes.csv").exists()


def test_the_lists_of_a_file_are_added_and_its_other_settings_must_be_the_studys(
    study: Path, resume: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("{seeds: [1], momentum: [0.9, 0.5], max_iterations: 20}")
    assert resume("--config", str(file), "--dry-run") == 0
    assert "3 trials of digits" in capsys.readouterr().out  # and one has ended
    file.write_text("{seeds: [1], max_iterations: 40}")
    assert resume("--config", str(file)) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("max_iterations", "40", "20", "--name"))
    assert resume("--config", str(file), "--max-iterations", "20", "--dry-run") == 0


def test_a_dry_run_shows_what_would_be_trained_and_writes_nothing(
    study: Path, resume: Grid, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(study)
    assert resume("--dry-run", "--seeds", "1", "--lrs", "0.4") == 0
    shown = [line.split()[0].rpartition("-")[0] for line in capsys.readouterr().out.splitlines()]
    assert shown[:3] == ["b64-lr0.1-s1", "b64-lr0.4-s0", "b64-lr0.4-s1"]
    assert len(shown) == 4
    assert contents(study) == before


def test_what_the_study_has_already_adds_nothing_and_writes_nothing(
    study: Path, resume: Grid, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(study)
    assert resume("--seeds", "0", "--lrs", "0.10", "--batch-sizes", "64", "--recipes", "{momentum: 0.5}") == 0
    assert capsys.readouterr().out.startswith("nothing to do")
    assert contents(study) == before


REFUSED = {
    "--seeds 1 --max-iterations 40": ("max_iterations", "40", "20", "--name"),
    "--seeds 1 --momentum 0.9": ("momentum", "--recipes '{momentum: 0.9}'"),
    "--seeds 1 --target accuracy=0.9": ("target", "bs-study report", "--target 'accuracy >= 0.9'"),
    "--batch-sizes 1438": ("batch_sizes", "1438", "1437"),
    "--lrs -1": ("lrs", "-1"),
    "--seeds 1 1": ("seeds", "twice"),
    "--recipes '{workload: mnist}'": ("recipes", "'workload'", "momentum"),
}


@pytest.mark.parametrize("flags", REFUSED)
def test_what_is_refused_leaves_the_study_as_it_was(
    study: Path, resume: Grid, capsys: pytest.CaptureFixture[str], flags: str
) -> None:
    before = contents(study)
    assert resume(*shlex.split(flags)) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, REFUSED[flags])
    assert contents(study) == before


def test_a_study_that_another_process_runs_does_not_grow(
    study: Path, resume: Grid, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (study / "study.json").read_bytes()
    holder = {"id": "another", "host": socket.gethostname(), "pid": os.getppid(), "heartbeat": time.time()}
    (study / "lease.json").write_text(json.dumps(holder))
    assert resume("--seeds", "1") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, (f"process {os.getppid()}",))
    assert (study / "study.json").read_bytes() == before


def test_a_growth_that_is_cut_short_before_study_json_is_written_leaves_the_old_study(
    study: Path, resume: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(study)
    with monkeypatch.context() as patch:
        write = StudyPaths.write

        def cut_short(paths: StudyPaths, path: str, data: bytes) -> None:
            if path == paths.study_json:
                raise KeyboardInterrupt
            write(paths, path, data)

        patch.setattr(StudyPaths, "write", cut_short)
        assert resume("--seeds", "1") == 130
    assert contents(study) == before
    assert resume("--seeds", "1") == 0
    assert cells(study) == {(64, 0.1, 0), (64, 0.1, 1)}


def test_a_growth_that_is_cut_short_after_it_goes_on_without_being_asked_again(
    study: Path, resume: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def cut_short(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("bs_study.launch.serial.run_trial", cut_short)
        assert resume("--seeds", "1", "--batch-sizes", "128", "--no-timing") == 130
    assert cells(study) == {(64, 0.1, 0)}
    assert resume() == 0
    assert cells(study) == {(b, 0.1, seed) for b in (64, 128) for seed in (0, 1)}
    assert sorted(open_study(study).timings()["batch_size"]) == [64, 128]
    assert len(history(study)) == 2
