"""Run a study: python sweeps/grid.py --config sweeps/mnist.yaml

Trains each cell of a grid over batch size × lr, one GPU per trial where there are GPUs, and leaves iteration losses and
clocks as Parquet in the store. Without --config and --workload it runs the embedded study, sweeps/digits.yaml; flags
override the file.

It joins the Ray cluster at --address, else the one at $RAY_ADDRESS (a Ray job has it), else the one that `ray start`
began on this machine (the head of a cluster has it), and shares it with other sweeps there; without one it starts a Ray
of this machine.
"""

from __future__ import annotations

if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # silent, for the moment until the command handles it

import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs_study.config import StudyConfig
    from bs_study.flags import Request
    from bs_study.workloads.check_batch import Look

NEEDED = ("bs_study", "ray", "rich", "sklearn", "torch", "torchvision", "tyro", "yaml")


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status: 0 done, 1 with failed trials, 2 refused, 130 interrupted."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(f"error: {missing[0]} is not installed. Run: pip install -e '.[sweep]'", file=sys.stderr)
        return 2
    from bs_study.command_line import refuse
    from bs_study.flags import parse_flags
    from bs_study.store.warned import warnings_in_lines
    from bs_study.streams import use_plain_streams

    use_plain_streams()
    try:
        request = parse_flags(arguments, description=str(__doc__))
        sys.path.append(str(Path.cwd()))  # where a user's own workload lies; last, so that it shadows no package
        from bs_study.workloads.built_in import BUILT_IN

        if request.flags.get("workload", "digits") not in BUILT_IN:
            from bs_study.workloads.base import load_workload

            load_workload(request.flags["workload"])  # a wrong name, before what it leaves open is missed
        with warnings_in_lines():
            return carry_out(request)
    except (ValueError, OSError) as error:
        return refuse(error)


def carry_out(request: Request) -> int:
    """Do what was asked for; return the exit status."""
    from bs_study.command_line import has_grid, what_is_asked

    config, options = what_is_asked(request)
    if request.dry_run and not request.check:
        from bs_study.launch.dry_run import lines, outlined

        found = outlined(config, options, resume=request.resume, accept_changes=request.accept_changes)
        for line in lines(found, lists_all=request.all):
            print(line)
        return 0
    if request.check:
        from bs_study.launch.prepare import checked

        return show_look(*checked(config, options, resume=request.resume, has_grid=has_grid(request, config)))
    from bs_study.launch.start import start_study
    from bs_study.launch.terminal import Terminal

    asked = {"resume": request.resume, "accept_changes": request.accept_changes}
    return start_study(config, options, Terminal(), **asked).exit_status


def show_look(config: StudyConfig, look: Look) -> int:
    for line in look.lines():
        print(line)
    print(f"target: {config.settings.target}")
    print(f"{config.settings.workload} can be trained (a check of one batch, nothing was started)")
    return 0


if __name__ == "__main__":
    if find_spec("bs_study") is None:
        sys.exit(main(sys.argv[1:]))  # which says so
    from bs_study.process.command import run_command

    run_command(partial(main, sys.argv[1:]), interrupted="interrupted before the study began", at_once=True)
