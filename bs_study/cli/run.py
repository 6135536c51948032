"""``bs-study run``: train a study and write its report. ``bs-study time`` is the same as far as its timing pass."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bs_study.cli.first_line import tell_at_once
from bs_study.cli.needed import ANALYSIS, SWEEP, need

if TYPE_CHECKING:
    from bs_study.cli.flags import Request
    from bs_study.config.asked import Asked


def main(words: Sequence[str], *, name: str = "run") -> int:
    """Run the command; return the exit status."""
    need(ANALYSIS)
    from bs_study.cli.flags import parse_flags

    request = parse_flags(words, name=name)
    need(["yaml"], extra=SWEEP)
    sys.path.append(str(Path.cwd()))  # where a user's own workload lies; last, so that it shadows no package
    asked = _asked(request)
    if request.dry_run and not request.check:
        return show_dry_run(request, asked)
    need(_needed(asked), extra=SWEEP)
    if request.check:
        return show_look(request, asked)
    if "torch" not in sys.modules:
        print(_first_line(asked), flush=True)  # noqa: T201  before seconds in which nothing shows
    from bs_study.launch.start import start_study
    from bs_study.launch.terminal import Terminal

    end = start_study(
        *asked,
        Terminal(),
        resume=request.resume,
        accept_changes=request.accept_changes,
        times_only=name == "time",
    )
    return end.exit_status


def _asked(request: Request) -> Asked:
    from bs_study.cli.asked import what_is_asked
    from bs_study.workloads.built_in import BUILT_IN

    try:
        return what_is_asked(request)
    except ValueError:
        if (workload := request.flags.get("workload", "digits")) not in BUILT_IN:
            need(["torch"], extra=SWEEP)
            from bs_study.workloads.base import load_workload

            load_workload(workload)  # a wrong name is told before what it leaves open
        raise


def _needed(asked: Asked) -> Iterator[str]:
    yield from ("torch", "rich")
    if not asked.options.local:
        yield "ray"
    if asked.config.settings.workload == "digits":
        yield "sklearn"


def _first_line(asked: Asked) -> str:
    from bs_study.words import counted, shortened

    config, options = asked
    sizes = counted(len(config.batch_sizes), "batch size")
    loading = "PyTorch" if options.local else "PyTorch and Ray"
    return f"{shortened(config.settings.workload)}: a {config.search} over {sizes}. Loading {loading}"


def show_dry_run(request: Request, asked: Asked) -> int:
    """Print what a study would train."""
    from bs_study.workloads.built_in import KNOWN

    if asked.config.settings.workload not in KNOWN:
        tell_at_once(f"{asked.config.settings.workload}: a dry run. Loading PyTorch")
    from bs_study.launch.dry_run import lines, outlined

    found = outlined(*asked, resume=request.resume, accept_changes=request.accept_changes)
    for line in lines(found, lists_all=request.all):
        print(line)  # noqa: T201
    return 0


def show_look(request: Request, asked: Asked) -> int:
    """Print what one batch of the workload shows."""
    tell_at_once(f"{asked.config.settings.workload}: a check of one batch. Loading PyTorch")
    from bs_study.cli.asked import has_grid
    from bs_study.launch.prepare import checked

    config, look = checked(*asked, resume=request.resume, has_grid=has_grid(request, asked.config))
    if look is None:
        print(  # noqa: T201
            f"{config.settings.workload} is a function that takes the right arguments. Only a run shows more: try it "
            "with one batch size and lr, and --max-iterations 10"
        )
        return 0
    for line in look.lines():
        print(line)  # noqa: T201
    print(f"target: {config.settings.target}")  # noqa: T201
    print(f"{config.settings.workload} can be trained (a check of one batch, nothing was started)")  # noqa: T201
    return 0
