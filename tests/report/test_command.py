"""``sweeps/report.py``: one command on a laptop without torch or Ray, and one line for each mistake."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bs_study import Target, analyse, open_study
from bs_study.report.place import report_folder

COMMAND = Path(__file__).parents[2] / "sweeps/report.py"


def test_the_command_prints_what_the_study_answers_and_where_the_page_is(reported: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(reported, tmp_path / "small"))
    start = time.time()
    command = [sys.executable, COMMAND, study, "--png"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Train with batch size")
    assert done.stdout.splitlines()[-1].removeprefix("Report: ") == str(study / "report/report.html")
    assert len(done.stdout.splitlines()) <= 12
    assert (study / "report/figures/time_to_target.png").stat().st_mtime > start


def typed(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, COMMAND, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=os.environ | environment
    )


def bytes_of(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_report_of_another_target_lies_beside_the_studys_own_and_never_over_it(
    reported: Path, tmp_path: Path
) -> None:
    study = Path(shutil.copytree(reported, tmp_path / "small"))
    before = bytes_of(study)
    done = typed(study, "--target", "accuracy=0.9")
    place = study / "report-accuracy-at-least-0.9/report.html"
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, str(place)), done.stderr
    assert "accuracy ≥ 0.9 after" in place.read_text()
    asked = json.loads(place.with_name("answer.json").read_text())["target"]
    assert asked == {"metric": "accuracy", "value": 0.9, "direction": "max"}
    after = bytes_of(study)
    assert {file: after[file] for file in before} == before
    assert {file.parts[len(study.parts)] for file in set(after) - set(before)} == {place.parent.name}


def test_asked_for_its_own_target_a_study_has_its_own_report(reported: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(reported, tmp_path / "small"))
    shutil.rmtree(study / "report")
    done = typed(study, "--target", "accuracy >= 0.97")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].removeprefix("Report: ") == str(study / "report/report.html")
    assert [folder.name for folder in study.glob("report*")] == ["report"]


@pytest.mark.parametrize(
    ("target", "own", "folder"),
    [
        (Target("loss", 0.3), Target("accuracy", 0.97), "report-loss-at-most-0.3"),
        (Target("loss", -0.5, "max"), Target("loss", 0.3), "report-loss-at-least--0.5"),
        (Target("loss", 1e-5), None, "report-loss-at-most-0.00001"),
        (None, None, "report"),
    ],
)
def test_the_folder_of_a_report_is_named_after_its_target(
    target: Target | None, own: Target | None, folder: str
) -> None:
    assert report_folder(target, own=own) == folder


def test_no_name_of_a_metric_leads_out_of_the_study_and_no_two_to_one_folder() -> None:
    metrics = [
        "a/b",
        "a_b",
        "a:b",
        "../../a",
        ".",
        "größe",
        "a" * 300,
        "a" * 299,
        "C:\\x",
        "a\\b",
        "top 5",
        "top_5",
        "x%2Fy",
        "loss",
    ]
    folders = [report_folder(Target(metric, 1.0, "max"), own=None) for metric in metrics]
    assert len(set(folders)) == len(folders)
    assert all(re.fullmatch("report-[A-Za-z0-9._-]+-at-least-1", folder) for folder in folders)
    assert max(map(len, folders)) < 255


def test_the_page_is_opened_in_the_persons_browser(reported: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(reported, tmp_path / "my study"))
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    done = typed(study, "--open", BROWSER=f"{browser} %s")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "opened").read_text().strip() == (study / "report/report.html").as_uri()
    assert "no browser" not in done.stdout


def test_without_a_browser_a_line_says_where_the_page_is(reported: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(reported, tmp_path / "small"))
    none = {"BROWSER": "", "PATH": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    done = typed(study, "--open", **none)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()[-1]
    assert said == f"no browser was found to open it. The page is {study / 'report/report.html'}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: STORE"),
        (["{folder}", "--metric", "bleu"], "--metric: unknown"),
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
def test_a_mistake_is_told_in_one_line_with_status_2(reported: Path, arguments: list[str], words: str) -> None:
    done = typed(*(argument.format(folder=reported) for argument in arguments))
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


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
        "print([name for name in ('torch', 'ray', 'matplotlib.pyplot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[]"
