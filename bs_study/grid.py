"""From a study to its trials, with stable ids; and which of them are still to run."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from bs_study.config import Recipe, StudyConfig, TrialConfig


def study_trials(config: StudyConfig) -> list[TrialConfig]:
    """Return the trials of a study: recipes × batch sizes × lrs × seeds, in the order given, seeds innermost."""
    return [trial for recipe in config.each_recipe() for trial in _recipe_trials(recipe)]


def _recipe_trials(config: StudyConfig) -> list[TrialConfig]:
    recipe = {name: getattr(config, name) for name in Recipe.model_fields}
    return [
        TrialConfig(
            **recipe | config.trial_moments(batch_size=batch_size),
            batch_size=batch_size,
            lr=config.trial_lr(lr=lr, batch_size=batch_size),
            seed=seed,
        )
        for batch_size, lr, seed in itertools.product(config.batch_sizes, config.lrs, config.seeds)
    ]


def trials_to_run(config: StudyConfig, *, ended: Collection[str]) -> list[TrialConfig]:
    """Return the trials whose id is not among those that ended.

    First run, resume, retry of failed trials and a grown grid are this one question.
    """
    return [trial for trial in study_trials(config) if trial.trial_id not in ended]
