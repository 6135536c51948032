"""Which trials a study asks for, looked up by their configs: an id alone may be another trial's."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bs_study.config import StudyConfig, TrialConfig, TrialSettings
from bs_study.config.settings import KEPT
from bs_study.grid import at_batch_size, cell_trial, grid_lrs
from bs_study.store.study_json import OLDER
from bs_study.target import read_target
from bs_study.words import shown

Row = Mapping[str, Any]
"""A row of the table `trials`, as Arrow's `to_pylist` gives it."""

SETTINGS = tuple(name for name in TrialSettings.model_fields if name not in KEPT)


OWN_ID = re.compile("-([0-9a-f]{6}|[0-9a-f]{16})$")


class _Asked(NamedTuple):
    """A recipe at one batch size: its settings there, the same flat, and the lrs that its trials use."""

    settings: TrialSettings
    flat: dict[str, Any]
    lrs: frozenset[float]


class AskedTrials:
    """The trials that a study may come to; none is made before it is asked for.

    >>> study = StudyConfig(batch_sizes=[60], lrs=[0.1], seeds=[0], max_epochs=1)
    >>> asked, row = AskedTrials(study), {"batch_size": 60, "lr": 0.1, "seed": 0, "max_epochs": 1.0}
    >>> asked.fault("b60-lr0.1-s0-0123456789abcdef", row)
    'by its config it is b60-lr0.1-s0-8dd3c406ca84f65f'
    >>> asked.fault("b60-lr0.1-s0-0123456789abcdef", row | {"workload": "mnist"})
    "its workload is 'mnist', and the study asks for 'digits'"
    """

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self._seeds = frozenset(config.most_seeds)
        self._by_size: dict[int, list[_Asked]] = {size: [] for size in config.batch_sizes}
        for settings in config.each_recipe():
            for size, asked in self._by_size.items():
                sized = at_batch_size(settings, size)
                lrs = frozenset(settings.trial_lr(lr=lr, batch_size=size) for lr in grid_lrs(config))
                asked.append(_Asked(sized, sized.model_dump(), lrs))
        self._known = {(size, _key(one.flat)): one for size, asked in self._by_size.items() for one in asked}

    def trial(self, row: Row) -> TrialConfig | None:
        """Return the trial that has a row's config; None where the study asks for none."""
        size, lr, seed = row.get("batch_size"), row.get("lr"), row.get("seed")
        known = self._known.get((size, _key(row)))  # type: ignore[arg-type]
        others = (one for one in self._by_size.get(size, ()) if not any(differences(row, one.flat)))  # type: ignore[arg-type]
        asked = known or next(others, None)
        if asked is None or lr not in asked.lrs or seed not in self._seeds:
            return None
        return cell_trial(asked.settings, batch_size=row["batch_size"], lr=row["lr"], seed=row["seed"])

    def fault(self, trial_id: str, row: Row) -> str | None:
        """Return why a row is none of this trial; None where it is its own. Another writer's ids have no hash."""
        trial = self.trial(row)
        if trial is None:
            return self._difference(row)
        is_own = trial.trial_id == trial_id or not OWN_ID.search(trial_id)
        return None if is_own else f"by its config it is {trial.trial_id}"

    def _difference(self, row: Row) -> str:
        size, lr, seed = row.get("batch_size"), row.get("lr"), row.get("seed")
        asked = self._by_size.get(size) if isinstance(size, int) else None
        if not asked:
            return f"the study asks for no batch size {shown(size)}"
        nearest = min((list(differences(row, one.flat)) for one in asked), key=len)
        if nearest:
            return nearest[0]
        if not any(lr in one.lrs for one in asked):
            return f"the study asks for no lr {shown(lr)} at batch size {size}"
        return f"the study asks for no seed {shown(seed)} of this cell"


def row_fault(row: Row, trial: TrialConfig) -> str | None:
    """Return why a row of `trials` is none of this trial; None where it is its own."""
    asked = trial.model_dump()
    faults = (
        f"its {name} is {shown(row.get(name))}, not {shown(asked[name])}"
        for name in ("batch_size", "lr", "seed")
        if row.get(name) != asked[name]
    )
    return next(itertools.chain(faults, differences(row, asked)), None)


def differences(row: Row, asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings in which a row of `trials` differs from what is asked; one that it lacks may be anything."""
    for name in SETTINGS:
        if row.get(name) is not None and _value(row, name) != _value(asked, name):
            yield f"its {name} is {shown(row.get(name))}, and the study asks for {shown(asked.get(name))}"


def _key(settings: Row) -> tuple[Any, ...]:
    return tuple(_value(settings, name) for name in SETTINGS)


def _value(settings: Row, name: str) -> Any:
    """Return a setting; one that an older version did not know is null in its rows."""
    value = settings.get(name)
    if value is None:
        return OLDER.get(name, TrialSettings.model_fields[name].default)
    return _target(value) if name == "target" else value


def _target(text: str) -> str:
    with contextlib.suppress(ValueError):
        return str(read_target(text))
    return text
