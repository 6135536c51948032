"""What a study wants now: the one question that launchers ask, at the start and each time a trial has ended."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from bs_study.analysis.convergence import trial_times
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.timings import clean_iteration_seconds, trials_own_timings
from bs_study.bound import race_of
from bs_study.config import StudyConfig
from bs_study.config.search import Lattice
from bs_study.search.bracket import Bracket, bracket
from bs_study.search.lane import Lane, Outcome, Outcomes, lanes_of
from bs_study.search.outcomes import trial_outcomes
from bs_study.search.race import Race, Seeds, race
from bs_study.search.record import LaneState, Plan, Wanted
from bs_study.search.seeds import contenders


def plan(rows: StudyRows) -> Plan:
    """Return what a study wants, by how its trials have ended so far.

    Args:
        rows: of the study; of its tables `trials`, `evaluations` and `timings` are read. Trials that are not among
            them have not ended, and a trial that failed is wanted no more.
    """
    config = rows.config
    if config is None:
        return Plan(())
    lanes = lanes_of(tuple(rows.settings.items()), config.batch_sizes)
    clean = clean_iteration_seconds(trials_own_timings(rows.timings, rows.trials))
    times = trial_times(rows.evaluations, rows.trials, target=rows.target, window=rows.target_window, clean=clean)
    outcomes = trial_outcomes(times, rows.evaluations) | _answered_by_others(rows)
    courses = list(_courses(config, lanes, outcomes, more={}))
    wanted = [trial for course in courses for trial in course.wanted]
    if config.seeds == "auto" and not wanted:
        wanted, more = _rounds(config, rows, times, courses, outcomes)
        courses = list(_courses(config, lanes, outcomes, more=more))
        # With further seeds another lr may lead, whose neighbours a bracket has not seen.
        wanted = wanted or [trial for course in courses for trial in course.wanted]
    bounds = {}
    if config.search != "grid":
        bounds = {race_of(c.lane.trial(c.race.entries[0].lr, 0)): b for c in courses if (b := c.race.bound)}
    at_most = len(lanes) * _most_lrs(config) * len(config.most_seeds)
    begun = {(one.recipe, one.trial.batch_size) for one in wanted}
    return Plan(
        wanted=tuple(wanted),
        bounds=bounds,
        lanes=tuple(course.state(is_wanted=course.key in begun) for course in courses),
        at_most=at_most,
        expected=min(at_most, len(lanes) * _usual_trials(config)),
        ended=len(outcomes),
    )


def _answered_by_others(rows: StudyRows) -> dict[str, Outcome]:
    """Return the trials that ended with another version of workload and data: no answers, and not trained again."""
    others = rows.versions.others
    return {str(i): Outcome("not_evaluated", 0) for i in others.loc[others["status"] != "failed", "trial_id"]}


@dataclass(frozen=True)
class _Course:
    """A lane as the search of the study goes about it."""

    lane: Lane
    race: Race
    bracket: Bracket | None = None
    is_waiting: bool = False

    @property
    def wanted(self) -> Sequence[Wanted]:
        return [] if self.is_waiting else self.race.named

    @property
    def key(self) -> tuple[str, int]:
        return self.lane.recipe, self.lane.batch_size

    def state(self, *, is_wanted: bool) -> LaneState:
        race, leader = self.race, self.race.leader
        return LaneState(
            self.lane.recipe,
            self.lane.batch_size,
            contenders=0 if self.is_waiting else race.contenders,
            lrs=len(race.entries),
            seeds=sum(o.kind not in ("failed", "not_evaluated") for o in leader.ended.values()) if leader else 0,
            best_lr=self.lane.trial(leader.lr, 0).lr if leader else None,
            best_iterations=leader.upper if leader else None,
            is_over=not self.is_waiting and not is_wanted,
            end=self.bracket.end if self.bracket else "",
        )


def _courses(
    config: StudyConfig, lanes: Sequence[Lane], outcomes: Outcomes, *, more: dict[Lane, Seeds]
) -> Iterator[_Course]:
    """Yield each lane as the search goes about it; each learns from the one before which lr is promising."""
    for _, of_recipe in itertools.groupby(lanes, key=lambda lane: lane.recipe):
        if config.lattice:
            yield from _brackets(config, config.lattice, list(of_recipe), outcomes, more)
        else:
            yield from _races(config, list(of_recipe), outcomes, more)


def _races(config: StudyConfig, lanes: list[Lane], outcomes: Outcomes, more: dict[Lane, Seeds]) -> Iterator[_Course]:
    ordered = tuple(sorted(config.lrs))
    promising = ordered[(len(ordered) - 1) // 2]
    is_grid = config.search == "grid"
    for lane in lanes:
        found = race(
            lane,
            config.lrs if is_grid else _outwards(ordered, promising),
            seeds=config.first_seeds,
            outcomes=outcomes,
            margin=None if is_grid else config.race_margin,
            more=more.get(lane),
        )
        promising = found.leader.lr if found.leader else promising
        yield _Course(lane, found)


@functools.lru_cache(maxsize=1000)
def _outwards(lrs: tuple[float, ...], promising: float) -> Sequence[float]:
    """Return lrs in the order of their ratio to a promising one."""
    return sorted(lrs, key=lambda lr: (abs(math.log(lr / promising)), -lr))


def _brackets(
    config: StudyConfig, lattice: Lattice, lanes: list[Lane], outcomes: Outcomes, more: dict[Lane, Seeds]
) -> Iterator[_Course]:
    extra = [lr for lr in config.lrs if lr != lattice.start]
    start, is_waiting = 0, False
    for lane in lanes:
        found = bracket(
            lane,
            lattice,
            start=start,
            seeds=config.first_seeds,
            outcomes=outcomes,
            margin=config.race_margin,
            extra=extra,
            refine=config.refine,
            more=more.get(lane),
        )
        yield _Course(lane, found.race, found, is_waiting)
        start = start if found.best is None else found.best
        is_waiting = is_waiting or not found.is_over


def _rounds(
    config: StudyConfig, rows: StudyRows, times: pd.DataFrame, courses: Sequence[_Course], outcomes: Outcomes
) -> tuple[list[Wanted], dict[Lane, Seeds]]:
    """Return the trials of the round of seeds that is not over yet, if any, and the seeds of all rounds so far."""
    typed = {
        (course.lane.recipe, course.lane.batch_size, course.lane.trial(entry.lr, 0).lr): (course.lane, entry.lr)
        for course in courses
        for entry in course.race.entries
    }
    more: dict[Lane, Seeds] = {}
    for seed in range(1, config.max_seeds):
        cells = [typed[cell] for cell in contenders(rows, times, seeds=seed) if cell in typed]
        for lane, lr in cells:
            of_lane = more.setdefault(lane, {})
            of_lane[lr] = (*of_lane.get(lr, ()), seed)
        left = [(lane, lr) for lane, lr in cells if lane.trial_id(lr, seed) not in outcomes]
        wanted = [Wanted(lane.recipe, lane.trial(lr, seed)) for lane, lr in left]
        if wanted or not cells:
            return wanted, more
    return [], more


def _most_lrs(config: StudyConfig) -> int:
    lattice = config.lattice
    return len(config.lrs) + (2 * lattice.farthest + 2 * config.refine if lattice else 0)


def _usual_trials(config: StudyConfig) -> int:
    """Return how many trials a lane takes as a rule.

    Of a race the best lr takes all seeds, and another as many as put it out. A bracket tries four lrs: its start, two
    neighbours and one beyond the better. With `seeds: auto` four more trials decide a lane.
    """
    lrs = len(config.lrs) if config.search != "bracket" else 4 + (len(config.lrs) - 1) + 2 * config.refine
    seeds = len(config.first_seeds)
    to_be_out = seeds if config.search == "grid" else seeds // 2 + 1
    return seeds + (lrs - 1) * to_be_out + (4 if config.seeds == "auto" else 0)
