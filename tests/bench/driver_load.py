"""What the driver does per trial: trials per minute and memory, at thousands of trials that train next to nothing.

    python tests/bench/driver_load.py --trials 2000

Prints one line of figures. It needs a few minutes and is no part of the tests.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from bs_study.config import LaunchOptions, StudyConfig, TrialConfig
from bs_study.launch.course import Course
from bs_study.launch.ray_tune import ray_launcher
from bs_study.store.paths import study_paths
from bs_study.store.reader import Study
from bs_study.store.study_json import create_study
from bs_study.training.placement import Place
from bs_study.training.progress import Ending, Progress


class NextToNothing:
    """One weight, one example, one iteration."""

    name = "next_to_nothing"
    target = "loss <= -1"

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return (torch.ones(1, 1),)

    eval_data = train_data

    def model(self) -> nn.Module:
        return nn.Linear(1, 1)

    def loss(self, model: nn.Module, inputs: Tensor) -> Tensor:
        return model(inputs).square().mean()


class Counter:
    """A watcher that counts the trials that ended, and how."""

    def __init__(self) -> None:
        self.ended_as: dict[str, int] = {}

    def started(self, trial: TrialConfig) -> None: ...

    def progressed(self, trial: TrialConfig, progress: Progress) -> None: ...

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.ended_as[ending.status] = self.ended_as.get(ending.status, 0) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    sys.path.insert(0, str(Path(__file__).parent))
    config = StudyConfig(
        name="load",
        workload="driver_load:NextToNothing",
        target="loss <= -1",
        batch_sizes=(1,),
        lrs=(0.1,),
        seeds=tuple(range(trials)),
        max_iterations=1,
    )
    options = LaunchOptions(address="local")
    with tempfile.TemporaryDirectory() as store:
        place = Place(study_paths(f"{store}/load"), Path(store), metrics=("loss",))
        create_study(place.paths, config, metrics=("loss",), train_examples=1)
        with ray_launcher(config, options, place) as launcher:
            before, start, counter = _peak_mebibytes(), time.perf_counter(), Counter()
            worked = time.process_time()
            launcher.run(Course(config, Study(place.paths)), counter)
            seconds, worked = time.perf_counter() - start, time.process_time() - worked
    pace = f"{60 * trials / seconds:.0f} a minute, {launcher.resources.slots} at once"
    print(
        f"{trials} trials in {seconds:.0f} s ({pace}): {counter.ended_as}; "
        f"driver {1000 * worked / trials:.0f} ms of a core per trial, "
        f"{before:.0f} MiB before, {_peak_mebibytes():.0f} MiB at most"
    )


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
