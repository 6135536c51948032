"""The training loss of the initial weights, which the limit of a trial's losses is a multiple of."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from bs_study.training.assembly import Assembly
from bs_study.training.kept_state import kept_state
from bs_study.training.learner import Learner

EXAMPLES = 1000
LEAST_BATCHES, MOST_BATCHES = 3, 250
GROUPS = 9


def initial_loss(assembly: Assembly) -> float:
    """Return the mean training loss of the initial weights, over the first batches of the first epoch.

    These batches have 1000 examples, but are at least 3 (if the epoch has so many) and at most 250. They go through
    the model as in an update, in training mode and with gradients on, since a loss may be another in an evaluation.
    Nothing is learnt, and no trace is left.
    """
    learner, size = assembly.learner, assembly.plan.trial.batch_size
    count = min(max(LEAST_BATCHES, math.ceil(EXAMPLES / size)), MOST_BATCHES)
    losses = []
    with _untouched(learner):
        for raw in itertools.islice(assembly.train.epoch(1), count):
            batch = learner.workload.prepare(*raw)
            losses.append(learner.fitting(functools.partial(learner.mean_loss, batch), batch).float())
    return robust_mean(torch.stack(losses).cpu().numpy())


def robust_mean(losses: npt.NDArray[np.float32]) -> float:
    """Return the median of the means of nine groups, so that a few wild losses do not set it.

    It is the mean of losses that lie close together; those of single examples need not: most may be 0. Losses that are
    not finite do not count; NaN where none is.

    >>> robust_mean(np.array([2.0, 4.0, 1e9]))
    4.0
    """
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return math.nan
    groups = np.array_split(finite.astype(np.float64), min(GROUPS, len(finite)))
    return float(np.median([group.mean() for group in groups]))


@contextlib.contextmanager
def _untouched(learner: Learner) -> Iterator[None]:
    """Keep the state of a model, and of a workload that counts its losses, say: a copy of it is used meanwhile."""
    workload = learner.workload
    learner.workload = copy.copy(workload)
    try:
        with kept_state(learner.model):
            yield
    finally:
        learner.workload = workload
