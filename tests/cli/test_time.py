"""`bs-study time`: each batch size is timed, and nothing is trained."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from bs_study import open_study
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
