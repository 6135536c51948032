"""The flags that a person types to run a study; what is wrong with them is said in one line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bs_study.cli.groups import ACTIONS, RUNS_ALONE, SHORT, VALUES, groups
from bs_study.cli.named import named_study
from bs_study.cli.values import kinds_of, metavar, read
from bs_study.config.asked import FIELDS
from bs_study.door import command
from bs_study.process.arguments import Parser
from bs_study.streams import refuse_no_text
from bs_study.words import count, shown, typed

LACKS = "time has no such flag, as it times and does nothing else. Leave it out, or use the command run"
MOST_CHARACTERS = 100_000  # of one value
SHORT_LINE = 52
"""Characters of help to which --help adds a default, so that most flags have a line of 80 columns."""
STUDY = (
    "a study that ships, as mnist; a YAML file; or your own workload, as file.py:Class or module:Class (default: the "
    "embedded study, digits)"
)
ABOUT = {
    "run": "Train a study over batch size and lr, and write its report. On Ray, unless --local: it joins the cluster "
    "at --address, at $RAY_ADDRESS, or the one this machine belongs to, else it starts a Ray of this machine.",
    "time": "Time each batch size of a study alone on its device, write that to the store, and train nothing.",
}
EXAMPLES = {
    "run": ["", "mnist --batch-sizes 32 256 --lrs 0.02 0.08", "my_task.py:MyTask --search bracket --lr-start 0.1"],
    "time": ["mnist --batch-sizes 32 256 --lrs 0.02", "results/digits"],
}


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


def parse_flags(words: Sequence[str], *, name: str = "run") -> Request:
    """Read the study and the flags of `run`, or of `time`.

    Raises:
        ValueError: a flag is unknown, or its value is empty or can't be read.
        SystemExit: after --help.
    """
    _refuse_no_value(words)
    # Flags that are not given are not among them, so that the file's values hold, and then the defaults.
    given = vars(_parser(name, shows_all="--help-all" in words).read(words))
    study: str | None = given.pop("study", None)
    actions = {action: given.pop(action, None if action in VALUES else False) for action in ACTIONS}
    flags = {setting: read(setting, value) for setting, value in given.items()}
    actions["config"] = actions["config"] and Path(actions["config"])
    if name == "time":
        flags["timing"] = True
        study = _of_store(study, actions)
    if study is not None:
        actions["config"], flags = named_study(study, config=actions["config"], flags=flags)
    return Request(**actions, flags=flags)


def _of_store(study: str | None, actions: dict[str, Any]) -> str | None:
    """Return what names a new study to time; one that is in a store already is gone on with, on this machine."""
    if study is None or actions["resume"] is not None:
        return study
    if "://" in study or (Path(study) / "study.json").is_file():
        actions["resume"] = study
        return None
    return study


def _refuse_no_value(words: Sequence[str]) -> None:
    """Refuse what is no text; an empty value, as `--resume ""`, which would begin a study; and an endless one."""
    flag = ""
    for word in words:
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


def _parser(name: str, *, shows_all: bool) -> Parser:
    program = command(name)
    examples = [f"{program} {example}".strip() for example in EXAMPLES[name]]
    lacks = (
        {f"--{no}{flag.replace('_', '-')}": LACKS for flag in RUNS_ALONE for no in ("", "no-")}
        if name == "time"
        else {}
    )
    parser = Parser(program, ABOUT[name], usage="[STUDY] [FLAGS]", examples=examples, lacks=lacks)
    parser.add_argument("study", nargs="?", default=argparse.SUPPRESS, metavar="STUDY", help=STUDY)
    parser.add_argument("--help-all", action="help", help="show the other flags too")
    for title, flags, usual in groups():
        group = parser.add_argument_group(title)
        for flag in flags:
            if name == "time" and flag in RUNS_ALONE:
                continue
            told = _told(flag) if shows_all else _told(flag, is_short=True) if flag in usual else argparse.SUPPRESS
            _add(group, flag, help=told.replace("%", "%%"))
    return parser


def _add(group: Any, name: str, **own: str) -> None:
    kinds, flag = kinds_of(name), f"--{name.replace('_', '-')}"
    own |= {"dest": name, "default": argparse.SUPPRESS}
    if bool in kinds and (name in ACTIONS or FIELDS[name].default is False):
        group.add_argument(flag, action="store_true", **own)
        group.add_argument(f"--no-{flag[2:]}", action="store_false", **own | {"help": argparse.SUPPRESS})
    elif bool in kinds:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **own)
    else:
        group.add_argument(flag, nargs="+" if tuple in kinds else None, metavar=metavar(name), **own)


def _shown(value: object) -> str:
    return typed(value) if isinstance(value, float) else str(value)


def _told(name: str, *, is_short: bool = False) -> str:
    """Return what help says of a flag, with its default; in short its first clause alone."""
    field = FIELDS.get(name)
    told = ACTIONS[name] if field is None else field.description or ""
    if field is None or field.is_required():
        default = ""
    elif field.default in (None, ()):  # which the text itself tells
        found = re.fullmatch(r"(.*?)(?: \(([^()]*)\))?", told)
        told, default = (found[1], found[2] or "") if found else (told, "")
    elif isinstance(field.default, bool):
        default = "yes" if field.default else "no"
    else:
        default = " ".join(map(_shown, field.default if isinstance(field.default, tuple) else [field.default]))
    if is_short:
        told, default = SHORT.get(name, told.partition("; ")[0]), re.split("[;,] ", default)[0]
        default = "" if default in ("none", "no") or len(f"{told} (default: {default})") > SHORT_LINE else default
    return f"{told} (default: {default})" if default else told
