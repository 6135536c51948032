"""What is printed when a study has ended: the page's answer in short, and a row per batch size."""

from __future__ import annotations

import re
import shlex

import numpy as np

from bs_study.analysis.step import Step
from bs_study.analysis.trials import Cell
from bs_study.analysis.unreached import Missed
from bs_study.analysis.verdict import Doubt
from bs_study.analysis.warnings import Warning
from bs_study.report.sentences.answer import answer
from bs_study.report.sentences.steps import command
from bs_study.report.terminal import WIDTH, closing
from tests.report.random_records import random_analysis
from tests.report.records import BEST, RIVAL, analysis, comparison, result, verdict


def row(lines: list[str], batch_size: int) -> list[str]:
    """Return the cells of a batch size's row, which columns of two spaces or more divide."""
    line = next(line for line in lines if re.match(rf" *{batch_size}  ", line))
    return re.split(r"  +", line.strip())


def test_a_row_tells_the_best_lr_by_the_studys_clock_and_how_it_compares() -> None:
    lines = closing(analysis())
    assert "best lr by training time to accuracy ≥ 0.9" in lines
    assert row(lines, 64) == ["64", "0.2", "20", "2 s", "3 reached", "the best"]
    assert row(lines, 256) == ["256", "0.2", "28", "2.8 s", "3 reached", "1.4× (1.2 to 1.7)"]


def test_a_batch_size_that_is_not_known_to_be_slower_is_not_called_slower() -> None:
    within = Doubt("within_spread", *RIVAL)
    found = analysis(comparisons=(comparison(RIVAL, within),), doubts=(within,), fastest=verdict(within))
    assert row(closing(found), 256)[-1] == "not known to be slower"
    assert row(closing(found), 64)[-1] == "the best so far"


def test_a_batch_size_that_missed_has_no_lr_and_one_that_diverged_cannot_reach_it() -> None:
    found = analysis(
        outcomes={BEST: {"reached": 3}, RIVAL: {"diverged": 3}, Cell("", 16, 0.2): {"missed": 2, "failed": 1}},
        seconds={BEST: 2.0},
        comparisons=(comparison(ratio=np.inf, low=np.inf, high=np.inf),),
        missed=(Missed("", 256, {"diverged": 3}, np.nan), Missed("", 16, {"missed": 2, "failed": 1}, 5.0)),
    )
    assert row(closing(found), 256) == ["256", "–", "–", "–", "3 diverged", "can't reach it"]
    assert row(closing(found), 16) == ["16", "–", "–", "–", "2 missed, 1 failed"]


def test_recipes_have_their_rows_under_their_names() -> None:
    cells = [Cell(recipe, 64, 0.2) for recipe in ("constant lr", "warm-up 1 epoch")]
    found = analysis(
        outcomes={cell: {"reached": 1} for cell in cells},
        seconds={cells[0]: 2.0, cells[1]: 2.8},
        best=result(cells[0]),
        comparisons=(comparison(cells[1], winner=cells[0]),),
    )
    lines = closing(found)
    first, second = lines.index("“constant lr”"), lines.index("“warm-up 1 epoch”")
    assert lines[first + 1].endswith("the best")
    assert lines[second + 1].endswith("1.4× (1.2 to 1.7)")


def test_the_first_lines_are_the_pages_answer() -> None:
    for found in map(random_analysis, range(25)):
        every = closing(found)
        lines = every[next(n for n, line in enumerate(every) if answer(found).use.startswith(line)) :]
        said = " ".join(closing(found))
        assert answer(found).use in said
        end = lines.index("") if "" in lines else len(lines)
        assert end <= 8


def test_an_alarm_of_the_clock_stands_before_any_ranking() -> None:
    alarm = Warning("clock_alarm", batch_sizes=(64,), names=("beyond_peak",), numbers={"ratio": 3.2})
    assert closing(analysis(warnings=(alarm,)))[0].startswith("warning: The clock can't be right")
    assert closing(analysis())[0].startswith("Train with")


def test_a_step_is_printed_with_its_command() -> None:
    record = Step("seeds", seeds=(3, 4), trials=12)
    lines = closing(analysis(steps=(record,)), start="python sweeps/grid.py --local")
    assert lines[-2:] == [
        "Next: Add seeds 3 and 4: 12 trials.",
        "  python sweeps/grid.py --local --resume results/digits --seeds 3 4",
    ]


def test_no_line_is_wider_than_a_terminal_of_80_columns() -> None:
    for found in map(random_analysis, range(40)):
        assert [line for line in closing(found) if len(line) > WIDTH] == []


def test_a_command_over_several_lines_is_the_same_command_to_a_shell() -> None:
    for found in map(random_analysis, range(25)):
        printed = "\n".join(closing(found))
        typed = printed.replace(" \\\n   ", "").splitlines()
        told = [shlex.split(line) for line in typed if line.startswith("  python")]
        commands = [command(record, found) for record in found.recommendation.steps]
        assert told == [shlex.split(words) for words in commands if words]


def test_a_study_of_which_nothing_has_ended_has_no_table() -> None:
    found = analysis(outcomes={}, seconds={}, best=None, comparisons=(), by_clock={}, target=None)
    assert not any("batch size" in line for line in closing(found))
