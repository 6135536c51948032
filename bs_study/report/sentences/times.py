"""What the best cell took: by whose clock, over how many seeds, chosen from how many, and by the other clocks."""

from __future__ import annotations

import math

import pandas as pd

from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.study import Analysis
from bs_study.report.sentences.places import cell_of
from bs_study.words import CLOCK_WORDS, amount, clock_words, count, counted, listing, number, setting, some_sizes, span


def took(one: CellResult) -> str:
    """Return what a cell took by a clock; of one that met the target at its first look, that it is no more."""
    return f"{'at most ' if one.is_at_most else ''}{amount(one.value, clock=one.clock)}"


def interval(one: CellResult) -> str:
    """Return the interval of a typical seed's time; empty where it is not known."""
    if not math.isfinite(one.low):
        return ""
    if one.low == 0:  # nothing is known of the time before a seed met the target at its first look
        return f"at most {amount(one.high, clock=one.clock)}" if math.isfinite(one.high) else ""
    if not one.clock.endswith("seconds"):
        return f"{number(one.low)} {f'to {number(one.high)}' if math.isfinite(one.high) else 'or more'}"
    if math.isfinite(one.high):
        return span(one.low, one.high, clock=one.clock)
    return f"{amount(one.low, clock=one.clock)} or more"


def by_fresh(best: CellResult) -> list[str]:
    """Return that a time is by seeds that did not choose the cell, where it is, with its interval."""
    if not best.fresh:
        return []
    known = interval(best)
    span_of_one = f" (a typical seed: {known})" if known else ""
    return [f"This is by {counted(len(best.fresh), 'seed')} that did not choose it{span_of_one}."]


def clock_of(clock: str, found: Analysis) -> str:
    """Return what a sentence calls a clock of this study."""
    return clock_words(clock, is_disturbed=bool(found.tables.disturbed))


def source(found: Analysis) -> list[str]:
    """Return whose times these are."""
    tables = found.tables
    trials = f"the clocks of the trials{_company(tables.trials)}"
    if found.rows is not None and found.rows.is_imported:
        return ["Times are those that the imported runs tell."]
    if not tables.is_clean:
        is_of_function = found.rows is not None and found.rows.is_of_function
        around = ["They run around the function, and stop where it pauses."] if is_of_function else []
        return [f"Times are by {trials}.", *around]
    told = ["Times are iterations × the time of one, measured alone in the timing pass."]
    if tables.disturbed:
        told.append(f"It was disturbed at {some_sizes(tables.disturbed)}, so no time is clean.")
    alone = tables.clean_throughput
    spread = 100 * float(alone["iteration_seconds_spread"].max()) if "iteration_seconds_spread" in alone else math.nan
    if math.isfinite(spread):
        told.append(f"Its repeats differ by up to {number(spread, digits=2)} %.")
    most = _most(alone)
    if most:
        told.append(f"Beside it ran up to {counted(most, 'trial')} of other studies.")
    return [*told, f"{CLOCK_WORDS['train_seconds'].capitalize()} is by {trials}."]


def _company(trials: pd.DataFrame) -> str:
    most = _most(trials)
    if most is None:
        return ""
    return f", which shared the machine with up to {counted(most, 'other')}" if most else ", which ran alone"


def _most(table: pd.DataFrame) -> int | None:
    """Return the most neighbours on a machine; None where that is not known."""
    known = table["neighbours"].dropna() if "neighbours" in table else table.index[:0]
    return int(known.max()) if len(known) else None


def basis(found: Analysis, best: CellResult) -> list[str]:
    """Return what the recommendation's number is, and among how many cells it is the smallest."""
    return [f"{_seeds(best)}.", f"{_rank(found)}.", *_tied(best), *_interval(best)]


def _seeds(best: CellResult) -> str:
    if best.seeds == 1:
        return "From one seed"
    if best.reached < best.seeds:
        all_seeds = f"{best.seeds} seeds, of which {best.seeds - best.reached} did not reach the target"
    else:
        all_seeds = f"{best.seeds} seeds ({span(min(best.times), max(best.times), clock=best.clock)})"
    if not best.fresh:
        return f"Median of {all_seeds}"
    later = f"{counted(len(best.fresh), 'seed')} ({span(min(best.fresh), max(best.fresh), clock=best.clock)})"
    return f"Median of {later} that came when it was first already. Cells are ranked by the median of all {all_seeds}"


def _rank(found: Analysis) -> str:
    cells = found.tables.convergence
    others = len(cells.loc[cells["iterations_to_target"].notna(), ["recipe", "batch_size"]].drop_duplicates()) - 1
    cells = cells[cells[f"{found.recommendation.clock}_to_target"].notna()]
    tried = len(cells[["recipe", "batch_size"]].drop_duplicates())
    recipes = f" and {len(found.recipes)} recipes" if len(found.recipes) > 1 else ""
    if tried < 2 and others:
        return f"Of {counted(others, 'other batch size')} that reached the target no time is known by this clock"
    if tried < 2:
        return "No other batch size reached the target with most of its seeds"
    lrs = cells["lr"].unique()
    terms = f"all at lr {setting(lrs[0])}" if len(lrs) == 1 else "each at its best lr"
    sizes = counted(cells["batch_size"].nunique(), "batch size")
    return f"It is the smallest of {sizes}{recipes}, {terms}"


def _tied(best: CellResult) -> list[str]:
    if best.tied < 2:
        return []
    return [f"{_tie(best)}."]


def _interval(best: CellResult) -> list[str]:
    """Return the interval of a typical seed's time; the best of many cells looks better than it is."""
    if not math.isfinite(best.low):
        return []
    low, high = (amount(end, clock=best.clock) for end in (best.low, best.high))
    if best.low == 0:  # nothing is known of the time before a seed met the target at its first look
        return [f"A typical seed takes at most {high} (95 %)."] if math.isfinite(best.high) else []
    if not math.isfinite(best.high):
        return [f"A typical seed takes at least {low} (95 %); seeds that missed the target leave the upper end open."]
    within = span(best.low, best.high, clock=best.clock) if low != high else low
    told = f"A typical seed takes {within} (95 %)"
    if best.chosen_from < 2 or best.fresh:
        return [f"{told}."]
    return [f"{told}, chosen from {count(best.chosen_from)} cells; its upper end allows for that."]


def by_clock(found: Analysis, best: CellResult) -> list[str]:
    """Return which cell has the smallest median by each other clock: the same one, or another; and which tie."""
    others = {clock: one for clock, one in found.recommendation.by_clock.items() if clock != best.clock}
    others = {clock: one for clock, one in others.items() if not one.cut_off}  # else another may have been sooner
    same = [clock for clock, one in others.items() if one.cell == best.cell]
    clocks = listing([clock_of(clock, found) for clock in same])
    every = len(found.recommendation.by_clock) - 1
    by = "every other clock" if len(same) == every > 1 else clocks
    told = [f"It has the smallest median by {by} too."] if same else []
    for clock, one in others.items():
        by = f"By {clock_of(clock, found)}, "
        told += [f"{by}{cell_of(one.cell)} has the smallest median ({took(one)})."] if clock not in same else []
        told += [f"{by}{_tie(one)}."] if one.tied > 1 else []
    return told


def _tie(one: CellResult) -> str:
    return f"{counted(one.tied - 1, 'other cell')} {'has' if one.tied == 2 else 'have'} the same median"
