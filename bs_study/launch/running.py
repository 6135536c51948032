"""A trial that runs: what it last told, and the pace at which it spends its budget."""

from __future__ import annotations

from dataclasses import dataclass

from bs_study.config import TrialConfig
from bs_study.training.progress import Progress


@dataclass
class RunningTrial:
    """A trial that has started and not ended, and what it last told.

    Its pace is the share of its budget that it spends per second, from the first time it told of one to the last: what
    came before is the start of a worker, reading data, a race of kernels, a warm-up.
    """

    trial: TrialConfig
    start: float
    progress: Progress | None = None
    first: tuple[float, float] | None = None
    last: tuple[float, float] | None = None

    def tell(self, progress: Progress, now: float) -> None:
        self.progress = progress
        if progress.share is not None:
            self.last = (now, progress.share)
            self.first = self.first or self.last

    def trained_seconds(self, now: float) -> float | None:
        """Return for how long it has trained, as far as it told; None if it did not."""
        return now - self.first[0] if self.first else None

    def whole_seconds(self) -> float | None:
        """Return the time that its whole budget takes at its pace; None as long as that is not known."""
        if not (self.first and self.last) or self.last[1] <= self.first[1]:
            return None
        return (self.last[0] - self.first[0]) / (self.last[1] - self.first[1])

    def seconds_left(self, now: float) -> float | None:
        """Return the time to the end of its budget at its pace; None as long as that is not known."""
        whole = self.whole_seconds()
        if whole is None or self.last is None:
            return None
        told, share = self.last
        return max(0.0, whole * (1 - share) - (now - told))
