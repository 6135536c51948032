"""Whether workload and data are what a study began with, and what becomes of its unfinished trials if not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bs_study.store.changes import changes
from bs_study.store.own_trials import answered_trials
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Study
from bs_study.store.set_aside import set_all_aside
from bs_study.store.versions import add_version, known_versions, version_in_force

if TYPE_CHECKING:
    from bs_study.training.fingerprint import Fingerprint


@dataclass(frozen=True)
class WorkloadVersion:
    """The version of workload and data that trials are to run with.

    Attributes:
        number: 1, 2, ... in the study.
        metrics: the metric columns of its evaluations, in order.
        told: its fingerprint, where study.json does not say it yet.
        seen: study.json; None in a study that is to begin.
        replaces: the version in force until now, if it is another one.
        said: what a person is told of it.
    """

    number: int
    metrics: tuple[str, ...]
    told: Fingerprint | None = None
    seen: Mapping[str, Any] | None = None
    replaces: int | None = None
    said: str = ""

    def record(self, paths: StudyPaths, *, seen: Mapping[str, Any]) -> None:
        """Let study.json tell of it, once the unfinished trials of the version before are set aside.

        Args:
            seen: the content of study.json, which may have grown since.
        """
        if self.told is None:
            return
        # Cut short between the two, the trials begin anew when the change is accepted again.
        if self.replaces is not None:
            set_all_aside(paths, version=self.replaces, but=answered_trials(Study(paths)))
        add_version(paths, {"version": self.number, **self.told}, seen=seen)


def version_now(seen: Mapping[str, Any] | None, now: Fingerprint, *, accept: bool) -> WorkloadVersion:
    """Return the version that workload and data are now.

    Args:
        seen: study.json; None in a study that is to begin.
        now: their fingerprint, with `metrics`.
        accept: whether one that differs from the newest is wanted. One that the study had before has its number again.

    Raises:
        ValueError: they differ from the newest version of the study, and that is not accepted.
    """
    names = tuple(now.get("metrics", ()))
    if seen is None:
        return WorkloadVersion(1, names, told=now)
    before = version_in_force(seen)
    number = int(before["version"])
    changed = changes(before, now)
    if not changed:
        names = tuple(before.get("metrics") or names)
        said = "--accept-changes: workload and data are as they were, nothing begins anew" if accept else ""
        is_known = bool(known_versions(seen))
        return WorkloadVersion(number, names, told=None if is_known else now, seen=seen, said=said)
    if not accept:
        refuse_changes(seen, now)
    known = known_versions(seen)
    same = [one["version"] for one in known if {"source", "data"} <= one.keys() and not changes(one, now)]
    new = same[-1] if same else 1 + max([number, *(one["version"] for one in known)])
    said = f"accepted: {'; '.join(changed)}. Version {new} of workload and data: unfinished trials begin anew"
    return WorkloadVersion(new, names, told=now, seen=seen, replaces=number, said=said)


def refuse_changes(seen: Mapping[str, Any], now: Fingerprint) -> None:
    """Raise if workload or data differ from the newest version that study.json tells of."""
    changed = changes(version_in_force(seen), now)
    if changed:
        raise ValueError(
            f"resume: workload and data are not what the study's trials were begun with: {'; '.join(changed)}. Undo "
            "that, or add --accept-changes: unfinished trials then begin anew, and the report pools no two versions"
        )
