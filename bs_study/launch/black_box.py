"""A study of a function that trains by itself: what it can be asked, and what its study is without a look at data."""

from __future__ import annotations

from bs_study.config import LaunchOptions, StudyConfig, TrialSettings
from bs_study.config.black_box import UNHEEDED
from bs_study.launch.outline import with_settings
from bs_study.target import definite
from bs_study.words import shown, typed
from bs_study.workloads.black_box import FORM

_OF_LAUNCH = {
    "curvature": "the model of a function is not known",
    "timing": "an iteration of a function can't be timed alone",
    "data_dir": "a function reads its data by itself",
    "loader_processes": "a function reads its data by itself",
}
_INSTEAD = {
    "max_epochs": "the epochs of a function are not known. Give max_iterations, max_examples or max_train_seconds, or "
    "leave it out: a function may end by itself",
}


def ready_black_box(config: StudyConfig, options: LaunchOptions) -> StudyConfig:
    """Return the config of a study of a function, with a target that has a direction.

    Raises:
        ValueError: a setting is asked for that a function can't heed, or no target, or one that it can't report.
    """
    for settings in config.each_recipe():
        _refuse_unheeded(settings)
    for name, why in _OF_LAUNCH.items():
        if getattr(options, name):
            raise ValueError(f"{name}: {why}. Leave it out")
    if config.question == "loss-at":
        raise ValueError(
            "question: loss-at reads the loss of held-out data, and a function reports that under a name of its own. "
            "Ask for a target of it, as 'val_loss<=0.3'"
        )
    target = config.settings.target
    if target is None:
        raise ValueError("target: a function has none of its own. Give the metric and its value, as 'accuracy>=0.98'")
    if target.metric == "loss":
        raise ValueError(
            f"target: loss is what report takes for the training loss. Report that of the evaluation by a name of its "
            f"own, and give that: 'val_loss<={typed(target.value)}'"
        )
    return with_settings(config, target=definite(target))


def _refuse_unheeded(settings: TrialSettings) -> None:
    for name in UNHEEDED:
        value = getattr(settings, name)
        if value != TrialSettings.model_fields[name].default:
            why = _INSTEAD.get(name, f"a function ({FORM}) decides that itself. Leave it out")
            raise ValueError(f"{name}: {shown(value)}, but {why}")
