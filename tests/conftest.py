"""What tests of several rooms share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bs_study.store.paths import StudyPaths, study_paths
from tests.person import TASK, Person
from tests.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, S3Server

TOY = Path(__file__).parent / "toy"
collect_ignore = ["toy", "bench"]  # what tests import and what is run by hand, no tests
# Tests that would disturb each other, as they start Rays, kill processes or read clocks; and which of them do not.
TOGETHER = (
    "tests/cli/test_named.py",
    "tests/faults/",
    "tests/launch/",
    "tests/report/test_object_store.py",
    "tests/test_gpu_bench.py",
    "tests/test_readme.py::test_the_tutorial",
    "tests/training/test_clock.py",
    "tests/training/test_machine_load.py",
    "tests/training/test_timing.py",
)
APART = (
    "tests/faults/test_check.py",
    "tests/faults/test_check_values.py",
    "tests/faults/test_hostile_page.py",
    "tests/faults/test_hostile_settings.py",
    "tests/faults/test_hostile_store.py",
    "tests/faults/test_memory.py",
    "tests/faults/test_reader_under_damage.py",
    "tests/launch/test_display.py",
    "tests/launch/test_fair_share.py",
    "tests/launch/test_ray_cluster.py",
    "tests/launch/test_ray_search.py",
    "tests/launch/test_ray_session.py",
    "tests/launch/test_serial.py",
    "tests/launch/test_signals.py",
    "tests/launch/test_workload_code.py",
)


def unit(test: str) -> str:
    """Return what one worker of pytest-xdist runs by itself: a file, or all tests that would disturb each other."""
    is_together = test.startswith(TOGETHER) and not test.startswith(APART)
    return "together" if is_together else test.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out the tests by units; `--dist loadgroup` of pytest-xdist 3.8 splits its groups under pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return ByUnit(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with the unit that takes longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: unit(item.nodeid) != "together")


@pytest.fixture(scope="session", autouse=True)
def toy_workloads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let `toy_workloads:Class` be found, as a module in the user's folder is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("PYTHONPATH", str(TOY), prepend=os.pathsep)  # for the workers of Ray
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_ray() -> Iterator[None]:
    """Let no study join a cluster that others have started on this machine, as another worker of pytest-xdist has."""
    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)  # in /tmp, as the name of a socket is short
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


@pytest.fixture
def reporting_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.setattr("sys.dont_write_bytecode", True)  # two edits within a second have one time stamp
    person = Person(tmp_path)
    person.edit(TASK)
    yield person
    sys.modules.pop("edited_task", None)


@pytest.fixture
def person(reporting_person: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person who does without reports, which take most of the time of so small a study."""
    monkeypatch.setattr("bs_study.launch.study.conclude", lambda *_, **__: True)
    return reporting_person
