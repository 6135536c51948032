"""A command from its first moment to its exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from bs_study.process.output import steady_output, write_at_once
from bs_study.process.stop import INTERRUPTED, SIGNALS, Stop

END_SECONDS = 6.0
"""How long a command may take to end once it is interrupted."""


def run_command(main: Callable[[], int], *, interrupted: str, at_once: bool = False) -> NoReturn:
    """Run a command and end its process. An interrupt is one line and exit status 130, at whatever moment it comes.

    Args:
        main: returns the exit status.
        interrupted: said where an interrupt comes and `main` has given the process no other last words.
        at_once: end with the first signal, until `main` asks for more time: there is nothing to clean up.
    """
    steady_output()
    stop = Stop(interrupted, seconds=END_SECONDS, at_once=at_once, owns_process=True)
    stop.install()
    leave(_status(main, stop), stop)


def _status(main: Callable[[], int], stop: Stop) -> int:
    try:
        return main()
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:  # argparse ends like this after --help
        if isinstance(end.code, str):
            write_at_once(2, f"{end.code}\n")
            return 1
        return end.code or 0
    except Exception:
        if not stop.is_begun:
            raise
        return INTERRUPTED  # some libraries make another error of an interrupt


def leave(status: int, stop: Stop) -> NoReturn:
    """End the process: at once if it was interrupted. A signal that comes now finds nothing left to stop."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if status == INTERRUPTED and stop.last_words is not None:
        print(stop.last_words, file=sys.stderr)  # noqa: T201  the terminal is where a command says this
    sys.stdout.flush()
    sys.stderr.flush()
    if stop.is_begun or status == INTERRUPTED:
        os._exit(status)
    sys.exit(status)
