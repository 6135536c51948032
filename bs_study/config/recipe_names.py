"""What the recipes of a study are called: what differs between them, in the field's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bs_study.config.recipe import recipe_of
from bs_study.config.settings import TrialSettings
from bs_study.config.study import StudyConfig
from bs_study.words import counted, typed

Effect = dict[str, Any]  # the settings of a recipe that matter
_OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
_RULES = {"linear": "linear lr rule", "sqrt": "square-root lr rule"}
_SCHEDULE = {
    "no warm-up": {"lr_warmup_iterations", "lr_warmup_epochs"},
    "no decay": {"lr_decay", "lr_decay_iterations", "lr_decay_epochs", "lr_decay_factor"},
    "no lr rule": {"lr_rule", "base_batch_size"},
}


def named_recipes(config: StudyConfig) -> dict[str, TrialSettings]:
    """Return the settings of each recipe of a study by its name; the name of a study's only recipe is empty.

    >>> grid = {"batch_sizes": [64], "lrs": [0.1], "max_epochs": 5}
    >>> list(named_recipes(StudyConfig(**grid, lr_warmup_epochs=[0, 1])))
    ['constant lr', 'warm-up 1 epoch']
    """
    recipes = config.each_recipe()
    return dict(zip(recipe_names([recipe_of(settings) for settings in recipes]), recipes, strict=True))


def recipe_names(effects: Sequence[Effect]) -> list[str]:
    """Return a name for each of some recipes that differ: no two are the same."""
    values: dict[str, set[Any]] = {}
    for effect in effects:
        for name, value in effect.items():
            values.setdefault(name, set()).add(value)
    varied = {name for name, found in values.items() if len(found) > 1}
    return [", ".join([*_update(effect, varied), *_schedule(effect, varied)]) for effect in effects]


def _update(effect: Effect, varied: set[str]) -> list[str]:
    """Return the words for the update rule."""
    decay = effect["weight_decay"]
    words = {
        "optimizer": _OPTIMIZERS.get(effect["optimizer"], str(effect["optimizer"])),
        "momentum": f"momentum {typed(effect.get('momentum', 0))}",
        "nesterov": "Nesterov" if effect.get("nesterov") else "no Nesterov",
        "weight_decay": f"weight decay {typed(decay)}" if decay else "no weight decay",
    }
    return [text for name, text in words.items() if name in varied and name in effect]


def _schedule(effect: Effect, varied: set[str]) -> list[str]:
    """Return the words for the lr: what of warm-up, decay and rule the recipe has, or that it has none."""
    said = [_warmup(effect), _decay(effect, varied), _rule(effect, varied)]
    absent = [text for text, names in _SCHEDULE.items() if names & varied]
    words = [word for word, names in zip(said, _SCHEDULE.values(), strict=True) if word and names & varied]
    if words or not absent:
        return words
    return absent if any(said) else ["constant lr"]


def _warmup(effect: Effect) -> str:
    for unit in ("iterations", "epochs"):
        if effect[f"lr_warmup_{unit}"]:
            return f"warm-up {counted(effect[f'lr_warmup_{unit}'], unit.removesuffix('s'))}"
    return ""


def _decay(effect: Effect, varied: set[str]) -> str:
    if effect["lr_decay"] == "none":
        return ""
    text = f"{effect['lr_decay']} decay"
    if "lr_decay_factor" in effect and "lr_decay_factor" in varied:
        text += f" by {typed(effect['lr_decay_factor'])}"
    for unit in ("iterations", "epochs"):
        if effect[f"lr_decay_{unit}"] and f"lr_decay_{unit}" in varied:
            text += f" over {counted(effect[f'lr_decay_{unit}'], unit.removesuffix('s'))}"
    return text


def _rule(effect: Effect, varied: set[str]) -> str:
    text = _RULES.get(effect["lr_rule"], "")
    return (
        f"{text} from batch size {typed(effect['base_batch_size'])}" if text and "base_batch_size" in varied else text
    )
