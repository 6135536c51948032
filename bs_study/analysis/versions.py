"""Which version of workload and data each trial is of: several are never pooled, and one version is judged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from bs_study.analysis.trials import CELL, KEYS
from bs_study.store import Study
from bs_study.store.versions import known_versions, metrics_of

COLUMNS = [*KEYS, "workload_version", "is_judged", "status"]


@dataclass(frozen=True)
class Versions:
    """The ended trials of a study, where they are of several versions of workload and data.

    Attributes:
        trials: recipe, trial_id, batch_size, lr, seed, workload_version, is_judged, status; none where all are of one.
        judged: the version that all else is about.
        since: when each version began, UTC, as far as study.json tells.
        foreign_metrics: those that the judged version does not have.
    """

    trials: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))
    judged: int = 1
    since: Mapping[int, str] = field(default_factory=dict)
    foreign_metrics: frozenset[str] = frozenset()

    @property
    def others(self) -> pd.DataFrame:
        """The trials that are of another version than the judged one."""
        return self.trials[~self.trials["is_judged"].astype(bool)]

    @property
    def answered_by_others(self) -> frozenset[tuple[Hashable, ...]]:
        """recipe, batch_size, lr and seed of trials that are not trained again: they ended with another version."""
        answered = self.others[self.others["status"] != "failed"]
        return frozenset(answered[[*CELL, "seed"]].itertuples(index=False, name=None))

    @property
    def counts(self) -> dict[int, int]:
        """How many trials there are of each version, the oldest first; empty where all are of one."""
        counted = self.trials["workload_version"].value_counts().sort_index()
        return {int(version): int(trials) for version, trials in counted.items()}  # type: ignore[call-overload]


def versions_of(trials: pd.DataFrame, study: Study, *, judged: int | None = None) -> Versions:
    """Return the versions of the ended trials of a study.

    The version in force is judged; while no trial of it has an answer, the newest of which one has.

    Args:
        trials: as `complete_trials` returns them.
        judged: the version that is judged in any case.
    """
    try:
        asked = study.asked
    except (OSError, ValueError):  # no study.json that can be read
        asked = {}
    known = known_versions(asked)
    in_force = known[-1]["version"] if known else None
    answered = trials[trials["status"] != "failed"]
    there = set((answered if len(answered) else trials)["workload_version"].astype(int))
    if judged is None:
        judged = in_force if in_force in there else max(there, default=1)
    if set(trials["workload_version"]) <= {judged}:
        return Versions(judged=judged)
    rows = trials.assign(is_judged=trials["workload_version"] == judged)[COLUMNS]
    since = {one["version"]: str(one.get("since", "")) for one in reversed(known)}
    metrics = {name for one in known for name in metrics_of(asked, one["version"])}
    foreign = frozenset(metrics - set(metrics_of(asked, judged)))
    return Versions(rows.reset_index(drop=True), judged, since, foreign)


def of_version(rows: pd.DataFrame, version: int) -> pd.DataFrame:
    """Return the rows of trials or timings of a version; one that does not say is of the first."""
    if "workload_version" not in rows:
        return rows
    return rows[rows["workload_version"].fillna(1) == version].reset_index(drop=True)
