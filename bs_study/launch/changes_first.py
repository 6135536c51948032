"""A workload that was edited, and can't be trained now: the edit is what a person needs to hear of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from bs_study.config import LaunchOptions, StudyConfig
from bs_study.launch.seen import data_of
from bs_study.launch.versions import refuse_changes
from bs_study.store.versions import version_in_force
from bs_study.training.fingerprint import Fingerprint, fingerprint
from bs_study.workloads.base import Workload
from bs_study.workloads.black_box import BlackBox


@contextlib.contextmanager
def changes_told_first(
    began: Mapping[str, Any] | None, config: StudyConfig, workload: Workload | BlackBox, options: LaunchOptions
) -> Iterator[None]:
    """Where a look is refused, tell first that workload or data are not what the study began with, if so.

    Args:
        began: study.json; None where a change is no reason to refuse.
    """
    try:
        yield
    except (ValueError, OSError):
        if began is not None:
            refuse_changes(began, _readable(began, config, workload, options))
        raise


def _readable(
    began: Mapping[str, Any], config: StudyConfig, workload: Workload | BlackBox, options: LaunchOptions
) -> Fingerprint:
    if isinstance(workload, BlackBox):
        return fingerprint(workload, None)
    try:
        return fingerprint(workload, data_of(config, workload, options), before=version_in_force(began))
    except (ValueError, OSError):  # the data may be what was refused
        return fingerprint(workload, None)
