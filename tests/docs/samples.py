"""What the pages show of a study, made from the shipped one: each is what the command or the code beside it prints."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from contextlib import chdir
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from bs_study.answer import analyse
from bs_study.report.answer_json import answer_json as answer_of
from bs_study.report.sentences.curve import curve_line, definitions, rule_line
from bs_study.report.sentences.verdicts import answer as verdict_answer
from bs_study.report.sentences.verdicts import claim
from bs_study.report.terminal import closing, page_at
from bs_study.store.reader import open_study
from bs_study.wrapped import wrapped
from tests.docs import ours, shipped
from tests.docs.pages import blocks, commands


def answer() -> str:
    """Return the last lines of a study that ends."""
    lines = [*closing(shipped.found(), start="bs-study run"), *page_at(f"{shipped.found().uri}/report/report.html")]
    return _fenced("text", ours.as_shown("\n".join(lines)))


def loss_at() -> str:
    """Return what the command at the top of the page of fixed budgets prints."""
    (command, *_) = [command for block in blocks("bash", page="fixed_budget.md") for command in commands(block)]
    return _fenced("text", _printed(command))


@cache
def check() -> str:
    return _fenced("text", _printed("bs-study check results/digits"))


@cache
def dry_run() -> str:
    """Return what the command at the top of the page of searches prints."""
    (command, *_) = [command for block in blocks("bash", page="search.md") for command in commands(block)]
    return _fenced("text", _printed(command, is_there=False))


def _printed(command: str, *, is_there: bool = True) -> str:
    """Return what a command prints in a person's folder, with the study in it or without."""
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        if is_there:
            shipped.unpacked(folder)
        done = ours.run(command, folder=folder)
    assert (done.returncode, done.stderr) == (0, ""), command
    return ours.as_shown(done.stdout).replace(str(folder), shipped.HOME).strip()


@cache
def report_files() -> str:
    """Return the files of a report, those of a kind in one line."""
    with TemporaryDirectory() as folder:
        study = shipped.unpacked(Path(folder))
        ours.run("bs-study report results/digits", folder=Path(folder))
        files = sorted(file.relative_to(study) for file in study.glob("report/**/*") if file.is_file())
    lines = [f"results/digits/{file}" for file in files if len(file.parts) == 2]
    for part in ("figures", "tables"):
        names = [file.stem for file in files if file.parts[1] == part and not file.name.startswith("curves-")]
        ending = next(file.suffix for file in files if file.parts[1] == part)
        more = ["curves-b*"] if part == "figures" else []
        lines += [f"results/digits/report/{part}/*{ending}:", *_filled(", ".join([*names, *more]))]
    return _fenced("text", "\n".join(lines))


def _filled(text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


ENTRIES = ("study", "target", "clock", "grade", "recommendation", "as_good", "slower", "doubts", "steps")
"""Of answer.json, those that the sample has; of a list the first."""


def answer_json() -> str:
    full = answer_of(shipped.found())
    some: dict[str, Any] = {name: full[name][:1] if isinstance(full[name], list) else full[name] for name in ENTRIES}
    text = json.dumps(_rounded(some), indent=2, ensure_ascii=False)
    short = re.sub(r"\[[\s\d.,\"a-z]*?\]", lambda found: " ".join(found[0].split()), text)
    return _fenced("json", ours.as_shown(short))


def _rounded(value: Any) -> Any:
    """Return a value with its numbers rounded to four digits: the last ones differ between versions of scipy."""
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def in_study(make: Callable[[], str]) -> str:
    """Return what a function makes in a folder that has the study where pages have it."""
    with TemporaryDirectory() as folder, chdir(folder):
        shipped.unpacked(Path(folder))
        return make()


@cache
def rows() -> str:
    """Return the first rows of one trial."""

    def make() -> str:
        found = open_study(shipped.SHOWN).iterations(batch_size=32, lr=0.16, seed=0, iteration=range(1, 4))
        return _frame(found.drop(columns="study"))

    return _fenced("text", in_study(make))


@cache
def curve() -> str:
    """Return what the report of the published table says of its curve."""
    (table,) = [block.text for block in blocks("", page="import.md")]
    (imports, *_) = [command for block in blocks("bash", page="import.md") for command in commands(block)]
    with TemporaryDirectory() as folder:
        (Path(folder) / "runs.csv").write_text(table)
        assert ours.run(imports, folder=Path(folder)).returncode == 0
        found = analyse(open_study(f"{folder}/results/zhang"))
        told = [curve_line(found, ""), rule_line(found, ""), *definitions(found, "")]
    return _fenced("text", "\n".join(line for text in told for line in wrapped(text, 100)))


@cache
def variance() -> str:
    """Return the noise of the loss at each batch size in the first window, at its best lr by the ranking clock."""
    found = shipped.found()
    first = found.tables.smoothness
    first = first[(first["window"] == "first_1000") & first["noise"].notna()]
    lrs = first["batch_size"].map({size: lr for (_, size), lr in found.shown.items()})
    of_best = first[first["lr"] == lrs].groupby(["batch_size", "lr"], as_index=False)
    names = ["iterations", "loss_variance", "detrended_variance", "noise"]
    table = of_best[names].median()
    shown = {"batch_size": "batch size", "lr": "lr"} | {name: name.replace("_", " ") for name in names}
    return _table(table, shown)


@cache
def timings() -> str:
    names = {
        "batch_size": "batch size",
        "repeats": "repeats",
        "iteration_seconds": "iteration_seconds",
        "iteration_seconds_spread": "spread",
        "examples_per_second": "examples_per_second",
    }
    return _table(shipped.found().tables.timings.sort_values("batch_size"), names)


@cache
def costs() -> str:
    """Return what each batch size costs at the price of the page, the cheapest first."""
    rows = shipped.priced(0.1).tables.costs.sort_values("rank_by_dollars")
    names = {
        "batch_size": "batch size",
        "lr": "lr",
        "seconds": "seconds",
        "seconds_high": "up to",
        "dollars": "dollars",
    }
    return _table(rows, names)


@cache
def verdicts() -> str:
    rows = ["| claim | outcome | in words |", "|---|---|---|"]
    for one in shipped.found().verdicts:
        words = claim(one) if one.outcome != "undecided" else verdict_answer(one)
        rows.append(f"| `{one.claim}` | {one.outcome} | {words} |")
    return "\n".join(rows)


def _table(frame: pd.DataFrame, names: dict[str, str]) -> str:
    rows = frame[list(names)].itertuples(index=False)
    lines = [f"| {' | '.join(_number(value) for value in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(names.values())} |", f"|{'---|' * len(names)}", *lines])


def _number(value: Any) -> str:
    if pd.isna(value):
        return "none"
    return f"{float(value):.3g}" if float(value) < 1000 else f"{float(value):.0f}"


def _frame(frame: pd.DataFrame) -> str:
    return str(frame.to_string(index=False))


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
