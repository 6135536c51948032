"""When gradients are probed, and on how many examples: a rule in examples alone, so that it can be repeated."""

from __future__ import annotations

from fractions import Fraction

from bs_study.training.plan import Plan

CHUNKS = 8
LARGE_CHUNK, SMALL_CHUNK = 32, 8
SHARE = Fraction(3, 100)  # of the examples seen


def chunk_size(plan: Plan, *, by_batch: bool) -> int | None:
    """Return how many examples each of a probe's gradients is computed on; None where there is to be no probe.

    32, or 8 where 3 % of the training set are fewer than 8 chunks of 32. A batch size of 1 has no probe, and a training
    set that is smaller than a probe.

    Args:
        by_batch: whether model or loss depend on the whole batch: then a chunk is no larger than that.

    >>> from bs_study.config import TrialConfig
    >>> trial = TrialConfig(batch_size=4, lr=0.1, seed=0, max_epochs=1)
    >>> [chunk_size(Plan(trial, epoch_examples=n, evaluated_examples=1), by_batch=False) for n in (60000, 1437, 50)]
    [32, 8, None]
    """
    examples, batch_size = plan.epoch_examples, plan.trial.batch_size
    size = LARGE_CHUNK if examples * SHARE >= CHUNKS * LARGE_CHUNK else SMALL_CHUNK
    if by_batch:
        size = min(batch_size, LARGE_CHUNK)
    return size if batch_size > 1 and CHUNKS * size <= examples else None


def next_probe(plan: Plan, iteration: int, *, probed: int) -> int:
    """Return the iteration after which gradients are probed next.

    The first, then the first after which 3 % of the examples seen exceed those that were probed.

    Args:
        iteration: the last one made.
        probed: examples of the probes so far.

    >>> from bs_study.config import TrialConfig
    >>> trial = TrialConfig(batch_size=64, lr=0.1, seed=0, max_epochs=1)
    >>> plan = Plan(trial, epoch_examples=60000, evaluated_examples=1)
    >>> next_probe(plan, 0, probed=0), next_probe(plan, 1, probed=256), next_probe(plan, 134, probed=512)
    (1, 134, 267)
    """
    exceeding = int(probed / SHARE) + 1
    return max(iteration + 1, plan.iteration_reaching(exceeding))
