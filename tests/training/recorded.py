"""What a trial left in its study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bs_study import Study
from bs_study.training.progress import Ending

Run = Callable[..., tuple[Ending, Study]]

FLICKERING = {
    "workload": "toy_workloads:Flickering", "batch_size": 20, "lr": 1, "momentum": 0, "eval_every_examples": 20,
    "min_iterations": 0,
}  # fmt: skip
"""A trial that is judged after each iteration by the score that the workload has for it."""


def row(study: Study) -> dict[str, Any]:
    trials = study.trials().to_dict("records")
    assert len(trials) == 1
    return trials[0]


def losses(study: Study) -> list[float]:
    return study.iterations()["loss"].tolist()
