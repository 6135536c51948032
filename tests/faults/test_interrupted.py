"""The command a person types, interrupted by Ctrl-C, or by what stops a job."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bs_study import open_study
from bs_study.store.writer import TrialWriter
from tests.faults.attempts import undisturbed
from tests.faults.conftest import Ended, StartStudy
from tests.faults.running_study import GRID, of_session
from tests.faults.same_rows import assert_same_rows, table
from tests.grid_command import FULL_GRID

ENDLESS = (
    *FULL_GRID,
    *("--batch-sizes", "4", "8", "16", "32", "--lrs", "0.01", "--max-iterations", "100000000"),
    *("--no-stop-at-target", "--checkpoint-seconds", "0.5"),
)


def trials_with_parts(study: Path) -> int:
    return len({file.parent.parent for file in study.glob("live/*/*/iterations-*.parquet")})


@pytest.mark.parametrize(
    ("to_all", "number"),
    [(True, signal.SIGINT), (True, signal.SIGTERM), (False, signal.SIGINT)],
    ids=["from-a-terminal", "from-what-stops-a-job", "to-the-process-alone"],
)
@pytest.mark.parametrize("local", [True, False], ids=["local", "ray"])
def test_ctrl_c_ends_within_seconds_and_leaves_a_readable_store(
    tmp_path: Path, start_study: StartStudy, local: bool, to_all: bool, number: signal.Signals
) -> None:
    study = tmp_path / "results" / "digits"
    running = start_study(*ENDLESS, *(["--local"] if local else ["--max-concurrent", "2"]))
    running.wait_until(lambda: trials_with_parts(study) >= (1 if local else 2))
    start = time.monotonic()
    (os.killpg if to_all else os.kill)(running.process.pid, number)
    assert running.process.wait(timeout=30) == 130, running.output
    assert time.monotonic() - start < 15  # at most 4 of them for checkpoints; the rest is the end of Ray
    assert "Traceback" not in running.output
    assert f"--resume {study}" in running.output.splitlines()[-1]
    found = open_study(study, live=True).iterations()
    assert len(open_study(study).trials()) == 0
    for _, rows in found.groupby("trial_id"):
        assert rows["iteration"].tolist() == list(range(1, len(rows) + 1))
    assert found["trial_id"].nunique() == len(list(study.glob("live/*"))) == (1 if local else 2)  # no other began
    deadline = time.monotonic() + 15
    while of_session(running.process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert of_session(running.process.pid) == []


PACED = (
    "--workload", "faulty_workloads:Paced", "--batch-sizes", "12", "--lrs", "0.01", "--seeds", "0", "1",
    "--max-iterations", "800", "--no-stop-at-target", "--eval-every-examples", "640",
)  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("local", [True, False], ids=["local", "ray"])
def test_what_is_interrupted_long_before_its_first_checkpoint_goes_on_from_one_and_loses_nothing(
    tmp_path: Path, pace: Path, start_study: StartStudy, grid: Callable[..., Ended], local: bool, number: signal.Signals
) -> None:
    study, at_once = tmp_path / "results" / "paced", 1 if local else 2
    pace.write_text("0.01")  # so slow that the first does not end before the second begins
    running = start_study(*PACED, *(["--local"] if local else []))  # a checkpoint a minute

    def updates() -> list[int]:
        """Return how many updates each trial has begun; the check before the grid makes some too."""
        started = [file.stat().st_mtime for file in study.glob("live/*/*/adopted.json")]
        files = [file for file in tmp_path.glob("pace-*") if len(started) == at_once]
        return [int(file.read_text() or 0) for file in files if file.stat().st_mtime > max(started)]

    running.wait_until(lambda: sum(count > 20 for count in updates()) == at_once)
    assert list(study.glob("live/*/*/checkpoint.pt")) == []
    sent = time.time()
    running.process.send_signal(number)
    assert running.wait(seconds=30) == 130
    assert "Traceback" not in running.output
    saved = {file.parents[1].name: file for file in study.glob("live/*/*/checkpoint.pt")}
    assert len(saved) == at_once, running.output
    assert max(file.stat().st_mtime for file in saved.values()) < sent + 5
    states = [torch.load(io.BytesIO(file.read_bytes()), weights_only=True) for file in saved.values()]
    made = sorted(state["standing"]["iteration"] for state in states)
    assert all(count - 1 <= iteration <= count for iteration, count in zip(made, sorted(updates()), strict=True))

    pace.unlink()
    assert grid("--resume", str(study), "--local").status == 0
    attempts = table(study, "trials").set_index("trial_id")["attempts"].to_dict()
    assert attempts == {trial_id: 2 if trial_id in saved else 1 for trial_id in attempts}
    assert_same_rows(study, undisturbed(study, tmp_path))


def test_an_update_that_hangs_is_not_waited_for_long(tmp_path: Path, start_study: StartStudy) -> None:
    flags = ("--workload", "faulty_workloads:Sick", "--batch-sizes", "9", "--lrs", "0.01", "--max-iterations", "9")
    running = start_study(*flags, "--local")
    study = tmp_path / "results" / "sick"
    running.wait_until(lambda: list(study.glob("live/*/*/adopted.json")))
    time.sleep(2)  # until it hangs
    running.process.send_signal(signal.SIGTERM)
    assert running.wait(seconds=30) == 130
    assert "--resume" in running.output.splitlines()[-1]


def test_the_timing_pass_ends_at_once(tmp_path: Path, pace: Path, start_study: StartStudy) -> None:
    pace.write_text("0.5")
    running = start_study(*PACED, "--local", "--timing")
    running.wait_until(lambda: "timing each batch size" in running.output)
    running.wait_until(lambda: list(tmp_path.glob("pace-*")))
    running.process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    assert running.wait(seconds=30) == 130
    assert time.monotonic() - start < 10
    assert "interrupted. Go on with: " in running.output


def test_a_signal_to_all_processes_costs_no_checkpoint_where_processes_read_batches(
    tmp_path: Path, start_study: StartStudy
) -> None:
    study = tmp_path / "results" / "digits"
    flags = [flag if flag != "0.5" else "600" for flag in ENDLESS]
    running = start_study(*flags, "--local", "--loader", "workers", "--loader-processes", "2")
    running.wait_until(lambda: len(running.processes()) >= 3 and list(study.glob("live/*/*/adopted.json")), seconds=100)
    time.sleep(1)
    for pid in of_session(running.process.pid):
        os.kill(pid, signal.SIGTERM)
    assert running.wait(seconds=30) == 130
    assert "Traceback" not in running.output
    assert f"--resume {study}" in running.output.splitlines()[-1]
    assert [file.name for file in study.glob("live/*/*/checkpoint*.pt")] == ["checkpoint.pt"]


def test_an_interrupt_in_the_last_trials_last_moment_names_the_report_and_going_on_writes_it(
    tmp_path: Path, grid: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = TrialWriter.commit

    def interrupted(writer: TrialWriter, row: dict[str, object]) -> None:
        signal.raise_signal(signal.SIGINT)
        commit(writer, row)

    monkeypatch.setattr(TrialWriter, "commit", interrupted)
    flags = ("--batch-sizes", "64", "--lrs", "0.1", "--max-iterations", "40", "--local", "--no-timing")
    ended = grid(*FULL_GRID, *flags)
    study = tmp_path / "results" / "digits"
    assert ended.status == 130
    assert ended.out.splitlines()[-1].endswith(f"bs-study report {study}")
    again = grid("--resume", str(study), "--local", "--no-timing")
    assert (again.status, (study / "report" / "report.html").exists()) == (0, True)
    assert "nothing to do: all trials" in again.out
    assert grid("--resume", str(study), "--local", "--no-timing").out.count("\n") == 1  # it is there now


def test_an_interrupted_report_says_so_in_a_line(tmp_path: Path) -> None:
    command = [sys.executable, str(GRID.with_name("report.py")), str(tmp_path)]
    program = f"import runpy, signal, sys; sys.argv = {command[1:]!r}; " + (
        "sys.setprofile(lambda f, e, a: (sys.setprofile(None), signal.raise_signal(signal.SIGINT)) "
        "if f.f_code.co_name == 'open_study' else None); "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr.startswith("interrupted. ")
    assert ended.stderr.count("\n") == 1
