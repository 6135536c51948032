"""A study with plausible curves, made without training: ``python tests/report/demo_store.py results/demo``.

Progress follows the noisy quadratic model of McCandlish et al. (2018): with a noise scale B_n the best lr of a batch
size is lr_max / (1 + B_n / B), an lr of x times the best makes 2x - x^2 of the best progress, and x > 2 diverges.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from bs_study.config import StudyConfig, TrialConfig
from bs_study.grid import study_trials
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.study_json import create_study
from bs_study.store.timings import timing_id, write_timing
from bs_study.store.writer import TrialWriter
from bs_study.target import Target
from tests.report import demo_gradients

FloatArray = npt.NDArray[np.float64]

TRAIN_EXAMPLES = 12_000
NOISE_SCALE = 400
LARGEST_BEST_LR = 0.5
FIXED_SECONDS, SECONDS_PER_EXAMPLE = 1.1e-3, 6e-6
BATCH_SIZES = (16, 64, 256, 1024, 4096, 12_000)
MACHINE = {
    "device": "cuda",
    "device_name": "NVIDIA H100 (a model of one: this store is made up)",
    "host": "node-1",
    "threads": 1,
}
LRS = tuple(0.0025 * 2**k for k in range(9))


@dataclass(frozen=True)
class Curve:
    """What a trial of the model would have recorded."""

    losses: FloatArray  # (iterations,)
    errors: FloatArray  # (iterations,), the held-out error after each
    status: str


def write_demo_study(
    uri: str,
    *,
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
    lrs: tuple[float, ...] = LRS,
    seeds: tuple[int, ...] = (0, 1, 2),
    is_auto: bool = False,
    target: str = "accuracy>=0.97",
    target_window: int = 1,
    max_epochs: float = 80,
    warmup_iterations: int = 3,
    message: str = "",
    recipes: tuple[dict[str, Any], ...] = (),
    is_timed: bool = False,
    has_gradients: bool = False,
    is_ended: Callable[[TrialConfig], bool] = lambda trial: True,
    is_begun: Callable[[TrialConfig], bool] = lambda trial: True,
) -> StudyPaths:
    """Write a study; of the trials that have not ended, those that have begun are left running.

    Args:
        is_auto: whether the study asks for seeds where they decide, and these are the ones it came to.
        has_gradients: whether gradients were probed, with curvature.
    """
    config = StudyConfig(
        workload="digits",
        batch_sizes=batch_sizes,
        lrs=lrs,
        seeds=seeds,
        target=target,
        target_window=target_window,
        max_epochs=max_epochs,
        warmup_iterations=warmup_iterations,
        recipes=recipes,
    )
    paths = study_paths(uri)
    asked = config.model_copy(update={"seeds": "auto"}) if is_auto else config
    create_study(paths, asked, metrics=["loss", "accuracy"], train_examples=TRAIN_EXAMPLES)
    for trial in study_trials(config):
        if is_timed:
            write_timing(paths, timing_id(trial, {}), trial, timing(trial))
        if is_begun(trial):
            write_trial(paths, trial, message=message, is_ended=is_ended(trial), has_gradients=has_gradients)
    return paths


def timing(trial: TrialConfig) -> dict[str, object]:
    """Return what the timing pass would have found: an iteration alone is a fifth shorter than beside others."""
    clock = {name: 0.8 * value for name, value in clocks(trial, 1, jitter=1.0).items()}
    seconds = clock.pop("epoch_seconds")
    around = {"iteration_seconds_low": 0.99 * seconds, "iteration_seconds_high": 1.02 * seconds}
    return clock | around | MACHINE | {
        "status": "completed", "repeats": 4, "iterations": 100, "iteration_seconds": seconds,
        "iteration_seconds_spread": 0.03, "examples_per_second": trial.batch_size / seconds, "neighbours": 0,
        "parameters": 10**6, "peak_memory_bytes": 10**9, "end_time": datetime.now(UTC),
    }  # fmt: skip


def write_trial(
    paths: StudyPaths, trial: TrialConfig, *, message: str, is_ended: bool, has_gradients: bool = False
) -> None:
    curve = trial_curve(trial)
    writer = TrialWriter(paths, trial, metrics=["loss", "accuracy"])
    per_epoch = math.ceil(TRAIN_EXAMPLES / trial.batch_size)
    for first in range(0, len(curve.losses), per_epoch):
        add_epoch(writer, trial, curve, first=first, per_epoch=per_epoch)
    probed = (
        demo_gradients.add_gradients(writer, trial, curve.losses, train_examples=TRAIN_EXAMPLES)
        if has_gradients
        else {}
    )
    if is_ended:
        writer.commit(outcome(trial, curve, message=message) | probed)
    else:
        writer.write_part()


def trial_curve(trial: TrialConfig) -> Curve:
    rng = np.random.default_rng([trial.seed, trial.batch_size, int(trial.lr * 1e6)])
    relative_lr = trial.lr / (LARGEST_BEST_LR / (1 + NOISE_SCALE / trial.batch_size)) * rng.lognormal(0, 0.04)
    count = math.ceil((trial.settings.max_epochs or 1) * TRAIN_EXAMPLES / trial.batch_size)
    iteration = np.arange(count)
    if relative_lr > 2:
        losses = 2.3 * np.exp(iteration[: rng.integers(30, 80)] * 0.12 * (relative_lr - 2)) + 0.1
        return Curve(np.append(losses, np.nan), np.full(len(losses) + 1, 0.9), "diverged")
    recipe = 1.5 if trial.settings.momentum > 0.5 else 1.0  # made up, so that recipes differ
    speed = recipe * relative_lr * (2 - relative_lr) * rng.lognormal(0, 0.08) / (1 + NOISE_SCALE / trial.batch_size)
    progress = 0.8 * speed * iteration
    losses = 2.3 / (1 + progress) ** 0.8
    noise = 0.9 * relative_lr**0.3 / math.sqrt(trial.batch_size) * (0.15 + losses)
    spikes = (rng.random(count) < 0.004) * max(0.0, relative_lr - 1.2) * rng.exponential(8, count)
    losses = np.maximum(losses + noise * rng.standard_normal(count) + spikes, 1e-3)
    errors = 0.9 / (1 + progress) ** 0.9 + 0.012 + 0.001 * rng.standard_normal(count)
    return cut_at_target(trial, losses, errors)


def cut_at_target(trial: TrialConfig, losses: FloatArray, errors: FloatArray) -> Curve:
    reached = np.flatnonzero(is_met(trial, errors))
    is_over = reached[(reached >= min(1000, len(errors) - 1)) & (reached % 5 == 0)]
    end = int(is_over[0]) + 1 if len(is_over) else len(errors)
    return Curve(losses[:end], errors[:end], "completed")


def is_met(trial: TrialConfig, errors: FloatArray) -> npt.NDArray[np.bool_]:
    target = trial.settings.target or Target("accuracy", 0.97)
    return 3 * errors <= target.value if target.metric == "loss" else 1 - errors >= target.value


def add_epoch(writer: TrialWriter, trial: TrialConfig, curve: Curve, *, first: int, per_epoch: int) -> None:
    losses = curve.losses[first : first + per_epoch]
    epoch = first // per_epoch + 1
    seen = np.minimum((np.arange(len(losses)) + 1) * trial.batch_size, TRAIN_EXAMPLES) + (epoch - 1) * TRAIN_EXAMPLES
    writer.add_iterations(epoch=epoch, first_iteration=first + 1, examples=seen, loss=losses)
    timed = len(losses) - min(max(trial.settings.warmup_iterations - first, 0), len(losses))
    seconds = clocks(trial, timed, jitter=1 + 0.03 * math.sin(epoch + trial.seed))
    if len(losses) == per_epoch:  # one that is cut short has no row
        writer.add_epoch(
            epoch=epoch,
            iterations=first + per_epoch,
            timed_iterations=timed,
            examples=int(seen[-1]),
            peak_memory_bytes=10**9,
            **(seconds if timed else dict.fromkeys(seconds, math.nan)),
        )
    for k in sorted({len(losses) * tenth // 10 for tenth in range(1, 11)} - {0}):
        iteration = first + k
        timed = max(iteration - trial.settings.warmup_iterations, 0)
        total = clocks(trial, timed, jitter=1.0) if timed else dict.fromkeys(seconds, math.nan)
        writer.add_evaluation(
            epoch=epoch - 1 + k / per_epoch,
            iteration=iteration,
            examples=int(seen[k - 1]),
            timed_iterations=timed,
            train_seconds=total.pop("epoch_seconds"),
            eval_seconds=0.004,
            loss=float(curve.errors[iteration - 1]) * 3,
            accuracy=1 - float(curve.errors[iteration - 1]),
            **total,
        )


def clocks(trial: TrialConfig, iterations: int, *, jitter: float) -> dict[str, float]:
    compute = iterations * (FIXED_SECONDS + SECONDS_PER_EXAMPLE * trial.batch_size) * jitter
    load = iterations * (1e-4 + 5e-7 * trial.batch_size) * jitter
    return {"epoch_seconds": compute + load, "load_seconds": load, "compute_seconds": compute}


def outcome(trial: TrialConfig, curve: Curve, *, message: str) -> dict[str, object]:
    total = clocks(trial, len(curve.losses), jitter=1.0)
    train_seconds = total.pop("epoch_seconds")
    is_reached = is_met(trial, curve.errors[-1:]).all()
    stop_reason = "non_finite" if curve.status == "diverged" else "target" if is_reached else "max_epochs"
    now = datetime.now(UTC)
    return {
        "status": curve.status,
        "stop_reason": stop_reason,
        "message": message or ("the loss is nan at iteration 61" if curve.status == "diverged" else None),
        "iterations": len(curve.losses),
        "examples": min(len(curve.losses) * trial.batch_size, int((trial.settings.max_epochs or 1) * TRAIN_EXAMPLES)),
        "train_seconds": train_seconds,
        "warmup_seconds": 0.4,
        "eval_seconds": 0.1,
        "write_seconds": 0.02,
        "wall_seconds": train_seconds + 0.52,
        "neighbours": 7,
        "bs_study_version": "0.1.0",
        "python_version": "3.12.4",
        "torch_version": "2.8.0",
        "cuda_version": "12.8",
        "start_time": now,
        "end_time": now,
        **total,
        **MACHINE,
    }


if __name__ == "__main__":
    write_demo_study(sys.argv[1])
