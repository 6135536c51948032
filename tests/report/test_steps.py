"""What the report advises can be typed as it stands, and does what it says."""

from __future__ import annotations

import random
import shlex
from pathlib import Path
from typing import Any

import pytest

from bs_study import StudyConfig
from bs_study.analysis.step import Step
from bs_study.cli.asked import what_is_asked
from bs_study.cli.flags import Request, parse_flags
from bs_study.config.asked import asked
from bs_study.report.sentences.steps import command, step
from bs_study.target import Target
from tests.report.random_records import random_analysis
from tests.report.records import analysis

GRID = {"batch_sizes": (16, 64), "lrs": (0.1, 0.2)}
BUDGET = Step("budget", at=(64,), trials=8)


def request_of(typed: str) -> Request:
    words = shlex.split(typed)
    assert words[:2] == ["bs-study", "run"]
    return parse_flags(words[2:])


def new_study(config: StudyConfig, step_taken: Step = BUDGET) -> StudyConfig:
    return what_is_asked(request_of(command(step_taken, analysis(config=config)))).config


@pytest.mark.parametrize(
    ("record", "added"),
    [
        (Step("finish", trials=3), {}),
        (Step("timing"), {"timing": True}),
        (Step("seeds", seeds=(3, 4), trials=12), {"seeds": (3, 4)}),
        (Step("seeds", is_auto=True, trials=3), {"seeds": "auto"}),
        (Step("seeds", max_seeds=12, trials=8), {"max_seeds": 12}),
        (Step("lrs", lrs=(1e-6, 0.1 / 3, 0.64), trials=12), {"lrs": (1e-6, 0.1 / 3, 0.64)}),
        (Step("batch_sizes", batch_sizes=(512,), trials=12), {"batch_sizes": (512,)}),
    ],
)
def test_a_step_within_a_study_goes_on_with_it_and_adds_what_it_says(record: Step, added: dict[str, Any]) -> None:
    request = request_of(command(record, analysis(uri="results/my study")))
    assert (request.resume, request.flags) == ("results/my study", added)


def test_curvature_is_measured_in_a_new_study_with_the_same_settings() -> None:
    asked_for = StudyConfig(**GRID, seeds=(0, 1), max_epochs=5, target=Target("accuracy", 0.9), stop_at_target=False)
    typed = command(Step("curvature"), analysis(config=asked_for))
    request = what_is_asked(request_of(typed))
    assert request.config == asked_for.model_copy(update={"name": "digits-curvature"})
    assert request.options.curvature


def test_another_target_is_asked_of_the_report() -> None:
    typed = command(Step("target", target=Target("loss", 0.25, "min")), analysis(uri="results/my study"))
    assert typed == "bs-study report 'results/my study' --target 'loss<=0.25'"
    assert Target.parse(shlex.split(typed)[-1]) == Target("loss", 0.25, "min")
    assert command(Step("target"), analysis()) == ""


def test_a_command_is_launched_as_the_study_was() -> None:
    typed = command(Step("seeds", seeds=(3,)), analysis(), start="bs-study run --local --max-failures 0")
    assert typed == "bs-study run --local --max-failures 0 --resume results/digits --seeds 3"


SETTINGS: dict[str, list[Any]] = {
    "workload": ["digits", "mnist", "cifar10", "mine:Mine"],
    "target": [None, "accuracy >= 0.97", "loss <= 0.05"],
    "optimizer": ["adam", "adamw"],
    "momentum": [0.0, 0.9],
    "weight_decay": [1e-4, 5e-7],
    "beta2": [0.95],
    "clip_norm": [1.0, 0.1 + 0.2],
    "lr_warmup_epochs": [0.5],
    "lr_warmup_iterations": [20],
    "lr_decay": ["cosine"],
    "lr_rule": ["sqrt", "linear"],
    "max_iterations": [1500],
    "max_examples": [60_000_000],
    "max_train_seconds": [2.5],
    "stop_at_target": [False],
    "min_iterations": [0],
    "validation_examples": [100],
    "eval_every_examples": [720],
    "precision": ["bf16"],
    "engine": ["eager"],
    "seeds": [(0, 1, 2), (5,)],
    "cpus_per_trial": [2],
}


def random_config(seed: int) -> StudyConfig:
    rng = random.Random(seed)
    chosen = {name: rng.choice(values) for name, values in SETTINGS.items() if rng.random() < 0.3}
    chosen |= {"base_batch_size": 64} if "lr_rule" in chosen else {}
    if "lr_warmup_epochs" in chosen:
        chosen.pop("lr_warmup_iterations", None)
    return asked(GRID | {"max_epochs": rng.choice([0.3, 5, 20]), "name": "own"} | chosen).config


@pytest.mark.parametrize("seed", range(25))
def test_a_new_study_is_the_same_but_for_its_name_and_a_larger_budget(seed: int) -> None:
    config = random_config(seed)
    found = new_study(config)
    before, after = config.model_dump(mode="json"), found.model_dump(mode="json")
    budgets = ("max_epochs", "max_iterations", "max_examples", "max_train_seconds")
    assert {name: value for name, value in after.items() if name not in ("name", *budgets)} == {
        name: value for name, value in before.items() if name not in ("name", *budgets)
    }
    assert found.name == "digits-longer"
    assert [after[name] for name in budgets] == [before[name] and 4 * before[name] for name in budgets]


@pytest.mark.parametrize(
    "search",
    [
        {"search": "race", "race_margin": 1.5, "seeds": "auto", "max_seeds": 5},
        {"search": "bracket", "lrs": (0.01, 0.04, 0.16), "refine": True},
        {"search": "bracket", "lrs": (0.3, 0.1), "lr_start": 0.3, "lr_factor": 3.0, "seeds": "auto"},
        {"seeds": "auto"},
    ],
)
def test_a_new_study_is_searched_as_the_old_one(search: dict[str, Any]) -> None:
    config = asked(GRID | {"max_epochs": 5} | search).config
    before, after = (one.model_dump(exclude={"name"}) for one in (config, new_study(config)))
    assert {name for name in before if before[name] != after[name]} == {"max_epochs"}


def test_a_built_in_workload_takes_nothing_from_the_study_that_ships_for_it() -> None:
    # mnist.yaml has a budget in iterations, and cifar10.yaml a momentum of .9
    for workload in ("mnist", "cifar10"):
        config = asked(GRID | {"workload": workload, "max_epochs": 5}).config
        found = new_study(config).settings
        assert (found.max_epochs, found.max_iterations, found.momentum) == (20, None, 0.5)


def test_a_new_study_may_have_a_harder_target() -> None:
    config = asked(GRID | {"max_epochs": 5, "target": "accuracy>=0.9"}).config
    harder = Step("budget", target=Target("accuracy", 0.98), trials=8)
    assert new_study(config, harder).settings.target == Target("accuracy", 0.98)


@pytest.mark.parametrize(
    ("uri", "store"),
    [("results/digits", "results"), ("/home/me/my results/digits", "/home/me/my results"), ("digits", "."),
     ("s3://bucket/x/digits?region=eu", "s3://bucket/x?region=eu")],
)  # fmt: skip
def test_a_new_study_lies_beside_the_old_one(uri: str, store: str) -> None:
    assert what_is_asked(request_of(command(BUDGET, analysis(uri=uri)))).options.store == store


def test_what_no_command_can_say_has_none() -> None:
    recipes = asked(GRID | {"max_epochs": 5, "recipes": [{}, {"lr_decay": "cosine"}]}).config
    assert command(BUDGET, analysis(config=recipes)) == ""
    assert command(Step("seeds", seeds=(3,)), analysis(config=None)) == ""
    assert (
        step(BUDGET, analysis(config=recipes))
        == "Begin a study with 4 times the budget, because of batch size 64: 8 trials."
    )


def test_lrs_of_a_rule_are_told_to_be_those_of_the_base_batch_size() -> None:
    rule = asked(GRID | {"max_epochs": 5, "lr_rule": "linear", "base_batch_size": 64}).config
    record = Step("lrs", lrs=(0.4, 0.8), at=(16,), trials=8)
    assert step(record, analysis(config=rule)).endswith("They are those of the base batch size, as they are typed.")
    assert step(record, analysis()) == "Add lrs 0.4 and 0.8, because of batch size 16: 8 trials."


@pytest.mark.parametrize(
    ("search", "cost"),
    [
        ({}, "8 trials."),
        ({"search": "race"}, "at most 8 trials."),
        ({"search": "bracket"}, "about 8 trials."),
        ({"search": "race", "seeds": "auto"}, "about 8 trials, then more seeds where they decide."),
    ],
)
def test_a_step_costs_so_many_trials_as_far_as_the_search_allows_to_tell(search: dict[str, Any], cost: str) -> None:
    config = asked(GRID | {"max_epochs": 5} | search).config
    assert step(Step("lrs", lrs=(0.4,), trials=8), analysis(config=config)) == f"Add lr 0.4: {cost}"


def test_trials_that_failed_are_tried_again_where_all_have_ended() -> None:
    assert step(Step("finish", trials=2), analysis()) == "Try the 2 trials that failed again."


def test_every_command_of_random_studies_can_be_read() -> None:
    for found in map(random_analysis, range(15)):
        for record in found.recommendation.steps:
            typed = command(record, found)
            if record.kind == "target":
                assert typed.startswith("bs-study report ")
            elif record.kind == "harder_target":
                assert typed == ""  # how hard is for a person to say
            else:
                assert request_of(typed).resume == (None if record.kind == "budget" else "results/digits")


def test_the_file_of_no_settings_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    flags = ["--config", str(tmp_path / "empty.yaml"), "--batch-sizes", "4", "--lrs", "0.1", "--max-epochs", "1"]
    assert what_is_asked(parse_flags(flags)).config.settings.max_iterations is None
