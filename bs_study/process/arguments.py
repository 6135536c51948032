"""The words after a command, read with argparse: each refusal is one line, and help fits a narrow terminal."""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn

from bs_study.words import shown


class Parser(argparse.ArgumentParser):
    """Reads flags as they are named, with `-` or `_` in them, and none that is cut short.

    Args:
        program: the command, as a person types it.
        about: what it does. Lines that begin with two spaces are commands, here and at the end of help.
        usage: what follows it.
        examples: commands to begin with, at the end of help.
        lacks: flags that this command lacks and another has, each with the reason.
    """

    def __init__(
        self,
        program: str,
        about: str,
        *,
        usage: str,
        examples: Sequence[str],
        lacks: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._lacks = lacks
        told = "\n".join(["examples:", *(f"  {example}" for example in examples)])
        super().__init__(
            prog=program,
            usage=f"{program} {usage}",
            description=about,
            epilog=told,
            formatter_class=_Help,
            allow_abbrev=False,
        )
        self._positionals.title = "argument"

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Return what the words say.

        Raises:
            ValueError: a flag is unknown or lacks a value; the message is one line.
            SystemExit: after --help.
        """
        typed = [_with_hyphens(word) for word in words]
        for word in typed:
            self._refuse_value_of_switch(word)
        found, left = self.parse_known_args(typed)
        if left:
            flag = next((word for word in left if word != "--"), "--").partition("=")[0]
            if flag in self._lacks:
                raise ValueError(f"{flag}: {self._lacks[flag]}")
            if flag in self._option_string_actions:
                raise ValueError(f"{flag}: no word after -- is a flag. Leave -- out")
            flags = [name for name in self._option_string_actions if name.startswith("--")]
            near = difflib.get_close_matches(flag, flags, n=1, cutoff=0.6) if flag.startswith("-") else []
            told = f"Did you mean {near[0]}?" if near else "See --help"
            fault = f"{flag}: unknown" if flag.startswith("-") else f"arguments: {shown(flag)} is one too many"
            raise ValueError(f"{fault}. {told}")
        return found

    def _refuse_value_of_switch(self, word: str) -> None:
        flag, mark, value = word.partition("=")
        action = self._option_string_actions.get(flag)
        if mark and action and action.nargs == 0:
            raise ValueError(f"{flag}: takes no value, but has {shown(value)}. Leave it out")

    def error(self, message: str) -> NoReturn:
        raise ValueError(re.sub(r"^argument ([^/:]+)[^:]*: ", r"\1: ", message) + ". See --help")


def _with_hyphens(word: str) -> str:
    flag, mark, value = word.partition("=")
    return flag.replace("_", "-") + mark + value if re.fullmatch(r"--\w[\w-]*", flag) else word


class _Help(argparse.HelpFormatter):
    """Writes `N ...` for several values, and each example so that it can be typed as it stands."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        return f"{action.metavar} ..." if action.nargs == "+" else super()._format_args(action, default_metavar)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if isinstance(action, argparse.BooleanOptionalAction):
            return f"--[no-]{action.dest.replace('_', '-')}"
        return super()._format_action_invocation(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            _in_lines(line, width) if line.startswith("  ") else textwrap.fill(line, width, initial_indent=indent)
            for line in text.splitlines()
        )


def _in_lines(command: str, width: int) -> str:
    """Return a command as a shell takes it in lines of a width."""
    lines = textwrap.wrap(
        command, width - 2, subsequent_indent="      ", break_long_words=False, break_on_hyphens=False
    )
    return command if len(command) <= width else " \\\n".join(lines)
