from __future__ import annotations

import itertools
import math
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from bs_study import StudyConfig, TrialConfig
from bs_study.config import one_line
from bs_study.config.asked import asked
from bs_study.grid import names_of_recipes, study_trials

GRID: dict[str, Any] = {"batch_sizes": (4, 16), "lrs": (0.01, 0.1, 1.0), "seeds": (0, 1), "max_iterations": 10}


def test_a_grid_has_each_batch_size_lr_and_seed_once_in_the_order_given() -> None:
    trials = study_trials(StudyConfig(**GRID))
    assert [(t.batch_size, t.lr, t.seed) for t in trials] == [
        (4, 0.01, 0), (4, 0.01, 1), (4, 0.1, 0), (4, 0.1, 1), (4, 1.0, 0), (4, 1.0, 1),
        (16, 0.01, 0), (16, 0.01, 1), (16, 0.1, 0), (16, 0.1, 1), (16, 1.0, 0), (16, 1.0, 1),
    ]  # fmt: skip
    assert len({t.trial_id for t in trials}) == 12


@pytest.mark.parametrize(
    ("rule", "lrs"), [("none", [0.1, 0.1]), ("linear", [0.05, 0.2]), ("sqrt", [0.1 / math.sqrt(2), 0.1 * math.sqrt(2)])]
)
def test_the_lr_of_a_trial_follows_the_rule_from_the_base_batch_size(rule: str, lrs: list[float]) -> None:
    grid = GRID | {"lrs": (0.1,), "seeds": (0,), "lr_rule": rule, "base_batch_size": 8}
    assert [t.lr for t in study_trials(StudyConfig(**grid))] == pytest.approx(lrs)


def test_every_setting_of_a_study_reaches_every_trial() -> None:
    settings = {"optimizer": "adamw", "weight_decay": 0.01, "lr_decay": "cosine", "eval_every_examples": 7}
    for trial in study_trials(StudyConfig(**GRID, **settings)):
        assert trial.settings.model_dump(include=set(settings)) == settings


def test_each_combination_of_lists_and_recipes_trains_the_whole_grid() -> None:
    lists = {"weight_decay": [0, 0.01], "momentum": [0.5, 0.9], "lr_warmup_epochs": [2]}
    trials = study_trials(StudyConfig(**GRID, **lists, recipes=[{}, {"lr_decay": "cosine"}]))
    assert len({t.trial_id for t in trials}) == len(trials) == 8 * 12
    found = {(s.weight_decay, s.momentum, s.lr_decay, s.lr_warmup_epochs) for s in (t.settings for t in trials)}
    assert found == set(itertools.product((0, 0.01), (0.5, 0.9), ("none", "cosine"), (2,)))


def test_a_recipe_has_the_trial_ids_that_it_has_in_a_study_of_its_own() -> None:
    both = study_trials(StudyConfig(**GRID, lr_warmup_epochs=[0, 1]))
    alone = [*study_trials(StudyConfig(**GRID)), *study_trials(StudyConfig(**GRID, lr_warmup_epochs=1.0))]
    assert [t.trial_id for t in both] == [t.trial_id for t in alone]
    assert [t.trial_id for t in study_trials(StudyConfig(**GRID, lr_warmup_epochs=[0]))] == [
        t.trial_id for t in study_trials(StudyConfig(**GRID))
    ]


def test_adam_has_no_momentum_so_a_list_of_momenta_trains_it_once() -> None:
    trials = study_trials(StudyConfig(**GRID, optimizer=["sgd", "adam"], momentum=[0.5, 0.9]))
    assert sum(t.settings.optimizer == "sgd" for t in trials) == 24
    assert sum(t.settings.optimizer == "adam" for t in trials) == 12


def test_an_lr_rule_holds_for_its_recipe_alone() -> None:
    grid = GRID | {"batch_sizes": (16,), "lrs": (0.1,), "seeds": (0,), "base_batch_size": 4}
    trials = study_trials(StudyConfig(**grid, lr_rule=["none", "linear", "sqrt"]))
    assert [t.lr for t in trials] == pytest.approx([0.1, 0.4, 0.2])


def test_a_trial_id_starts_with_the_cell_and_the_seed() -> None:
    trial = TrialConfig(batch_size=60, lr=0.02, seed=3, max_epochs=1)
    assert trial.trial_id.startswith("b60-lr0.02-s3-")
    assert len(trial.trial_id) == len("b60-lr0.02-s3-3f9a2c51d07be846")


@pytest.mark.parametrize("change", [{"momentum": 0.9}, {"max_epochs": 2}, {"workload": "mnist"}, {"lr": 0.0200000001}])
def test_trials_that_differ_in_any_setting_have_different_ids(change: dict[str, Any]) -> None:
    base = {"batch_size": 60, "lr": 0.02, "seed": 3, "max_epochs": 1}
    assert TrialConfig(**base).trial_id != TrialConfig(**base | change).trial_id


def test_a_trial_id_is_the_same_in_another_process() -> None:
    code = "from bs_study import TrialConfig; print(TrialConfig(batch_size=60, lr=0.02, seed=3, max_epochs=1).trial_id)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert found.stdout.strip() == TrialConfig(batch_size=60, lr=0.02, seed=3, max_epochs=1).trial_id


def test_where_and_how_a_study_runs_does_not_change_its_trial_ids() -> None:
    elsewhere = {"store": "s3://bucket", "local": True, "cpus_per_trial": 2, "checkpoint_seconds": 1, "name": "other"}
    ids = [t.trial_id for t in study_trials(StudyConfig(**GRID))]
    assert [t.trial_id for t in study_trials(asked(GRID | elsewhere).config)] == ids


def test_a_setting_given_with_its_default_value_does_not_change_the_id() -> None:
    plain = TrialConfig(batch_size=60, lr=0.02, seed=3, max_epochs=1)
    assert TrialConfig(batch_size=60, lr=0.02, seed=3, max_epochs=1, momentum=0.5).trial_id == plain.trial_id


def test_the_recipe_of_a_trial_is_named_by_its_settings_whatever_a_rule_makes_of_them() -> None:
    rules = [{"lr_rule": "sqrt", "base_batch_size": 64}, {}]
    config = StudyConfig.model_validate(GRID | {"optimizer": "adam", "recipes": rules})
    trials = study_trials(config)
    name_of = names_of_recipes(config)
    names = [name_of(trial) for trial in trials]
    assert names == ["square-root lr rule"] * (len(trials) // 2) + ["constant lr"] * (len(trials) // 2)
    other = trials[0].model_copy(update={"settings": trials[0].settings.model_copy(update={"weight_decay": 0.5})})
    assert name_of(other) == ""
    assert names_of_recipes(StudyConfig(**GRID))(study_trials(StudyConfig(**GRID))[0]) == ""


def adam(**settings: object) -> StudyConfig:
    base = {"batch_sizes": (16, 64, 256), "lrs": (0.01,), "max_iterations": 1, "optimizer": "adam"}
    return StudyConfig.model_validate(base | settings)


def test_the_square_root_rule_moves_the_moments_of_adam_with_its_lr() -> None:
    # Malladi et al. 2022, k = B/64: lr·√k, 1 - beta times k, eps over √k
    trials = study_trials(adam(lr_rule="sqrt", base_batch_size=64))
    assert [t.lr for t in trials] == pytest.approx([0.005, 0.01, 0.02])
    smaller, same, larger = (t.settings for t in trials)
    assert (same.beta1, same.beta2, same.eps) == (0.9, 0.999, 1e-8)
    assert (larger.beta1, larger.beta2) == pytest.approx((0.6, 0.996))
    assert larger.eps == pytest.approx(5e-9, rel=1e-9)
    assert (smaller.beta1, smaller.beta2) == pytest.approx((0.975, 0.99975))
    assert smaller.eps == pytest.approx(2e-8, rel=1e-9)


@pytest.mark.parametrize("settings", [{"lr_rule": "linear", "base_batch_size": 64}, {}])
def test_other_rules_leave_the_moments_of_adam_alone(settings: dict[str, object]) -> None:
    trials = study_trials(adam(**settings))
    assert {(s.beta1, s.beta2, s.eps) for s in (t.settings for t in trials)} == {(0.9, 0.999, 1e-8)}


def test_the_square_root_rule_leaves_sgd_its_trial_ids() -> None:
    sgd = adam(optimizer="sgd", lr_rule="sqrt", base_batch_size=64)
    assert {(s.beta1, s.eps) for s in (t.settings for t in study_trials(sgd))} == {(0.9, 1e-8)}


@pytest.mark.parametrize(("optimizer", "batch_size"), [("adam", 640), ("adamw", 700)])
def test_a_beta_that_would_leave_its_range_is_refused(optimizer: str, batch_size: int) -> None:
    settings = {"optimizer": optimizer, "lr_rule": "sqrt", "base_batch_size": 64}
    with pytest.raises(ValidationError) as caught:
        adam(**settings, batch_sizes=(64, batch_size))
    assert f"lr_rule: sqrt makes beta1 of {optimizer}" in one_line(caught.value)
    assert "Use batch sizes below 640" in one_line(caught.value)
    assert adam(**settings, batch_sizes=(64, 639))
