"""When a trial has diverged: a loss that is not finite, or losses that stay above a limit."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Divergence = Literal["non_finite", "loss_limit"]

LIMIT_FACTOR = 10


def default_loss_limit(initial_loss: float) -> float:
    """Return 10 times the training loss of the initial weights; none where that is not above 0, as of a log-density."""
    return LIMIT_FACTOR * initial_loss if initial_loss > 0 else math.inf


class DivergenceWatch:
    """Looks at the losses of a trial in order, and says at which of them it diverged.

    Args:
        limit: nats per example.
        window: the loss stays above the limit when more than half of so many losses in a row are; single spikes,
            which small batches have, never count.
    """

    def __init__(self, *, limit: float, window: int) -> None:
        self._limit = limit
        self._window = window
        self._above = np.zeros(0, dtype=bool)

    @property
    def state(self) -> dict[str, Any]:
        """What a later attempt needs to go on looking."""
        return {"limit": self._limit, "above": self._above.tolist()}

    def restore(self, state: dict[str, Any]) -> None:
        self._limit = state["limit"]
        self._above = np.array(state["above"], dtype=bool)

    def first_divergence(self, losses: npt.NDArray[Any]) -> tuple[int, Divergence] | None:
        """Return the index of the loss that ends the trial and why, or None. Losses continue those of the last call."""
        ends: list[tuple[int, Divergence]] = []
        bad = np.flatnonzero(~np.isfinite(losses))
        if bad.size:
            ends.append((int(bad[0]), "non_finite"))
        too_long = self._first_above_for_long(losses)
        if too_long is not None:
            ends.append((too_long, "loss_limit"))
        return min(ends, default=None)

    def _first_above_for_long(self, losses: npt.NDArray[Any]) -> int | None:
        earlier = len(self._above)
        above = np.concatenate([self._above, losses > self._limit])
        self._above = above[-(self._window - 1) :] if self._window > 1 else above[:0]
        if len(above) < self._window:
            return None
        counts = np.convolve(above, np.ones(self._window, dtype=int), mode="valid")
        found = np.flatnonzero(counts > self._window / 2)
        return int(found[0]) + self._window - 1 - earlier if len(found) else None
