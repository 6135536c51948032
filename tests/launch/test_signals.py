"""Which signal waits for a checkpoint, and which ends at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from bs_study.launch.signals import heeded_signals
from bs_study.process.stop import SAME_SECONDS
from bs_study.training.interruption import Interrupted, Interruption

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_signal_asks_where_there_is_something_to_save(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    interruption = Interruption()
    with pytest.raises(Interrupted), heeded_signals(interruption):  # noqa: PT012
        with interruption.held_back():
            signal.raise_signal(number)
            assert interruption.is_asked
        assert "A second Ctrl-C ends at once" in capfd.readouterr().err


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_ends_at_once_where_there_is_nothing_to_save(number: signal.Signals) -> None:
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt) as caught, heeded_signals(interruption):
        signal.raise_signal(number)
    assert (caught.type, interruption.is_asked) == (KeyboardInterrupt, False)


def test_a_second_signal_ends_at_once_and_one_right_behind_the_first_is_the_same() -> None:
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt) as caught, heeded_signals(interruption), interruption.held_back():  # noqa: PT012
        for _ in range(3):  # as a closed terminal sends two
            signal.raise_signal(signal.SIGHUP)
        time.sleep(SAME_SECONDS + 0.1)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second signal was not heard")
    assert caught.type is KeyboardInterrupt


def test_what_does_not_come_to_a_checkpoint_is_ended_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bs_study.launch.signals.CHECKPOINT_SECONDS", 0.2)
    interruption = Interruption()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), heeded_signals(interruption), interruption.held_back():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        time.sleep(60)
    assert time.monotonic() - start < 30


def test_signals_do_afterwards_what_they_did_before_and_another_thread_changes_nothing() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with heeded_signals(Interruption()):
        within = [signal.getsignal(number) for number in NUMBERS]
    assert [signal.getsignal(number) for number in NUMBERS] == before
    assert set(within).isdisjoint(before)

    def elsewhere() -> None:
        with heeded_signals(Interruption()):
            seen.extend(signal.getsignal(number) for number in NUMBERS)

    seen: list[object] = []
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == before


HANGS = """
import signal, sys, time
from bs_study.launch import signals
from bs_study.training.interruption import Interruption
signals.CHECKPOINT_SECONDS = signals.END_SECONDS = 0.2
interruption = Interruption()
with signals.bounded_end("go on with this"):
    with signals.heeded_signals(interruption), interruption.held_back():
        signal.raise_signal(signal.SIGTERM)
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                pass
"""


def test_a_process_that_no_signal_gets_out_of_a_wait_ends_with_its_last_words() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout) == (130, "go on with this\n")


STOPPED = """
import os, signal, sys, threading, time
from bs_study.launch.signals import bounded_end, heeded_signals
from bs_study.training.interruption import Interruption

def again():
    while True:
        time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

with bounded_end("go on with this"):
    try:
        with heeded_signals(Interruption()):
            threading.Thread(target=again, daemon=True).start()
            time.sleep(60)
    finally:
        for step in range(3):  # what a study does on its way out
            time.sleep(0.4)
        os.write(1, b"cleaned up")
        os._exit(7)
"""


def test_signals_that_go_on_disturb_nobody_who_cleans_up() -> None:
    ended = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "cleaned up", "")
