"""One conclusion of a study, and the words that all of them are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bs_study.analysis.fit import Line

Verdict = Literal["supported", "contradicted", "undecided"]


@dataclass(frozen=True)
class Finding:
    """A claim, what the store says about it, and by which numbers.

    Attributes:
        how: one sentence: how it was judged.
        reason: why the store can't tell; empty unless undecided.
    """

    name: str
    claim: str
    verdict: Verdict
    how: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold: None for a missing number; the reason is part of `how` too."""
        how = f"{self.how.removesuffix('.')}; undecided, since {self.reason}." if self.reason else self.how
        return {
            "name": self.name,
            "claim": self.claim,
            "verdict": self.verdict,
            "evidence": plain(self.evidence),
            "how": how,
            "reason": self.reason,
        }


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: Python's own numbers, None for what isn't finite, text for the keys.

    >>> plain({60: np.float64("nan"), "batch_size": np.int64(6)})
    {'60': None, 'batch_size': 6}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def direction(line: Line) -> Literal["rises", "falls", "unclear"]:
    """Return whether a fitted trend is one: its 95 % interval, which needs 3 points, leaves out 0."""
    if line.low > 0:
        return "rises"
    return "falls" if line.high < 0 else "unclear"


def slope_evidence(line: Line) -> dict[str, float]:
    return {"slope": line.slope, "slope_low": line.low, "slope_high": line.high, "batch_sizes": line.points}
