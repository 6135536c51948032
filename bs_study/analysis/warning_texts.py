"""What a reader must know before the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bs_study.config import TrialSettings
from bs_study.words import cell, count, counted, setting, typed

if TYPE_CHECKING:
    from bs_study.analysis.tables import StudyTables

# Trials that differ in one of these are not one study: a difference between their cells may be due to it.
_MUST_AGREE = [
    "workload",
    "optimizer",
    "momentum",
    "nesterov",
    "weight_decay",
    "lr_decay",
    "lr_warmup_iterations",
    "device_name",
]


def warning_texts(tables: StudyTables, *, settings: TrialSettings | None) -> list[str]:
    """Return the warnings of a study, the gravest first."""
    return [
        *_target(tables),
        *_edges(tables, settings),
        *_failed(tables.trials),
        *_diverged_later(tables),
        *_untimed(tables),
        *_mixed(tables),
    ]


def _target(tables: StudyTables) -> list[str]:
    if tables.target is None:
        return ["No target is known, so nothing can have reached it. Ask for one, as --target accuracy=0.98."]
    own = set(tables.trials["target"]) - {""}
    return ["Trials had different targets of their own; all are judged by the same one here."] if len(own) > 1 else []


def _edges(tables: StudyTables, settings: TrialSettings | None) -> list[str]:
    on_edge = tables.scaling[tables.scaling["best_lr_on_edge"] != ""]
    return [_edge(row, settings) for _, row in on_edge.iterrows()]


def _edge(row: pd.Series[Any], settings: TrialSettings | None) -> str:
    side = {"low": "the smallest", "high": "the largest", "both": "the only one"}[row["best_lr_on_edge"]]
    size = int(row["batch_size"])
    # With an lr rule the grid's lrs are those of the base batch size.
    factor = settings.trial_lr(lr=1.0, batch_size=size) if settings else 1.0
    lrs = " ".join(typed(float(f"{float(lr) / factor:.4g}")) for lr in (row["add_lr_1"], row["add_lr_2"]))
    best = f"At batch size {size} the best lr {setting(row['best_lr'])} is {side} of the grid"
    return f"{best}: a better one may lie beyond. Add --lrs {lrs}."


def _failed(trials: pd.DataFrame) -> list[str]:
    failed = int((trials["status"] == "failed").sum())
    gives = "gives" if failed == 1 else "give"
    return [f"{count(failed)} of {counted(len(trials), 'trial')} failed and {gives} no answer."] if failed else []


def _diverged_later(tables: StudyTables) -> list[str]:
    reached = tables.times.loc[tables.times["iterations_to_target"].notna(), "trial_id"]
    later = tables.trials[tables.trials["trial_id"].isin(reached) & (tables.trials["status"] == "diverged")]
    cells = ", ".join(sorted({cell(b, lr) for b, lr in zip(later["batch_size"], later["lr"], strict=True)}))
    return [f"Reached the target and diverged later: {cells}."] if cells else []


def _untimed(tables: StudyTables) -> list[str]:
    if tables.timings.empty or tables.is_clean or tables.trials.empty:
        return []
    return [
        "The timing pass lacks a batch size of these trials, or ran on another kind of machine: "
        "its times are left out. Add them: python sweeps/grid.py --resume STUDY --timing."
    ]


def _mixed(tables: StudyTables) -> list[str]:
    columns = [name for name in _MUST_AGREE if name in tables.trials and tables.trials[name].nunique(dropna=False) > 1]
    texts = [f"Trials differ in {', '.join(columns)}: cells may differ for that reason."] if columns else []
    if tables.convergence["budget"].nunique() > 1:
        texts.append("Trials had different budgets: where a cell missed, compare the budgets before the cells.")
    return texts
