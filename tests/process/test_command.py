"""A command keeps its exit status and prints no traceback, whoever has closed its output or interrupts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = """
from bs_study.process.command import run_command

def main():
    for number in range(100000):
        print("line", number)
    import sys, warnings
    warnings.warn("of this kind")
    print("on", sys.stderr.name, file=sys.stderr, flush=True)
    with open("written", "w") as file:
        file.write("its own")
    return 3

run_command(main, interrupted="interrupted")
"""
CLOSED = {
    "a pipe that nobody reads": "| true",
    "a pipe that is read for a line": "| head -1",
    "both in a pipe that nobody reads": "2>&1 | true",
    "no output": ">&-",
    "no error output": "2>&-",
    "nothing at all": "<&- >&- 2>&-",
    "a full disk": ">/dev/full 2>&1",
}


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED)
@pytest.mark.parametrize("flags", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_a_command_goes_on_to_its_end_and_keeps_its_status_whatever_its_output_is(
    tmp_path: Path, closed: str, flags: list[str]
) -> None:
    shell = f'"$@" {closed}; exit ${{PIPESTATUS[0]}}'
    command = [sys.executable, *flags, "-c", COMMAND]
    ended = subprocess.run(
        ["bash", "-c", shell, "bash", *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 3
    assert [word for word in ("Traceback", "BrokenPipe", "Exception") if word in ended.stderr] == []
    assert (tmp_path / "written").read_text() == "its own"  # and no line of output


def test_what_is_read_is_all_there(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", COMMAND], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert ended.stdout == b"".join(b"line %d\n" % number for number in range(100000))
    assert ended.stderr.endswith(b"on <stderr>\n")


SLEEPER = """
import sys, time
from bs_study.process.command import run_command

def main():
    print("begun", flush=True)
    time.sleep(30)
    return 0

run_command(main, interrupted="interrupted", at_once="at-once" in sys.argv)
"""
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def begun(*words: str, ignored: signal.Signals | None = None) -> subprocess.Popen[str]:
    sleeper = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: signal.signal(ignored, signal.SIG_IGN) and None) if ignored else None,
    )
    assert sleeper.stdout
    assert sleeper.stdout.readline() == "begun\n"
    return sleeper


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("words", [[], ["at-once"]], ids=["with-cleaning-up", "at-once"])
def test_signals_that_go_on_are_one_line_and_status_130(words: list[str], number: signal.Signals) -> None:
    sleeper = begun(*words)
    while sleeper.poll() is None:
        os.kill(sleeper.pid, number)
        time.sleep(0.02)
    assert sleeper.stderr
    assert (sleeper.wait(timeout=20), sleeper.stderr.read()) == (130, "interrupted\n")


def test_a_hangup_that_is_ignored_as_nohup_does_stays_so() -> None:
    sleeper = begun(ignored=signal.SIGHUP)
    sleeper.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert sleeper.poll() is None
    sleeper.send_signal(signal.SIGTERM)
    assert sleeper.wait(timeout=20) == 130
