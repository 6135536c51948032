"""The timing pass: whether a study has one, what it times, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bs_study.config import LaunchOptions, StudyConfig, TrialConfig
from bs_study.grid import recipe_trials
from bs_study.launch.launcher import Launcher, Resources
from bs_study.launch.serial import local_machine
from bs_study.store.reader import Study
from bs_study.store.schema import table_schema
from bs_study.store.timings import DISTURBED
from bs_study.store.versions import version_in_force
from bs_study.training.machine import machine_kind
from bs_study.training.placement import Machine
from bs_study.training.timing import BatchTiming
from bs_study.words import duration


def wants_timing(options: LaunchOptions, resources: Resources, *, trials: int, study: Study) -> bool:
    """Return whether the timing pass comes before the trials.

    Where it is left open: if trials race, which they do on iterations, so that within a batch size only times that
    follow from these rank them as the race did; if they are to run beside others on one machine, whose clocks then say
    less; or if the study was timed and has batch sizes that were not, since clean times count only of all.
    """
    if options.timing is not None:
        return options.timing
    if study.config.search != "grid" and trials:
        return True
    return min(resources.most_per_machine, trials) > 1 or bool(_timed(study) and lacks_timings(study))


def may_lack_timings(study: Study, config: StudyConfig, options: LaunchOptions) -> bool:
    """Return whether a timing pass that is asked for may find something to time on the machines that it runs on.

    In this process the machine is known; which ones a cluster has is known once it is joined.
    """
    return not options.local or lacks_timings(study, disturbed_too=True, on=local_machine(config, options))


def lacks_timings(study: Study, *, disturbed_too: bool = False, on: Machine | None = None) -> bool:
    """Return whether a batch size of the study, as its workload is now, has not been timed.

    Args:
        disturbed_too: a timing that was disturbed counts as none.
        on: the machine that counts; None for any.
    """
    version = version_in_force(study.asked)["version"]
    return bool(set(study.config.batch_sizes) - _timed(study, version=version, disturbed_too=disturbed_too, on=on))


def _timed(
    study: Study, *, version: int | None = None, disturbed_too: bool = False, on: Machine | None = None
) -> set[int]:
    """Return the batch sizes that have been timed, with any version of workload and data or this."""
    kind = {} if on is None else machine_kind(on)
    own = [name for name in kind if name in table_schema("timings").names]
    timings = study.timings(["batch_size", "status", "workload_version", "disturbed", *own])
    for name in own:
        timings = timings[timings[name] == kind[name]]
    if disturbed_too:
        timings = timings[~timings["disturbed"].eq(True)]  # null in older stores
    is_own = (timings["workload_version"].fillna(1) == version) | (version is None)
    return set(timings.loc[is_own & (timings["status"] != "failed"), "batch_size"])


def timing_trials(config: StudyConfig) -> Sequence[TrialConfig]:
    """Return whom to time: of each batch size, the smallest first, the first recipe's trial with the least lr.

    The lr costs no time, but at a large one a loss may overflow within seconds. Recipes that are added later come last,
    so that what was timed counts on.
    """
    by_size: dict[int, TrialConfig] = {}
    for trial in sorted(recipe_trials(config, config.each_recipe()[0]), key=lambda trial: (trial.batch_size, trial.lr)):
        by_size.setdefault(trial.batch_size, trial)
    return list(by_size.values())


def time_alone(launcher: Launcher, config: StudyConfig, options: LaunchOptions) -> Iterator[str]:
    """Time each batch size alone on its device, and once more those that were disturbed; yield what to print.

    What disturbs one for seconds is often gone when all the others have been timed.
    """
    why = "" if options.timing else ", before the trials (--no-timing leaves it out)"
    yield f"timing each batch size alone on its device{why}"
    are_disturbed = False
    for timing in launcher.time(timing_trials(config), disturbed_too=bool(options.timing)):
        are_disturbed |= timing.time is not None and timing.time.disturbed
        yield f"batch size {timing.batch_size}: {described(timing)}"
    if are_disturbed:
        for timing in launcher.time(timing_trials(config), disturbed_too=True):
            yield f"batch size {timing.batch_size} again: {described(timing)}"


def described(timing: BatchTiming) -> str:
    """Return what was found in a few words.

    >>> from bs_study.training.repeats import IterationTime
    >>> alone = IterationTime(3, 50, 0.0021, 0.0020, 0.0022, 0.0123, load_seconds=0.0001, compute_seconds=0.0019)
    >>> described(BatchTiming(60, "completed", time=alone)), described(BatchTiming(7, "failed", "ValueError: no"))
    ('2.1 ms an iteration, spread 1.2 %', 'failed: ValueError: no')
    """
    if timing.time is None:
        return f"{timing.status}: {timing.message}"
    took, spread = duration(timing.time.iteration_seconds), timing.time.iteration_seconds_spread
    if not timing.time.disturbed:
        but = ", of one repeat alone" if spread > DISTURBED else ""
        return f"{took} an iteration, spread {100 * spread:.1f} %{but}"
    why = f"repeats differ by {100 * spread:.0f} %" if spread > DISTURBED else "others took the processor"
    return f"{took} an iteration, disturbed: {why}"
