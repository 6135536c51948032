"""Run a study: python sweeps/grid.py --config sweeps/mnist.yaml

Trains each cell of a grid over batch size × lr, one GPU per trial where there are GPUs, and leaves iteration losses and
clocks as Parquet in the store. Without --config and --workload it runs the embedded study, sweeps/digits.yaml; flags
override the file.

It joins the Ray cluster at --address, else the one at $RAY_ADDRESS (a Ray job has it), else the one that `ray start`
began on this machine (the head of a cluster has it), and shares it with other sweeps there; without one it starts a Ray
of this machine.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from bs_study.config import StudyConfig
    from bs_study.launch.prepare import Prepared
    from bs_study.workloads.check_batch import Look

NEEDED = ("bs_study", "ray", "rich", "sklearn", "torch", "torchvision", "tyro", "yaml")


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status: 0 done, 1 with failed trials, 2 refused, 130 interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops a job does what Ctrl-C does
    try:
        return run(arguments)
    except KeyboardInterrupt:
        print("interrupted before the study began", file=sys.stderr)
        return 130


def run(arguments: Sequence[str]) -> int:
    """Do what `main` does, but for an interrupt before the study began."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(f"error: {missing[0]} is not installed. Run: pip install -e '.[sweep]'", file=sys.stderr)
        return 2
    from bs_study.command_line import has_grid, refuse, what_is_asked
    from bs_study.flags import parse_flags
    from bs_study.streams import use_plain_streams

    use_plain_streams()
    try:
        request = parse_flags(arguments, description=str(__doc__))
        sys.path.append(str(Path.cwd()))  # where a user's own workload lies; last, so that it shadows no package
        from bs_study.launch.prepare import checked, prepared
        from bs_study.launch.study import run_study
        from bs_study.launch.terminal import Terminal
        from bs_study.workloads.base import load_workload

        if "workload" in request.flags:
            load_workload(request.flags["workload"])  # a wrong name, before what it leaves open is missed
        config, options = what_is_asked(request)
        if request.check:
            found = checked(config, options, resume=request.resume, has_grid=has_grid(request, config))
            return show_look(*found)
        study = prepared(
            config,
            options,
            resume=request.resume,
            is_dry_run=request.dry_run,
            accept_changes=request.accept_changes,
        )
        return show_trials(study) if request.dry_run else run_study(study, Terminal()).exit_status
    except (ValueError, OSError) as error:
        return refuse(error)


def show_look(config: StudyConfig, look: Look) -> int:
    for line in look.lines():
        print(line)
    print(f"target: {config.settings.target}")
    print(f"{config.settings.workload} can be trained (a check of one batch, nothing was started)")
    return 0


def show_trials(study: Prepared) -> int:
    from bs_study.launch.outlook import search_rules, trials_ahead
    from bs_study.words import setting

    for recipe, trial in study.plan.wanted:
        trial_id = trial.trial_id
        named = f", {recipe}" if recipe else ""
        ended = ", has ended" if trial_id in study.ended else ""
        print(f"{trial_id}  batch size {trial.batch_size}, lr {setting(trial.lr)}, seed {trial.seed}{named}{ended}")
    for rule in search_rules(study.config):
        print(rule)
    if study.version and study.version.said:
        print(study.version.said)
    ahead = trials_ahead(study.config, study.plan)
    print(f"{ahead} of {study.config.settings.workload}, to {study.paths.uri} (dry run, nothing was started)")
    if study.there:
        print(f"{ended_trials(study)} {study.there}")
    return 0


def ended_trials(study: Prepared) -> str:
    """Return how many trials of a study that exists have ended: of a full grid, of those that are asked for."""
    from bs_study.grid import is_full_grid
    from bs_study.words import counted

    if not is_full_grid(study.config):
        return f"{counted(len(study.ended), 'trial')} {'has' if len(study.ended) == 1 else 'have'} ended."
    ended = sum(trial.trial_id in study.ended for trial in study.trials)
    return f"{ended or 'none'} of them {'has' if ended < 2 else 'have'} ended."


def leave(status: int) -> NoReturn:
    """End the process: at once if it was interrupted. A signal that comes now finds nothing left to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if status == 130:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
