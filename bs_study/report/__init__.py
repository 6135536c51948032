"""What a person looks at: figures, the answer in sentences, and the page. Loads neither torch nor ray.

The package can be called, and writes a report then: `bs_study.report(study)`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:
    from bs_study.config.costs import CostKeywords
    from bs_study.store import Study
    from bs_study.target import Target


class _Report(ModuleType):
    def __call__(
        self,
        study: Study | str | os.PathLike[str],
        *,
        target: Target | str | None = None,
        targets: Iterable[Target | str] = (),
        question: str | None = None,
        at: str | None = None,
        png: bool = False,
        **costs: Unpack[CostKeywords],
    ) -> str:
        """Write the report of a study, and return where its page is: a path, or a URI.

        Args:
            study: as `sweep` or `open_study` returns it, or its folder or URI.
            target: asks for another target than the study's own, whose report stays.
            targets: further targets of the same metric, which the page compares; by default some round ones.
            question: "time-to-target", or "loss-at": the lowest held-out loss after the budget `at` (the study's own).
            at: that budget, as "examples=50000", "iterations=2000" or "seconds=60".
            png: write each figure as PNG, too.
            **costs: as `bs_study.analyse` takes them.

        Raises:
            ValueError: a target or the budget is none, its metric is not among the evaluations, or it is not that of
                the others; a number of costs is wrong.
            OSError: the store does not answer.
        """
        from bs_study.answer import analyse, as_study, targets_of
        from bs_study.config.costs import cost_settings
        from bs_study.door import CALL, used
        from bs_study.report.page import publish

        opened = as_study(study)
        with used(CALL):
            found = analyse(opened, target, question=question, at=at, keep=True, asked_costs=cost_settings(**costs))
            return publish(opened, found, targets=targets_of(opened, found, list(targets)), png=png)


sys.modules[__name__].__class__ = _Report
