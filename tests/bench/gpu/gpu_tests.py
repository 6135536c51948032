"""Whether the product does on a GPU what it does on a CPU: pytest -m gpu, each outcome kept when it is there."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.bench.gpu.record import Record

OUTCOME = re.compile(r"^(tests/\S.*?) (PASSED|FAILED|SKIPPED|ERROR)\b")
LAST_LINES = 150


def measure(record: Record) -> None:
    record.describe()
    root = Path(__file__).parents[3]
    outcomes: dict[str, str] = {}
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder, "junit.xml")
        command = [sys.executable, "-m", "pytest", "tests/training", "-m", "gpu", "-v", "--tb=short", "--color=no"]
        command += ["-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={junit}"]
        with subprocess.Popen(
            command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            for line in running.stdout or ():
                lines.append(line.rstrip())
                found = OUTCOME.match(line)
                if found:
                    outcomes[found[1]] = found[2].lower()
                    record.keep(outcomes=outcomes, output=lines[-LAST_LINES:])
        record.keep(outcomes=outcomes, output=lines[-LAST_LINES:], exit_status=running.returncode)
        if junit.exists():
            _add_details(record, junit)
    counts = {kind: list(outcomes.values()).count(kind) for kind in ("passed", "failed", "error", "skipped")}
    record.note(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    if not outcomes or running.returncode:
        failed = [name for name, outcome in outcomes.items() if outcome in ("failed", "error")]
        record.ended("failed", error=f"pytest ended with {running.returncode}: {', '.join(failed) or lines[-1:]}")


def _add_details(record: Record, junit: Path) -> None:
    """Add how long each test took, and what it has told of itself."""
    for case in ET.parse(junit).iter("testcase"):  # noqa: S314  written by our own pytest a moment ago
        name = case.get("name", "")
        if case.find("skipped") is None:
            told = {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
            record.add("pytest -m gpu", name, "s", [float(case.get("time", 0))], **told)
            for what, value in told.items():
                record.note(f"{name}: {what} {value}")
