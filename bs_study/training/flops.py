"""The floating-point operations of an iteration."""

from __future__ import annotations

from torch.utils.flop_counter import FlopCounterMode

from bs_study.training.assembly import Assembly


def iteration_flops(assembly: Assembly) -> int | None:
    """Return the operations of forward and backward on a whole batch, as torch counts them: products and convolutions.

    An addition and a multiplication are two. The batch goes through the model eagerly, whatever the engine is, and
    leaves its gradients behind. None where the count fails, or finds nothing that it knows.
    """
    learner = assembly.learner
    learner.loss = learner.eager_loss  # a counter sees nothing of what is compiled
    try:
        batch = learner.workload.prepare(*next(iter(assembly.train.epoch(1))))
        learner.optimizer.zero_grad(set_to_none=True)
        with FlopCounterMode(display=False) as counter:
            learner.gradients(batch)
        return int(counter.get_total_flops()) or None
    except Exception:  # noqa: BLE001  the time stands without it
        return None
