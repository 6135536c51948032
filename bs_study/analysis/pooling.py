"""The seeds of cells that two studies share, given to both: cells of one recipe, batch size and lr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.rows import StudyRows
from bs_study.analysis.side_by_side import Pooled
from bs_study.analysis.trials import CELL, Cell
from bs_study.config import TrialSettings
from bs_study.config.settings import KEPT

_SEED = [*CELL, "seed"]
_OF_TRIALS = ("evaluations", "epochs", "smoothness")


@dataclass(frozen=True)
class PooledRows:
    """The rows of two studies in which each cell of both has the seeds of both, and what was pooled."""

    a: StudyRows
    b: StudyRows
    pooled: Pooled


def same_recipes(a: StudyRows, b: StudyRows) -> dict[str, str]:
    """Return the recipes of B that A has too, with all settings of their trials, each with its name in A."""
    names = {_key(settings): name for name, settings in a.settings.items()}
    return {name: names[_key(settings)] for name, settings in b.settings.items() if _key(settings) in names}


def _key(settings: TrialSettings) -> str:
    return settings.model_dump_json(exclude=set(KEPT))


def pooled_rows(a: StudyRows, b: StudyRows) -> PooledRows:
    """Return the rows of two studies in which each cell of both has the seeds of both.

    A seed that both trained is one experiment made twice: in both studies the trial of A stays. A trial that failed is
    none. Timings stay those of each study. Seeds no longer come in rounds, so that none of them is fresh.

    Args:
        a, b: of one version of workload and data.
    """
    recipes = same_recipes(a, b)
    theirs = b.trials[b.trials["recipe"].isin(recipes) & (b.trials["status"] != "failed")]
    renamed = theirs.assign(recipe=theirs["recipe"].map(recipes))
    ours = a.trials[a.trials["status"] != "failed"]
    both = set(_cells(ours)) & set(_cells(renamed))
    ours, renamed = (_where(trials, [cell in both for cell in _cells(trials)]) for trials in (ours, renamed))
    repeated = set(_seeds(ours)) & set(_seeds(renamed))
    new = _where(renamed, [seed not in repeated for seed in _seeds(renamed)])
    back = {name: recipe for recipe, name in recipes.items()}
    looks = a.looks + b.looks - 1
    return PooledRows(
        _with_trials(a, new, of=b, looks=looks),
        _with_trials(b, ours.assign(recipe=ours["recipe"].map(back)), of=a, looks=looks),
        Pooled({cell._replace(recipe=back[cell.recipe]): cell for cell in both}, len(repeated)),
    )


def _cells(trials: pd.DataFrame) -> list[Cell]:
    return [Cell(str(name), int(size), float(lr)) for name, size, lr in trials[CELL].itertuples(index=False, name=None)]


def _seeds(trials: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(trials[_SEED].itertuples(index=False, name=None))


def _where(trials: pd.DataFrame, are_kept: Sequence[bool]) -> pd.DataFrame:
    return trials[np.array(are_kept, dtype=bool)]


def _with_trials(rows: StudyRows, more: pd.DataFrame, *, of: StudyRows, looks: int) -> StudyRows:
    """Return the rows of a study with trials of another, in place of its own of the same cell and seed."""
    taken = set(_seeds(more))
    own = _where(rows.trials, [seed not in taken for seed in _seeds(rows.trials)])
    names: Mapping[str, str] = dict(zip(more["trial_id"], more["recipe"], strict=True))
    tables: dict[str, Any] = {name: _joined(getattr(rows, name), getattr(of, name), own, names) for name in _OF_TRIALS}
    config = rows.config
    if config is not None and config.seeds == "auto":
        config = config.model_copy(update={"seeds": config.most_seeds, "max_seeds": 8})
    trials = pd.concat([own, more], ignore_index=True) if len(more) else own
    return replace(rows, trials=trials, config=config, times_asked=looks, **tables)


def _joined(own: pd.DataFrame, other: pd.DataFrame, trials: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of a study's trials, and those of trials of another by the names of their recipes here."""
    kept = own[own["trial_id"].isin(trials["trial_id"])] if len(own) else own
    added = other[other["trial_id"].isin(names)] if len(other) else other
    if added.empty:
        return kept
    added = added.assign(recipe=added["trial_id"].map(names))
    return pd.concat([kept, added], ignore_index=True) if len(kept) else added
