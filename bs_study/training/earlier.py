"""How a trial ended earlier: by another attempt, which may have been cut short after its commit."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime

from bs_study.config import TrialConfig
from bs_study.store.commit import trial_row
from bs_study.store.reader import Study
from bs_study.target import Target, definite, is_met_by_window
from bs_study.training.placement import Place
from bs_study.training.progress import Ending
from bs_study.workloads.base import Workload, known_workload


def ended_earlier(trial: TrialConfig, place: Place, *, launched: datetime | None) -> Ending | None:
    """Return how the trial ended if it did, once nothing of it is live any more: a commit may have been cut short."""
    earlier = _earlier_ending(trial, place, launched=launched)
    if earlier and earlier.status != "failed":  # of one that was given up, the next resume goes on with what is live
        with contextlib.suppress(OSError):
            place.paths.remove(place.paths.live_trial(trial.trial_id))
    return earlier


def _earlier_ending(trial: TrialConfig, place: Place, *, launched: datetime | None) -> Ending | None:
    """Return how the trial ended if it did: by another attempt that was quicker, or given up since the launch."""
    row = trial_row(place.paths, trial)
    if not row:
        return None
    is_given_up = row["stop_reason"] == "timeout" and launched and row["end_time"] > launched
    if row["status"] == "failed" and not is_given_up:
        return None
    reached = _reached_iteration(trial, place)
    ending = Ending(row["status"], row["stop_reason"], row["message"], row["iterations"], reached)
    return replace(ending, bound=row.get("bound"), outrun_by=row.get("outrun_by"))


def _reached_iteration(trial: TrialConfig, place: Place) -> int | None:
    asked, window = trial.settings.target, trial.settings.target_window
    target = definite(asked) if asked else target_of(trial, known_workload(trial.settings.workload))
    evaluations = Study(place.paths).evaluations(["iteration", target.metric], trial_id=trial.trial_id)
    met: list[bool] = []
    for iteration, value in evaluations.to_numpy():
        met.append(target.is_met(value))
        if is_met_by_window(met, window=window):
            return int(iteration)
    return None


def target_of(trial: TrialConfig, workload: Workload) -> Target:
    """Return the target of a trial: its own, or else its workload's."""
    return definite(trial.settings.target or workload.target)
