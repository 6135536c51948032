"""What study.json says of a study of imported runs, and where such a study may begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bs_study.store.paths import StudyPaths

TOLD_BY_RUNS = ("target", "batch_sizes", "lrs", "seeds")
"""The settings of a study of imported runs that its runs tell, or that were asked for."""
OF_IMPORTED = ("workload", *TOLD_BY_RUNS, "max_iterations", "warmup_iterations", "trial_id_digits")
"""The settings that such a study keeps: those, and what the ids of its trials follow from."""


def with_imported(asked: Mapping[str, Any], imported: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what study.json is to say: of imported runs, no setting that nobody knows, and no size that is null.

    Args:
        imported: `from`, the files, and `trials`, each a batch size, lr and seed; None of a study that is trained.
    """
    if imported is None:
        return dict(asked)
    config = {name: asked["config"][name] for name in OF_IMPORTED}
    told = {name: value for name, value in asked.items() if name != "train_examples"}
    return told | {"config": config, "imported": dict(imported)}


def asked_imported(asked: Mapping[str, Any]) -> list[tuple[int, float, int]] | None:
    """Return batch size, lr and seed of the runs that a study was imported from; None where it was not."""
    told = asked.get("imported")
    return [(int(size), float(lr), int(seed)) for size, lr, seed in told["trials"]] if told else None


def refuse_taken(paths: StudyPaths) -> None:
    """Refuse a place at which a study, or anything else, lies.

    Raises:
        ValueError: something does.
    """
    if paths.exists(paths.study_json):
        raise ValueError(f"study: {paths.name!r} is there already, at {paths.uri}. Choose another name")
    if paths.names(paths.root):
        raise ValueError(f"study: {paths.uri} is not empty. Choose another name, or remove what is there")
