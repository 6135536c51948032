"""`bs-study` and its commands: what they say, what they load, and what they need."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from bs_study.cli.main import COMMANDS, main
from bs_study.cli.needed import need
from tests.cli.conftest import ROOT, Typed
from tests.grid_command import is_one_line_that_tells

SWEEP = ("ray", "torch", "yaml", "rich", "sklearn")


def test_the_command_that_is_installed_is_there_with_all_files_that_it_reads() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, _, function = project["project"]["scripts"]["bs-study"].partition(":")
    spec = find_spec(module)
    assert spec
    assert f"def {function}() -> NoReturn" in (ROOT / "bs_study/cli/main.py").read_text()
    packed = {
        file for pattern in project["tool"]["setuptools"]["package-data"]["bs_study"]
        for file in (ROOT / "bs_study").glob(pattern)
    }  # fmt: skip
    others = {file for file in (ROOT / "bs_study").rglob("*") if file.is_file() and file.suffix not in (".py", ".pyc")}
    assert others <= packed


@pytest.mark.parametrize("columns", [46, 80])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_its_terminal_has_an_example_and_needs_none_of_the_sweep_extra(
    typed: Typed, name: str, columns: int
) -> None:
    ended = typed(*name.split(), "--help", without=SWEEP, COLUMNS=str(columns))
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    _, _, examples = ended.stdout.partition("examples:\n")
    assert shlex.split(examples)[:4] == ["python", "-m", "bs_study", name or "run"]
    assert max(len(line) for line in lines if not line.startswith("usage: ")) <= columns
    assert columns < 80 or len(lines) <= 60


@pytest.mark.parametrize(("words", "same"), [(["help"], ["--help"]), (["help", "check"], ["check", "--help"])])
def test_help_is_a_word_too(words: list[str], same: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for typed_words in (words, same):
        with contextlib.suppress(SystemExit):
            main(typed_words)
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] != ""


def test_help_loads_nothing_that_takes_long() -> None:
    slow = {"numpy", "pandas", "pyarrow", "pydantic", "torch", "ray", "yaml"}
    code = f"import sys; from bs_study.cli.main import main; main(['--help']); print({slow!r} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["reprt", "results/digits"], ("'reprt'", "report")),
        (["run", "mnst"], ("'mnst'", "mnist")),
        (["run", "mnist", "digits"], ("'digits'", "one too many")),
        (["run", "mnist", "--config", "x.yaml"], ("config", "'x.yaml'", "'mnist'")),
        (["run", "mnist", "--workload", "digits"], ("workload", "'digits'", "'mnist'")),
        (["run", "a.py:A", "--workload", "b.py:B"], ("workload", "'b.py:B'", "'a.py:A'")),
        (["run", "nowhere.yaml"], ("nowhere.yaml",)),
        (["run", "--batch", "4"], ("--batch", "unknown")),
        (["run", "--name"], ("--name", "expected one argument")),
        (["run", "--local=yes"], ("--local", "'yes'")),
        (["run", "--no-timing=1"], ("--no-timing", "takes no value", "'1'")),
        (["run", "--", "mnist", "--dry-run"], ("--dry-run", "Leave -- out")),
        (["run", "s3://b/results/mnist"], ("study", "--resume s3://b/results/mnist")),
        (["run", "--batch-sizes=32,64"], ("--batch-sizes", "'32,64'", "whole numbers with spaces")),
        (["run", "--batch-sizes", "32", "mnist"], ("--batch-sizes", "'32 mnist'", "study before the flags")),
        (["run", "--batch-sizes", "3_2"], ("--batch-sizes", "'3_2'", "whole numbers")),
        (["run", "--lr-start", "1_0"], ("--lr-start", "'1_0'", "number")),
        *((["time", flag], (f"{flag}:", "time has no such flag")) for flag in ("--dry-run", "--no-timing", "--check")),
        (["report", "results/nothing"], ("results/nothing",)),
        (["report"], ("STORE", "required")),
        (["check", "results/nothing"], ("results/nothing",)),
        (["docs", "no-such-page"], ("docs",)),
        (["docs", ""], ("docs", "empty")),
        (["help", "reprt"], ("'reprt'", "report")),
    ],
)
def test_a_mistake_is_one_line_that_names_it(
    words: list[str], told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert is_one_line_that_tells(printed.err, told)


def test_a_package_that_is_missing_is_told_with_what_installs_it_if_the_command_needs_it(typed: Typed) -> None:
    small = ("--batch-sizes", "64", "--lrs", "0.1", "--seeds", "0", "--max-iterations", "3")
    for words, missing, line in (
        (("run",), "ray", "pip install -e '.[sweep]'"),
        (("run", "--local"), "torch", "pip install -e '.[sweep]'"),
        (("run", "--dry-run"), "yaml", "pip install -e '.[sweep]'"),
        (("time", "--local"), "sklearn", "pip install -e '.[sweep]'"),
        (("report", "results/digits"), "pandas", "pip install -e ."),
        (("check", "results/digits"), "pyarrow", "pip install -e ."),
    ):
        ended = typed(*words, without=(missing,))
        assert (ended.returncode, ended.stdout) == (2, "")
        assert is_one_line_that_tells(ended.stderr, (f"{missing} is not installed. Run: {line}",))
    assert typed("run", "--dry-run", *small, without=("ray", "torch", "rich", "sklearn")).returncode == 0


@pytest.mark.parametrize(
    ("extra", "line"),
    [("", "'jinja2>=3.1' 'pandas>=2.2'"), ("sweep", "'ray[tune]>=2.60' 'scikit-learn>=1.4'")],
)
def test_a_wheel_is_told_the_requirements_that_are_missing_as_no_registry_has_the_package(
    extra: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [f'{one}; extra == "{name}"' for name, ones in project["optional-dependencies"].items() for one in ones]
    monkeypatch.setattr("bs_study.cli.needed.__file__", str(tmp_path / "site-packages/bs_study/cli/needed.py"))
    monkeypatch.setattr("bs_study.cli.needed.requires", lambda _: [*project["dependencies"], *extras])
    missing = ("jinja2", "pandas", "ray", "sklearn", "duckdb")
    monkeypatch.setattr("bs_study.cli.needed.find_spec", lambda name: None if name in missing else find_spec(name))
    with pytest.raises(
        ValueError, match=re.escape(f"{missing[bool(extra) * 2]} is not installed. Run: pip install {line}") + "$"
    ):
        need([missing[bool(extra) * 2]], extra=extra)


@pytest.mark.parametrize("command", ["report", "check"])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_line_comes_before_a_store_is_read_and_only_on_a_terminal(
    command: str, is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert main([command, "results/nothing"]) == 2
    *first, _ = capsys.readouterr().err.splitlines()
    assert first == (["results/nothing: reading the store"] if is_terminal else [])


def test_a_local_study_needs_no_ray_begins_with_a_line_and_is_checked_and_reported_by_name(typed: Typed) -> None:
    flags = ("--search", "grid", "--batch-sizes", "64", "256", "--lrs", "0.1", "--seeds", "0", "--max-iterations", "30")
    ended = typed("run", "--local", "--no-timing", *flags, without=("ray",))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0] == "digits: a grid over 2 batch sizes. Loading PyTorch"
    assert re.search("^  python -m bs_study (run|report) ", ended.stdout, re.MULTILINE)
    assert "sweeps/" not in ended.stdout
    checked = typed("check", "results/digits", without=SWEEP)
    assert checked.returncode == 0, checked
    assert checked.stdout.endswith("/results/digits: fine; 2 trials have ended, 0 are unfinished\n")
    reported = typed("report", "results/digits", without=SWEEP)
    assert (reported.returncode, reported.stderr) == (0, "")
    assert reported.stdout.endswith("results/digits/report/report.html\n")
