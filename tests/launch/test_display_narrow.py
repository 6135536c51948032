"""What a study shows fits the terminal: columns go before a row breaks, and lines end between words."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from bs_study import TrialConfig
from bs_study.launch.display import Display
from bs_study.launch.leads import Pace
from bs_study.launch.terminal import Terminal
from bs_study.search.record import LaneState, Plan, Wanted
from bs_study.training.progress import Ending, Progress

TRIALS = [TrialConfig(batch_size=b, lr=0.0125, seed=0, max_iterations=10) for b in (4, 16, 1024)]
LANES = tuple(
    LaneState("", trial.batch_size, contenders=2, lrs=13, seeds=3, best_lr=0.0125, best_iterations=1234.5)
    for trial in TRIALS
)
PLAN = Plan(tuple(Wanted("", trial) for trial in TRIALS), lanes=LANES, at_most=20, expected=10)
PACE = Pace({4: 0.001, 16: 0.002, 1024: 0.009})
OUTRUN = Ending("completed", "outrun", iterations=1900, bound=1875, outrun_by=TRIALS[0].trial_id)
LONGEST_ID = max(len(trial.trial_id) for trial in TRIALS)


def terminal(width: int) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=True, width=width, color_system=None), out


def frames(text: str) -> list[str]:
    """Return the lines of all that was shown, without what moves the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r", "\n")).splitlines()


@pytest.fixture(autouse=True)
def _still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 100.0)


def shown(width: int, *, lanes: tuple[LaneState, ...] = LANES) -> list[str]:
    console, out = terminal(width)
    plan = Plan(PLAN.wanted, lanes=lanes, at_most=20, expected=10)
    with Display(console, lambda: plan, slots=2, pace=PACE) as display:
        for trial in TRIALS:
            display.started(trial)
            for share in (0.25, 0.5):
                display.progressed(trial, Progress(iteration=5, epoch=12.25, loss=0.25, metric=0.9875, share=share))
        display.ended(TRIALS[2], OUTRUN)
        display._live.refresh()
    return frames(out.getvalue())


@pytest.mark.parametrize("width", [30, 46, 80, 100])
def test_no_line_is_wider_than_the_terminal_but_for_the_id_of_a_trial(width: int) -> None:
    lines = shown(width)
    assert max(len(line.rstrip()) for line in lines if TRIALS[2].trial_id not in line) <= width
    assert max(len(line.rstrip()) for line in lines) <= max(width, LONGEST_ID + 2)


@pytest.mark.parametrize("width", [30, 46, 80])
def test_all_words_of_a_wide_terminal_stay_whole_in_a_narrow_one(width: int) -> None:
    def words(lines: list[str]) -> set[str]:
        return {word for line in lines for word in line.split()}

    assert words(shown(width)) <= words(shown(200))
    assert {"outrun", "1,900,", "1024"} <= words(shown(width))


@pytest.mark.parametrize("width", [30, 46])
def test_batch_size_and_lr_are_the_last_columns_to_go(width: int) -> None:
    heads = [line for line in shown(width) if line.startswith("batch size")]
    assert all(" lr" in line for line in heads)
    assert not any("left" in line and "lrs left" not in line for line in heads)
    assert [line for line in shown(100) if re.match(r"batch size +lr +seed +epoch +loss +metric +left", line)]


def test_recipes_stay_apart_where_there_is_room_for_little_else() -> None:
    lanes = tuple(LaneState(name, 64, contenders=1, lrs=4) for name in ("adamw", "momentum 0.9"))
    lines = shown(46, lanes=lanes)
    assert any(re.match(r"adamw +64\b", line) for line in lines)
    assert any(re.match(r"momentum 0\.9 +64\b", line) for line in lines)


def test_the_head_tells_trials_time_and_the_best_so_far() -> None:
    head = " ".join(shown(200))
    assert re.search(r"1 trial done, 2 running, 1 wanted as far as is known, \d+ \S+ so far", head)
    assert "best so far: batch size 4, lr 0.0125, target reached after about 1.2 s (iteration 1,234.5)" in head


def ended_display(endings: list[Ending], *, pace: Pace, ended: int = 0) -> str:
    plan = Plan(tuple(Wanted("", trial) for trial in TRIALS), at_most=3, expected=3, ended=ended)
    display = Display(Console(file=io.StringIO()), lambda: plan, slots=1, pace=pace)
    for trial, ending in zip(TRIALS, endings, strict=True):
        display.started(trial)
        display.ended(trial, ending)
    return display.line()


def reached(iteration: int) -> Ending:
    return Ending("completed", "target", iterations=iteration, reached_iteration=iteration)


def test_of_a_full_grid_the_best_so_far_is_the_fastest_by_the_timing_pass() -> None:
    # 20 ms × 30, 8 ms × 40, 9 ms × 60: batch size 16 is the fastest, and not the one of the fewest iterations
    line = ended_display([reached(30), reached(40), reached(60)], pace=Pace({4: 0.02, 16: 0.008, 1024: 0.009}))
    assert line.endswith("best so far: batch size 16, lr 0.0125, target reached after about 320 ms (iteration 40)")
    disturbed = ended_display([reached(30)] * 3, pace=Pace({4: 0.001, 16: 0.008, 1024: 0.009}, is_disturbed=True))
    assert disturbed.endswith("about 30 ms (iteration 30, by a disturbed timing)")


def test_without_a_timing_of_each_batch_size_none_is_called_the_best() -> None:
    line = ended_display([reached(100), reached(40), reached(60)], pace=Pace({4: 0.004}))
    assert "best" not in line
    assert "so far, not yet compared: batch size 4, lr 0.0125 at iteration 100; batch size 16" in line


def test_a_grid_that_goes_on_names_the_best_of_what_it_has_seen() -> None:
    line = ended_display([reached(100), reached(40), reached(60)], pace=PACE, ended=2)
    assert "best since it went on: batch size 16" in line


def test_where_no_trial_met_the_target_nothing_is_the_best() -> None:
    missed = Ending("completed", "max_iterations", iterations=10)
    failed = Ending("failed", "error", reached_iteration=3)
    assert "far:" not in ended_display([missed, failed, missed], pace=PACE)


def test_a_terminal_that_wants_no_colour_gets_none_and_one_that_moves_no_cursor_gets_plain_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv(name, value)
        out = io.StringIO()
        with Display(Console(file=out, width=80), lambda: PLAN, slots=1) as display:
            display.started(TRIALS[0])
            display.ended(TRIALS[0], reached(7))
        codes = set(re.findall(r"\x1b\[([0-9;]*)m", out.getvalue()))
        assert all(int(code) < 30 for one in codes for code in one.split(";") if code)
        if name == "TERM":
            assert "\x1b" not in out.getvalue()
            assert out.getvalue().splitlines()[0].endswith("target reached at iteration 7  0 s")
        monkeypatch.delenv(name)


def test_what_is_said_ends_lines_between_words_on_a_terminal_alone_and_commands_stay_whole() -> None:
    said = "race: a trial ends after at least 1.25 times the iterations of another\ninterrupted. Go on with: python a b"
    for is_terminal in (True, False):
        out = SimpleFile(is_terminal=is_terminal)
        Terminal(Console(file=out, width=30)).say(said)
        lines = out.getvalue().splitlines()
        if not is_terminal:
            assert out.getvalue() == said + "\n"
            continue
        assert max(map(len, lines)) <= 30
        assert " ".join(line.strip() for line in lines) == said.replace("\n", " ")
        assert lines[-1] == "python a b"


class SimpleFile(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal
