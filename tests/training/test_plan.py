from __future__ import annotations

from typing import Any

import pytest

from bs_study.config import BUDGETS, TrialConfig
from bs_study.training.plan import Plan


def plan(*, examples: int = 10, batch_size: int = 4, **settings: Any) -> Plan:
    budget = {} if settings.keys() & set(BUDGETS) else {"max_train_seconds": 1}
    trial = TrialConfig(batch_size=batch_size, lr=0.1, seed=0, **budget | settings)
    return Plan(trial, epoch_examples=examples, evaluated_examples=360)


def walk(*, examples: int, batch_size: int, iterations: int) -> list[int]:
    """Return the examples seen after each iteration, by going through them one by one."""
    seen, of_epoch, found = 0, 0, []
    for _ in range(iterations):
        taken = min(batch_size, examples - of_epoch)
        seen, of_epoch = seen + taken, (of_epoch + taken) % examples
        found.append(seen)
    return found


@pytest.mark.parametrize("batch_size", [1, 3, 4, 5, 9, 10])
def test_the_examples_seen_are_those_of_a_walk_in_which_the_last_batch_takes_what_is_left(batch_size: int) -> None:
    p = plan(batch_size=batch_size)
    assert [p.examples_after(i) for i in range(1, 31)] == walk(examples=10, batch_size=batch_size, iterations=30)
    assert p.examples_after(0) == 0


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10])
def test_the_iteration_reaching_some_examples_is_the_first_of_the_walk_that_has_them(batch_size: int) -> None:
    seen = walk(examples=10, batch_size=batch_size, iterations=60)
    p = plan(batch_size=batch_size)
    for examples in range(1, 41):
        assert p.iteration_reaching(examples) == next(i for i, s in enumerate(seen, 1) if s >= examples)


@pytest.mark.parametrize(
    ("budget", "last"),
    [
        ({"max_iterations": 7}, 7),
        ({"max_epochs": 2}, 6),
        ({"max_epochs": 2.5}, 8),  # 3 iterations an epoch: 7.5, and so the eighth
        ({"max_epochs": 0.1}, 1),
        ({"max_examples": 10}, 3),
        ({"max_examples": 11}, 4),
        ({"max_iterations": 7, "max_epochs": 2, "max_examples": 1000}, 6),
        ({"max_train_seconds": 1}, None),
    ],
)
def test_the_budget_that_runs_out_first_gives_the_last_iteration(budget: dict[str, float], last: int | None) -> None:
    assert plan(**budget).last_iteration == last


def test_lengths_in_epochs_are_the_decimals_that_were_typed() -> None:
    # In binary, 0.07 × 100 is a little more than 7.
    assert plan(batch_size=1, examples=100, max_epochs=0.07).last_iteration == 7
    assert plan(batch_size=1, examples=100, lr_warmup_epochs=0.07).lr_warmup_iterations == 7
    assert plan(batch_size=1, examples=100, lr_decay="step", lr_decay_epochs=0.07).lr_decay_iterations == 7


def evaluated(p: Plan, *, until: int) -> list[int]:
    """Return the iterations that are followed by an evaluation."""
    return [i for i in range(1, until + 1) if p.next_evaluation(i - 1) == i]


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10])
@pytest.mark.parametrize("every", [1, 4, 7, 10, 25])
def test_an_evaluation_follows_each_iteration_that_completes_a_stretch_of_examples(batch_size: int, every: int) -> None:
    seen = [0, *walk(examples=10, batch_size=batch_size, iterations=50)]
    expected = [i for i in range(1, 51) if seen[i] // every > seen[i - 1] // every]
    assert evaluated(plan(batch_size=batch_size, eval_every_examples=every), until=50) == expected


def test_a_study_of_version_0_1_is_judged_every_tenth_of_an_epoch() -> None:
    older: dict[str, Any] = {"eval_spacing": None}
    assert evaluated(plan(examples=50, batch_size=1, **older), until=100) == list(range(5, 101, 5))
    assert evaluated(plan(examples=50, batch_size=25, **older), until=8) == list(range(1, 9))
    assert evaluated(plan(examples=3, batch_size=1, **older), until=4) == [1, 2, 3, 4]  # fewer than ten examples


def test_looks_depend_on_the_batch_size_and_on_nothing_else_of_a_trial() -> None:
    changes: list[dict[str, Any]] = [{"momentum": 0.9}, {"max_epochs": 3}, {"lr_decay": "step", "lr_decay_epochs": 1}]
    first = evaluated(plan(), until=2000)
    for change in changes:
        assert evaluated(plan(examples=5000, **change), until=2000) == first
    assert evaluated(plan(batch_size=64), until=2000) != first


def test_every_batch_size_gets_as_many_looks_per_factor_of_iterations() -> None:
    between = [[i for i in evaluated(plan(batch_size=size), until=4000) if i > 2000] for size in (2, 16, 256, 1437)]
    assert {len(looks) for looks in between} <= {14, 15}  # 1.05 to the 14.2 is 2


def test_a_larger_share_gives_more_looks_and_what_is_asked_for_in_examples_goes_before_both() -> None:
    few, many = (evaluated(plan(max_eval_share=share), until=500) for share in (0.1, 0.5))
    assert len(few) < len(many)
    fixed: dict[str, Any] = {"eval_every_examples": 40}
    assert evaluated(plan(max_eval_share=0.5, **fixed), until=50) == evaluated(plan(**fixed), until=50)


def test_the_decay_takes_what_the_budget_leaves_after_the_warm_up() -> None:
    p = plan(max_iterations=100, lr_warmup_iterations=20, lr_decay="cosine")
    assert (p.lr_warmup_iterations, p.lr_decay_iterations) == (20, 80)
    in_epochs = plan(max_epochs=10, lr_warmup_epochs=1.5, lr_decay="linear", lr_decay_epochs=2)
    assert (in_epochs.lr_warmup_iterations, in_epochs.lr_decay_iterations) == (5, 6)
