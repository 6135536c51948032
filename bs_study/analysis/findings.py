"""The study's conclusions, each with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bs_study.analysis import loss_findings, speed_findings, target_findings

if TYPE_CHECKING:
    from bs_study.analysis.tables import StudyTables


def findings(tables: StudyTables) -> list[dict[str, Any]]:
    """Return the conclusions of a study, as JSON holds them.

    The rule of all verdicts: a trend needs at least three batch sizes and a 95 % interval that leaves out no effect; a
    difference between two cells needs at least two seeds in each and such an interval (Welch's t on log times).
    One seed shows no spread, so of two cells that both reached the target with one seed neither is the faster. A cell
    that missed is slower than another only if its budget lasted longer than the other took; one that diverged or was
    out of memory is slower than any that reached.

    Returns:
        dicts of name, claim, verdict (supported, contradicted or undecided), evidence (numbers; None where missing),
        how (one sentence, which says why where undecided), reason (that why alone).
    """
    judged = [
        speed_findings.epoch_time_falls(tables.speed),
        speed_findings.iteration_time_is_flat(tables.speed),
        loss_findings.noise_falls(tables.noise_slope),
        loss_findings.small_batch_needs_small_lr(tables.scaling, tables.convergence),
        loss_findings.large_batch_wants_large_lr(tables.scaling, tables.lr_fit),
        target_findings.middle_batch_size_is_fastest(tables),
        target_findings.fastest_after_tuning(tables),
        target_findings.updates_stop_falling(tables),
    ]
    return [finding.as_json() for finding in judged]
