"""`analyse(study)`: all that a store says, and what its search still wants."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from bs_study.analysis.convergence import metrics_of, refuse_missing
from bs_study.analysis.costs import unpriced
from bs_study.analysis.loss_readings import METRIC as LOSS
from bs_study.analysis.rows import StudyRows, read_rows
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.budget import RIGHT, Budget
from bs_study.config import StudyConfig
from bs_study.config.costs import CostSettings
from bs_study.config.question import QUESTIONS
from bs_study.grid import is_full_grid
from bs_study.metric_names import bounds_of
from bs_study.search.plan import plan
from bs_study.store import Study, open_study
from bs_study.target import Target, definite, read_target
from bs_study.words import shown


def analyse(
    study: Study,
    target: Target | str | None = None,
    *,
    question: str | None = None,
    at: Budget | str | None = None,
    keep: bool = False,
    asked_costs: CostSettings | None = None,
) -> Analysis:
    """Return what a study's store says; its iterations are read trial by trial.

    It works on a study that still runs, and on one of which nothing has ended.

    Args:
        study: as `open_study` returns it.
        target: asks the evaluations again with another target than the study's own, as "accuracy>=0.97". With = its
            direction is that of the study's own target for the metric, else what its workload or the name tells.
        question: "time-to-target", or "loss-at": the lowest held-out loss after the budget `at`; by default the study's
            own, or that of the target.
        at: with "loss-at": the budget, as "examples=50000", "iterations=2000" or "seconds=60" (the study's own).
        keep: write what is known of each trial's iterations beside the study's report, where the next time finds it.
        asked_costs: prices, a deadline and GPUs, by which costs are computed; None for none of these.

    Raises:
        ValueError: the target is none, nothing tells its direction, its metric is not among the evaluations or can't
            reach it; there is no such question, no budget for it, or no held-out loss; a price is of a machine that the
            store does not know.
    """
    if asked_costs is not None and asked_costs.prices:
        _refuse_unknown_machine(study, asked_costs)
    budget = budget_of(study.known_config, question=question, at=at, target=target)
    rows = with_search(read_rows(study, keep=keep))
    asked = None if target is None else target_of(study, rows, target)
    if budget and len(rows.evaluations) and LOSS not in metrics_of(rows.evaluations):
        raise ValueError(
            f"question: loss-at needs the held-out loss, and the evaluations have none. They have "
            f"{', '.join(metrics_of(rows.evaluations))}. Ask for a target of one of them: --target"
        )
    return analyse_rows(rows, target=asked, at=budget, name=study.name, uri=study.paths.uri, asked_costs=asked_costs)


def budget_of(
    config: StudyConfig | None, *, question: str | None, at: Budget | str | None, target: object = None
) -> Budget | None:
    """Return the budget after which the held-out loss is asked for; None where a target is.

    Args:
        config: of the study, whose question holds where none is given; None where that is not known.
        target: asks for a target, where it is given.
    """
    own = config.at if config and config.question == "loss-at" else None
    if question not in (None, *QUESTIONS):
        raise ValueError(f"question: {shown(question)} is unknown. Ask {' or '.join(QUESTIONS)}")
    if question is None:
        question = "loss-at" if own and target is None else "time-to-target"
    if question != "loss-at":
        if at is not None:
            raise ValueError(f"at: {shown(str(at))} is for question loss-at. Add --question loss-at, or leave it out")
        return None
    if target is not None:
        raise ValueError("target: question loss-at has none. Leave it out, or ask question time-to-target")
    if at is None and own is None:
        raise ValueError(f"at: question loss-at needs a budget. {RIGHT}")
    try:
        return own if at is None else at if isinstance(at, Budget) else Budget.parse(at)
    except ValueError as error:
        raise ValueError(f"at: {error}") from error


def target_of(study: Study, rows: StudyRows, target: Target | str) -> Target:
    """Return a target that the rows of a study can answer, with its direction; the errors are those of `analyse`."""
    asked = read_target(target) if isinstance(target, str) else target
    seen = rows.evaluations
    if len(seen):  # of a study that has none yet, nothing tells its metrics
        refuse_missing(asked.metric, seen)
    own = {rows.target.metric: rows.target.direction} if rows.target else {}
    found = definite(asked, study.directions | own)
    if len(seen):
        _refuse_out_of_reach(found, seen[found.metric].astype(float))
    return found


def targets_of(study: Study, found: Analysis, targets: Sequence[Target | str]) -> list[Target]:
    """Return the further targets that a report answers, each once; a page compares those of one metric.

    Raises:
        ValueError: one is none, or is of another metric than the target of the analysis.
    """
    if found.rows is None or found.recommendation.target is None:
        return []
    own = found.recommendation.target
    asked = [target_of(study, found.rows, target) for target in targets]
    for one in asked:
        if (one.metric, one.direction) != (own.metric, own.direction):
            raise ValueError(
                f"targets: {one.typed} and {own.typed} are not of one metric. Ask for it alone: --target {one.in_shell}"
            )
    return [one for one in dict.fromkeys(asked) if one != own]


def with_search(rows: StudyRows) -> StudyRows:
    """Return the rows of a study whose `asked` are the trials that have ended and those that its search wants now.

    It says too why brackets stopped early. Of a full grid with a list of seeds they are what they were.
    """
    config = rows.config
    if config is None or rows.asked is None or is_full_grid(config):
        return rows
    answered = rows.trials[rows.trials["status"] != "failed"]
    seen = replace(rows, trials=answered)
    found = plan(seen)
    wanted = [
        (one.recipe, one.trial.trial_id, one.trial.batch_size, one.trial.lr, one.trial.seed) for one in found.wanted
    ]
    ends = {(lane.recipe, lane.batch_size): lane.end for lane in found.lanes if lane.end and lane.is_over}
    keys = ["recipe", "trial_id", "batch_size", "lr", "seed"]
    asked = pd.concat([rows.trials[keys], pd.DataFrame(wanted, columns=keys)], ignore_index=True)
    return replace(
        rows,
        asked=asked.drop_duplicates("trial_id", ignore_index=True),
        # What was cut off and is wanted no more, as its cell is out by now, is not running.
        begun=frozenset(rows.begun) & {one.trial.trial_id for one in found.wanted},
        search_ends=ends,
    )


def _refuse_out_of_reach(target: Target, seen: pd.Series[float]) -> None:
    """Refuse a target that no value of its metric meets: 90 for a fraction, unless it is seen to be in percent."""
    bounds = bounds_of(target.metric)
    fault = target.out_of_reach(bounds)
    if fault and seen.any() and seen.dropna().between(*bounds).all():
        raise ValueError(f"target: {fault}")


def _refuse_unknown_machine(study: Study, asked: CostSettings) -> None:
    """Refuse a price of a machine of which the store has neither trials nor timings."""
    tables = [study.timings(["device_name"]), study.trials(["device_name"])]
    known = sorted({str(name) for table in tables for name in table["device_name"].dropna()})
    for name in unpriced(known, asked):
        there = f"It knows {', '.join(known)}" if known else "It knows none by name. Give a price of all machines"
        raise ValueError(f"price_per_hour: {shown(name)} is no machine of this store. {there}")


def as_study(study: Study | str | os.PathLike[str]) -> Study:
    """Return a study that is open, or open it by its folder or URI."""
    return study if isinstance(study, Study) else open_study(study)
