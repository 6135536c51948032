"""What runs the trials of a study, in this process or on Ray: what it may use, and whom it tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bs_study.config import LaunchOptions, StudyConfig, TrialConfig, TrialSettings
from bs_study.training.placement import Machine, Pacing, Probing
from bs_study.training.progress import Ending, Progress

if TYPE_CHECKING:  # with scipy and torch, which not all need that know a launcher
    from bs_study.launch.course import Course
    from bs_study.training.timing import BatchTiming


class Watcher(Protocol):
    """Is told what happens to the trials of a study, in the process that launched them."""

    def started(self, trial: TrialConfig) -> None: ...

    def progressed(self, trial: TrialConfig, progress: Progress) -> None: ...

    def ended(self, trial: TrialConfig, ending: Ending) -> None: ...


@dataclass(frozen=True)
class Resources:
    """What each trial gets, how many trials fit at once, in all and on one machine, and a line that says so.

    `is_cluster` where others may use it too.
    """

    gpus_per_trial: float
    slots: int
    description: str
    most_per_machine: int = 1
    is_cluster: bool = False


class Launcher(Protocol):
    """Runs the trials of one study."""

    resources: Resources

    def run(self, course: Course, watcher: Watcher) -> None:
        """Run what a course wants until it is over; a trial that fails for good is recorded as failed.

        Where it wants nothing and is not over, the store did not answer, or a trial that runs has to end first. The
        course hears that a trial has ended before the watcher does.
        """

    def time(self, trials: Sequence[TrialConfig], *, disturbed_too: bool) -> Iterator[BatchTiming]:
        """Time the batch sizes of these trials alone on their device, each written to the store when it is done.

        Args:
            trials: one for each batch size.
            disturbed_too: time again what was disturbed.

        Raises:
            OSError: no device was free in time, or the store does not answer.
        """


def refuse_without_gpu(settings: TrialSettings, gpus_per_trial: float) -> None:
    """Raise if trials get no GPU and the study asks for what only a GPU has."""
    for name, value in (("engine", "cuda_graph"), ("precision", "tf32")):
        if gpus_per_trial == 0 and getattr(settings, name) == value:
            raise ValueError(f"{name}: {value} needs a GPU, and trials get none here. Leave it out")


def machine_given(config: StudyConfig, options: LaunchOptions, *, device: str) -> Machine:
    """Return what each trial may use of a machine: no processes that read batches ahead unless they are asked for."""
    processes = options.loader_processes
    if processes is None:
        processes = config.cpus_per_trial if config.settings.loader == "workers" else 0
    return Machine(device, threads=config.cpus_per_trial, loader_processes=processes)


def pacing_of(options: LaunchOptions, *, report_seconds: float = 1.0) -> Pacing:
    probing = Probing(gradients=options.probes, curvature=options.curvature)
    return Pacing(options.checkpoint_seconds, report_seconds, timeout_seconds=options.trial_timeout, probing=probing)
