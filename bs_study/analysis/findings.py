"""The study's conclusions, each with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bs_study.analysis import target_findings, verdicts_loss, verdicts_speed
from bs_study.analysis.finding import Finding
from bs_study.analysis.throughput import examples_per_iteration

if TYPE_CHECKING:
    from bs_study.analysis.tables import StudyTables


def findings(tables: StudyTables) -> list[dict[str, Any]]:
    """Return the conclusions of a study, as JSON holds them."""
    verdicts = [
        verdicts_speed.epoch_time_falls(tables.speed),
        verdicts_speed.iteration_time_is_flat(tables.speed),
        verdicts_loss.noise_falls(tables.smoothness, examples_per_iteration=examples_per_iteration(tables.trials)),
        verdicts_loss.small_batch_needs_small_lr(tables.scaling),
        verdicts_loss.large_batch_wants_large_lr(tables.scaling),
    ]
    judged = [
        *(
            Finding(v.claim, v.claim, v.outcome, "", v.evidence, ", ".join(d.reason for d in v.doubts))
            for v in verdicts
        ),
        target_findings.middle_batch_size_is_fastest(tables),
        target_findings.fastest_after_tuning(tables),
        target_findings.updates_stop_falling(tables),
    ]
    return [finding.as_json() for finding in judged]
