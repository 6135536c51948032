"""What a launcher tells of, and what it may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bs_study.config import StudyConfig, TrialConfig
from bs_study.training.placement import Surroundings
from bs_study.training.progress import Ending, Progress
from bs_study.training.timing import Timing


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


def counted(count: float, noun: str) -> str:
    """Return a count and its noun, singular or plural.

    >>> counted(1, "node"), counted(2.5, "GPU")
    ('1 node', '2.5 GPUs')
    """
    return f"{count:.12g} {noun}" if count == 1 else f"{count:.12g} {noun}s"


def refuse_without_gpu(config: StudyConfig, gpus_per_trial: float) -> None:
    """Raise if trials get no GPU and the study asks for what only a GPU has."""
    for name, value in (("engine", "cuda_graph"), ("precision", "tf32")):
        if gpus_per_trial == 0 and getattr(config, name) == value:
            raise ValueError(f"{name}: {value} needs a GPU, and trials get none here. Leave it out")


Launch = Callable[[Sequence[TrialConfig], Surroundings, StudyConfig, Resources, Watcher], None]
TimingPass = Callable[[Sequence[TrialConfig], Surroundings, StudyConfig, Resources], Iterator[Timing]]
Launcher = tuple[Resources, Launch, TimingPass]
