"""Of several processes that begin one study at the same moment, one runs it, and nothing of it is overwritten."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bs_study.config.asked import asked
from bs_study.launch.prepare import prepared
from bs_study.launch.study import run_study
from bs_study.launch.terminal import Terminal
from bs_study.store.bucket import conditional_bucket
from bs_study.store.paths import StudyPaths, study_paths
from tests.faults.attempts import wait_until
from tests.s3_server import S3Server

ROOT = Path(__file__).parents[2]
LINE = {"workload": "toy_workloads:Line", "batch_sizes": (16,), "max_iterations": 30, "local": True, "name": "one"}
ANOTHER = {"id": "another's", "host": "elsewhere", "pid": 1234}

needs_obstore = pytest.mark.skipif(not importlib.util.find_spec("obstore"), reason="needs obstore: pip install obstore")
PLACES = ["folder", "bucket", pytest.param("conditional bucket", marks=needs_obstore)]


@pytest.fixture(params=PLACES)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder, a bucket with plain puts, and one with conditional puts."""
    if request.param == "folder":
        return str(tmp_path / "results")
    server: S3Server = request.getfixturevalue("s3_server")
    if request.param == "bucket" and importlib.util.find_spec("obstore"):
        (tmp_path / "without" / "obstore").mkdir(parents=True)
        (tmp_path / "without" / "obstore" / "__init__.py").write_text("raise ImportError('a test says so')")
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'without'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        monkeypatch.setitem(sys.modules, "obstore", None)
    return server.uri("results")


def at(store: str, name: str) -> StudyPaths:
    folder, mark, query = store.partition("?")
    return study_paths(f"{folder}/{name}{mark}{query}", patience_seconds=5)


@needs_obstore
def test_a_bucket_is_known_to_keep_conditions_or_not(store: str, request: pytest.FixtureRequest) -> None:
    is_conditional = "conditional" in request.node.callspec.id
    assert bool(conditional_bucket(at(store, "one"))) == is_conditional


@pytest.mark.parametrize("before", ["nothing", "a lease of one that died"])
def test_of_processes_that_take_a_lease_at_the_same_moment_one_gets_it(store: str, before: str, tmp_path: Path) -> None:
    paths = at(store, "one")
    if before != "nothing":
        stale = ANOTHER | {"heartbeat": int(time.time()) - 1000}
        paths.write(f"{paths.root}/lease.json", json.dumps(stale).encode())
    start, stop = tmp_path / "start", tmp_path / "stop"
    command = [sys.executable, "-m", "tests.faults.starter", paths.uri, str(start), str(stop)]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        start.touch()
        wait_until(lambda: sum(process.poll() is not None for process in processes) == 3)
        stop.touch()
        said = sorted(process.communicate(timeout=100)[0] for process in processes)
    finally:
        for process in processes:
            process.kill()
    assert said[0] == "ran\n", said
    assert all(line.startswith("refused: name: 'one' ") and line.count("\n") == 1 for line in said[1:]), said
    assert not paths.exists(f"{paths.root}/lease.json")
    assert not [name for name in paths.names(paths.live) if name.startswith("tmp-")]


def test_of_two_new_studies_of_one_name_whose_looks_crossed_the_second_is_refused_and_the_first_stays(
    store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bs_study.launch.study.conclude", lambda *_, **__: True)

    def begun(lr: float) -> Any:
        return prepared(*asked(LINE | {"lrs": (lr,), "store": store}))

    first, second = begun(0.01), begun(0.02)  # both have looked and read their data, and neither has begun
    assert run_study(first, Terminal()).exit_status == 0
    before = contents(first.paths)
    with pytest.raises(ValueError, match="name: 'one' was begun by another process meanwhile") as refusal:
        run_study(second, Terminal())
    assert len(str(refusal.value).splitlines()) == 1
    assert contents(first.paths) == before
    assert json.loads(first.paths.read(first.paths.study_json))["config"]["lrs"] == [0.01]


def contents(paths: StudyPaths) -> dict[str, bytes]:
    folders = [paths.root, *(f"{paths.root}/{table}" for table in ("trials", "iterations", "epochs", "evaluations"))]
    found = [info for folder in folders for info in paths.listed(folder) if info.is_file]
    return {info.path: paths.read(info.path) for info in found}
