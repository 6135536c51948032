"""From a YAML file and flags to what is asked for; what is wrong with either is said in one line."""

from __future__ import annotations

import contextlib
import difflib
import io
import itertools
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, get_args, get_origin

import tyro
from pydantic.fields import FieldInfo

from bs_study.config import BUDGETS, StudyConfig
from bs_study.config.asked import FIELDS, Asked, asked
from bs_study.config.growth import resumed_settings
from bs_study.config.yaml_text import MOST_BYTES, parsed
from bs_study.store.reader import open_study
from bs_study.words import count, one_line, shown

OWN_EPOCHS = 10.0
"""The budget of a workload of one's own, where no file and no flag sets one."""
ONE_TRIAL = {"batch_sizes": (1,), "lrs": (1.0,)}
"""Stands for the grid, which a check of the workload does not need."""

SHIPPED = Path(__file__).resolve().parent.parent / "sweeps"


@dataclass(frozen=True)
class Request:
    """What the user typed: what to do, and the settings that were given as flags."""

    config: Path | None
    resume: str | None
    accept_changes: bool
    dry_run: bool
    check: bool
    flags: dict[str, Any]


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
            "that it does not have yet are added to it"
        ),
    ],
    "accept_changes": Annotated[
        bool,
        tyro.conf.arg(
            help="with --resume: go on though the workload or its data have changed; unfinished trials begin anew"
        ),
    ],
    "dry_run": Annotated[bool, tyro.conf.arg(help="print the trials and exit")],
    "check": Annotated[bool, tyro.conf.arg(help="run one batch through the workload, print what was seen and exit")],
}


def parse_flags(arguments: Sequence[str], *, description: str) -> Request:
    """Read the flags.

    Raises:
        ValueError: a flag is unknown, or its value is empty or can't be read.
        SystemExit: after --help.
    """
    _refuse_blank(arguments)
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
        given.pop("check", False),
        given,
    )


def _refuse_blank(arguments: Sequence[str]) -> None:
    """Refuse an empty value, which means what was not meant: `--resume ""` would begin a study."""
    flag = ""
    for word in arguments:
        name, mark, value = word.partition("=")
        if name.startswith("--"):
            flag = name
        if not word.strip() or (name == flag and mark and not value.strip()):
            raise ValueError(
                f"{flag or 'arguments'}: a value is empty, as that of a shell variable that is not set. Give one, or "
                "leave it out"
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
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(get_args(annotation))}"
    kind = str(annotation)
    return "a whole number" if "int" in kind else "a number" if "float" in kind else "what it takes"


def what_is_asked(request: Request) -> Asked:
    """Return the study and the launch that file and flags ask for: flags override the file.

    Of a study that goes on, its store says what they leave out.

    Raises:
        ValueError: the file can't be read, or a setting is unknown or wrong.
        FileNotFoundError: the study to go on with is not there.
    """
    if request.accept_changes and request.resume is None:
        raise ValueError("accept_changes: only a study that goes on has changes to accept. Add --resume FOLDER")
    if request.resume is not None:
        stored = open_study(request.resume).config
        refuse_flags_of_recipes(request.flags, stored)
        given = read_yaml(_there(request.config)) if request.config else {}
        return asked(resumed_settings(stored, given | request.flags))
    file = _there(request.config) if request.config else _shipped_file(request.flags.get("workload", "digits"))
    settings = (read_yaml(file) if file else {}) | request.flags
    if not file and not settings.keys() & set(BUDGETS):
        settings["max_epochs"] = OWN_EPOCHS
    found = asked((ONE_TRIAL if request.check else {}) | settings)
    refuse_flags_of_recipes(request.flags, found.config)
    return found


def has_grid(request: Request, config: StudyConfig) -> bool:
    """Return whether batch sizes were asked for, or one trial stands for them."""
    return bool(request.resume or "batch_sizes" in request.flags) or config.batch_sizes != ONE_TRIAL["batch_sizes"]


def refuse_flags_of_recipes(flags: Mapping[str, Any], config: StudyConfig) -> None:
    """Refuse a flag that sets for all recipes what each of them sets for itself."""
    for name in flags:
        if any(name in change for change in config.recipes):
            raise ValueError(f"{name}: the study's recipes set it, each for itself. Leave it out, or start another")


def _there(file: Path) -> Path:
    """Return a file, or where it lies in this project: `ray submit` runs a command outside of it."""
    ours = SHIPPED.parent / file
    return ours if not file.exists() and ours.exists() else file


def _shipped_file(workload: str) -> Path | None:
    file = SHIPPED / f"{workload}.yaml"
    return file if re.fullmatch(r"\w+", workload) and file.exists() else None


def read_yaml(file: Path) -> dict[str, Any]:
    """Read the settings of a study from a YAML file."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"config: {file} can't be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise ValueError(f"config: {file} is longer than {count(MOST_BYTES)} bytes. Give a file of settings")
    try:
        settings = parsed(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"config: {file} is no YAML: it is no text in UTF-8 ({error})") from error
    except ValueError as error:
        raise ValueError(f"config: {file} {error}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise ValueError(f"config: {file} holds a {type(settings).__name__}. Write one 'setting: value' per line")
    for key in settings:
        if key not in FIELDS:
            raise ValueError(f"config: unknown key {shown(key)} in {file}. {_nearest(str(key))}")
    return settings


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key.replace("-", "_"), FIELDS, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(FIELDS)}"


def refuse(reason: object) -> int:
    """Print why nothing was started, in one line; return the exit status."""
    print(f"error: {one_line(reason)}", file=sys.stderr)  # noqa: T201  the terminal is where refusals go
    return 2
