"""Run a study: python sweeps/grid.py --config sweeps/mnist.yaml

Trains each cell of a grid over batch size × lr, one GPU per trial where there are GPUs, and leaves iteration losses and
clocks as Parquet in the store. Without --config and --workload it runs the embedded study, sweeps/digits.yaml; flags
override the file.

It joins the Ray cluster at --address, else the one at $RAY_ADDRESS (a Ray job has it), else the one that `ray start`
began on this machine (the head of a cluster has it), and shares it with other sweeps there; without one it starts a Ray
of this machine.
"""

from __future__ import annotations

import _thread
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs_study.config import StudyConfig
    from bs_study.launch.launcher import Launcher
    from bs_study.launch.prepare import Prepared
    from bs_study.launch.trackers import Tracker
    from bs_study.workloads.check_batch import Look

NEEDED = ("bs_study", "ray", "rich", "sklearn", "torch", "torchvision", "tyro", "yaml")


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status: 0 done, 1 with failed trials, 2 refused, 130 interrupted."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(f"error: {missing[0]} is not installed. Run: pip install -e '.[sweep]'", file=sys.stderr)
        return 2
    from bs_study.command_line import parse_flags, refuse

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops a job does what Ctrl-C does
    try:
        request = parse_flags(arguments, description=str(__doc__))
        sys.path.append(str(Path.cwd()))  # where a user's own workload lies; last, so that it shadows no package
        from bs_study.launch.prepare import checked, prepared

        if request.check:
            return show_look(*checked(request))
        study = prepared(request)
        return show_trials(study) if request.dry_run else run(study)
    except (ValueError, OSError) as error:
        return refuse(error)
    except KeyboardInterrupt:
        print("interrupted before the study began", file=sys.stderr)
        return 130


def show_look(config: StudyConfig, look: Look) -> int:
    for line in look.lines():
        print(line)
    print(f"target: {config.target}")
    print(f"{config.workload} can be trained (a check of one batch, nothing was started)")
    return 0


def show_trials(study: Prepared) -> int:
    from bs_study.analysis.recipe_names import trial_recipes
    from bs_study.launch.watching import counted

    recipes = trial_recipes(study.config)
    for trial in study.trials:
        recipe = f", {recipes[trial.trial_id]}" if recipes[trial.trial_id] else ""
        print(f"{trial.trial_id}  batch size {trial.batch_size}, lr {trial.lr:g}, seed {trial.seed}{recipe}")
    trials = counted(len(study.trials), "trial")
    print(f"{trials} of {study.config.workload}, to {study.paths.uri} (dry run, nothing was started)")
    return 0


def run(study: Prepared) -> int:
    from bs_study.analysis.recipe_names import named_recipes
    from bs_study.launch.timing import lacks_timings
    from bs_study.launch.trackers import chosen_trackers
    from bs_study.launch.watching import counted
    from bs_study.store.lease import study_lease
    from bs_study.store.reader import Study

    trackers = chosen_trackers(study.config, study.paths)
    if not study.trials and not (study.config.timing and lacks_timings(Study(study.paths))):
        print(f"nothing to do: all trials of {study.paths.uri} have ended")
        return 0
    going_on = f"python sweeps/grid.py --resume {shlex.quote(study.paths.uri)}"
    with (
        study_launcher(study) as launcher,
        study_lease(study.paths, lost=_thread.interrupt_main),
    ):
        study.create()
        print(f"{counted(len(study.trials), 'trial')} of {study.config.workload}, target {study.config.target}")
        recipes = list(named_recipes(study.config))
        if len(recipes) > 1:
            print(f"{len(recipes)} recipes: {'; '.join(recipes)}")
        print(f"on {launcher.resources.description}")
        print(f"to {study.paths.uri}", flush=True)
        for warning in study.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        try:
            time_alone(study, launcher)
            failed = run_trials(study, launcher, trackers) if study.trials else 0
        except KeyboardInterrupt:
            print(f"interrupted. Go on with: {going_on}")
            return 130
    try:
        is_concluded = conclude(study)
    except KeyboardInterrupt:
        print(f"interrupted, with all trials ended. Its report: python sweeps/report.py {shlex.quote(study.paths.uri)}")
        return 130
    if failed:
        print(f"failed trials: {failed}. Try them again with: {going_on}")
    return 1 if failed or not is_concluded else 0


def time_alone(study: Prepared, launcher: Launcher) -> None:
    """Time each batch size alone on its device, if it is wanted; the trials run also where that can't be done."""
    from bs_study.launch.timing import timing_lines, timing_trials, wants_timing

    if not wants_timing(study.config, launcher.resources, trials=len(study.trials)):
        return
    timings = launcher.time(timing_trials(study.config))
    try:
        for line in timing_lines(timings):
            print(line, flush=True)
    except OSError as error:  # no node was free, or the store does not answer
        print(f"timing: left out, {' '.join(str(error).split())}", file=sys.stderr)


def run_trials(study: Prepared, launcher: Launcher, trackers: list[Tracker]) -> int:
    """Run what is left of a study under its display; return how many trials failed."""
    from rich.console import Console

    from bs_study.launch.display import Display
    from bs_study.launch.trackers import TrackedWatcher
    from bs_study.store.reader import open_study

    with (
        Display(Console(soft_wrap=True), total=len(study.trials), slots=launcher.resources.slots) as display,
        TrackedWatcher(display, trackers, open_study(study.paths.uri)) as watcher,
    ):
        launcher.run(study.trials, watcher)
    return display.failed


def conclude(study: Prepared) -> bool:
    """Print what the study found, a row per batch size, and write its report; return whether the store allowed it."""
    from rich.console import Console

    from bs_study.launch.summary import summary
    from bs_study.report.page import write_report
    from bs_study.store.reader import Study

    found = Study(study.paths)
    try:
        Console(soft_wrap=True).print(summary(found))
        print(f"report: {write_report(found)}")
    except OSError as error:  # what failed a trial may still be there: a full disk, a store that does not answer
        print(f"error: no report: {' '.join(str(error).split())}", file=sys.stderr)
        return False
    metric = str(study.config.target).partition(" ")[0]
    uri = shlex.quote(found.paths.uri)
    print(f"next: open it, or ask for another target: python sweeps/report.py {uri} --target {metric}=...")
    return True


def study_launcher(study: Prepared) -> AbstractContextManager[Launcher]:
    """Return what runs the trials of a study while it is entered: in this process, or on Ray."""
    if study.config.local:
        from bs_study.launch.serial import serial_launcher

        return serial_launcher(study.config, study.place, study.data)
    from bs_study.launch.ray_tune import ray_launcher

    return ray_launcher(study.config, study.place, study.data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
