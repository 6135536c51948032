"""Verdict: whether the smallest and the largest batch size end worse on held-out data than one between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.comparison import Comparison, Field
from bs_study.analysis.contest import once
from bs_study.analysis.fit import MIN_FOR_INTERVAL
from bs_study.analysis.minima import is_equal_end
from bs_study.analysis.trials import Cell, by_batch_size
from bs_study.analysis.verdict import CLAIM_CONFIDENCE, Doubt, Verdict, judged
from bs_study.metric_names import is_fraction

VIEWS = ("at_examples", "at_training_loss")


def extremes_end_worse(
    readings: pd.DataFrame,
    *,
    edges: Mapping[Cell, str],
    eval_examples: float = np.nan,
    open_anyway: Collection[Doubt] = (),
    confidence: float = CLAIM_CONFIDENCE,
) -> Verdict:
    """Judge whether the smallest or the largest batch size ends worse on held-out data than the best middle one.

    Each at one lr. Worse is by the comparison of cells (`Field.compare`), of the metric in place of times: at the end
    of equal examples, and at an equal training loss too. Otherwise it may only have learned less. Supported: one of the
    two is worse, at least. Contradicted: both are better in both. As the best middle one is chosen, and two are
    compared, the level is divided by twice their number.

    Args:
        readings: of `minima_readings`, of one recipe.
        edges: on which edge of the lrs tried the lr of a batch size lies, of those where it does.
        eval_examples: on how many examples a metric is judged: one that is a fraction has steps of 1 over that.
        open_anyway: what keeps it open whatever the numbers.
    """
    whole = readings[readings["status"] == "completed"]
    sizes = sorted(int(size) for size in whole["batch_size"].unique())
    evidence: dict[str, Any] = {"batch_sizes": len(sizes), "confidence": confidence}
    evidence |= {f"metric_{view}": _medians(whole, f"metric_{view}") for view in VIEWS}
    if len(whole):
        evidence |= {name: whole[name].iloc[0] for name in ("metric", "examples", "training_loss")}
    doubts = [*open_anyway, *_doubts(readings, whole, sizes, edges)]
    if doubts:
        return judged("extremes_end_worse", doubts=once(doubts), supports=False, evidence=evidence)
    level = 1 - (1 - confidence) / (2 * (len(sizes) - 2))
    step = 1 / eval_examples if is_fraction(str(whole["metric"].iloc[0])) and eval_examples > 0 else 0.0
    fields = [_field(readings[readings["batch_size"].isin(sizes)], view, step=step) for view in VIEWS]
    worse, better, why = [], [], list[Doubt]()
    for size in (sizes[0], sizes[-1]):
        found = [_against_middle(field, size, level=level) for field in fields]
        if all(one.is_worse for one in found):
            worse.append(size)
        elif all(one.is_better for one in found):
            better.append(size)
        else:
            why += _why(found, size, step=step, examples=eval_examples)
    evidence |= {"worse": worse, "better": better}
    if worse:
        why = []
    elif len(better) == 2:  # whose lrs were tuned as well as can be, if the middle one's was too
        why = [Doubt("lr_on_edge", *cell) for cell in fields[0].cells if cell in edges]
    return judged("extremes_end_worse", doubts=once(why), supports=bool(worse), evidence=evidence)


def _doubts(readings: pd.DataFrame, whole: pd.DataFrame, sizes: list[int], edges: Mapping[Cell, str]) -> list[Doubt]:
    """Return what keeps it open before any comparison."""
    if len(sizes) < MIN_FOR_INTERVAL:
        return [Doubt("few_batch_sizes", count=len(sizes))]
    at_target = int((whole["stop_reason"] == "target").sum())
    doubts = []
    if not is_equal_end(readings, str(whole["recipe"].iloc[0])):
        doubts.append(Doubt("ended_at_target", count=at_target) if at_target else Doubt("ended_apart"))
    cells = [Cell(*key) for key in whole[["recipe", "batch_size", "lr"]].drop_duplicates().itertuples(index=False)]
    ends = [cell for cell in cells if cell.batch_size in (sizes[0], sizes[-1]) and cell in edges]
    return [*doubts, *(Doubt("lr_on_edge", *cell) for cell in ends)]


class _Found(NamedTuple):
    """How an extreme batch size compares with the best middle one in a view: difference > 0 is worse."""

    worse: Comparison | None
    better: Comparison | None
    difference: float

    @property
    def is_worse(self) -> bool:
        return self.worse is not None and self.worse.is_slower

    @property
    def is_better(self) -> bool:
        return self.better is not None and self.better.is_slower


def _field(readings: pd.DataFrame, view: str, *, step: float) -> Field:
    """Return the cells by a metric of which less is better, one of which more is better with its sign turned.

    Args:
        step: by which a metric can differ at all: a reading may be better by that.
    """
    is_less = readings["direction"].iloc[0] == "min"
    names = [f"metric_{view}", f"best_{view}"]
    numbers = readings[names].to_numpy(float)
    if is_less and not step and not (numbers <= 0).any():
        numbers = np.log(numbers)
    values = pd.DataFrame(numbers if is_less else -numbers, index=readings.index)
    cells = {}
    for recipe, size, own in by_batch_size(readings):
        cell = Cell(recipe, size, float(own["lr"].iloc[0]))
        read = values.loc[own.index].dropna().to_numpy(float).reshape(-1, 2)
        lost = int(own["status"].isin(["diverged", "out_of_memory"]).sum())
        cells[cell] = CellTimes(cell, met=read[:, 0], unmet=read[:, 1] - step, bounds=np.array([]), infeasible=lost)
    return Field(view, cells)


def _best_middle(field: Field) -> Cell | None:
    cells = sorted(field.cells, key=lambda cell: cell.batch_size)[1:-1]
    known = [cell for cell in cells if np.isfinite(field.cells[cell].median)]
    return min(known, key=lambda cell: (field.cells[cell].median, cell.batch_size), default=None)


def _against_middle(field: Field, size: int, *, level: float) -> _Found:
    middle = _best_middle(field)
    extreme = next(cell for cell in field.cells if cell.batch_size == size)
    if middle is None or not len(field.cells[extreme].met):
        return _Found(None, None, np.nan)
    difference = float(field.cells[extreme].met.mean() - field.cells[middle].met.mean())
    worse, better = (field.compare(*pair, confidence=level) for pair in ((middle, extreme), (extreme, middle)))
    return _Found(worse, better, difference)


def _why(found: list[_Found], size: int, *, step: float, examples: float) -> list[Doubt]:
    """Return why an extreme batch size is known to be neither worse nor better."""
    first, second = found
    if (first.is_worse and second.is_better) or (first.is_better and second.is_worse):
        return [Doubt("mixed", batch_size=size)]
    if first.is_worse or first.is_better:
        return [Doubt("training_loss_unclear", batch_size=size)]
    if abs(first.difference) <= step:
        return [Doubt("within_step", batch_size=size, count=int(examples))]
    return list(first.worse.doubts) if first.worse else [Doubt("no_answer", batch_size=size)]


def _medians(whole: pd.DataFrame, column: str) -> dict[int, float]:
    medians = whole[column].astype(float).groupby(whole["batch_size"]).median()
    return dict(zip(medians.index.astype(int), medians, strict=True))
