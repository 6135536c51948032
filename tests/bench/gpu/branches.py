"""K learners as parallel branches of one captured graph: a stream each, forked and joined within the capture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tests.bench.gpu.whole_graph import Learner, captured


def branches(data: tuple[Tensor, Tensor], batch_size: int, count: int) -> Callable[[], None]:
    """Return what makes one iteration of each of `count` learners, side by side."""
    learners = [Learner(*data, batch_size, seed=seed, lr=0.01 * (seed + 1)) for seed in range(count)]
    if not torch.cuda.is_available():
        return lambda: [learner.iteration() for learner in learners] and None
    streams = [torch.cuda.Stream() for _ in learners]

    def side_by_side() -> None:
        begin = torch.cuda.current_stream()
        for learner, stream in zip(learners, streams, strict=True):
            stream.wait_stream(begin)
            with torch.cuda.stream(stream):
                learner.iteration()
        for stream in streams:
            begin.wait_stream(stream)

    # Each learner's first iterations are on the stream of its branch: gradients are added up where they began.
    return captured(side_by_side)
