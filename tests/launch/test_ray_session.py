"""What keeps a study from its Ray is said in one line; no Ray is started."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from bs_study.config.asked import Asked, asked
from bs_study.launch import ray_session as module
from bs_study.launch import ray_start
from bs_study.launch.launcher import Resources
from bs_study.launch.ray_session import ray_session
from tests.grid_command import command_in_this_process


@pytest.fixture
def study() -> Iterator[Asked]:
    """A study for a cluster at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        yield asked({"batch_sizes": (8,), "lrs": (0.1,), "max_iterations": 1, "address": address})


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Version mismatch: Ray 2.60.0, 2.59.0"),
        ray.exceptions.AuthenticationError("no token"),
        Exception("The current node timed out during startup"),  # Ray raises it as it is
    ],
)
def test_a_ray_that_does_not_take_a_driver_is_refused(
    study: Asked, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise error

    monkeypatch.setattr(ray, "init", refuse)
    with (
        pytest.raises(ValueError, match=r"address: .*127\.0\.0\.1.*(Version mismatch|no token|timed out)"),
        ray_session(*study),
    ):
        pass


def test_a_python_whose_trials_would_never_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    study = asked({"batch_sizes": (8,), "lrs": (0.1,), "max_iterations": 1, "address": "local"})
    monkeypatch.setattr(sys, "executable", "/home/new user/.venv/bin/python")
    with (
        pytest.raises(ValueError, match=r"^address: .*'/home/new user/.venv/bin/python'.*--local"),
        ray_session(*study),
    ):
        pass
    assert not ray.is_initialized()


def test_a_ray_that_does_not_come_up_in_time_is_refused_and_leaves_no_alarm(
    study: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def try_for_ever(**_: Any) -> None:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(60)

    monkeypatch.setattr(ray_start, "START_SECONDS", 0.2)
    monkeypatch.setattr(ray, "init", try_for_ever)
    before = signal.getsignal(signal.SIGALRM)
    start = time.monotonic()
    with (
        pytest.raises(ValueError, match=r"^address: no Ray came up at .*127\.0\.0\.1.* within 200 ms\. "),
        ray_session(*study),
    ):
        pass
    assert time.monotonic() - start < 30
    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)) == (before, (0, 0))


def test_a_cluster_that_does_not_answer_without_a_token_is_asked_with_it(
    study: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    done: list[str] = []

    def init(**_: Any) -> None:
        done.append("join")
        if "token" not in done:
            raise ConnectionError

    def use_token(**_: Any) -> bool:
        done.append("token")
        return True

    monkeypatch.setattr(ray_start, "maybe_enable_token_auth_if_token_available", use_token)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(module, "node_resources", lambda: [{"CPU": 1.0}])
    with ray_session(*study) as resources:
        assert resources.slots == 1
    assert done == ["join", "token", "join"]


def test_a_store_that_a_node_does_not_see_is_refused_before_the_study_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [{"NodeID": host, "NodeManagerHostname": host} for host in ("head", "worker")]
    resources = Resources(gpus_per_trial=0, slots=1, description="", is_cluster=True)
    monkeypatch.setattr("bs_study.launch.ray_tune.ray_session", lambda *study: contextlib.nullcontext(resources))
    monkeypatch.setattr(module, "alive_nodes", lambda: nodes)
    monkeypatch.setattr(module, "_is_seen", lambda path, node_id: node_id == "head")
    monkeypatch.setattr(sys, "path", [*sys.path])  # which the command changes, as it does what SIGTERM does
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert command_in_this_process()(["--store", str(tmp_path)]) == 2
    assert f"error: store: {tmp_path}/digits is not seen on worker. Give" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))
