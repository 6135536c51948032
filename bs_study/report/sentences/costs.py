"""What reaching the target costs, in a few sentences: the fastest, the cheapest, and whose times these are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from bs_study.analysis.costs import cheapest_in_time, least
from bs_study.analysis.study import Analysis
from bs_study.analysis.timings import KIND
from bs_study.report.sentences.places import size_of
from bs_study.words import amount, count, counted, duration, listing, number, sentence, span


def costs(found: Analysis) -> str:
    """Return what reaching the target costs."""
    table = found.tables.costs
    if table.empty:
        return "Not known yet: no batch size has both updates to the target and the time of one."
    return " ".join(sentence(one) for one in _told(found, table))


def cost_notes(found: Analysis) -> list[str]:
    """Return what to know of these costs."""
    is_of_trials = (found.tables.costs["source"] == "trials").any() if len(found.tables.costs) else False
    return ["There was no whole timing pass, so seconds are by the clocks of the trials."] if is_of_trials else []


def _told(found: Analysis, table: pd.DataFrame) -> Iterator[str]:
    names = machine_names(table)
    fastest, cheapest = least(table, "seconds"), least(table, "dollars")
    is_both = fastest is not None and cheapest is not None and fastest.name == cheapest.name
    if fastest is not None:
        yield f"{'fastest and cheapest' if is_both else 'fastest'} by medians: {_row(fastest, names)}"
    if cheapest is not None and not is_both:
        yield f"cheapest by medians: {_row(cheapest, names)}"
    if found.asked_costs.deadline_seconds is not None:
        yield _in_time(found.asked_costs.deadline_seconds, table, names)
    taken_over = table.loc[~table["is_own"].astype(bool)]
    if len(taken_over):
        there = listing([names[kind] for kind in kinds_of(taken_over)])
        yield f"the updates are taken over from the machine of the trials, and only times were measured on {there}"
    if table["is_modelled"].any():
        yield "several GPUs are modelled, not measured: they add up their gradients after each update"
    elif found.asked_costs.gpus:
        yield "nothing is told of several GPUs: that needs the model's number of parameters from the timing pass"
        yield "it also needs a batch size that was tried, whose part for each GPU lies within those that were timed"


def _in_time(deadline: float, table: pd.DataFrame, names: dict[Any, str]) -> str:
    limit, best = duration(deadline), cheapest_in_time(table)
    if best is None:
        return f"no batch size is known to reach the target within {limit}"
    by = "cheapest" if pd.notna(best["dollars"]) else "least GPU time"
    return f"{by} within {limit}: {_row(best, names)}"


def _row(row: pd.Series[Any], names: dict[Any, str]) -> str:
    """Return a row of costs: where, how long, and at what price."""
    (kind,) = kinds_of(pd.DataFrame([row]))
    gpus = f" over {counted(int(row['gpus']), 'GPU')} (modelled)" if row["gpus"] > 1 else ""
    on = f" on {names[kind]}" if len(names) > 1 else ""
    bound = "at most " if row["is_at_most"] else ""
    paid = f", {number(row['dollars'])} dollars" if pd.notna(row["dollars"]) else ""
    ends = (row["seconds_low"], row["seconds_high"])
    is_known = all(map(math.isfinite, ends)) and ends[0] > 0
    around = f" ({span(*ends, clock='train_seconds')})" if is_known else ""
    took = amount(row["seconds"], clock="train_seconds")
    return f"{size_of((row['recipe'], row['batch_size']))}{gpus}{on} takes {bound}{took}{around}{paid}"


def machine_names(table: pd.DataFrame) -> dict[Any, str]:
    """Return what to call each machine of a table, by name and threads; threads where the name is not enough."""
    kinds = kinds_of(table)
    names = [name for name, _ in kinds]
    found = {}
    for name, threads in kinds:
        shown = name or "a machine without a name"
        is_alone = names.count(name) == 1 or threads == -1
        found[name, threads] = shown if is_alone else f"{shown} ({counted(threads, 'thread')})"
    return found


def kinds_of(table: pd.DataFrame) -> list[tuple[str, int]]:
    """Return the machines of a table by name and threads, each once; -1 for threads that are not known."""
    rows = table[KIND].fillna({KIND[1]: -1}).drop_duplicates()
    return [(str(name), int(threads)) for name, threads in rows.itertuples(index=False)]


def line_name(name: str, gpus: int) -> str:
    """Return what to call the rows of a machine with so many GPUs.

    >>> line_name("A100", 1), line_name("A100", 4)
    ('A100', 'A100, 4 GPUs (modelled)')
    """
    return name if gpus == 1 else f"{name}, {count(gpus)} GPUs (modelled)"
