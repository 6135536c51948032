"""Each door to the command names itself in what it advises, and is silent when it is interrupted at once."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT

DOORS = {
    "python sweeps/report.py": [str(ROOT / "sweeps/report.py")],
    "python -m bs_study report": ["-m", "bs_study", "report"],
    "bs-study report": ["-c", "from bs_study.cli.main import entry; entry()", "report"],
}


@pytest.mark.parametrize("door", DOORS)
def test_terminal_page_and_answer_advise_the_command_that_the_person_used(
    door: str, reported: Path, tmp_path: Path
) -> None:
    study = Path(shutil.copytree(reported, tmp_path / "small"))
    command = [sys.executable, *DOORS[door], str(study)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    run = door.replace("report.py", "grid.py").replace(" report", " run")
    advised = re.compile(rf"^  ({re.escape(run)}|{re.escape(door)}) ", re.MULTILINE)
    assert advised.search(ended.stdout), ended.stdout
    told = (study / "report/answer.json").read_text() + (study / "report/report.html").read_text()
    assert run in told or door in told
    others = [other for other in DOORS if other != door and f"{other} " in told + ended.stdout]
    assert others == []


def test_the_page_of_a_study_that_runs_advises_the_command_that_began_it(reported: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(reported, tmp_path / "small"))
    command = [sys.executable, "-m", "bs_study.report.while_running", str(study), "60", "python -m bs_study"]
    subprocess.run(command, timeout=200, check=True)
    assert re.search("python -m bs_study (run|report) ", (study / "report/answer.json").read_text())
