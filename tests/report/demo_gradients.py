"""Gradient probes of the made-up study: the noise scale grows as the loss falls, and large batches turn back late."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bs_study.config import TrialConfig
from bs_study.store.writer import TrialWriter

PROBE_EXAMPLES, SHARE = 256, 0.03
NOISE_SCALE = 100
SHARPNESS_AT_LR_1 = 1.6  # over the lr: the share of the limit is 0.8 at every lr


def add_gradients(
    writer: TrialWriter, trial: TrialConfig, losses: npt.NDArray[np.float64], *, train_examples: int
) -> dict[str, Any]:
    """Add the probes of a trial, and return what its row in `trials` says of them."""
    rng = np.random.default_rng([trial.seed, trial.batch_size])
    probes = 0
    for iteration, loss in enumerate(losses[:-1], start=1):
        examples = iteration * trial.batch_size
        if probes and SHARE * examples <= PROBE_EXAMPLES * probes:
            continue
        probes += 1
        g2 = float(loss) ** 2
        phi = NOISE_SCALE * max(2.3 / max(float(loss), 1e-3), 0.1)
        turn = 0.6 if iteration > 30 and trial.batch_size > phi else 0.0
        cosine = np.clip(1 / (1 + phi / trial.batch_size) - 2 * turn + 0.1 * rng.normal(), -1, 1)
        writer.add_probe(
            epoch=examples / train_examples,
            iteration=iteration,
            examples=examples,
            g2=g2 * rng.lognormal(0, 0.1),
            tr_sigma=phi * g2 * rng.lognormal(0, 0.1),
            cos_next=float(cosine),
            step_lr=trial.lr,
            chunk=32,
            chunks=8,
            by_batch=False,
            probe_seconds=0.001,
        )
    largest = SHARPNESS_AT_LR_1 / trial.lr * rng.lognormal(0, 0.05)
    return {"probes": probes, "probe_seconds": 0.001 * probes, "largest_eigenvalue": largest}
