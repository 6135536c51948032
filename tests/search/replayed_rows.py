"""The rows that the store of a replayed study has, and its search asked by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from bs_study import StudyConfig
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.trials import complete_trials
from bs_study.config import TrialConfig
from bs_study.config.recipe_names import named_recipes
from bs_study.grid import at_batch_size
from bs_study.search.plan import Plan, plan
from bs_study.store.schema import Table, table_schema
from tests.analysis.hand_rows import SMOOTHNESS
from tests.search.replayed import Answer, Ended, Known

MACHINE = {"device_name": "a laptop", "threads": 1}
ITERATION_SECONDS = 0.001
KEYS = ["recipe", "trial_id", "batch_size", "lr", "seed"]
REASONS = {
    "reached": "target", "missed": "max_iterations", "outrun": "outrun", "diverged": "non_finite",
    "out_of_memory": "out_of_memory", "failed": "failed",
}  # fmt: skip


class Studied:
    """A study of a config whose trials end as is known.

    Args:
        known: what each trial would do.
        iteration_seconds: by batch size, as the timing pass measured them; trials' own where there are none.
        timing_error: of the quickest and the slowest repeat, a part of the median.
    """

    def __init__(
        self,
        config: StudyConfig,
        known: Callable[[TrialConfig], Known],
        *,
        iteration_seconds: Mapping[int, float] | None = None,
        timing_error: float = 0.01,
    ) -> None:
        self.config, self.known = config, known
        self.recipes = named_recipes(config)
        self.timings = _timings(iteration_seconds or {}, timing_error)
        self._parts: dict[TrialConfig, tuple[dict[str, Any], pd.DataFrame]] = {}
        self.plans: list[Plan] = []

    def rows(self, ended: Mapping[TrialConfig, Ended]) -> StudyRows:
        """Return the rows of the trials that have ended so far."""
        for trial in ended.keys() - self._parts.keys():
            self._parts[trial] = self._part(trial, ended[trial])
        parts = [self._parts[trial] for trial in ended]
        trials = pd.DataFrame([row for row, _ in parts]) if parts else _none("trials")
        looks = [frame for _, frame in parts if len(frame)] or [_none("evaluations").assign(recipe="", accuracy=0.0)]
        return StudyRows(
            recipes=tuple(self.recipes),
            trials=complete_trials(trials),
            evaluations=pd.concat(looks, ignore_index=True),
            epochs=_none("epochs").assign(recipe=""),
            smoothness=pd.DataFrame(columns=SMOOTHNESS),
            timings=self.timings,
            asked=pd.DataFrame(columns=KEYS),
            config=self.config,
            settings=self.recipes,
        )

    def ask(self, ended: Mapping[TrialConfig, Ended]) -> Answer:
        """Ask the search what it wants now."""
        self.plans.append(plan(self.rows(ended)))
        return Answer([one.trial for one in self.plans[-1].wanted], self.plans[-1].bounds)

    def _part(self, trial: TrialConfig, end: Ended) -> tuple[dict[str, Any], pd.DataFrame]:
        keys = {
            "recipe": self._recipe(trial), "trial_id": trial.trial_id, "batch_size": trial.batch_size,
            "lr": trial.lr, "seed": trial.seed,
        }  # fmt: skip
        seconds = end.iterations * ITERATION_SECONDS
        is_completed = end.kind in ("reached", "missed", "outrun")
        row = keys | {
            "status": "completed" if is_completed else end.kind, "stop_reason": REASONS[end.kind],
            "target": str(trial.settings.target), "optimizer": "sgd", "momentum": trial.settings.momentum,
            "iterations": end.iterations, "timed_iterations": end.iterations,
            "examples": end.iterations * trial.batch_size,
            "train_seconds": seconds, "load_seconds": 0.0, "compute_seconds": seconds, "eval_seconds": 0.1 * seconds,
            "max_iterations": trial.settings.max_iterations, **MACHINE,
        }  # fmt: skip
        return row, _looks(keys, self.known(trial), end.looks if is_completed else end.looks - 1)

    def _recipe(self, trial: TrialConfig) -> str:
        if len(self.recipes) == 1:
            return next(iter(self.recipes))
        for name, settings in self.recipes.items():
            if at_batch_size(settings, trial.batch_size) == trial.settings:
                return name
        raise ValueError(f"{trial.trial_id} is of no recipe of this study")


def _looks(keys: Mapping[str, Any], known: Known, count: int) -> pd.DataFrame:
    """Return the first looks of a trial: the target is an accuracy of 0.9."""
    at = pd.Series(known.looks[:count], dtype=int)
    seconds = at * ITERATION_SECONDS
    frame = pd.DataFrame({name: [keys.get(name)] * count for name in KEYS})
    is_met = at >= known.met if known.met is not None else at < 0
    return frame.assign(
        epoch=0.0, iteration=at, examples=at * keys.get("batch_size", 0), timed_iterations=at, train_seconds=seconds,
        load_seconds=0.0, compute_seconds=seconds, eval_seconds=0.001, accuracy=is_met.map({True: 0.95, False: 0.5}),
        loss=list(known.loss[:count]) or 1.0,
    )  # fmt: skip


def _timings(iteration_seconds: Mapping[int, float], error: float) -> pd.DataFrame:
    rows = [
        {
            "trial_id": f"timing-b{size}", "batch_size": size, "lr": 0.1, "seed": 0, "status": "completed",
            "repeats": 5, "iterations": 100, "iteration_seconds": median, "iteration_seconds_low": median * (1 - error),
            "iteration_seconds_high": median * (1 + error), "iteration_seconds_spread": 2 * error,
            "load_seconds": 0.1 * median, "compute_seconds": 0.9 * median, "examples_per_second": size / median,
            "neighbours": 0, "end_time": pd.Timestamp(0, tz="UTC"), **MACHINE,
        }
        for size, median in iteration_seconds.items()
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=_none("timings").columns) if rows else _none("timings")


def _none(table: Table) -> pd.DataFrame:
    return table_schema(table).empty_table().to_pandas()
