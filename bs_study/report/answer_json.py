"""`answer.json`: what a study says, for programs. Each entry is a record of the analysis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from numbers import Integral, Real
from typing import Any

import numpy as np

from bs_study.analysis.comparison import Comparison
from bs_study.analysis.loss_at import LossAt
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.step import Step
from bs_study.analysis.steps import verdict_steps
from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import Doubt
from bs_study.report.costs_json import costs_json
from bs_study.report.sentences.searched import outrun_trials
from bs_study.report.sentences.steps import command
from bs_study.target import Target

VERSION = 1
"""Goes up when an entry changes its meaning or leaves."""


def answer_json(found: Analysis, analyses: Sequence[Analysis] = ()) -> dict[str, Any]:
    """Return what a study says as JSON can hold it: None for a number that is missing or infinite.

    `recommendation` is null where no cell reached the target; `closest` then says which came near, or
    `unanswered` why no trial could be judged. `as_good` are the
    cells that are not known to be slower than it, `slower` those that are, each with the ratio of its time to the
    recommended one's and the interval of that ratio. `fresh` are times of seeds that did not choose the recommended
    cell; where there are any, `value`, `low` and `high` are theirs. Ratios are by all seeds. Where
    `can_reach` is false the ratio is infinite, hence null. `scaling_curve` and `critical_batch` are rows of these
    tables, and of a knee that is told null is infinite. `targets` says of each target that the page compares what is
    recommended, and its critical batch size. `loss_at` is null unless the loss after a budget is asked: its values, and
    its ratios, are those of losses.

    Args:
        analyses: by each of these targets; none where there is one.
    """
    told = found.recommendation
    closest = told.closest
    answer = {
        "version": VERSION,
        "study": found.name,
        "target": _target(told.target),
        "clock": told.clock,
        "state": asdict(told.state),
        "search": _search(found),
        "grade": told.grade,
        "recommendation": None if told.best is None else _result(told.best),
        "closest": None if closest is None else {**closest.cell._asdict(), "metric": closest.metric},
        "as_good": [_comparison(one) for one in told.as_good],
        "slower": [_comparison(one) for one in told.slower],
        "unanswered": None if told.unanswered is None else asdict(told.unanswered),
        "missed": [asdict(one) for one in told.missed],
        "by_clock": {clock: _result(one) for clock, one in told.by_clock.items()},
        "doubts": [_doubt(one) for one in told.doubts],
        "steps": [_step(one, found) for one in told.steps],
        "warnings": [
            {
                "kind": one.kind,
                "recipe": one.recipe,
                "cells": [cell._asdict() for cell in one.cells],
                "batch_sizes": one.batch_sizes,
                "names": one.names,
                "numbers": one.numbers,
            }
            for one in found.warnings
        ],
        "verdicts": [
            {
                "claim": one.claim,
                "recipe": one.recipe,
                "outcome": one.outcome,
                "doubts": [_doubt(doubt) for doubt in one.doubts],
                "evidence": one.evidence,
                "steps": [_step(step, found) for step in verdict_steps(one)],
            }
            for one in found.verdicts
        ],
        "scaling_curve": found.tables.scaling_curve.to_dict("records"),
        "critical_batch": found.tables.critical_batch.to_dict("records"),
        **{name: getattr(found.tables, name).to_dict("records") for name in ("noise_scale", "sharpness", "minima")},
        "loss_at": None if found.loss_at is None else _loss_at(found.loss_at),
        "targets": [_at_target(one) for one in analyses if len(analyses) > 1],
        "costs": costs_json(found),
    }
    plain_answer: dict[str, Any] = plain(answer)
    return plain_answer


def _search(found: Analysis) -> dict[str, Any] | None:
    """Return how the study was searched, and how many trials were outrun; None where that is not known."""
    if found.config is None or (found.rows is not None and found.rows.is_imported):
        return None
    names = {"search", "race_margin", "lr_start", "lr_factor", "refine", "seeds", "max_seeds"}
    return {**found.config.model_dump(include=names), "outrun": outrun_trials(found)}


def _target(target: Target | None) -> dict[str, Any] | None:
    return None if target is None else asdict(target)


def _loss_at(told: LossAt) -> dict[str, Any]:
    return {
        "at": asdict(told.budget),
        "clock": told.clock,
        "grade": told.grade,
        "recommendation": None if told.best is None else _result(told.best),
        "fault": told.fault,
        "as_good": [_comparison(one) for one in told.comparisons if not one.is_slower],
        "higher": [_comparison(one) for one in told.comparisons if one.is_slower],
        "by_batch_size": [_result(one) for one in told.by_size],
        "missed": [one._asdict() for one in told.missed],
        "doubts": [_doubt(one) for one in told.doubts],
    }


def _at_target(found: Analysis) -> dict[str, Any]:
    told = found.recommendation
    return {
        "target": _target(told.target),
        "grade": told.grade,
        "recommendation": None if told.best is None else _result(told.best),
        "critical_batch": found.tables.critical_batch.to_dict("records"),
    }


def _result(one: CellResult) -> dict[str, Any]:
    return {
        **one.cell._asdict(),
        "value": one.value,
        "low": one.low,
        "high": one.high,
        "seeds": one.seeds,
        "reached": one.reached,
        "chosen_from": one.chosen_from,
        "tied": one.tied,
        "cut_off": one.cut_off,
        "is_at_most": one.is_at_most,
        "fresh": one.fresh,
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        **one.rival._asdict(),
        "ratio": one.ratio,
        "low": one.low,
        "high": one.high,
        "confidence": one.confidence,
        "can_reach": not math.isinf(one.ratio),
        "is_equal": one.is_equal,
        "doubts": [_doubt(doubt) for doubt in one.doubts],
    }


def _doubt(one: Doubt) -> dict[str, Any]:
    return asdict(one)


def _step(one: Step, found: Analysis) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "seeds": "auto" if one.is_auto else one.seeds,
        "max_seeds": one.max_seeds or None,
        "lrs": one.lrs,
        "batch_sizes": one.batch_sizes,
        "at": one.at,
        "target": _target(one.target),
        "trials": one.trials,
        "command": command(one, found),
    }


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: Python's own numbers, None for what isn't finite, text for keys.

    >>> plain({60: np.float64("nan"), "batch_size": np.int64(6)})
    {'60': None, 'batch_size': 6}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return value if isinstance(value, str) else None
