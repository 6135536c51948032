"""What a person is told of a study before it runs: how many trials, by which rules, and for how long at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from bs_study.config import StudyConfig
from bs_study.config.search import FARTHEST, times_as_many
from bs_study.grid import is_full_grid
from bs_study.search.record import Plan
from bs_study.training.plan import Plan as TrialPlan
from bs_study.words import count, counted, duration, listing, setting

MOST_LRS = 20
MORE = "; starts and evaluations come on top"


def trials_ahead(config: StudyConfig, plan: Plan) -> str:
    """Return how many trials a study needs: of a full grid those that are left; else at most, and as a rule."""
    if is_full_grid(config):
        return counted(len(plan.wanted), "trial")
    is_beyond = plan.ended >= plan.expected
    usual = f"{plan.ended} have ended" if is_beyond else f"about {plan.expected} as a rule"
    return f"at most {counted(plan.at_most, 'trial')} in all ({usual})"


def search_rules(config: StudyConfig) -> Iterator[str]:
    """Yield by which rules a study chooses its trials, a line each; none of a full grid."""
    if config.search != "grid":
        yield (
            f"{config.search}: a trial ends after at least {times_as_many(config.margin)}the iterations in which "
            "another lr of its batch size has met the target"
        )
    lattice = config.lattice
    if lattice is not None:
        others = [setting(lr) for lr in config.lrs if lr != lattice.start]
        yield (
            f"each batch size tries lrs in steps of {setting(lattice.factor)}, the first from "
            f"{setting(lattice.start)}, the others from the best of the one before, until both neighbours of its best "
            f"are slower (at most {FARTHEST} times the first lr tried, or a part of it)"
        )
        if others:
            is_long = len(others) > MOST_LRS
            named = f"{count(len(others))} others, {others[0]} to {others[-1]}" if is_long else listing(others)
            yield f"each batch size also tries lr {named}"
        if config.refine:
            yield "then half a step on each side of its best lr"
    if config.seeds == "auto":
        yield (
            f"seeds: one of each cell first, then more, up to {config.max_seeds}, for the fastest cell and for each of "
            "another batch size that is not known to be slower"
        )


def longest(config: StudyConfig, plan: Plan, timings: pd.DataFrame, *, train_examples: int, slots: int) -> str | None:
    """Return how long a study trains, by the timing pass; None where a batch size has no timing.

    Each trial is taken to spend its whole budget. Trials share the slots; the last to begin may be the longest.

    Args:
        plan: what is wanted of it.
        timings: the store's table, of the version of workload and data in force.
        train_examples: size of the training set.
        slots: how many trials run at once; those of a bracket may wait for each other.
    """
    iteration = timings[timings["status"] == "completed"].groupby("batch_size")["iteration_seconds"].max().to_dict()
    if not plan.wanted or not set(config.batch_sizes) <= iteration.keys():
        return None
    whole = {one.trial.batch_size: one.trial for one in plan.wanted}
    any_trial = plan.wanted[0].trial
    seconds = {}
    for size in config.batch_sizes:
        trial = whole.get(size, any_trial.model_copy(update={"batch_size": size}))
        last = TrialPlan(trial, train_examples, 1).last_iteration
        limits = [last and last * iteration[size], trial.settings.max_train_seconds]
        seconds[size] = min(limit for limit in limits if limit)
    if is_full_grid(config):
        total = _side_by_side(seconds, sum(seconds[one.trial.batch_size] for one in plan.wanted), slots=slots)
        return f"by the timing pass about {duration(total)} of training, if each trial spends its whole budget{MORE}"
    mean = sum(seconds.values()) / len(seconds)
    together = 1 if config.search == "bracket" else slots
    most, usual = (
        duration(_side_by_side(seconds, max(1, trials - plan.ended) * mean, slots=together))
        for trials in (plan.at_most, plan.expected)
    )
    return (
        f"by the timing pass about {usual} of training for as many trials as it takes as a rule, {most} for all that "
        f"it may take, if each spends its whole budget{MORE}"
    )


def _side_by_side(seconds: Mapping[int, float], total: float, *, slots: int) -> float:
    """Return how long trials take that share slots; the last to begin may be the longest."""
    most = max(seconds.values())
    return most + max(0.0, total - most) / slots
