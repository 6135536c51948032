"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bs_study.store.paths import StudyPaths, study_paths
from tests.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, S3Server

TESTS = Path(__file__).parent
TOY = TESTS / "toy"
collect_ignore = ["toy", "bench"]  # what tests import and what is run by hand, no tests
# Where tests start a Ray, kill processes or read a clock, but for the files that do none of it.
DISTURBED = ("cluster", "faults", "launch", "training/test_clock.py", "training/test_timing.py")
UNDISTURBED = (
    "cluster/test_cluster_yaml.py",
    "faults/test_check.py",
    "faults/test_hostile_page.py",
    "faults/test_hostile_settings.py",
    "faults/test_hostile_store.py",
    "faults/test_memory.py",
    "faults/test_reader_under_damage.py",
    "launch/test_display.py",
    "launch/test_fair_share.py",
    "launch/test_ray_cluster.py",
    "launch/test_ray_search.py",
    "launch/test_ray_session.py",
    "launch/test_serial.py",
    "launch/test_workload_code.py",
)
FIXTURES = {"endless", "s3_server"}  # of such tests elsewhere


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker of pytest-xdist have all tests that would disturb each other, while the others share the rest.

    With `--dist loadgroup` the largest group begins first.
    """
    for item in items:
        is_disturbed = _is_in(item, DISTURBED) and not _is_in(item, UNDISTURBED)
        if is_disturbed or FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("processes"))


def _is_in(item: pytest.Item, places: tuple[str, ...]) -> bool:
    return any(item.path.is_relative_to(TESTS / place) for place in places)


@pytest.fixture(scope="session", autouse=True)
def toy_workloads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let `toy_workloads:Class` be found, as a module in the user's folder is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("PYTHONPATH", str(TOY), prepend=os.pathsep)  # for the workers of Ray
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    """A study's place in a local store."""
    return study_paths(tmp_path / "store" / "study")


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Let every download fail at once."""

    def refuse(*_: object, **__: object) -> object:
        raise OSError("no network in this test")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return refuse


@pytest.fixture
def s3_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of an S3 server on this machine, in the environment."""
    pytest.importorskip("moto.server", reason="needs an S3 endpoint: pip install 'moto[server]'")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[S3Server]:
    pytest.importorskip("moto.server", reason="needs an S3 endpoint: pip install 'moto[server]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def s3_server(_s3_server: S3Server, s3_keys: None) -> Iterator[S3Server]:
    """A running S3 server with an empty bucket, `bucket`."""
    yield _s3_server
    _s3_server.go_on()
    _s3_server.clear()
