"""The answer in sentences, built from the tables: what to use, by which clock, at what cost otherwise, and how sure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bs_study.analysis.tables import StudyTables
from bs_study.report.advice import certainty, next_steps
from bs_study.report.recipes import certainty_of_recipe, cost_of_recipe, soonest_tables, winners
from bs_study.report.time_source import time_source
from bs_study.report.winners import Winner, closest_cell, others_by_clock, unreached_batch_sizes, winner
from bs_study.report.wording import amount, goal, some_sizes
from bs_study.target import Target
from bs_study.words import CLOCK_WORDS, cell, counted, listing, number, setting, times


@dataclass(frozen=True)
class Answer:
    """The page's first sentences. An empty string: there is nothing to say."""

    use: str
    times: str = ""
    clocks: str = ""
    cost: str = ""
    sure: str = ""
    next: str = ""

    @property
    def sentences(self) -> list[str]:
        return [text for text in (self.use, self.times, self.clocks, self.cost, self.sure, self.next) if text]


def answer(tables: StudyTables, *, recipe: str = "") -> Answer:
    """Return which batch size, lr and recipe to train with by training time, or why the store can't say.

    Args:
        recipe: the name of the recipe that the tables are of, where the study has others.
    """
    if tables.ended == 0 or tables.convergence.empty:
        return Answer("No trial has ended yet, so there is no answer so far.", sure=certainty(tables, None))
    if tables.target is None:
        return Answer("The study has no target, so its cells can't be ranked. Give one, as --target accuracy=0.97.")
    if winners(tables, tables.clock):
        return _answer_of_recipes(tables)
    best = None if tables.by_recipe else winner(tables, tables.clock)
    if best is None:
        return Answer(
            _nothing_reached(tables, tables.target), sure=certainty(tables, None), next=next_steps(tables, None)
        )
    return Answer(
        use=_recommendation(tables, best, tables.target, recipe=recipe),
        times=time_source(tables),
        clocks=" ".join(filter(None, [_basis(tables, best), _other_clocks(tables, best)])),
        cost=" ".join(filter(None, [_cost_of_batch_size(tables, best), _cost_of_lr(tables, best)])),
        sure=certainty(tables, best),
        next=next_steps(tables, best),
    )


def _answer_of_recipes(tables: StudyTables) -> Answer:
    """Return the answer of the soonest recipe, and how the others compare with it."""
    name, best = next(iter(winners(tables, tables.clock).items()))
    own = answer(soonest_tables(tables), recipe=name)
    return replace(
        own,
        cost=" ".join(filter(None, [cost_of_recipe(tables), own.cost])),
        sure=f"{certainty_of_recipe(tables, best)} Within this recipe: {own.sure}",
    )


def _recommendation(tables: StudyTables, best: Winner, target: Target, *, recipe: str) -> str:
    took = f"{amount(best.value, clock=best.clock)} of {CLOCK_WORDS[best.clock]}"
    trained = f" with the recipe “{recipe}”" if recipe else ""
    return f"Train with {cell(*best.cell)}{trained}: {goal(target)} after {took}{_device(tables)}."


def _basis(tables: StudyTables, best: Winner) -> str:
    """Say what the recommendation's number is, and among how many it is the least."""
    cells = tables.convergence
    tried = cells["batch_size"].nunique()
    terms = f"all at lr {setting(best.lr)}" if cells["lr"].nunique() == 1 else "each at its best lr"
    rank = f"the least of {tried} batch sizes, {terms}" if tried > 1 else "at the only batch size that has ended"
    return f"That is {_seeds(best)}, {rank}."


def _seeds(best: Winner) -> str:
    if best.seeds == 1:
        return "from one seed"
    if best.reached < best.seeds:
        return f"the median of {best.seeds} seeds, of which {best.seeds - best.reached} never got there"
    return f"the median of {best.seeds} seeds ({best.spread})"


def _device(tables: StudyTables) -> str:
    names = sorted(tables.trials["device_name"].dropna().unique()) if "device_name" in tables.trials else []
    return f" on {listing(names)}" if names else ""


def _nothing_reached(tables: StudyTables, target: Target) -> str:
    reached = int(tables.convergence["reached"].sum())
    text = f"No trial reached {goal(target)}, so the study recommends no batch size."
    if reached:
        few = f"{counted(reached, 'trial')} did, but in no cell more than half of the seeds"
        text = f"No cell reached {goal(target)}: {few}. So the study recommends no batch size."
    closest = closest_cell(tables)
    if closest is None:
        return text
    return (
        f"{text} The closest came {cell(closest['batch_size'], closest['lr'])}, "
        f"with {target.metric} {number(closest['best_metric'], digits=4)}."
    )


def _other_clocks(tables: StudyTables, best: Winner) -> str:
    """Say which cell wins by each other clock: the same one, or another."""
    others = {clock: found for clock in CLOCK_WORDS if clock != best.clock and (found := winner(tables, clock))}
    same = [CLOCK_WORDS[c] for c, found in others.items() if found.cell == best.cell]
    different = [
        f"by {CLOCK_WORDS[c]} {cell(*w.cell)} ({amount(w.value, clock=c)})"
        for c, w in others.items()
        if w.cell != best.cell
    ]
    if not different:
        return "It also wins by every other clock." if same else ""
    kept = f"It also wins by {listing(same)}; " if same else "Other clocks have other winners: "
    return f"{kept}{listing(different)}."


def _cost_of_batch_size(tables: StudyTables, best: Winner) -> str:
    ratios = {size: value / best.value for size, value in others_by_clock(tables, best).items()}
    missed = unreached_batch_sizes(tables)
    parts = []
    if ratios:
        terms = "at its own best lr" if tables.convergence["lr"].nunique() > 1 else "at the same lr"
        parts.append(f"Another batch size, {terms}, takes {_range(ratios)} as long")
    if missed:
        parts.append(f"{some_sizes(missed)} never reached the target")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _range(ratios: dict[int, float]) -> str:
    ordered = sorted(ratios.items(), key=lambda item: item[1])
    (first, least), (last, most) = ordered[0], ordered[-1]
    if first == last:
        return f"{times(least)} (batch size {setting(first)})"
    return f"{times(least)} (batch size {setting(first)}) to {times(most)} (batch size {setting(last)})"


def _cost_of_lr(tables: StudyTables, best: Winner) -> str:
    cells = tables.convergence
    same = cells[(cells["batch_size"] == best.batch_size) & (cells["lr"] != best.lr)]
    if same.empty:
        return ""
    slower = same[f"{tables.clock}_to_target"].to_numpy(float) / best.value
    reached = np.isfinite(slower)
    others = f"At batch size {setting(best.batch_size)}, {_unreached(int((~reached).sum()), len(same))}"
    if not reached.any():
        return f"{others}."
    worst: pd.Series = same[reached].iloc[int(slower[reached].argmax())]
    slowest = f"lr {setting(worst['lr'])} took {times(float(slower[reached].max()))} as long"
    return f"{others}, and {slowest}." if (~reached).any() else f"At batch size {setting(best.batch_size)}, {slowest}."


def _unreached(count: int, total: int) -> str:
    return "the other lr never reached it" if total == 1 else f"{count} of {total} other lrs never reached it"
