from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bs_study import StudyConfig, TrialConfig
from bs_study.config.asked import FIELDS, asked
from bs_study.store.timings import timing_id

LEAST: dict[str, Any] = {"batch_sizes": [4], "lrs": [0.1], "max_iterations": 10}


def complaint(**settings: Any) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        asked(LEAST | settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("batch_sizes", [0]),
        ("batch_sizes", [-4]),
        ("batch_sizes", [4.5]),
        ("batch_sizes", [True]),
        ("batch_sizes", []),
        ("batch_sizes", [4, 16, 4]),
        ("lrs", [0.0]),
        ("lrs", [-0.1]),
        ("lrs", [float("nan")]),
        ("lrs", [float("inf")]),
        ("lrs", [0.1, 0.1]),
        ("lrs", ["fast"]),
        ("lrs", 0.1),
        ("seeds", [-1]),
        ("seeds", []),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("weight_decay", float("nan")),
        ("optimizer", "sgdm"),
        ("lr_rule", "cubic"),
        ("max_epochs", 0),
        ("max_iterations", 0),
        ("max_train_seconds", float("inf")),
        ("eval_every_examples", 0),
        ("eval_spacing", 1),
        ("eval_spacing", 0.9),
        ("eval_spacing", float("inf")),
        ("max_eval_share", 0),
        ("max_eval_share", 1.1),
        ("target_window", 0),
        ("target_window", 2),
        ("target_window", 1.5),
        ("target", "accuracy"),
        ("gpus_per_trial", 1.5),
        ("gpus_per_trial", -1),
        ("cpus_per_trial", 0),
        ("max_concurrent", 0),
        ("checkpoint_seconds", 0),
        ("name", ".."),
        ("name", "a/b"),
        ("name", "/etc"),
        ("name", ""),
        ("name", "-rf"),
        ("name", "a\n"),
        ("name", "a" * 101),
        ("workload", ""),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_its_setting_first(setting: str, value: object) -> None:
    text = complaint(**{setting: value})
    assert text.startswith(f"{setting}: ")
    assert "\n" not in text


@pytest.mark.parametrize(("typed", "meant"), [("batchsizes", "batch_sizes"), ("lr", "lrs"), ("momentun", "momentum")])
def test_an_unknown_setting_is_refused_with_the_nearest_right_one(typed: str, meant: str) -> None:
    assert complaint(**{typed: 1}) == f"{typed}: unknown setting. Did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"nesterov": True, "momentum": 0}, "nesterov"),
        ({"nesterov": True, "optimizer": "adam"}, "nesterov"),
        ({"lr_warmup_iterations": 5, "lr_warmup_epochs": 1}, "lr_warmup_epochs"),
        ({"lr_decay": "linear", "lr_decay_iterations": 5, "lr_decay_epochs": 1}, "lr_decay_epochs"),
        ({"lr_decay": "step"}, "lr_decay"),
        ({"lr_decay": "cosine", "max_iterations": None, "max_train_seconds": 5}, "lr_decay"),
        ({"lr_rule": "linear"}, "lr_rule"),
        ({"max_iterations": None}, "max_epochs"),
        ({"local": True, "address": "auto"}, "address"),
        ({"momentum": []}, "momentum"),
        ({"momentum": [0.9, 0.9]}, "momentum"),
        ({"momentum": [0.5, 1.5]}, "momentum"),
        ({"momentum": [0.5, 0.9], "recipes": [{"momentum": 0.5}]}, "momentum"),
        ({"lr_rule": ["none", "sqrt"]}, "lr_rule"),
        ({"recipes": [{"momentun": 0.9}]}, "recipes"),
        ({"recipes": [{"max_epochs": 1}]}, "recipes"),
        ({"recipes": [{"momentum": [0.5, 0.9]}]}, "recipes"),
        ({"recipes": [{}, {}]}, "recipes"),
        ({"recipes": ["momentum"]}, "recipes"),
        ({"recipes": 3}, "recipes"),
        ({"settings": {}}, "settings"),
        ({"target": 0.98}, "target"),
        ({"optimizer": "adam", "lr_rule": "sqrt", "base_batch_size": 10**17}, "lr_rule"),
        ({"optimizer": "adam", "lr_rule": "sqrt", "base_batch_size": 10**15, "eps": 1e305}, "lr_rule"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], named: str) -> None:
    assert complaint(**settings).startswith(f"{named}: ")


def test_what_is_wrong_by_itself_is_told_before_what_does_not_go_together() -> None:
    assert complaint(lrs=[0], lr_decay="step") == complaint(lrs=[0])
    both = complaint(lrs=[0], gpus_per_trial=-1)
    assert complaint(lrs=[0]) in both
    assert complaint(gpus_per_trial=-1) in both


def test_a_combination_that_contradicts_itself_is_named() -> None:
    text = complaint(lr_warmup_iterations=[0, 5], lr_warmup_epochs=[0, 1])
    assert text.startswith("lr_warmup_epochs: ")
    assert "(in the recipe {lr_warmup_iterations: 5, lr_warmup_epochs: 1})" in text


@pytest.mark.parametrize("budget", ["max_epochs", "max_iterations", "max_examples", "max_train_seconds"])
def test_any_one_budget_is_enough(budget: str) -> None:
    assert TrialConfig(batch_size=4, lr=0.1, seed=0, **{budget: 5}).model_dump()[budget] == 5


def test_the_defaults_are_sgd_with_momentum_one_half_a_constant_lr_and_a_window_of_1000_iterations() -> None:
    config = StudyConfig(**LEAST)
    settings = config.settings
    assert (settings.optimizer, settings.momentum, settings.lr_decay, settings.lr_rule) == ("sgd", 0.5, "none", "none")
    assert (settings.min_iterations, settings.stop_at_target, config.seeds) == (1000, True, (0,))


def test_a_config_can_not_be_changed() -> None:
    with pytest.raises(ValidationError):
        StudyConfig(**LEAST).settings.momentum = 0.9  # type: ignore[misc]
    with pytest.raises(ValidationError):
        StudyConfig(**LEAST).lrs = (0.2,)  # type: ignore[misc]


def test_a_config_survives_json_with_its_trials() -> None:
    from bs_study.grid import study_trials

    config = StudyConfig(
        **LEAST
        | {"lrs": [0.1, 1 / 3], "target": "loss<=0.1", "momentum": [0, 0.9], "recipes": [{"lr_decay": "cosine"}]}
    )
    again = StudyConfig.model_validate_json(config.model_dump_json())
    assert again == config
    assert [t.trial_id for t in study_trials(again)] == [t.trial_id for t in study_trials(config)]


def test_settings_that_are_new_keep_the_ids_of_trials_that_were_begun_without_them() -> None:
    cell = {"batch_size": 4, "lr": 0.1, "seed": 0, "max_iterations": 10}
    today, older = TrialConfig(**cell), TrialConfig(**cell, eval_spacing=None)
    assert today.trial_id == older.trial_id == "b4-lr0.1-s0-6b8aa6" + today.trial_id[18:]
    assert TrialConfig(**cell, trial_id_digits=6).trial_id == "b4-lr0.1-s0-6b8aa6"
    assert len(today.trial_id) == len("b4-lr0.1-s0-") + 16
    assert timing_id(today, {}) == timing_id(older, {})
    for change in ({"eval_spacing": 1.1}, {"max_eval_share": 0.5}, {"target_window": 3}):
        assert TrialConfig(**cell, **change).trial_id != today.trial_id


def test_every_setting_is_explained() -> None:
    assert [name for name, field in FIELDS.items() if not field.description] == []
