"""What gradients say beside the verdicts, in sentences: where they turn against each other, and a second opinion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bs_study.analysis.probes import EARLY_ITERATIONS
from bs_study.analysis.second_opinion import second_opinion
from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import Claim
from bs_study.words import number, some_sizes

_WHEN: dict[Claim, str] = {
    "gradients_early": f"In the first {EARLY_ITERATIONS} iterations",
    "gradients_late": "Late in training",
}


def notes(found: Analysis, recipe: str) -> list[str]:
    """Return where consecutive gradients point against each other, and the noise scale as a second opinion."""
    return [*_against(found, recipe), *_opinion(found, recipe)]


def _against(found: Analysis, recipe: str) -> list[str]:
    told = []
    for verdict in found.verdicts:
        sizes = verdict.evidence.get("against", ())
        if verdict.recipe == recipe and verdict.claim in _WHEN and sizes:
            when = f"{_WHEN[verdict.claim]}, consecutive gradients of {some_sizes(sizes)}"
            told.append(f"{when} point against each other, more than the same batches would at fixed weights.")
    return told


def _opinion(found: Analysis, recipe: str) -> list[str]:
    tables = found.tables
    rows = second_opinion(tables.critical_batch, tables.scaling_curve, tables.noise_scale)
    return [
        f"Late in training the noise scale is {_noise(row)}, beside {measured}. It is a second opinion, not the answer."
        for row in rows.to_dict("records")
        if row["recipe"] == recipe and (measured := _measured(row))
    ]


def _noise(row: Mapping[Any, Any]) -> str:
    is_scaled = row["noise_scale_scaled_low"] > 0
    name, metric = ("noise_scale_scaled", " in adam's metric") if is_scaled else ("noise_scale", "")
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if math.isinf(high):
        return f"at least {_size(low)}{metric} (at 95 %)"
    return f"{_size(row[name])}{metric} (95 %: {_size(low)} to {_size(high)})"


def _measured(row: Mapping[Any, Any]) -> str:
    """Return the critical batch size that was measured: the knee where it is a number, else the 20 % rule's."""
    knee, rule = row["knee_batch_size"], row["rule_batch_size"]
    if math.isfinite(knee) and knee > 0:
        ends = [row["knee_low"], row["knee_high"]]
        of = f" (95 %: {_size(ends[0])} to {_size(ends[1])})" if not any(map(math.isnan, ends)) else ""
        return f"a critical batch size of {_size(knee)}{of} by the knee"
    if math.isfinite(rule):
        return (
            f"a critical batch size of {'at least ' if row['rule_is_at_least'] else ''}{_size(rule)} by the 20 % rule"
        )
    return ""


def _size(value: float) -> str:
    return "∞" if math.isinf(value) else number(value, digits=3)
