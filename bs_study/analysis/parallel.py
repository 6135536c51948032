"""Several GPUs that share each batch, by data parallelism: a model of it, and no measurement."""

from __future__ import annotations

from collections.abc import Iterable

from bs_study.config.costs import CostSettings

BYTES = 4
"""Of a gradient's number: gradients are added up in float32."""


def communication_seconds(gpus: int, parameters: float, *, asked: CostSettings) -> float:
    """Return how long an iteration takes to add up the gradients of GPUs, by a ring all-reduce.

    c(k) = 2 (k - 1) / k * bytes / bandwidth + 2 (k - 1) * latency. Source: Patarasuk & Yuan 2009, Bandwidth optimal
    all-reduce algorithms for clusters of workstations. Nothing of it overlaps with computing, which it may in truth:
    then an iteration takes less.

    Args:
        gpus: k, at least 1; one has none to wait for.
        parameters: of the model that are trained; of each a gradient of four bytes is added up.
        asked: has bandwidth and latency.

    >>> communication_seconds(4, 25e6, asked=CostSettings(bandwidth_bytes_per_second=1e11, latency_seconds=0))
    0.0015
    """
    sent = 2 * (gpus - 1) / gpus * BYTES * parameters
    return sent / asked.bandwidth_bytes_per_second + 2 * (gpus - 1) * asked.latency_seconds


def shared_batch_sizes(gpus: int, *, tried: Iterable[int], timed: Iterable[int]) -> list[int]:
    """Return the batch sizes that GPUs can share evenly, within what is known: in order, each once.

    They are those that were tried, and those of which each GPU has a batch size that was timed. All lie between the
    least and the largest tried, and each GPU's part between the least and the largest timed.

    >>> shared_batch_sizes(4, tried=[16, 64, 256], timed=[16, 32, 64, 128])
    [64, 128, 256]
    """
    tried, timed = sorted(tried), sorted(timed)
    if not (tried and timed):
        return []
    shared = {*tried, *(gpus * size for size in timed)}
    return [
        size
        for size in sorted(shared)
        if size % gpus == 0 and tried[0] <= size <= tried[-1] and timed[0] <= size // gpus <= timed[-1]
    ]
