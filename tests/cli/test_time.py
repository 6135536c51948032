"""`bs-study time`: each batch size is timed, and nothing is trained."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from bs_study import analyse, open_study
from bs_study.cli.main import main

FLAGS = "--search grid --batch-sizes 64 256 --lrs 0.1 --seeds 0 --max-iterations 20 --min-iterations 0 --local"


def test_batch_sizes_are_timed_and_the_command_that_is_advised_trains_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.setattr("bs_study.training.repeats.are_disturbed", lambda *_, **__: False)  # as on a quiet machine
    assert main(["time", *FLAGS.split()]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^batch size {size}: [\d.]+ (µs|ms) an iteration", out, re.MULTILINE) for size in (64, 256))
    study = open_study("results/digits")
    assert sorted(study.timings()["batch_size"]) == [64, 256]
    assert len(study.trials()) == 0
    assert main(["time", "--resume", "results/digits", "--local"]) == 0
    assert capsys.readouterr().out.startswith("nothing to do")
    assert main(["time", "--resume", "results/digits", "--local", "--batch-sizes", "128"]) == 0
    assert sorted(study.timings()["batch_size"]) == [64, 128, 256]
    program, *words = shlex.split(out.splitlines()[-1])
    assert (program, words) == ("bs-study", ["run", "--local", "--resume", study.paths.uri])
    assert main(words) == 0
    assert sorted(open_study("results/digits").trials()["batch_size"]) == [64, 128, 256]


def test_a_study_that_has_ended_is_timed_on_another_machine_and_its_report_has_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.setattr("bs_study.training.repeats.are_disturbed", lambda *_, **__: False)
    target = ["--target", "loss<=2.25", "--eval-spacing", "1.1", "--seeds", "0", "1"]
    monkeypatch.setattr("bs_study.training.machine.cpu_name", lambda: "abacus")
    assert main(["run", *FLAGS.split(), *target, "--timing"]) == 0
    assert main(["time", "results/digits", "--local"]) == 0
    assert "nothing to do: each batch size" in capsys.readouterr().out
    monkeypatch.setattr("bs_study.training.machine.cpu_name", lambda: "loom")
    assert main(["time", "results/digits", "--local"]) == 0
    out = capsys.readouterr().out
    study = open_study("results/digits")
    assert sorted(study.timings()[["device_name", "batch_size"]].itertuples(index=False, name=None)) == [
        ("abacus", 64), ("abacus", 256), ("loom", 64), ("loom", 256),
    ]  # fmt: skip
    assert len(study.trials()) == 4
    program, *words = shlex.split(out.splitlines()[-1])
    assert (program, words) == ("bs-study", ["report", study.paths.uri])
    assert main(words) == 0
    found = analyse(study).tables.machines.set_index("device_name")
    assert found["is_own"].to_dict() == {"abacus": True, "loom": False}
    assert found["seconds"].notna().all()
