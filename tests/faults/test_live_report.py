"""The report of a study while it runs: it is there, whole at any moment, and never the study's trouble."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment

from bs_study import analyse, open_study
from bs_study.launch.live_report import live_report
from bs_study.report.page import publish
from tests.faults.conftest import Ended, StartStudy
from tests.grid_command import FULL_GRID
from tests.report.demo_store import write_demo_study

PACED = (
    "--workload", "faulty_workloads:Paced", "--batch-sizes", "12", "48", "--lrs", "0.01", "--seeds", "0",
    "--max-iterations", "300", "--no-stop-at-target", "--eval-every-examples", "640",
)  # fmt: skip
SMALL: dict[str, Any] = {"batch_sizes": (256, 1024), "lrs": (0.04, 0.16), "seeds": (0, 1), "max_epochs": 5}


def answer(study: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((study / "report/answer.json").read_text())
    return said


def writers_of(study: Path) -> list[int]:
    """Return the processes that write a report of a study."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"bs_study.report.while_running" in line and str(study).encode() in line:
            found.append(int(file.parent.name))
    return found


@pytest.mark.parametrize("local", [True, False], ids=["local", "ray"])
def test_a_study_that_runs_has_a_page_which_its_end_replaces(
    tmp_path: Path, pace: Path, start_study: StartStudy, local: bool
) -> None:
    study, where = tmp_path / "results/paced", ["--local"] if local else ["--max-concurrent", "2"]
    pace.write_text("0.5")  # two updates a second, as long as it is there
    running = start_study(*PACED, *where, "--report-seconds", "0.5")
    running.wait_until(lambda: (study / "report/answer.json").exists())
    assert answer(study)["state"]["ended"] < answer(study)["state"]["expected"]
    assert answer(study)["again_seconds"] >= 0.5
    assert "report while it runs: " + str(study / "report/report.html") in running.output
    pace.unlink()
    assert running.wait(seconds=100) == 0, running.output
    assert "again_seconds" not in answer(study)
    assert answer(study)["state"] == {"expected": 2, "ended": 2, "running": 0, "missing": 0}
    assert "not written" not in running.output
    assert "Traceback" not in running.output
    assert writers_of(study) == []
    assert list(study.glob("live/tmp-*")) == []


def test_an_interrupt_ends_the_writing_too_and_the_command_to_go_on_has_the_flag(
    tmp_path: Path, pace: Path, start_study: StartStudy
) -> None:
    study = tmp_path / "results/paced"
    pace.write_text("0.5")
    running = start_study(*PACED, "--local", "--report-seconds", "0.5")
    running.wait_until(lambda: writers_of(study))
    running.process.terminate()
    assert running.wait(seconds=30) == 130
    assert writers_of(study) == []
    assert "Traceback" not in running.output
    assert "--report-seconds 0.5" in running.output.splitlines()[-1]


def test_without_the_flag_nothing_is_written_before_the_end(
    tmp_path: Path, pace: Path, start_study: StartStudy
) -> None:
    pace.write_text("0.01")
    running = start_study(*PACED, "--local")
    running.wait_until(lambda: list(tmp_path.glob("results/paced/trials/*.parquet")))
    assert not (tmp_path / "results/paced/report").exists()
    assert writers_of(tmp_path / "results/paced") == []


def test_a_study_that_was_interrupted_beside_its_last_live_report_gets_its_own_when_it_goes_on(
    tmp_path: Path, grid: Callable[..., Ended]
) -> None:
    ended = grid(*FULL_GRID, "--local", "--no-timing", "--batch-sizes", "64", "--lrs", "0.1", "--max-iterations", "40")
    assert ended.status == 0
    study = tmp_path / "results/digits"
    publish(open_study(study), analyse(open_study(study)), again_seconds=30)
    assert answer(study)["again_seconds"] == 30
    again = grid("--resume", str(study), "--local", "--no-timing")
    assert (again.status, again.out.splitlines()[0].partition(":")[0]) == (0, "nothing to do")
    assert "again_seconds" not in answer(study)
    assert grid("--resume", str(study), "--local", "--no-timing").out.count("\n") == 1


def test_a_report_that_can_not_be_written_is_told_once_in_a_line(tmp_path: Path) -> None:
    paths = write_demo_study(str(tmp_path / "s"), **SMALL)
    (tmp_path / "s/report").write_text("a file, where a folder should be")
    told: list[str] = []
    with live_report(paths.uri, seconds=0.01, warn=told.append):
        deadline = time.monotonic() + 100
        while not told and time.monotonic() < deadline:
            time.sleep(0.1)
    (line,) = told
    assert line.startswith("report: not written while the study runs: ")
    assert "report" in line.partition("runs: ")[2]
    assert "\n" not in line


@pytest.mark.parametrize("after", ["tables/best.csv", "figures/time_to_target.svg", "report.html"])
def test_a_writer_that_is_killed_leaves_the_old_page_or_the_new_one(tmp_path: Path, after: str) -> None:
    study = tmp_path / "s"
    write_demo_study(str(study), **SMALL)
    publish(open_study(study), analyse(open_study(study)), again_seconds=1)
    watched, page = study / "report" / after, study / "report/report.html"
    old, stamp = page.read_bytes(), watched.stat().st_mtime_ns
    writer = subprocess.Popen([sys.executable, "-m", "bs_study.report.while_running", str(study), "2", "bs-study"])
    while watched.stat().st_mtime_ns == stamp:
        assert writer.poll() is None
        time.sleep(0.0005)
    writer.kill()
    writer.wait(20)
    left = page.read_bytes()
    assert left == old or after == "report.html"
    assert left.rstrip().endswith(b"</html>")
    assert answer(study)["again_seconds"] in (1, 2)


def test_the_page_of_a_study_that_runs_knows_when_it_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Environment(loader=DictLoader({"page.html.j2": "again {{ again_seconds }}"}), autoescape=True)
    monkeypatch.setattr("bs_study.report.rendering._environment", lambda: told)
    write_demo_study(str(tmp_path / "s"), **SMALL)
    study, page = open_study(tmp_path / "s"), tmp_path / "s/report/report.html"
    publish(study, analyse(study), again_seconds=30.0)
    assert page.read_text() == "again 30.0"
    publish(study, analyse(study))
    assert page.read_text() == "again None"
