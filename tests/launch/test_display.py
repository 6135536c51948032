from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from bs_study import TrialConfig
from bs_study.launch.display import Display, describe
from bs_study.search.record import LaneState, Plan, Wanted
from bs_study.training.progress import Ending, Progress

TRIALS = [TrialConfig(batch_size=b, lr=0.1, seed=0, max_iterations=10) for b in (4, 16, 64)]
REACHED = Ending("completed", "target", iterations=10, reached_iteration=7)
SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    def set_to(seconds: float) -> None:
        monkeypatch.setattr("time.monotonic", lambda: seconds)

    set_to(0)
    return set_to


def at(share: float | None) -> Progress:
    return Progress(iteration=5, epoch=1.5, loss=0.25, metric=0.75, share=share)


def grid_plan() -> Plan:
    """Return what is wanted of a full grid of these trials."""
    return Plan(tuple(Wanted("", trial) for trial in TRIALS), at_most=3, expected=3)


def quiet_display(*, slots: int = 1, plan: Callable[[], Plan] = grid_plan) -> tuple[Display, io.StringIO]:
    out = io.StringIO()
    return Display(Console(file=out), plan=plan, slots=slots), out


def test_without_a_terminal_there_is_one_plain_line_per_trial_that_ended() -> None:
    display, out = quiet_display()
    with display:
        for trial in TRIALS:
            display.started(trial)
            display.progressed(trial, at(0.5))
            display.ended(trial, REACHED)
    lines = out.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [[f"{k}/3", t.trial_id] for k, t in enumerate(TRIALS, 1)]
    assert all("target reached at iteration 7" in line and "\x1b" not in line for line in lines)


def test_on_a_terminal_each_running_trial_shows_its_cell_epoch_loss_and_metric(set_clock: SetClock) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with Display(console, plan=grid_plan, slots=2) as display:
        display.started(TRIALS[0])
        display.ended(TRIALS[0], REACHED)
        display.started(TRIALS[1])
        for seconds, share in ((10, 0.25), (15, 0.5)):
            set_clock(seconds)
            display.progressed(TRIALS[1], at(share))
        console.print("")
    shown = out.getvalue()
    assert "1 of 3 trials done, 1 running" in shown
    assert all(word in shown for word in ("16", "0.1", "1.50", "0.2500", "0.75", "at most 10 s"))


def test_of_a_function_that_tells_no_epoch_and_no_loss_it_shows_the_iteration() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with Display(console, plan=grid_plan, slots=1) as display:
        display.started(TRIALS[0])
        display.progressed(TRIALS[0], Progress(iteration=1234, epoch=math.nan, loss=math.nan, metric=0.75, share=None))
        console.print("")
    shown = out.getvalue()
    assert "iteration" in shown
    assert "1,234" in shown
    assert "nan" not in shown


def test_the_time_left_is_unknown_before_anything_is_told(set_clock: SetClock) -> None:
    display, _ = quiet_display()
    assert display.headway.seconds_left() is None
    display.started(TRIALS[0])
    assert display.headway.seconds_left() is None
    for seconds, share in ((60, 0.001), (61, 0.001), (62, None)):
        set_clock(seconds)
        display.progressed(TRIALS[0], at(share))
        assert display.headway.seconds_left() is None


def test_the_time_left_is_that_of_the_trial_at_its_pace_and_of_those_that_wait_whatever_its_start_took(
    set_clock: SetClock,
) -> None:
    display, _ = quiet_display()
    display.started(TRIALS[0])
    # A start of 60 s, then 1 % of the budget a second; the last told at 85 s
    for seconds in range(60, 86, 5):
        set_clock(seconds)
        display.progressed(TRIALS[0], at(0.01 + (seconds - 60) / 100))
    assert display.headway.seconds_left() == pytest.approx(74 + 2 * 100)
    set_clock(95)
    assert display.headway.seconds_left() == pytest.approx(64 + 2 * 100)
    set_clock(300)  # it trains on after its target, or a neighbour slows it
    assert display.headway.seconds_left() == pytest.approx(0 + 2 * 100)


def test_the_pace_of_a_trial_that_goes_on_from_a_checkpoint_is_that_of_this_attempt(set_clock: SetClock) -> None:
    display, _ = quiet_display()
    display.started(TRIALS[0])
    for seconds, share in ((30, 0.5), (40, 0.6)):
        set_clock(seconds)
        display.progressed(TRIALS[0], at(share))
    assert display.headway.seconds_left() == pytest.approx(40 + 2 * 100)


def test_trials_that_wait_take_as_long_as_those_that_ended_without_the_start_of_these(set_clock: SetClock) -> None:
    display, out = quiet_display()
    for k, trial in enumerate(TRIALS[:2]):
        display.started(trial)
        set_clock(100 * (k + 1))
        display.ended(trial, replace(REACHED, seconds=4.0 + 2 * k))
    assert display.headway.seconds_left() == pytest.approx(5)
    assert "100 s" in out.getvalue() or "1 min 40 s" in out.getvalue()  # its line tells all that it took
    display.started(TRIALS[2])  # of which nothing is known yet
    assert display.headway.seconds_left() == pytest.approx(5)


def test_a_trial_that_failed_tells_nothing_of_how_long_others_take(set_clock: SetClock) -> None:
    display, _ = quiet_display()
    display.started(TRIALS[0])
    set_clock(100)
    display.ended(TRIALS[0], Ending("failed", "error"))
    assert display.headway.seconds_left() is None


def test_trials_side_by_side_share_the_time_left(set_clock: SetClock) -> None:
    display, _ = quiet_display(slots=2)
    display.started(TRIALS[0])
    display.started(TRIALS[1])
    for seconds, share in ((60, 0.1), (70, 0.6)):
        set_clock(seconds)
        for trial in TRIALS[:2]:
            display.progressed(trial, at(share))
    assert display.headway.seconds_left() == pytest.approx((8 + 8 + 20) / 2)


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (REACHED, "target reached at iteration 7"),
        (Ending("completed", "max_epochs", iterations=30), "target not reached within 30 iterations (max_epochs)"),
        (
            Ending("completed", "outrun", iterations=150, bound=140, outrun_by="b4-lr0.16-s0-abcdef"),
            "outrun at iteration 150, by lr 0.16",
        ),
        (Ending("diverged", "non_finite", "loss nan at iteration 3"), "diverged: loss nan at iteration 3"),
        (Ending("failed", "error", "ValueError: seven\nTraceback"), "failed: ValueError: seven"),
        (Ending("out_of_memory", "out_of_memory"), "out_of_memory"),
        (
            replace(REACHED, message="a/checkpoint.pt was set aside: why"),
            "target reached at iteration 7: a/checkpoint.pt was set aside: why",
        ),
    ],
)
def test_an_ending_is_told_in_a_few_words(ending: Ending, words: str) -> None:
    assert describe(ending) == words


LED = LaneState("", 4, contenders=2, lrs=3, seeds=1, best_lr=0.1, best_iterations=1500)
WAITS = LaneState("", 16, contenders=0, lrs=1)


def test_a_search_shows_the_contenders_and_the_best_lr_of_each_batch_size_and_what_is_wanted() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    plan = Plan(tuple(Wanted("", trial) for trial in TRIALS), lanes=(LED, WAITS), at_most=20, expected=10)
    with Display(console, plan=lambda: plan, slots=1) as display:
        display.started(TRIALS[0])
        console.print("")
    shown = out.getvalue()
    assert "0 trials done, 1 running, 2 wanted as far as is known" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["4", "2", "of", "3", "0.1", "1,500", "1"] in rows
    assert ["16", "waits"] in rows


def test_a_trial_that_was_outrun_names_the_lr_that_won_and_a_batch_size_that_is_over_has_a_line_once() -> None:
    over = replace(LED, contenders=1, seeds=3, is_over=True)
    plans = {"now": Plan((Wanted("", TRIALS[0]), Wanted("", TRIALS[1])), lanes=(LED, WAITS))}
    display, out = quiet_display(plan=lambda: plans["now"])
    with display:
        for trial in TRIALS[:2]:
            display.started(trial)
        display.ended(TRIALS[0], REACHED)
        plans["now"] = Plan((), lanes=(over, WAITS))
        by = TRIALS[0].trial_id
        display.ended(TRIALS[1], Ending("completed", "outrun", iterations=1900, bound=1875, outrun_by=by))
        display.ended(TRIALS[2], REACHED)
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert "outrun at iteration 1,900, by lr 0.1" in lines[1]
    assert lines[2] == "batch size 4: best lr 0.1, target reached at iteration 1,500 (3 seeds, 3 lrs tried)"


def test_a_batch_size_that_was_over_before_has_no_line_and_one_without_a_best_lr_says_why() -> None:
    over = replace(LED, is_over=True)
    nothing = LaneState("adam", 16, contenders=3, lrs=3, is_over=True, end="diverged")
    plans = {"now": Plan((Wanted("", TRIALS[0]),), lanes=(over,))}
    display, out = quiet_display(plan=lambda: plans["now"])
    with display:
        display.started(TRIALS[0])
        plans["now"] = Plan((), lanes=(over, nothing))
        display.ended(TRIALS[0], REACHED)
    assert out.getvalue().splitlines()[1:] == [
        "adam, batch size 16: no lr reached the target (3 lrs tried; lrs diverge)"
    ]


def test_the_time_left_of_a_search_counts_what_is_wanted_and_what_a_batch_size_that_waits_takes_as_a_rule(
    set_clock: SetClock,
) -> None:
    plan = Plan(tuple(Wanted("", trial) for trial in TRIALS), lanes=(LED, WAITS), at_most=20, expected=10)
    display, _ = quiet_display(plan=lambda: plan)
    display.started(TRIALS[0])
    for seconds, share in ((10, 0.1), (20, 0.2)):
        set_clock(seconds)
        display.progressed(TRIALS[0], at(share))
    # 80 s of the one that runs, two that are wanted, and half of ten, of 100 s each
    assert display.headway.seconds_left() == pytest.approx(80 + 2 * 100 + 5 * 100)
