"""What becomes of a trial that failed for good."""

from __future__ import annotations

import contextlib

from bs_study.config import TrialConfig
from bs_study.store.commit import commit_failed
from bs_study.training.placement import Place
from bs_study.training.progress import Ending
from bs_study.workloads.user_errors import told


def failure_message(error: BaseException) -> str:
    """Return an error in one line, as `ValueError: what was wrong (task.py, line 7)`, and what to do if known."""
    return told(error)


def record_failure(trial: TrialConfig, place: Place, message: str, *, stop_reason: str = "error") -> Ending:
    """End a trial as failed. Where the store takes no row it stays open, and a resumed study tries it again."""
    with contextlib.suppress(Exception):  # damaged parts raise in many ways, and the other trials go on
        commit_failed(
            place.paths,
            trial,
            metrics=place.metrics,
            message=message,
            stop_reason=stop_reason,
            workload_version=place.workload_version,
            unheeded=place.unheeded,
        )
    return Ending("failed", stop_reason, message)
