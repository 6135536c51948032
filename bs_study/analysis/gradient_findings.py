"""What follows from the gradients of a study: where its trials ended, and verdicts; nothing where none were probed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bs_study.analysis.contest import grid_edges
from bs_study.analysis.minima import compared_trials, minima_readings
from bs_study.analysis.open_anyway import opened
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.stable_lr import stable_lrs
from bs_study.analysis.tables import Tables
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Doubt, Verdict
from bs_study.analysis.verdicts_gradients import gradients_agree, stable_lr_at_limit
from bs_study.analysis.verdicts_minima import extremes_end_worse
from bs_study.target import Target

Lrs = Mapping[tuple[str, int], float]


def ends(
    rows: StudyRows, tables: Tables, *, lrs: Lrs, target: Target | None, known: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return where the trials at some lrs ended, as `minima_readings` does.

    Args:
        lrs: by recipe and batch size.
        known: the same by another target: of the same trials and the same metric it is taken from there.
    """
    if tables.noise_scale.empty:
        return tables.ends
    if known is not None and len(known) and target is not None:
        is_same = set(known["trial_id"]) == set(compared_trials(rows.trials, lrs)["trial_id"])
        if is_same and known["metric"].iloc[0] == target.metric:
            return known
    return minima_readings(rows.trials, rows.evaluations, lrs=lrs, target=target, losses=rows.losses)


def gradient_verdicts(
    rows: StudyRows, tables: Tables, recipe: str, *, lrs: Lrs, left: Sequence[Doubt], confidence: float
) -> list[Verdict]:
    """Return the verdicts of a recipe that rest on its gradients; of none where none were probed.

    Args:
        lrs: by recipe and batch size, at which each is judged.
        left: what keeps them open anyway: trials that have not ended.
        confidence: of each.
    """
    probes, scaling, ended, sharpness, trials = (
        table[table["recipe"] == recipe]
        for table in (tables.noise_scale, tables.scaling, tables.ends, tables.sharpness, tables.trials)
    )
    if probes.empty:
        return []
    own_lrs = {size: lr for (name, size), lr in lrs.items() if name == recipe}
    examples = dict(zip(scaling["batch_size"], scaling["examples_per_iteration"], strict=True))
    edges = grid_edges(rows.tried, [Cell(recipe, size, lr) for size, lr in own_lrs.items()])
    found = [
        gradients_agree(
            probes,
            window=window,
            lrs=own_lrs,
            examples_per_iteration=examples,
            confidence=confidence,
        )
        for window in ("early", "late")
    ]
    found.append(extremes_end_worse(ended, edges=edges, eval_examples=rows.eval_examples, confidence=confidence))
    if (trials["optimizer"].str.lower() == "sgd").all():  # of adam no such limit is known
        stable = stable_lrs(scaling, sharpness, trials, confidence=confidence)
        found.append(stable_lr_at_limit(stable, scaling, confidence=confidence))
    return [opened(verdict, left) for verdict in found]
