"""In which way two studies differ: settings, workload and data, devices; and whether their seconds compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bs_study.analysis.rows import StudyRows
from bs_study.analysis.timings import KIND
from bs_study.config import StudyConfig
from bs_study.config.settings import KEPT
from bs_study.store.changes import changes
from bs_study.store.imported import TOLD_BY_RUNS

Kind = tuple[object, ...]
"""A kind of machine: name of the device, and threads where they are known."""
Fingerprint = Mapping[str, Any]


class Setting(NamedTuple):
    """A setting that differs, and its value in each study, as study.json has it."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Differences:
    """In which way study B differs from study A.

    Attributes:
        fingerprints: of the versions of workload and data that each is judged by; empty where study.json has none.
        kinds: on which kinds of machine the trials of each ran; none where their rows do not say.
        are_imported: which of the two hold imported runs: they tell no workload, no device and few settings.
    """

    settings: tuple[Setting, ...]
    fingerprints: tuple[Fingerprint, Fingerprint]
    kinds: tuple[tuple[Kind, ...], tuple[Kind, ...]]
    are_imported: tuple[bool, bool] = (False, False)

    @property
    def is_other_workload(self) -> bool:
        """Whether the two train something else, as far as both tell."""
        return any(one.name == "workload" for one in self.settings) or bool(changes(*self.fingerprints))

    @property
    def has_one_kind(self) -> bool:
        """Whether all trials of both are known to have run on one kind of machine."""
        return len(self.kinds[0]) == 1 and self.kinds[0] == self.kinds[1]

    @property
    def seconds_compare(self) -> bool:
        """Whether seconds of one study compare with those of the other."""
        return self.has_one_kind and not self.is_other_workload


def differences(a: StudyRows, b: StudyRows, *, fingerprints: tuple[Fingerprint, Fingerprint]) -> Differences:
    """Return in which way study B differs from study A.

    Args:
        a, b: rows of studies whose config is known; of another, no setting is compared.
        fingerprints: of the judged version of each.
    """
    are_imported = a.is_imported, b.is_imported
    known = set(TOLD_BY_RUNS) if any(are_imported) else None
    return Differences(_settings(a.config, b.config, known), fingerprints, (_kinds(a), _kinds(b)), are_imported)


def _settings(a: StudyConfig | None, b: StudyConfig | None, known: set[str] | None) -> tuple[Setting, ...]:
    """Return the settings that differ, of those that both studies know; None: they know all."""
    if a is None or b is None:
        return ()
    first, second = (config.model_dump(mode="json", include=known, exclude={"name"}) for config in (a, b))
    named = [Setting(name, value, second[name]) for name, value in first.items() if name not in KEPT]
    return tuple(one for one in named if one.a != one.b)


def _kinds(rows: StudyRows) -> tuple[Kind, ...]:
    """Return the kinds of machine of the trials that trained."""
    if KIND[0] not in rows.trials:
        return ()
    known = rows.trials.dropna(subset=KIND[:1])
    kinds = known[[name for name in KIND if name in known]].drop_duplicates()
    return tuple(sorted(kinds.itertuples(index=False, name=None), key=str))
