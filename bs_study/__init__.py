"""Which batch size and learning rate should I train with, on this hardware, and how sure is that?"""

from __future__ import annotations

from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Unpack

from bs_study.version import __version__

if TYPE_CHECKING:
    from bs_study import report
    from bs_study.analysis.study import Analysis
    from bs_study.api import import_runs, sweep
    from bs_study.compared import compare
    from bs_study.config import StudyConfig, TrialConfig
    from bs_study.config.costs import CostKeywords
    from bs_study.store import Study, open_study
    from bs_study.target import Target

__all__ = [
    "Study",
    "StudyConfig",
    "Target",
    "TrialConfig",
    "__version__",
    "analyse",
    "compare",
    "import_runs",
    "open_study",
    "report",
    "sweep",
]
# Loaded when they are asked for: a command hears of a Ctrl-C before pandas is here.
_HOMES = {
    "Study": "store",
    "StudyConfig": "config",
    "Target": "target",
    "TrialConfig": "config",
    "compare": "compared",
    "import_runs": "api",
    "open_study": "store",
    "sweep": "api",
}


def __getattr__(name: str) -> object:
    if name == "report":  # the package, which can be called
        return import_module("bs_study.report")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"bs_study.{_HOMES[name]}"), name)


def analyse(
    study: Study | str | PathLike[str],
    target: Target | str | None = None,
    *,
    question: str | None = None,
    at: str | None = None,
    **costs: Unpack[CostKeywords],
) -> Analysis:
    """Return what a study's store says: its tables, verdicts and one recommendation.

    Args:
        study: as `sweep` or `open_study` returns it, or its folder or URI.
        target: asks the evaluations again with another target than the study's own, as "accuracy>=0.97".
        question: "time-to-target", or "loss-at": the lowest held-out loss after the budget `at` (the study's own).
        at: that budget, as "examples=50000", "iterations=2000" or "seconds=60".
        **costs: what its tables of costs are computed with: `price_per_hour=2.5`, `deadline="2h"`, `gpus=[2, 4]`,
            `bandwidth=100` (GB/s), `latency=10` (µs). `bs-study docs costs` explains them.

    Raises:
        ValueError: the target or the budget is none, its metric is not among the evaluations, or a number of costs is
            wrong.
    """
    from bs_study import answer  # with scipy, which a worker need not wait for
    from bs_study.config.costs import cost_settings

    asked = cost_settings(**costs)
    return answer.analyse(answer.as_study(study), target, question=question, at=at, asked_costs=asked)
