"""What keeps every ranking open, whoever is first: the target tells nothing, or the clock can't be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from bs_study.analysis.clock_alarm import ClockAlarm
from bs_study.analysis.contest import once
from bs_study.analysis.convergence import CENSORED
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.tables import Tables
from bs_study.analysis.verdict import Doubt, Reason, Verdict
from bs_study.metric_names import is_fraction
from bs_study.target import Target

TELLS_NOTHING: tuple[Reason, ...] = ("initial_weights", "first_look", "out_of_range", "out_of_reach")
"""Why a target tells nothing."""
OF_SPEED: tuple[Reason, ...] = ("clock_alarm", "disturbed_timing")
"""What keeps open how long an iteration takes."""
OF_CLOCK: tuple[Reason, ...] = (*OF_SPEED, "differing_devices")


def open_anyway(
    rows: StudyRows, tables: Tables, target: Target | None, alarms: Sequence[ClockAlarm]
) -> tuple[Doubt, ...]:
    """Return what keeps every ranking open; where nothing is left to rank, that comes first."""
    if target is None:
        return (Doubt("no_target"),)
    return (*(_tells_nothing(tables, target) or _no_clock(tables)), *by_clock(rows, tables, alarms, clock=tables.clock))


def by_clock(rows: StudyRows, tables: Tables, alarms: Sequence[ClockAlarm], *, clock: str) -> list[Doubt]:
    """Return what keeps every ranking by a clock of seconds open."""
    found = [Doubt("clock_alarm", batch_size=alarm.batch_size) for alarm in alarms]
    found += [Doubt("disturbed_timing", batch_size=size) for size in tables.disturbed]
    devices = rows.trials["device_name"].dropna().nunique() if "device_name" in rows.trials else 0
    if devices > 1 and clock == "train_seconds":
        found.append(Doubt("differing_devices", count=devices))
    return found


def of_target(doubts: Sequence[Doubt]) -> list[Doubt]:
    """Return the doubts that leave nothing to rank."""
    return [doubt for doubt in doubts if doubt.reason not in OF_CLOCK]


def _tells_nothing(tables: Tables, target: Target) -> list[Doubt]:
    """Return why the target tells nothing of the cells; empty where it does.

    A target that the initial weights of any trial meet is met without training. One that every trial which reached it
    met at its first look, while none missed it, is met too soon to tell.
    """
    initially = int(tables.times["is_met_initially"].sum())
    doubts = [Doubt("initial_weights", count=initially)] if initially else []
    doubts += [Doubt(reason) for reason in _of_range(tables.convergence, target)]
    outcomes = tables.times["outcome"]
    is_first = tables.times.loc[outcomes == "reached", "iterations_before_target"] == 0
    if not doubts and len(is_first) and is_first.all() and not outcomes.isin(CENSORED).any():
        doubts.append(Doubt("first_look", count=len(is_first)))
    return doubts


def _of_range(convergence: pd.DataFrame, target: Target) -> list[Reason]:
    """Return how a metric that is a fraction by its name and its target do not fit.

    The metric is none; or it is one and the target is above 1, as 90 for 90 %. Where both are above 1 they are
    percentages.
    """
    best = convergence["best_metric"].dropna()
    if not is_fraction(target.metric) or best.empty:
        return []
    most = 1.0 if target.value <= 1 else 100.0
    if best.max() > most * (1 + 1e-6) or best.min() < 0:
        return ["out_of_range"]
    return ["out_of_reach"] if target.direction == "max" and best.max() <= 1 < target.value else []


def _no_clock(tables: Tables) -> list[Doubt]:
    """Return the doubt that the clock covers no time to the target, where cells have reached it."""
    cells = tables.convergence[tables.convergence["iterations_to_target"].notna()]
    if cells.empty or cells[f"{tables.clock}_to_target"].notna().any():
        return []
    return [Doubt("no_clock", count=int(cells["reached"].sum()))]


def opened(verdict: Verdict, doubts: Sequence[Doubt], *, alone: bool = False) -> Verdict:
    """Return a verdict that further doubts keep open.

    Args:
        alone: whether these are all that there is to say, as of a target that tells nothing.
    """
    if not doubts:
        return verdict
    return replace(verdict, outcome="undecided", doubts=once([*doubts, *(() if alone else verdict.doubts)]))
