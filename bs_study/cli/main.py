"""The command `bs-study`: from the words that a person types to the file of the command that they name."""

from __future__ import annotations

import difflib
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import NoReturn


@dataclass(frozen=True)
class Command:
    """A command in a line, and what an interrupt says before the command has other last words.

    `at_once`: until then there is nothing to clean up. `module`: its file, where that can't have the command's name.
    """

    about: str
    interrupted: str = "interrupted"
    at_once: bool = False
    module: str = ""


COMMANDS = {
    "run": Command("train a study and write its report", "interrupted before the study began", at_once=True),
    "time": Command("time each batch size, train nothing", "interrupted before the study began", at_once=True),
    "report": Command("write a report again", "interrupted. Make the report again with the same command"),
    "compare": Command("put two studies side by side"),
    "import": Command("make a study of old runs", "interrupted. Nothing was imported", module="import_"),
    "check": Command("look whether a store is in order", "interrupted. Check the store again with the same command"),
    "docs": Command("show the pages of the manual"),
}


def entry() -> NoReturn:
    """``bs-study``, as it is installed."""
    begin(sys.argv[1:])


def begin(words: Sequence[str], *, door: str = "bs-study") -> NoReturn:
    """Carry out a command line and end the process.

    Args:
        words: the command and what follows it.
        door: how the person came here, one of `bs_study.door`.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # silent, for the moment until the command handles it
    from bs_study.process.command import run_command

    command = COMMANDS.get(words[0] if words else "", Command(""))
    run_command(partial(main, words, door=door), interrupted=command.interrupted, at_once=command.at_once)


def main(words: Sequence[str], *, door: str = "bs-study") -> int:
    """Carry out a command line.

    Returns:
        The exit status: 0 done, 1 with failed trials or a store that is not in order, 2 refused, 130 interrupted.
    """
    from bs_study.door import used
    from bs_study.store.warned import warnings_in_lines
    from bs_study.streams import use_plain_streams
    from bs_study.words import one_line

    use_plain_streams()
    try:
        with used(door), warnings_in_lines():
            return _carried_out(words)
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)  # noqa: T201  the terminal is where refusals go
        return 2


def _carried_out(words: Sequence[str]) -> int:
    from bs_study.words import shown

    name = words[0] if words else "--help"
    if name == "help":
        name, words = (words[1], [words[1], "--help"]) if words[1:] else ("--help", words)
    if name in COMMANDS:
        return int(import_module(f"bs_study.cli.{COMMANDS[name].module or name}").main(words[1:]))
    if name in ("-h", "--help", "--version"):
        from bs_study.version import __version__

        print(__version__ if name == "--version" else overview())  # noqa: T201
        return 0
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    told = f"Did you mean {near[0]}?" if near else f"Use {', '.join(COMMANDS)}"
    raise ValueError(f"command: {shown(name)} is unknown. {told}")


def overview() -> str:
    """Return what `bs-study --help` prints."""
    from bs_study.door import command, door

    return "\n".join(
        [
            "Which batch size and learning rate should I",
            "train with, and how sure is that?",
            "",
            f"usage: {door()} COMMAND ...",
            "",
            *(f"  {name:7} {command_.about}" for name, command_ in COMMANDS.items()),
            "",
            "examples:",
            f"  {command('run')}",
            f"  {command('run')} my_task.py:MyTask",
            f"  {command('report')} results/digits",
            "",
            "`--help` after a command shows its flags.",
        ]
    )
