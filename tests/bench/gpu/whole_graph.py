"""The limit: a whole iteration, from the permutation to the written loss, as one CUDA graph without the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bs_study.workloads.mnist import Mnist
from tests.bench.loops import LR, MOMENTUM, synchronized

LOSSES = 4096


@dataclass
class Learner:
    """MNIST's CNN with all that an iteration reads and writes, on the device."""

    images: Tensor
    labels: Tensor
    batch_size: int
    seed: int = 0
    lr: float = LR
    losses: Tensor = field(init=False)

    def __post_init__(self) -> None:
        device, examples = self.images.device, len(self.images)
        torch.manual_seed(self.seed)
        self._workload = Mnist()
        self._model = self._workload.model().to(device)
        lr = torch.tensor(self.lr, device=device)
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=lr, momentum=MOMENTUM, fused=True)
        self._order = torch.randperm(examples).to(device)
        self._places = torch.arange(self.batch_size, device=device)
        self._whole = examples // self.batch_size * self.batch_size
        self._start = torch.zeros(1, dtype=torch.int64, device=device)
        self._slot = torch.zeros(1, dtype=torch.int64, device=device)
        self.losses = torch.zeros(LOSSES, device=device)

    def iteration(self) -> None:
        """Gather, prepare, forward, backward, update, write the loss, move on."""
        indices = self._order.index_select(0, self._places + self._start)
        batch = self._workload.prepare(self.images.index_select(0, indices), self.labels.index_select(0, indices))
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._workload.loss(self._model, *batch)
        loss.backward()
        self._optimizer.step()
        self.losses.index_copy_(0, self._slot, loss.detach().reshape(1))
        self._slot.add_(1).remainder_(LOSSES)
        self._start.add_(self.batch_size).remainder_(self._whole)


def captured(work: Callable[[], None]) -> Callable[[], None]:
    """Return work as one CUDA graph, after three rounds of it; as it is where there is no GPU."""
    if not torch.cuda.is_available():
        return work
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        work()

    def replay(of: Callable[[], None] = work) -> None:  # which keeps alive the tensors that the graph reads and writes
        graph.replay()

    return replay


def seconds_each(work: Callable[[], None], iterations: int) -> float:
    """Return the seconds of one of so many calls of work."""
    start = synchronized()
    for _ in range(iterations):
        work()
    return (synchronized() - start) / iterations
