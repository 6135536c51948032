"""Weights & Biases: a run for each trial, grouped by study; its own environment variables say where they go."""

from __future__ import annotations

import importlib
from typing import Any

from bs_study.launch.trackers.tracker import STUDY_RUN, Answer, Run, Series, outcome
from bs_study.training.progress import Ending

LONGEST_TAG = 64  # characters that a tag may have


class WeightsAndBiases:
    """Runs of the project `bs_study-<study>` in a group of the study's name; several are open at a time."""

    def __init__(self, study: str) -> None:
        self._wandb: Any = importlib.import_module("wandb")
        self._study = study
        self._runs: dict[str, Any] = {}

    def __str__(self) -> str:
        return "wandb, at its server (WANDB_BASE_URL)"

    def log(self, run: Run, series: Series) -> None:
        if run.name not in self._runs:
            tags = [f"{name}={value}"[:LONGEST_TAG] for name, value in run.labels.items() if name != "study"]
            config = run.trial.model_dump(mode="json") | run.labels
            self._runs[run.name] = self._begun(run.name, kind="trial", tags=tags, config=config)
        for iteration, numbers in series:
            self._runs[run.name].log({"iteration": iteration, **numbers})

    def end(self, run: Run, ending: Ending) -> None:
        self.log(run, [])
        ended = self._runs.pop(run.name)
        ended.tags = (*ended.tags, ending.status)
        ended.summary.update(outcome(ending))
        ended.finish(exit_code=int(ending.status == "failed"))

    def conclude(self, answer: Answer) -> None:
        run = self._begun(STUDY_RUN, kind="study", tags=[str(answer["grade"])], config={})
        run.summary.update(dict(answer))
        run.finish()

    def close(self) -> None:
        while self._runs:
            run = self._runs.popitem()[1]
            run.summary["status"] = "interrupted"
            run.finish(exit_code=1)

    def _begun(self, name: str, *, kind: str, tags: list[str], config: dict[str, Any]) -> Any:
        run = self._wandb.init(
            project=f"bs_study-{self._study}",
            group=self._study,
            job_type=kind,
            name=name,
            tags=tags,
            config=config,
            reinit="create_new",
            settings=self._wandb.Settings(silent=True, console="off"),
        )
        # W&B drops what comes after a later step: evaluations are known later than the progress beyond them.
        run.define_metric("iteration")
        run.define_metric("*", step_metric="iteration")
        return run
