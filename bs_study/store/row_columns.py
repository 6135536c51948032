"""The columns of the tables that have many rows of a trial: iterations, epochs, evaluations, gradients."""

from __future__ import annotations

import pyarrow as pa

from bs_study.store.column import COUNT, NUMBER, Column

_SQUARED = "(nats per example)² per unit of the weights²"
CURVED = "nats per example per unit of the weights²"
_SCALED = "nats per example per unit of the weights"

ITERATIONS = (
    Column("epoch", COUNT, "1, 2, ... within the trial; null where a function reports"),
    Column("iteration", COUNT, "1, 2, ... within the trial; of a function those that it reports"),
    Column("examples", COUNT, "seen, this iteration's included"),
    Column("loss", pa.float32(), "mean over the batch, before the update", "nats per example"),
    Column(
        "grad_norm2",
        pa.float32(),
        "squared norm of its gradient, before clip_norm; null where it is no number or not known",
        _SQUARED,
    ),
)

EPOCHS = (
    Column("epoch", COUNT, "1, 2, ... within the trial"),
    Column("iterations", COUNT, "so far"),
    Column("examples", COUNT, "so far"),
    Column("timed_iterations", COUNT, "of this epoch, those that its clocks cover: all but warm-up"),
    Column("epoch_seconds", NUMBER, "of its timed iterations, without pauses; null where it has none"),
    Column("load_seconds", NUMBER, "of these, spent waiting for batches"),
    Column("compute_seconds", NUMBER, "of these, spent on updates"),
    Column("peak_memory_bytes", COUNT, "so far, of the device on a GPU, of the process on a CPU"),
    Column("clipped_share", NUMBER, "part of its iterations whose gradients clip_norm scaled down", "fraction"),
)

EVALUATIONS = (
    Column("epoch", NUMBER, "so far, with a fraction; null where a function reports", "epochs"),
    Column("iteration", COUNT, "the last one before"),
    Column("examples", COUNT, "so far"),
    Column("timed_iterations", COUNT, "so far, those that its clocks cover: all but warm-up"),
    Column("train_seconds", NUMBER, "so far, without warm-up iterations; null where there was no other"),
    Column("load_seconds", NUMBER, "so far"),
    Column("compute_seconds", NUMBER, "so far"),
    Column("eval_seconds", NUMBER, "of this evaluation alone; of a function all pauses since the one before"),
)

# Of the distribution that the gradient of one example has at these weights: mean G and covariance Σ.
GRADIENTS = (
    Column("epoch", NUMBER, "so far, with a fraction", "epochs"),
    Column("iteration", COUNT, "the last one before: the weights are those that it left"),
    Column("examples", COUNT, "so far, without those of probes"),
    Column("g2", NUMBER, "|G|², unbiased, so that it may be below 0; null where it is no number", _SQUARED),
    Column("tr_sigma", NUMBER, "tr Σ, unbiased; null where it is no number", _SQUARED),
    Column("g2_scaled", NUMBER, "Σᵢ Gᵢ² / (√v̂ᵢ + eps) with v̂ of adam, unbiased; null with sgd", _SCALED),
    Column("tr_sigma_scaled", NUMBER, "Σᵢ Σᵢᵢ / (√v̂ᵢ + eps) with v̂ of adam, unbiased; null with sgd", _SCALED),
    Column(
        "cos_next",
        NUMBER,
        "cosine of the gradients of this iteration and the next, short last batches of an epoch included; null at the "
        "end",
    ),
    Column(
        "batch_sharpness",
        NUMBER,
        "gᵀHg / |g|² of a fresh batch, of 512 examples at most, with Hessian H; null without curvature",
        CURVED,
    ),
    Column("step_lr", NUMBER, "learning rate of the next iteration, as the schedule makes it"),
    Column("chunk", COUNT, "on which one gradient was computed", "examples"),
    Column("chunks", COUNT, "so many gradients"),
    Column(
        "by_batch",
        pa.bool_(),
        "whether model or loss depend on the batch as a whole: then G and Σ are of a chunk of this size",
    ),
    Column("probe_seconds", NUMBER, "of this probe, in no training clock"),
)
