"""What is printed when a study has ended: a row per batch size, and what to type next."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bs_study.analysis.best import best
from bs_study.analysis.convergence import convergence
from bs_study.analysis.timings import clean_iteration_seconds, trials_own_timings
from bs_study.store.reader import Study
from bs_study.target import Target

OUTCOMES = ("reached", "missed", "diverged", "out_of_memory", "failed")


def summary(study: Study) -> Table:
    """Return a row per batch size: the lr that took the fewest iterations to the target, and how its trials ended.

    Seconds are those of the timing pass where there was one, as in the report.
    """
    trials = study.trials()
    target = Target.parse(study.config.target or trials["target"].iloc[0])
    clean = clean_iteration_seconds(trials_own_timings(study.timings(), trials))
    cells = convergence(study.evaluations(), trials, target=target, clean=clean)
    clock = "clean_seconds" if len(clean) else "train_seconds"
    winners = best(cells)[["batch_size", "best_lr_by_iterations"]]
    rows = winners.merge(
        cells, how="left", left_on=["batch_size", "best_lr_by_iterations"], right_on=["batch_size", "lr"]
    )
    table = Table(
        title=f"best lr: the fewest iterations to {target}", title_justify="left", title_style="", box=SIMPLE_HEAD
    )
    for heading in ("batch size", "best lr", "iterations", clock.replace("_", " "), "trials"):
        table.add_column(heading, justify="left" if heading == "trials" else "right")
    for row in rows.to_dict("records"):
        tried = cells[cells["batch_size"] == row["batch_size"]]
        table.add_row(str(row["batch_size"]), *_reached(row, clock), _how_trials_ended(tried))
    return table


def _reached(row: Mapping[Hashable, Any], clock: str) -> tuple[str, str, str]:
    if pd.isna(row["best_lr_by_iterations"]):
        return "", "not reached", ""
    return f"{row['lr']:g}", f"{row['iterations_to_target']:.0f}", f"{row[f'{clock}_to_target']:.3g}"


def _how_trials_ended(cells: pd.DataFrame) -> str:
    counts = {name: int(cells[name].sum()) for name in OUTCOMES}
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
