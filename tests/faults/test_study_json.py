"""study.json may say anything: every command tells what is wrong with it in one line, and none ends in a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bs_study.store.check.__main__ import main as check
from bs_study.store.going_on import study_to_go_on
from bs_study.store.paths import StudyPaths
from bs_study.store.study_json import create_study, grow_study, read_asked
from tests.faults.conftest import Ended
from tests.faults.small_studies import METRICS, small_study
from tests.grid_command import command_in_this_process

Grid = Callable[..., Ended]


@pytest.fixture
def study(tmp_path: Path) -> StudyPaths:
    return small_study(tmp_path / "results" / "study")


def edited(paths: StudyPaths, change: Any) -> None:
    """Change the text of study.json, or put a value under one of its names, or bytes in its place."""
    asked = json.loads(paths.read(paths.study_json))
    file = Path(paths.study_json)
    if isinstance(change, bytes):
        file.write_bytes(change)
    elif isinstance(change, dict):
        # A number as text, since Python writes none of the odd ones.
        file.write_text(json.dumps(asked | change).replace('"NUMBER ', "").replace(' NUMBER"', ""))
    else:
        file.write_bytes(change(json.dumps(asked)))


def odd_number(digits: str) -> str:
    return f"NUMBER {digits} NUMBER"


NO_CONFIG = {
    "config-null": {"config": None},
    "config-a-list": {"config": [1, 2]},
    "config-text": {"config": "mnist"},
    "config-a-number": {"config": 3},
    "config-empty": {"config": {}},
    "config-deep": {"config": odd_number('{"a":' * 400 + "1" + "}" * 400)},
    "lrs-null": lambda text: text.replace("[0.02]", "null").encode(),
    "lr-1e400": lambda text: text.replace("[0.02]", "[1e400]").encode(),
    "lr-nan": lambda text: text.replace("[0.02]", "[NaN]").encode(),
    "lr-of-5000-digits": lambda text: text.replace("[0.02]", f"[{'9' * 5000}]").encode(),
    "a-number-of-5000-digits": {"train_examples": odd_number("9" * 5000)},
    "a-number-of-400-digits": {"eval_examples": odd_number("9" * 400)},
    "deep": b"[" * 100_000,
    "a-key-deep": {"created": odd_number("[" * 10_000 + "]" * 10_000)},
    "a-list": b"[]",
    "null": b"null",
    "text": b'"study"',
    "empty": b"",
    "cut": lambda text: text[:-30].encode(),
    "not-utf-8": lambda text: text.replace("study", "\xe9tude").encode("latin-1"),
    "zeros": b"\0" * 300,
    "the-config-twice": lambda text: f'{text[:-1]}, "config": null}}'.encode(),
    "a-newer-version": {"schema_version": 99},
}
LEFT_OUT = {
    "train_examples is inf": {"train_examples": odd_number("1e400")},
    "train_examples is -inf": {"train_examples": odd_number("-1e400")},
    "train_examples is nan": {"train_examples": float("nan")},
    "train_examples is -5": {"train_examples": -5},
    "train_examples is True": {"train_examples": True},
    "train_examples is 'many'": {"train_examples": "many"},
    "train_examples is [": {"train_examples": [20]},
    "eval_examples is inf": {"eval_examples": odd_number("1e400")},
    "metrics is 'loss'": {"metrics": "loss"},
    "metrics is [": {"metrics": [1, None, []]},
    "directions is {": {"directions": {"loss": ["min"]}},
    "created is 5": {"created": 5},
    "study is [": {"study": []},
    "study is 'a": {"study": "a\nb"},
    "package_version is None": {"package_version": None},
    "schema_version is '1'": {"schema_version": "1"},
    "schema_version is inf": {"schema_version": odd_number("1e400")},
    "history is [": {"history": [1, 2]},
    "versions is 'x'": {"versions": "x"},
    "versions is [": {"versions": [{"version": 1, "data": 5}]},
}
SOUND = {
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-8-with-a-mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "an-unknown-key": {"note": "by hand"},
}


def checked(paths: StudyPaths, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines of the check about study.json."""
    capsys.readouterr()
    assert check([paths.root]) in (0, 1)
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("study.json")]


@pytest.mark.parametrize("change", NO_CONFIG.values(), ids=NO_CONFIG)
def test_a_study_json_without_a_config_that_can_be_read_is_refused_in_one_line(
    study: StudyPaths, grid: Grid, refusal: Any, capsys: pytest.CaptureFixture[str], change: Any
) -> None:
    edited(study, change)
    line = refusal(grid("--resume", study.root, "--local", "--dry-run"))
    assert "study.json" in line
    assert len(line) < 700
    assert "study.json" in refusal(
        grid("--workload", "toy_workloads:Line", "--name", "study", "--batch-sizes", "4", "--lrs", "1", "--local")
    )
    assert len(checked(study, capsys)) == 1


@pytest.mark.parametrize(("said", "change"), LEFT_OUT.items(), ids=LEFT_OUT)
def test_a_value_of_another_kind_is_told_in_one_line_and_left_out(
    study: StudyPaths, grid: Grid, capsys: pytest.CaptureFixture[str], said: str, change: Any
) -> None:
    edited(study, change)
    (line,) = checked(study, capsys)
    assert line.startswith(f"study.json: {said}")
    assert set(read_asked(study)) == set(json.loads(study.read(study.study_json))) - set(change)
    assert "Traceback" not in grid("--resume", study.root, "--local", "--dry-run").err


@pytest.mark.parametrize("change", SOUND.values(), ids=SOUND)
def test_a_study_json_that_another_editor_has_written_is_sound(
    study: StudyPaths, capsys: pytest.CaptureFixture[str], change: Any
) -> None:
    before = read_asked(study)
    edited(study, change)
    assert checked(study, capsys) == []
    assert read_asked(study)["config"] == before["config"]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[StudyPaths], Ended]:
    """Run the command that writes the report."""

    def run(paths: StudyPaths) -> Ended:
        capsys.readouterr()
        return Ended(command_in_this_process("report")([paths.root]), *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    "change", [*(NO_CONFIG[name] for name in ("config-null", "config-a-list", "config-text", "config-deep", "deep")),
               {"train_examples": odd_number("1e400")}],
    ids=["config-null", "config-a-list", "config-text", "config-deep", "deep", "train-1e400"],
)  # fmt: skip
def test_the_report_of_a_damaged_study_json_says_so_in_one_line_and_shows_the_tables(
    study: StudyPaths, report: Callable[[StudyPaths], Ended], change: Any
) -> None:
    edited(study, change)
    ended = report(study)
    assert ended.status == 0, ended
    (line,) = ended.err.splitlines()
    assert line.startswith(f"warning: {study.study_json}")
    assert Path(study.root, "report", "report.html").exists()


def test_a_study_json_with_odd_values_grows_and_is_mended(study: StudyPaths) -> None:
    edited(study, {"created": float("nan"), "note": float("nan")})
    seen = read_asked(study)
    config = small_config(study).model_copy(update={"seeds": (0, 1, 2)})
    grow_study(study, config, seen=seen)
    asked = json.loads(study.read(study.study_json))
    assert asked["config"]["seeds"] == [0, 1, 2]
    assert "created" not in asked


def small_config(paths: StudyPaths) -> Any:
    return study_to_go_on(paths.root).config


def test_a_study_that_is_there_is_not_created_again(study: StudyPaths) -> None:
    before = study.read(study.study_json)
    with pytest.raises(ValueError, match="name: 'study' was begun by another process meanwhile"):
        create_study(study, small_config(study), metrics=METRICS, train_examples=20)
    assert study.read(study.study_json) == before
