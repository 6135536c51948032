"""What is trained: a data set, a model, a loss, metrics and a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bs_study.target import Target

if TYPE_CHECKING:
    from bs_study.workloads.base import Workload, load_workload

__all__ = ["Target", "Workload", "load_workload"]


def __getattr__(name: str) -> Any:
    """Return what is loaded with torch when it is first asked for: the names of workloads are known without it."""
    if name not in ("Workload", "load_workload"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bs_study.workloads import base

    return getattr(base, name)
