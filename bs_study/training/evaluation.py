"""What a trial is judged on: a data set in batches, and how an evaluation of it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bs_study.training.batches import Batch, Batches
from bs_study.training.interruption import Interruption
from bs_study.training.learner import Learner
from bs_study.workloads.evaluation import evaluate


@dataclass(frozen=True)
class Judge:
    """A data set in the batches that metrics are computed on, and in others if the loss is to be that of these."""

    batches: Batches
    loss_batches: Batches | None

    def evaluate(self, learner: Learner, *, interruption: Interruption | None = None) -> dict[str, float]:
        """Return each metric of the data set, the loss among them.

        Raises:
            Interrupted: between two batches, if that is asked for.
        """
        return evaluate(
            learner.workload,
            learner.model,
            _in_order(self.batches, interruption),
            autocast=learner.autocast,
            loss_batches=None if self.loss_batches is None else _in_order(self.loss_batches, interruption),
        )


def _in_order(batches: Batches, interruption: Interruption | None) -> Iterator[Batch]:
    for batch in batches.in_order():
        if interruption:
            interruption.check()
        yield batch
