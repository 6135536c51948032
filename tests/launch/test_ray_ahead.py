"""A Ray that comes up while the study is looked at is used, and gone however that ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bs_study.config.asked import asked
from bs_study.launch import ray_ahead as module
from bs_study.launch.ray_ahead import ray_ahead, ray_of_this_machine
from tests.faults.running_study import RunningStudy, of_session

OPTIONS = asked({"batch_sizes": (8,), "lrs": (0.1,), "max_iterations": 1, "address": "local"})[1]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done with a Ray that is none."""
    done: list[str] = []

    @contextlib.contextmanager
    def own_ray() -> Iterator[None]:
        done.append("up")
        yield
        done.append("down")

    monkeypatch.setattr(module, "own_ray", own_ray)
    return done


def test_the_ray_that_came_up_before_is_used_once_and_then_each_has_its_own(done: list[str]) -> None:
    with ray_ahead(OPTIONS):
        with ray_of_this_machine():
            assert done == ["up"]
        with ray_of_this_machine():
            assert done.count("up") == 2
    assert done.count("down") == 2


def test_one_that_nobody_used_is_gone_too(done: list[str]) -> None:
    with pytest.raises(ValueError, match="bad input"), ray_ahead(OPTIONS):
        raise ValueError("bad input")
    assert done == ["up", "down"]


def test_what_keeps_it_from_coming_up_is_said_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def own_ray() -> Iterator[None]:
        raise ValueError("address: no Ray to use at local: why")
        yield

    monkeypatch.setattr(module, "own_ray", own_ray)
    with ray_ahead(OPTIONS), pytest.raises(ValueError, match=r"^address: .* why$"), ray_of_this_machine():
        pass


def test_one_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def own_ray() -> Iterator[None]:
        time.sleep(1)
        yield

    monkeypatch.setattr(module, "own_ray", own_ray)
    monkeypatch.setattr(module, "START_SECONDS", 0.1)
    with ray_ahead(OPTIONS), pytest.raises(ValueError, match="no Ray came up at local"), ray_of_this_machine():
        pass


def is_empty(session: int) -> bool:
    end = time.monotonic() + 15
    while of_session(session) and time.monotonic() < end:
        time.sleep(0.1)
    return not of_session(session)


def test_a_study_that_is_refused_leaves_none_and_one_line(tmp_path: Path) -> None:
    running = RunningStudy(tmp_path, "--target", "accuracy>=90")
    try:
        assert running.wait(seconds=120) == 2
        lines = [line for line in running.output.splitlines() if not line.endswith(" so far")]  # of a slow machine
        assert len(lines) == 2  # the first says what is loaded
        assert lines[1].startswith("error: target: ")
        assert is_empty(running.process.pid)
    finally:
        running.end()


def test_ctrl_c_while_the_study_is_looked_at_leaves_none(tmp_path: Path) -> None:
    running = RunningStudy(tmp_path)
    try:
        running.wait_until(lambda: len(running.processes()) > 2, seconds=120)
        start = time.monotonic()
        os.kill(running.process.pid, signal.SIGINT)
        assert running.wait(seconds=60) == 130
        assert time.monotonic() - start < 15
        assert "Traceback" not in running.output
        assert is_empty(running.process.pid)
    finally:
        running.end()
