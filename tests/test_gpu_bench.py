"""python -m tests.bench.gpu, on a machine that need not have a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.gpu.parts import PARTS, run_part

ROOT = Path(__file__).parents[1]
ENDLESS = """
import subprocess, sys
def measure(record):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    record.add("a case", "before the end", "s", [1.0, 3.0])
    record.keep(child=child.pid)
    child.wait()
"""
BROKEN = """
def measure(record):
    record.add("a case", "before the error", "s", [2.0])
    raise ZeroDivisionError("of the test")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(str(tmp_path))
    return f"part_{tmp_path.name}"


def test_every_part_leaves_a_file_with_samples_and_the_table_has_them_all(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.gpu", "--minutes", "4", "--out", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    table = (tmp_path / "summary.md").read_text()
    assert table in ended.stdout
    for name in PARTS:
        part = json.loads((tmp_path / f"{name}.json").read_text())
        assert (part["state"], part.get("error")) == ("completed", None)
        assert part["device"]
        assert part["versions"]["torch"]
        assert f"- {name}: completed" in table
        for row in part["rows"]:
            assert all(sample > 0 for sample in row["samples"])
            assert f"| {name} | {row['case']} | {row['what']} | {len(row['samples'])} |" in table
        assert part["rows"] or part["outcomes"]


def test_a_part_that_outlives_its_limit_is_ended_with_its_processes_and_leaves_what_it_had(
    tmp_path: Path, module: str
) -> None:
    (tmp_path / f"{module}.py").write_text(ENDLESS)
    start = time.monotonic()
    part = run_part("endless", tmp_path, seconds=3, module=module)
    assert time.monotonic() - start < 10
    assert part["state"] == "cut off"
    assert part["rows"] == [{"case": "a case", "what": "before the end", "unit": "s", "samples": [1.0, 3.0]}]
    assert json.loads((tmp_path / "endless.json").read_text()) == part
    child = Path("/proc", str(part["child"]), "stat")
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_part_that_fails_says_why_and_keeps_what_it_had(tmp_path: Path, module: str) -> None:
    (tmp_path / f"{module}.py").write_text(BROKEN)
    part = run_part("broken", tmp_path, seconds=60, module=module)
    assert (part["state"], part["error"]) == ("failed", "ZeroDivisionError: of the test")
    assert part["rows"][0]["samples"] == [2.0]
    assert "of the test" in (tmp_path / "broken.log").read_text()
