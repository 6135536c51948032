"""The README's commands do what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bs_study import StudyConfig
from bs_study.workloads.base import Workload
from bs_study.workloads.check import read_data
from bs_study.workloads.check_batch import look_at

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
INSTALLS = [command for command in COMMANDS if "-e '.[sweep" in command]
GRIDS = [
    command
    for command in COMMANDS
    if command.startswith("python sweeps/grid.py") and not ("--resume" in command or "--check" in command)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the project's commands and the README's own workload in it."""
    (tmp_path / "sweeps").symlink_to(ROOT / "sweeps")
    (workload,) = re.findall(r"^```python\n(# my_task\.py\n.*?)^```", README, re.DOTALL | re.MULTILINE)
    (tmp_path / "my_task.py").write_text(workload)
    return tmp_path


def run(command: str, *more: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, *shlex.split(command)[1:], *more]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_two_commands_install_everything_and_the_second_is_what_ci_runs() -> None:
    assert len(INSTALLS) == 2
    assert INSTALLS[0].endswith("sweeps/grid.py")
    assert INSTALLS[1] in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("command", [command for command in GRIDS if "s3://" not in command])
def test_each_study_of_the_readme_would_start(command: str, folder: Path) -> None:
    done = run(command, "--dry-run", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^\d+ trials of ", done.stdout, re.MULTILINE)


def test_the_recipes_of_the_readme_are_as_many_as_it_says() -> None:
    grid = {"batch_sizes": [64], "lrs": [0.1], "max_epochs": 5}
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)]
    assert [len(StudyConfig(**grid, **block).each_recipe()) for block in blocks] == [3, 4]


def test_the_tutorial_word_by_word_checks_a_workload_and_runs_its_study(folder: Path) -> None:
    check, study = (command for command in COMMANDS if "my_task" in command)
    done = run(check, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    (shown,) = re.findall(r"^```text\n(training set: .*?)^```", README, re.DOTALL | re.MULTILINE)
    assert without_loss(done.stdout) == without_loss(shown)
    assert not (folder / "results").exists()
    done = run(study, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("target reached at iteration") >= 2
    assert (folder / "results" / "my_task" / "report" / "report.html").exists()


def test_the_metric_of_the_readme_that_is_no_mean_can_be_trained_to() -> None:
    names: dict[str, Any] = {}
    for start in (r"# my_task\.py\n", "from torchmetrics"):
        (block,) = re.findall(rf"^```python\n({start}.*?)^```", README, re.DOTALL | re.MULTILINE)
        exec(block, names)  # noqa: S102  it is the README's own
    workload = type("MyTaskByF1", (names["MyTaskByF1"], Workload), {})()
    seen = look_at(workload, *read_data(workload, ROOT))
    assert seen.metrics == ("f1", "loss")
    assert seen.warnings == ()


def without_loss(text: str) -> str:
    """Return what a check prints but for the loss, which differs from one machine to another."""
    return re.sub(r"^loss: \S+", "loss:", text, flags=re.MULTILINE)
