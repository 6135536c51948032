"""The flags that a person types; what is wrong with them is said in one line."""

from __future__ import annotations

import contextlib
import difflib
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, get_args, get_origin

import tyro
from pydantic.fields import FieldInfo

from bs_study.config.asked import FIELDS
from bs_study.config.yaml_text import parsed
from bs_study.streams import refuse_no_text
from bs_study.words import count, shown


@dataclass(frozen=True)
class Request:
    """What the user typed: what to do, and the settings that were given as flags."""

    config: Path | None
    resume: str | None
    accept_changes: bool
    dry_run: bool
    all: bool
    check: bool
    flags: dict[str, Any]


MOST_CHARACTERS = 100_000  # of one value

_ACTIONS = {
    "config": Annotated[
        Path | None,
        tyro.conf.arg(
            help="YAML file of the study; with --resume its lists are added to the study, and its other settings "
            "must be those of the study (default: the study that ships for the workload)"
        ),
    ],
    "resume": Annotated[
        str | None,
        tyro.conf.arg(
            help="go on with the study in this folder, as results/digits; --batch-sizes, --lrs, --seeds and --recipes "
            "that it does not have yet are added to it, and so are more --max-seeds, --seeds auto and --refine"
        ),
    ],
    "accept_changes": Annotated[
        bool,
        tyro.conf.arg(
            help="with --resume: go on though the workload or its data have changed; unfinished trials begin anew"
        ),
    ],
    "dry_run": Annotated[bool, tyro.conf.arg(help="print the trials and exit; of more than 100 a summary")],
    "all": Annotated[bool, tyro.conf.arg(help="with --dry-run: print each trial, however many there are")],
    "check": Annotated[bool, tyro.conf.arg(help="run one batch through the workload, print what was seen and exit")],
}


def parse_flags(arguments: Sequence[str], *, description: str) -> Request:
    """Read the flags.

    Raises:
        ValueError: a flag is unknown, or its value is empty or can't be read.
        SystemExit: after --help.
    """
    _refuse_no_value(arguments)
    settings = {name: _flag(name, field) for name, field in FIELDS.items()}
    # Flags that are not given stay out of the dict, so that the file's values hold, and then the defaults.
    flags_type = TypedDict("Settings", _ACTIONS | settings, total=False)  # type: ignore[misc]
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            given: dict[str, Any] = dict(
                tyro.cli(
                    flags_type,
                    args=list(arguments),
                    prog="grid.py",
                    description=description,
                )
            )
    except SystemExit as exit_:
        if exit_.code in (0, None):
            raise
        raise ValueError(_plain(_first_sentence(complaint.getvalue()), arguments)) from None
    if "recipes" in given:
        given["recipes"] = [_mapping(text) for text in given["recipes"]]
    return Request(
        given.pop("config", None),
        given.pop("resume", None),
        given.pop("accept_changes", False),
        given.pop("dry_run", False),
        given.pop("all", False),
        given.pop("check", False),
        given,
    )


def _refuse_no_value(arguments: Sequence[str]) -> None:
    """Refuse what is no text; an empty value, as `--resume ""`, which would begin a study; and an endless one."""
    flag = ""
    for word in arguments:
        name, mark, value = word.partition("=")
        refuse_no_text(flag or "arguments", word)
        if name.startswith("--"):
            flag = name
        if not word.strip() or (name == flag and mark and not value.strip()):
            raise ValueError(
                f"{flag or 'arguments'}: a value is empty, as that of a shell variable that is not set. Give one, or "
                "leave it out"
            )
        if len(word) > MOST_CHARACTERS:
            raise ValueError(
                f"{flag or 'arguments'}: {shown(value if name == flag else word)} is one value of more than "
                f"{count(MOST_CHARACTERS)} characters. Give values apart, with spaces and no quotes"
            )


def _flag(name: str, field: FieldInfo) -> Any:
    default = "" if field.is_required() or field.default is None else f" (default: {_shown(field.default)})"
    help_ = re.sub(r" \(([^()]*)\)$", r" (default: \1)", field.description or "") if not default else field.description
    return Annotated[_kind_of_flag(name, field), tyro.conf.arg(help=f"{help_}{default}", help_behavior_hint="")]


def _kind_of_flag(name: str, field: FieldInfo) -> Any:
    if name == "recipes":
        return tuple[str, ...]
    # A flag that is not given is left out, so None, which leaves a choice open, is nothing to type.
    return {"target": str, "timing": bool}.get(name, field.annotation)


def _mapping(text: str) -> dict[str, Any]:
    """Return the settings that one recipe on the command line holds, as YAML writes them in a line."""
    right = "Write each as '{lr_warmup_epochs: 1, lr_decay: cosine}'"
    try:
        settings = parsed(text)
    except ValueError as error:
        raise ValueError(f"--recipes: {shown(text)} {error}. {right}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"--recipes: {shown(text)} is no recipe. {right}")
    return settings


def _shown(value: object) -> str:
    return " ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)


def _first_sentence(boxed: str) -> str:
    """Return what tyro complains of, without the frame and title that it draws and the help that it adds."""
    lines = [re.sub(r"^│|│$", "", line).strip() for line in boxed.splitlines()]
    body = [line for line in lines if line and not line.startswith(("╭", "╰"))]
    rules = [place for place, line in enumerate(body) if set(line) <= set("─-")]
    has_title = "╭" not in boxed and len(rules) > 1  # on its own line, where the terminal knows no frames
    first = rules.pop(0) + 1 if has_title else 0
    return " ".join(body[first : rules[0]] if rules else body)


def _plain(complaint: str, arguments: Sequence[str]) -> str:
    """Return the complaint in the user's words: the flag, what was given, what would be right."""
    unknown = re.match(r"Unrecognized options: ([^\s,]+)", complaint)
    if unknown:
        near = _nearest_flag(unknown[1])
        return f"{unknown[1]}: unknown. " + (f"Did you mean {near}?" if near else "See --help")
    unread = re.match(r"Error parsing (--[\w-]+)|invalid choice .* for argument '(--[\w-]+)'", complaint)
    flag = (unread[1] or unread[2]) if unread else None
    inline = [word.partition("=")[2] for word in arguments if word.startswith(f"{flag}=")]
    if flag and inline:
        return f"{flag}: {shown(inline[-1])} can't be read as {_kind(flag)}. See --help"
    if flag and flag in arguments:
        rest = list(arguments)[list(arguments).index(flag) + 1 :]
        given = list(itertools.takewhile(lambda word: not word.startswith("--"), rest))
        return f"{flag}: {shown(' '.join(given))} can't be read as {_kind(flag)}. See --help"
    return complaint


def _nearest_flag(flag: str) -> str | None:
    flags = [f"--{name.replace('_', '-')}" for name in (*_ACTIONS, *FIELDS)]
    return next(iter(difflib.get_close_matches(flag.replace("_", "-"), flags, n=1, cutoff=0.6)), None)


def _kind(flag: str) -> str:
    field = FIELDS.get(flag.removeprefix("--").replace("-", "_"))
    annotation = field.annotation if field else None
    if flag == "--seeds":
        return "whole numbers, or auto alone"
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(get_args(annotation))}"
    kind = str(annotation)
    return "a whole number" if "int" in kind else "a number" if "float" in kind else "what it takes"
