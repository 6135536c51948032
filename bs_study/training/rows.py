"""What a trial tells the store of itself: the rows of its epochs and evaluations, and how it went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bs_study.training.assembly import Assembly
from bs_study.training.clock import Clocks
from bs_study.training.plan import Plan
from bs_study.training.progress import Ending, Position

TOTALS = ("train_seconds", "load_seconds", "compute_seconds", "warmup_seconds", "eval_seconds", "write_seconds")


def epoch_row(epoch: int, position: Position, clocks: Clocks, *, peak_memory_bytes: int) -> dict[str, float]:
    """Return the columns of `epochs` for the epoch that has just ended."""
    return {
        "epoch": epoch,
        "iterations": position.iteration,
        "examples": position.examples,
        "epoch_seconds": clocks.epoch_seconds,
        "load_seconds": clocks.epoch_load_seconds,
        "compute_seconds": clocks.epoch_compute_seconds,
        "peak_memory_bytes": peak_memory_bytes,
    }


def evaluation_row(position: Position, clocks: Clocks, plan: Plan, *, eval_seconds: float) -> dict[str, float]:
    """Return the columns of `evaluations` for one made now, but for its metrics."""
    return {
        "epoch": plan.epochs_after(position.iteration),
        "iteration": position.iteration,
        "examples": position.examples,
        "train_seconds": clocks.train_seconds,
        "load_seconds": clocks.load_seconds,
        "compute_seconds": clocks.compute_seconds,
        "eval_seconds": eval_seconds,
    }


def assembly_columns(assembly: Assembly | None) -> dict[str, str | None]:
    """Return the columns of `trials` that say how it was computed; null where memory did not suffice to begin."""
    if assembly is None:
        return dict.fromkeys(("engine_used", "loader_used", "kernels_used"))
    return {
        "engine_used": assembly.engine.name,
        "loader_used": assembly.loader,
        "kernels_used": assembly.kernels.name if assembly.kernels else "cudnn",
    }


def outcome_columns(ending: Ending, position: Position, clocks: Clocks) -> dict[str, Any]:
    """Return the columns of `trials` that say how the trial went."""
    return {name: getattr(clocks, name) for name in TOTALS} | {
        "status": ending.status,
        "stop_reason": ending.stop_reason,
        "message": ending.message,
        "iterations": position.iteration,
        "examples": position.examples,
        "end_time": datetime.now(UTC),
    }
