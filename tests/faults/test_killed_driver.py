"""A driver that is killed or interrupted: `--resume` finishes its study and repeats nothing that has ended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bs_study import open_study
from tests.faults.attempts import undisturbed
from tests.faults.conftest import Ended, StartStudy
from tests.faults.same_rows import assert_same_rows, table

FLAGS = (
    "--workload", "faulty_workloads:Paced", "--batch-sizes", "12", "--lrs", "0.01", "--seeds", "0", "1", "2",
    "--max-iterations", "700", "--no-stop-at-target", "--eval-every-examples", "64",
)  # fmt: skip
OFTEN = ("--checkpoint-seconds", "0.1")
Grid = Callable[..., Ended]
Refusal = Callable[[Ended], str]


@dataclass
class Watched:
    """A study, and what was seen of the trials that had ended at some moment."""

    study: Path
    rows: dict[str, bytes] = field(default_factory=dict)

    def ended(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.study.glob("trials/*.parquet")}

    def is_between_trials(self, *, ended: int) -> bool:
        """Return whether so many trials have ended and another has a checkpoint."""
        names = set(self.ended())
        begun = {file.parents[1].name for file in self.study.glob("live/*/*/checkpoint.pt")}
        return len(names) >= ended and any(f"{trial_id}.parquet" not in names for trial_id in begun)

    def remember(self) -> None:
        """Check that what had ended stands as it did, and remember what has ended now."""
        now = self.ended()
        assert {name: now.get(name) for name in self.rows} == self.rows
        self.rows = now


def test_a_study_that_is_killed_and_then_terminated_is_finished_by_resume_and_repeats_nothing(
    tmp_path: Path, pace: Path, start_study: StartStudy, grid: Grid
) -> None:
    watched = Watched(tmp_path / "results" / "paced")
    resume = ("--resume", str(watched.study))
    for ended, flags, harm in [
        (1, FLAGS, signal.SIGKILL),
        (2, resume, signal.SIGTERM),
    ]:
        running = start_study(*flags, *OFTEN, "--local")
        running.wait_until(lambda ended=ended: watched.is_between_trials(ended=ended))
        running.process.send_signal(harm)
        assert running.wait(seconds=20) == (-signal.SIGKILL if harm == signal.SIGKILL else 130)
        assert "Traceback" not in running.output
        if harm != signal.SIGKILL:
            command, _, options = running.output.splitlines()[-1].partition("python sweeps/grid.py ")
            assert command == "interrupted. Go on with: "
            assert options.endswith(f"--resume {watched.study}")
            assert {"--local", *OFTEN} <= set(options.split())  # as it was launched
        watched.remember()
    pace.unlink()
    assert grid(*resume, "--local").status == 0
    watched.remember()
    assert table(watched.study, "trials").sort_values("start_time")["attempts"].tolist() == [1, 2, 2]
    assert_same_rows(watched.study, undisturbed(watched.study, tmp_path))
    again = grid(*resume)
    assert again.status == 0
    assert "nothing to do" in again.out
    assert str(watched.study) in again.out
    watched.remember()


def test_a_study_that_is_killed_while_what_was_added_is_trained_goes_on_with_all_of_it(
    tmp_path: Path, pace: Path, start_study: StartStudy, grid: Grid
) -> None:
    pace.unlink()
    watched = Watched(tmp_path / "results" / "paced")
    resume = ("--resume", str(watched.study), "--local")
    assert grid(*FLAGS, "--local", "--seeds", "0", "--max-iterations", "200").status == 0
    watched.remember()
    pace.touch()
    running = start_study(*resume, *OFTEN, "--seeds", "1", "2")
    running.wait_until(lambda: watched.is_between_trials(ended=2))
    running.kill()
    watched.remember()
    pace.unlink()
    assert grid(*resume).status == 0
    watched.remember()
    assert table(watched.study, "trials").sort_values("seed")["attempts"].tolist() == [1, 1, 2]


@pytest.fixture
def broken(tmp_path: Path, grid: Grid, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of which the trial of batch size 7 failed, for a reason that is gone now."""
    reason = tmp_path / "reason"
    reason.touch()
    monkeypatch.setenv("BS_STUDY_TEST_BROKEN", str(reason))
    flags = ("--workload", "faulty_workloads:Broken", "--batch-sizes", "7", "16", "--lrs", "0.01", "--local")
    ended = grid(*flags, "--max-iterations", "50", "--max-failures", "1")
    assert ended.status == 1
    assert "Traceback" not in ended.out + ended.err
    reason.unlink()
    return tmp_path / "results" / "broken"


CONTRADICTING = {
    "--optimizer adam": ("optimizer", "adam", "sgd"),
    "--max-iterations 60": ("max_iterations", "60", "50"),
    "--workload digits": ("workload", "digits", "faulty_workloads:Broken"),
    "--name other": ("name", "other", "broken"),
    "--lrs -1": ("lrs", "-1", "greater than 0"),
}


def test_resume_refuses_what_contradicts_the_study_tries_what_failed_again_and_leaves_what_ended(
    broken: Path, grid: Grid, refusal: Refusal
) -> None:
    before = table(broken, "trials").set_index("batch_size")
    assert before["status"].to_dict() == {7: "failed", 16: "completed"}
    assert before.loc[7, "attempts"] == 2
    assert "RuntimeError: broken for now" in before.loc[7, "message"]
    contents = {file: file.read_bytes() for file in broken.rglob("*") if file.is_file()}
    for flags, told in CONTRADICTING.items():
        line = refusal(grid("--resume", str(broken), "--local", *flags.split()))
        assert [word for word in told if word not in line] == []
        assert "http" not in line
    assert {file: file.read_bytes() for file in broken.rglob("*") if file.is_file()} == contents

    where_and_how = ("--checkpoint-seconds", "5", "--max-failures", "0", "--trial-timeout", "60", "--lrs", "0.01")
    assert grid("--resume", str(broken), "--local", *where_and_how).status == 0
    after = table(broken, "trials").set_index("batch_size")
    assert after["status"].to_dict() == {7: "completed", 16: "completed"}
    assert after.loc[16, "end_time"] == before.loc[16, "end_time"]
    assert after.loc[7, "iterations"] == len(open_study(broken).iterations(batch_size=7)) == 50
