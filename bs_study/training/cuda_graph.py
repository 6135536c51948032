"""Iterations as CUDA graphs: small batches are bound by the launches of their kernels, and a graph is one launch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor

from bs_study.training.engine import EagerEngine, EngineName, first_line
from bs_study.training.learner import Learner, Told
from bs_study.training.randomness import host_random_state, kept_generators

Work = Callable[[], None]
Capture = Callable[[Work], Work]
"""Records work that reads and writes fixed tensors, without doing it; returns what does it each time it is called."""


class GraphEngine(EagerEngine):
    """Forward, backward, optimizer and the write of what they tell captured in one CUDA graph, `prepare` in another.

    The first iterations run eagerly: libraries choose their kernels and optimizers make their state in them. The short
    last batch of an epoch runs eagerly too, on the same weights, and so does one padded to another length. Nothing
    waits for the device.

    Args:
        learner: whose optimizer takes its lr from a tensor on the device.
        batch_size: of the batches that are captured.
        eager_first: how many iterations run before the capture, at least one.
        losses_kept: how many losses the buffer on the device holds between two calls of `take_losses`.
        capture: makes a graph of work; CUDA's, or a stand-in.
    """

    name: EngineName = "cuda_graph"

    def __init__(
        self, learner: Learner, *, batch_size: int, eager_first: int, losses_kept: int, capture: Capture
    ) -> None:
        super().__init__(learner)
        self._batch_size = batch_size
        self._eager_left = max(1, eager_first)
        self._capture = capture
        device = next(learner.model.parameters()).device
        self._buffer = torch.zeros(2, losses_kept, device=device)  # losses, and norms of gradients
        self._next = torch.zeros(1, dtype=torch.int64, device=device)
        self._kept = 0
        self._raw: tuple[Tensor, ...] = ()
        self._batch: tuple[Tensor, ...] = ()
        self._graphs: tuple[Work, Work] | None = None  # of `prepare` and of the update
        self._captured: list[Tensor] = []  # the gradients that the graph writes
        self._was_graph = False

    def prepare(self, raw: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if len(raw[0]) != self._batch_size or self.complaint or self._eager_left:
            return super().prepare(raw)
        if self._graphs is None:
            self._capture_both(raw)
            return self.prepare(raw)
        if any(tensor.shape != kept.shape for tensor, kept in zip(raw, self._raw, strict=True)):
            return super().prepare(raw)  # padded to another length
        _copy(raw, self._raw)
        self._graphs[0]()
        return self._batch

    def update(self, batch: tuple[Tensor, ...]) -> None:
        self._was_graph = self._graphs is not None and batch is self._batch
        if self._graphs is not None and self._was_graph:
            self._graphs[1]()
        else:
            self._update(batch)
            self._eager_left = max(0, self._eager_left - (len(batch[0]) == self._batch_size))
        self._learner.advance()
        self._kept += 1

    def take(self) -> Told:
        losses, grad_norms = self._buffer[:, : self._kept].clone()
        self._next.zero_()
        self._kept = 0
        return Told(losses, grad_norms)

    def gradients(self) -> list[Tensor]:
        return self._captured if self._was_graph else super().gradients()

    def _update(self, batch: tuple[Tensor, ...]) -> None:
        told = self._learner.update(batch)
        self._buffer.index_copy_(1, self._next, torch.stack([one.float() for one in told]).reshape(2, 1))
        self._next.add_(1)

    def _capture_both(self, raw: tuple[Tensor, ...]) -> None:
        """Capture `prepare` and the update on fixed tensors like those of a batch; stay eager if that can't be done."""
        workload, optimizer = self._learner.workload, self._learner.optimizer
        on_host = host_random_state()
        try:
            self._raw = tuple(tensor.clone() for tensor in raw)
            with kept_generators():
                self._batch = tuple(tensor.clone() for tensor in workload.prepare(*raw))
            optimizer.zero_grad(set_to_none=True)  # so that the graph writes gradients in place of adding to them
            prepare = self._capture(lambda: _copy(workload.prepare(*self._raw), self._batch))
            self._graphs = prepare, self._capture(lambda: self._update(self._batch))
            self._captured = super().gradients()
        except Exception as error:  # noqa: BLE001  what CUDA refuses to capture, it refuses in many ways
            # The end of a capture that has failed raises too, and says less than what made it fail.
            self._stay_eager(first_line(error.__context__ or error))
        if host_random_state() != on_host:
            self._stay_eager("it draws random numbers on the host, which a graph would repeat")

    def _stay_eager(self, reason: str) -> None:
        self._graphs, self._raw, self._batch, self._captured = None, (), (), []
        self.name, self.complaint = "eager", f"trained eagerly, it can't be captured in a CUDA graph: {reason}"


def _copy(sources: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source, non_blocking=True)


def cuda_capture(work: Work) -> Work:
    """Record work in a CUDA graph, on the stream that the trial runs on: that of the gradients' accumulation."""
    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    stream = torch.cuda.current_stream()
    try:
        # What other threads do meanwhile, a DataLoader's that pins memory say, is no part of the capture.
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            work()
    except Exception:
        _clear_away(pool, stream)
        raise
    return graph.replay


def _clear_away(pool: tuple[int, int], stream: torch.cuda.Stream) -> None:
    """Undo what a failed capture leaves behind: torch ends it in the driver, but not in its own books.

    The allocator would give out no memory of the capture's pool, nor free what it holds in reserve when memory runs
    out. The random generator would refuse to draw, as if the capture went on; the end of an empty one mends that.
    """
    device = torch.cuda.current_device()
    with contextlib.suppress(RuntimeError, AttributeError):
        torch._C._cuda_endAllocateToPool(device, pool)  # raises if torch has done it
        torch._C._cuda_releasePool(device, pool)
    with contextlib.suppress(RuntimeError), torch.cuda.graph(torch.cuda.CUDAGraph(), stream=stream):
        torch.zeros(1, device="cuda")
