"""What a reader must know before the numbers, as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
import pandas as pd

from bs_study.analysis.clock_alarm import ClockAlarm
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.tables import Tables
from bs_study.analysis.trials import CELL, Cell
from bs_study.analysis.verdict import Reason
from bs_study.config import BUDGETS
from bs_study.metric_names import is_fraction
from bs_study.target import Target

# Trials of a recipe that differ in one of these are not one study: a difference between cells may be due to it.
_MUST_AGREE = (
    "workload",
    "optimizer",
    "momentum",
    "nesterov",
    "weight_decay",
    "lr_decay",
    "lr_warmup_iterations",
    "device_name",
)
_COARSE = 1.1  # looks that are closer than that hardly change a time

Kind = Literal[
    "no_target",
    "clock_alarm",
    "several_versions",
    "left_out",
    "initial_weights",
    "first_look",
    "out_of_range",
    "out_of_reach",
    "target_in_noise",
    "different_targets",
    "lr_on_edge",
    "search_stopped",
    "failed",
    "diverged_later",
    "untimed",
    "one_timing",
    "differing_settings",
    "differing_budgets",
    "looks_differ",
]
OF_TARGET: tuple[Kind, ...] = (
    *("no_target", "initial_weights", "first_look", "out_of_range", "out_of_reach", "target_in_noise"),
    *("different_targets", "lr_on_edge", "looks_differ"),
)
"""What says nothing where another question than the target's is asked."""


@dataclass(frozen=True)
class Warning:
    """What a reader must know before the numbers.

    Attributes:
        recipe: of which it is; empty where the study has one, or where it is of all.
        cells: that it is about.
        batch_sizes: that it is about.
        names: of settings, or of a kind of alarm, or the edge of the grid (low, high or both), since when the
            judged version of the workload is in force, or why a search stopped; files, each with its fault.
        numbers: by name.
    """

    kind: Kind
    recipe: str = ""
    cells: tuple[Cell, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


def warnings(
    rows: StudyRows,
    tables: Tables,
    *,
    target: Target | None,
    edges: Mapping[Cell, str],
    alarms: Sequence[ClockAlarm],
    tells: Sequence[Reason],
) -> tuple[Warning, ...]:
    """Return the warnings of a study, the gravest first.

    Args:
        edges: on which edge of the grid the best lr of each recipe and batch size lies, of those that do.
        alarms: what is wrong with the clock.
        tells: why the target tells nothing, if that is so.
    """
    return (
        *(
            Warning("clock_alarm", batch_sizes=(a.batch_size,), names=(a.kind,), numbers={"ratio": a.ratio})
            for a in alarms
        ),
        *_versions(rows),
        *_left_out(rows),
        *_of_target(rows, tables, target, tells),
        *_edges(edges),
        *_stopped(rows),
        *_failed(tables.trials),
        *_diverged_later(tables),
        *_timing(tables),
        *_mixed(tables),
        *_looks(tables),
    )


def _versions(rows: StudyRows) -> list[Warning]:
    """Warn where trials are of several versions of workload and data, of which one is judged."""
    versions = rows.versions
    numbers = {"judged": versions.judged} | {f"version_{one}": trials for one, trials in versions.counts.items()}
    since = versions.since.get(versions.judged)
    return [Warning("several_versions", names=(since,) if since else (), numbers=numbers)] if versions.counts else []


def _left_out(rows: StudyRows) -> list[Warning]:
    """Warn of files that are not read: damaged ones, and those that are not the study's."""
    found = tuple(f"{file}: {fault}" for file, fault in rows.left_out.items())
    return [Warning("left_out", names=found)] if found else []


def _of_target(rows: StudyRows, tables: Tables, target: Target | None, tells: Sequence[Reason]) -> list[Warning]:
    if target is None:
        return [Warning("no_target")]
    own = set(tables.trials["target"]) - {""}
    found = [Warning("different_targets", names=tuple(sorted(own)))] if len(own) > 1 else []
    found += [_tells_nothing(reason, tables, target) for reason in tells]
    return [*found, *_target_in_noise(rows, tables, target)]


def _tells_nothing(reason: Reason, tables: Tables, target: Target) -> Warning:
    names = (target.metric,)
    if reason != "initial_weights":
        return Warning(cast("Kind", reason), names=names)
    met = tables.times.loc[tables.times["is_met_initially"], "initial_metric"]
    numbers = {"metric": float(met.median()), "trials": len(met), "of_trials": len(tables.times)}
    return Warning("initial_weights", names=names, numbers=numbers)


def _target_in_noise(rows: StudyRows, tables: Tables, target: Target) -> list[Warning]:
    """Warn where luck decides whether many cells meet the target.

    A fraction p of n held-out examples has steps of 1 / n and a standard error of sqrt(p (1 - p) / n). Within two of
    these (or one step) of the best metric of at least half of the cells, a few examples more or less decide.
    Cells of which every trial ended at its target can't tell: they had no time for a better one.
    """
    n = rows.eval_examples
    known = tables.convergence["best_metric"].dropna()
    unit = 1.0 if target.value <= 1 else 100.0  # a target above 1 is a percentage
    wanted = target.value / unit
    if not (n > 0 and 0 < wanted < 1 and is_fraction(target.metric)) or known.empty:
        return []
    noise = float(np.sqrt(wanted * (1 - wanted) / n))
    is_near = (known / unit - wanted).abs() <= max(2 * noise, 1 / n)
    # A trial that ends at its target has no better metric to show: only those that went on, or missed, can tell.
    stopped = tables.times["stop_reason"].eq("target").groupby([tables.times[key] for key in CELL]).all()
    can_tell = ~stopped.reindex(pd.MultiIndex.from_frame(tables.convergence[CELL])).to_numpy(bool)[known.index]
    near = int((is_near & can_tell).sum())
    if near < 2 or near * 2 < len(tables.convergence):
        return []
    numbers = {"cells": near, "of_cells": len(tables.convergence), "step": 1 / n, "noise": noise, "examples": n}
    return [Warning("target_in_noise", names=(target.metric,), numbers=numbers)]


def _edges(edges: Mapping[Cell, str]) -> list[Warning]:
    """Return one warning for each recipe and edge."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell, edge in sorted(edges.items()):
        found.setdefault((cell.recipe, edge), []).append(cell)
    return [
        Warning("lr_on_edge", recipe, tuple(cells), tuple(cell.batch_size for cell in cells), (edge,))
        for (recipe, edge), cells in found.items()
    ]


def _stopped(rows: StudyRows) -> list[Warning]:
    """Return one warning for each recipe and reason for which brackets stopped early."""
    found: dict[tuple[str, str], list[int]] = {}
    for (recipe, size), end in rows.search_ends.items():
        found.setdefault((recipe, end), []).append(size)
    return [
        Warning("search_stopped", recipe, batch_sizes=tuple(sorted(sizes)), names=(end,))
        for (recipe, end), sizes in found.items()
    ]


def _failed(trials: pd.DataFrame) -> list[Warning]:
    failed = int((trials["status"] == "failed").sum())
    return [Warning("failed", numbers={"failed": failed, "trials": len(trials)})] if failed else []


def _diverged_later(tables: Tables) -> list[Warning]:
    times = tables.times
    later = times[(times["outcome"] == "reached") & (times["status"] == "diverged")]
    cells = {Cell(str(recipe), int(size), float(lr)) for recipe, size, lr in later[CELL].itertuples(index=False)}
    return [Warning("diverged_later", cells=tuple(sorted(cells)))] if cells else []


def _timing(tables: Tables) -> list[Warning]:
    if tables.is_clean:
        rules = tuple(sorted(tables.trials["optimizer"].unique()))
        return [Warning("one_timing", names=rules)] if len(rules) > 1 else []
    return [Warning("untimed")] if is_untimed(tables) else []


def is_untimed(tables: Tables) -> bool:
    """Return whether there was a timing pass that does not tell of these trials."""
    return not (tables.timings.empty or tables.is_clean or tables.trials.empty)


def _mixed(tables: Tables) -> list[Warning]:
    found = []
    for recipe, trials in tables.trials.groupby("recipe"):
        names = [n for n in _MUST_AGREE if n in trials and trials[n].nunique(dropna=False) > 1]
        found += [Warning("differing_settings", str(recipe), names=tuple(names))] if names else []
        budgets = [n for n in BUDGETS if trials[n].nunique(dropna=False) > 1]
        found += [Warning("differing_budgets", str(recipe), names=tuple(budgets))] if budgets else []
    return found


def _looks(tables: Tables) -> list[Warning]:
    """Warn where the looks at which cells met the target are not alike: the rarer, the longer the time seems.

    By the factor from the look before to that which met the target, its median over the trials of a batch size.
    """
    reached = tables.times[(tables.times["outcome"] == "reached") & (tables.times["iterations_before_target"] > 0)]
    factor = reached["iterations_to_target"] / reached["iterations_before_target"]
    by_size = factor.groupby(reached["batch_size"]).median().sort_values()
    if len(by_size) < 2 or by_size.iloc[-1] < _COARSE or np.log(by_size.iloc[-1]) < 2 * np.log(by_size.iloc[0]):
        return []
    numbers = {"smallest": float(by_size.iloc[0]), "largest": float(by_size.iloc[-1])}
    finest, coarsest = (int(by_size.index.to_numpy()[place]) for place in (0, -1))
    return [Warning("looks_differ", batch_sizes=(finest, coarsest), numbers=numbers)]
