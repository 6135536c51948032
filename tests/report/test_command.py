"""``sweeps/report.py``: one command on a laptop without torch or Ray, and one line for each mistake."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bs_study import Target, analyse, open_study

COMMAND = Path(__file__).parents[2] / "sweeps/report.py"


def test_the_command_prints_what_the_study_answers_and_where_the_page_is(reported: Path) -> None:
    start = time.time()
    command = [sys.executable, COMMAND, reported, "--png"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Train with batch size")
    assert done.stdout.splitlines()[-1].removeprefix("Report: ") == str(reported / "report/report.html")
    assert len(done.stdout.splitlines()) <= 12
    assert (reported / "report/figures/time_to_target.png").stat().st_mtime > start


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: study"),
        (["{folder}", "--metric", "bleu"], "unrecognized arguments"),
        (["{folder}/none"], "holds no study"),
        (["{folder}", "--target", "good"], "is no target"),
        (["{folder}", "--target", ""], "'' is no target"),
        ([""], "study: '' names no folder"),
        ([" "], "study: ' ' names no folder"),
        (["{folder}", "--target", "bleu=0.3"], "no metric 'bleu'"),
        (["{folder}", "--target", "gap=0.3"], "no metric 'gap'"),
        (["{folder}", "--target", "accuracy>=90"], "accuracy is a fraction, 0 to 1"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_status_2(
    reported: Path,
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["report.py", *(argument.format(folder=reported) for argument in arguments)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(COMMAND), run_name="__main__")
    said = capsys.readouterr()
    assert stopped.value.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_direction_that_is_left_out_is_what_the_study_says_before_the_name_of_the_metric(
    reported: Path, tmp_path: Path
) -> None:
    assert analyse(open_study(reported), "loss=0.5").recommendation.target == Target("loss", 0.5, "min")
    assert analyse(open_study(reported), "accuracy=0.5").recommendation.target == Target("accuracy", 0.5, "max")
    study = Path(shutil.copytree(reported, tmp_path / "small"))
    told = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps(told | {"directions": {"loss": "max", "accuracy": "min"}}))
    assert analyse(open_study(study), "loss=0.5").recommendation.target == Target("loss", 0.5, "max")
    # The study's own target tells before what its workload told.
    assert analyse(open_study(study), "accuracy=0.5").recommendation.target == Target("accuracy", 0.5, "max")


def test_a_report_needs_neither_torch_nor_ray_nor_pyplot() -> None:
    program = (
        "import sys, bs_study.report.page, bs_study.report.figures; "
        "print([name for name in ('torch', 'ray', 'tyro', 'matplotlib.pyplot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[]"
