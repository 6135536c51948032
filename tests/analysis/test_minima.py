"""Where training ends: what is read of each trial, and what is said of the extreme batch sizes."""

import numpy as np
import pandas as pd
import pytest

from bs_study import Target
from bs_study.analysis.minima import minima, minima_readings, smoothed
from bs_study.analysis.trials import Cell, complete_trials
from bs_study.analysis.verdict import Doubt
from bs_study.analysis.verdicts_minima import extremes_end_worse

TARGET = Target("accuracy", 0.9)
NAN = np.nan
SIZES = (8, 32, 128, 512)


def trial(size, seed=0, *, examples, accuracy, losses=None, lr=0.1, **changes):
    """A trial that is evaluated after each quarter of its iterations.

    Args:
        accuracy: at the four looks.
        losses: of the training, at all iterations.
    """
    keys = {"recipe": "", "trial_id": f"b{size}-s{seed}-{lr}", "batch_size": size, "lr": lr, "seed": seed}
    count = examples // size
    row = keys | {"status": "completed", "stop_reason": "max_epochs", "examples": examples, "iterations": count}
    looks = [
        keys
        | {"iteration": count * k // 4, "examples": examples * k // 4, "train_seconds": k, "compute_seconds": k}
        | {"eval_seconds": 0.1, "accuracy": value}
        for k, value in enumerate(accuracy, start=1)
    ]
    return row | changes, looks, np.full(count, 1.0) if losses is None else losses


def readings_of(*trials, lrs=None, target=TARGET, has_losses=True):
    rows = complete_trials(pd.DataFrame([row for row, _, _ in trials]))
    looks = pd.DataFrame([look for _, looks, _ in trials for look in looks])
    losses = {row["trial_id"]: loss for row, _, loss in trials}
    return minima_readings(
        rows,
        looks,
        lrs=lrs or {("", size): 0.1 for size in rows["batch_size"]},
        target=target,
        losses=(lambda ids: {name: losses[name] for name in ids}) if has_losses else None,
    )


def test_all_are_compared_at_the_most_examples_that_every_trial_has_seen():
    found = readings_of(
        trial(8, examples=1600, accuracy=[0.1, 0.2, 0.3, 0.4]), trial(16, examples=3200, accuracy=[0.5, 0.6, 0.7, 0.8])
    )
    assert list(found["examples"]) == [1600, 1600]
    assert list(found["metric_at_examples"]) == [0.4, 0.6]
    assert list(found["best_at_examples"]) == [0.4, 0.6]


def test_between_two_looks_the_metric_is_a_line_and_the_better_look_is_told():
    found = readings_of(
        trial(8, examples=2800, accuracy=[0.1, 0.2, 0.3, 0.4]), trial(16, examples=3200, accuracy=[0.5, 0.6, 0.7, 0.9])
    )
    assert found["metric_at_examples"].iloc[1] == pytest.approx(0.8)  # 2800 lies halfway from 2400 to 3200
    assert found["best_at_examples"].iloc[1] == 0.9


def test_the_smoothed_loss_is_the_mean_of_the_last_tenth():
    loss = np.random.default_rng(0).random(200)
    at = np.array([1, 5, 20, 55, 200])
    slow = [loss[k - max(k // 10, 1) : k].mean() for k in at]
    np.testing.assert_allclose(smoothed(loss, at), slow)


def test_at_an_equal_training_loss_each_trial_is_read_where_it_first_had_it():
    """One falls from 4 to 1/4, the other to 1 alone: the level is 1, which the first has after its second quarter."""
    steps = np.repeat([4.0, 1.0, 0.5, 0.25], 50)
    slow = np.repeat([4.0, 3.0, 2.0, 1.0], 25)
    found = readings_of(
        trial(8, examples=1600, accuracy=[0.1, 0.2, 0.3, 0.4], losses=steps),
        trial(16, examples=1600, accuracy=[0.5, 0.6, 0.7, 0.8], losses=slow),
    )
    assert list(found["training_loss"]) == [1.0, 1.0]
    assert list(found["examples_at_training_loss"]) == [800, 1600]
    assert list(found["metric_at_training_loss"]) == [0.2, 0.8]
    halfway = readings_of(
        trial(8, examples=1600, accuracy=[0.1, 0.2, 0.3, 0.4], losses=steps),
        trial(16, examples=1600, accuracy=[0.5, 0.6, 0.7, 0.8], losses=slow + 1),
    )
    assert halfway["examples_at_training_loss"].iloc[0] == pytest.approx(600)  # log 2 is halfway from log 4 to log 1
    assert halfway["metric_at_training_loss"].iloc[0] == pytest.approx(0.15)


def test_only_the_lr_of_each_batch_size_counts_and_trials_that_diverged_have_no_say_in_where():
    found = readings_of(
        trial(8, examples=1600, accuracy=[0.1, 0.2, 0.3, 0.4]),
        trial(8, examples=800, accuracy=[0.1] * 4, lr=0.4),
        trial(8, 1, examples=160, accuracy=[0.1] * 4, status="diverged", stop_reason="non_finite"),
    )
    assert list(found["examples"]) == [1600, 1600]
    assert list(found["lr"]) == [0.1, 0.1]
    assert np.isnan(found["metric_at_examples"].iloc[1])
    (row,) = minima(found).to_dict("records")
    assert (row["seeds"], row["diverged"], row["metric_at_examples"]) == (1, 1, 0.4)


@pytest.mark.parametrize("changes", [{"target": None}, {"target": Target("bleu", 20)}])
def test_without_a_metric_there_is_nothing_to_compare(changes):
    found = readings_of(trial(8, examples=1600, accuracy=[0.1] * 4), **changes)
    assert found.empty
    assert minima(found).empty
    assert [doubt.reason for doubt in extremes_end_worse(found, edges={}).doubts] == ["few_batch_sizes"]


def test_eigenvalues_are_told_where_trials_ended_at_equal_examples():
    sharp = {"largest_eigenvalue": 20.0, "accuracy": [0.1, 0.2, 0.3, 0.4]}
    near = readings_of(trial(8, examples=1600, **sharp), trial(16, examples=1664, **sharp))
    far = readings_of(trial(8, examples=1600, **sharp), trial(16, examples=1760, **sharp))
    assert list(minima(near)["largest_eigenvalue"]) == [20.0, 20.0]
    assert minima(far)["largest_eigenvalue"].isna().all()


def ended(errors, *, at_loss=None, metric="accuracy", ends=10_000, stop_reason="max_epochs", lr=0.1):
    """Readings of trials that ended with such errors, by batch size, and had such ones at an equal training loss."""
    rows = []
    for place, (size, seeds) in enumerate(errors.items()):
        for seed, error in enumerate(seeds):
            second = error if at_loss is None else at_loss[size][seed]
            values = [1 - error, 1 - second] if metric == "accuracy" else [error, second]
            rows.append(
                {"recipe": "", "trial_id": f"b{size}-s{seed}", "batch_size": size, "lr": lr, "seed": seed}
                | {"status": "completed", "stop_reason": stop_reason, "metric": metric, "examples": 10_000.0}
                | {"end_examples": ends if isinstance(ends, int) else ends[place], "training_loss": 0.1}
                | {"direction": "max" if metric == "accuracy" else "min", "largest_eigenvalue": NAN}
                | dict(zip(("metric_at_examples", "metric_at_training_loss"), values, strict=True))
                | dict(zip(("best_at_examples", "best_at_training_loss"), values, strict=True))
            )
    return pd.DataFrame(rows)


def errors_of(*means, seeds=4, spread=0.001, sizes=SIZES):
    rng = np.random.default_rng(0)
    return {size: list(mean + spread * rng.normal(size=seeds)) for size, mean in zip(sizes, means, strict=True)}


def verdict_of(readings, **changes):
    return extremes_end_worse(readings, **{"edges": {}, "confidence": 0.95} | changes)


def reasons(verdict):
    assert verdict.outcome == "undecided"
    return [doubt.reason for doubt in verdict.doubts]


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_an_extreme_that_is_worse_in_both_views_supports_the_claim(metric):
    large = verdict_of(ended(errors_of(0.05, 0.05, 0.05, 0.09), metric=metric))
    assert (large.claim, large.outcome) == ("extremes_end_worse", "supported")
    assert large.evidence["worse"] == [512]
    both = verdict_of(ended(errors_of(0.08, 0.05, 0.05, 0.09), metric=metric))
    assert both.evidence["worse"] == [8, 512]


def test_both_extremes_that_are_better_contradict_it():
    assert verdict_of(ended(errors_of(0.02, 0.05, 0.05, 0.02))).outcome == "contradicted"
    assert reasons(verdict_of(ended(errors_of(0.02, 0.05, 0.05, 0.05)))) == ["within_spread"]


def test_an_extreme_that_only_learned_less_is_no_worse_minimum():
    """At an equal training loss it is as good, or better."""
    errors, level = errors_of(0.05, 0.05, 0.05, 0.09), errors_of(0.05, 0.05, 0.05, 0.0505)
    verdict = verdict_of(ended(errors, at_loss=level))
    assert ("training_loss_unclear", 512) in [(doubt.reason, doubt.batch_size) for doubt in verdict.doubts]
    better = verdict_of(ended(errors, at_loss=errors_of(0.05, 0.05, 0.05, 0.02)))
    assert "mixed" in reasons(better)


def test_a_difference_of_one_held_out_example_is_none():
    errors = errors_of(0.05, 0.05, 0.05, 0.052, spread=0.0)
    (doubt,) = {one for one in verdict_of(ended(errors), eval_examples=360).doubts if one.batch_size == 512}
    assert (doubt.reason, doubt.count) == ("within_step", 360)


def test_what_keeps_it_open_is_named():
    errors = errors_of(0.05, 0.05, 0.05, 0.09)
    assert set(reasons(verdict_of(ended({size: seeds[:1] for size, seeds in errors.items()})))) == {"one_seed"}
    assert reasons(verdict_of(ended({8: [0.1, 0.1], 512: [0.2, 0.2]}))) == ["few_batch_sizes"]
    far = {"ends": [10_000, 10_000, 12_000, 30_000]}
    assert reasons(verdict_of(ended(errors, **far))) == ["ended_apart"]
    assert reasons(verdict_of(ended(errors, stop_reason="target", **far))) == ["ended_at_target"]
    edges = {Cell("", 512, 0.1): "high", Cell("", 32, 0.1): "low"}
    assert reasons(verdict_of(ended(errors), edges=edges)) == ["lr_on_edge"]
    assert reasons(verdict_of(ended(errors), open_anyway=[Doubt("not_ended", count=2)])) == ["not_ended"]


def test_batch_sizes_that_end_alike_are_hardly_ever_told_apart():
    """The best of three middle ones is chosen by the same numbers, so that it looks better than it is."""
    rng = np.random.default_rng(0)
    sizes = (8, 32, 128, 512, 2048)
    outcomes = []
    for _ in range(300):
        errors = {size: list(0.05 + 0.005 * rng.normal(size=3)) for size in sizes}
        outcomes.append(verdict_of(ended(errors), eval_examples=10_000).outcome)
    assert np.mean([outcome != "undecided" for outcome in outcomes]) <= 0.05
