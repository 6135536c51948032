"""From a study to its trials, with stable ids."""

from __future__ import annotations

from collections.abc import Callable

from bs_study.config import StudyConfig, TrialConfig, TrialSettings
from bs_study.config.recipe_names import named_recipes

_PARTS = set(TrialConfig.model_fields)


def study_trials(config: StudyConfig) -> list[TrialConfig]:
    """Return the trials that a study may come to: recipes × batch sizes × lrs × seeds, in order, seeds innermost.

    Of a full grid with a list of seeds these are its trials. A bracket comes to few of many lrs.
    """
    config = config.model_copy(update={"lrs": grid_lrs(config)})
    return [trial for settings in config.each_recipe() for trial in recipe_trials(config, settings)]


def grid_lrs(config: StudyConfig) -> tuple[float, ...]:
    """Return the lrs that a study may come to, as they are typed."""
    if config.lattice is None:
        return config.lrs
    return tuple(dict.fromkeys((*config.lrs, *config.lattice.lrs(batch_sizes=len(config.batch_sizes)))))


def refuse_shared_ids(config: StudyConfig) -> None:
    """Refuse two trials of one id, which studies of older versions may have: one would take the place of the other.

    Ids of 64 bits differ.
    """
    if config.settings.trial_id_digits >= 16:
        return
    name_of = names_of_recipes(config)
    known: dict[str, TrialConfig] = {}
    for trial in study_trials(config):
        other = known.setdefault(trial.trial_id, trial)
        if other is not trial:
            raise ValueError(
                f"trial_id: {trial.trial_id} is the id of two trials of this study, of the recipes {name_of(other)} "
                f"and {name_of(trial)}. Begin another study for one of them: --name in place of --resume"
            )


def recipe_trials(config: StudyConfig, settings: TrialSettings) -> list[TrialConfig]:
    """Return the trials of one recipe of a study; its lr rule makes their lrs and moments of those that were given."""
    return [
        cell_trial(sized, batch_size=batch_size, lr=lr, seed=seed)
        for batch_size in config.batch_sizes
        for sized in [at_batch_size(settings, batch_size)]
        for lr in [settings.trial_lr(lr=lr, batch_size=batch_size) for lr in config.lrs]
        for seed in config.most_seeds
    ]


def at_batch_size(settings: TrialSettings, batch_size: int) -> TrialSettings:
    """Return the settings of a recipe's trials of one batch size: its lr rule moves the moments of Adam.

    All trials of a batch size share them, which makes many trials quick to build, to name and to hold.
    """
    return settings.model_copy(update=settings.moments(batch_size))


def cell_trial(sized: TrialSettings, *, batch_size: int, lr: float, seed: int) -> TrialConfig:
    """Return one trial of a recipe.

    Args:
        sized: the recipe's settings, as `at_batch_size` returns them.
        batch_size: of the trial.
        lr: that it really uses, as `trial_lr` returns it.
        seed: of the trial.
    """
    # The study has looked at each of them. To look again would take longer than all else of 100,000 trials.
    return TrialConfig.model_construct(_PARTS, settings=sized, batch_size=batch_size, lr=lr, seed=seed)


def names_of_recipes(config: StudyConfig) -> Callable[[TrialConfig], str]:
    """Return what tells the name of a trial's recipe by its settings; "" where it is of none."""
    names = {
        at_batch_size(settings, batch_size): name
        for name, settings in reversed(named_recipes(config).items())  # of two alike the first has the name
        for batch_size in config.batch_sizes
    }
    return lambda trial: names.get(trial.settings, "")


def is_full_grid(config: StudyConfig) -> bool:
    """Return whether a study wants all its trials, whatever comes of them."""
    return config.search == "grid" and config.seeds != "auto"
