"""A command as the Python call that does the same: where a person calls, and where their code has no name to type."""

from __future__ import annotations

import json
import shlex

from bs_study import door
from bs_study.config.asked import FIELDS

MAIN = "__main__:"
"""How the name of a workload begins that is code of a notebook or a script."""


def as_typed(command: str, *, workload: str) -> str:
    """Return a command of `run` as a person types it: the call, where they called, or their code is the workload.

    >>> as_typed("bs-study run --local --resume results/my --lrs 0.2 --seeds auto", workload="__main__:MyTask")
    'bs_study.sweep(MyTask, local=True, resume="results/my", lrs=[0.2], seeds="auto")'
    >>> as_typed("bs-study run --resume results/digits", workload="digits")
    'bs-study run --resume results/digits'
    """
    words = shlex.split(command)
    # No call leaves out the study that ships for a workload, as `--config /dev/null` does.
    if not (workload.startswith(MAIN) or door.is_call()) or "--config" in words:
        return command
    given: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            given[word[2:].replace("-", "_")] = []
        elif given:
            given[next(reversed(given))].append(word)
    named = given.pop("workload", None)
    own = (
        [workload.rpartition(".")[2].removeprefix(MAIN)]
        if workload.startswith(MAIN)
        else [json.dumps(workload)]
        if named
        else []
    )
    return f"bs_study.sweep({', '.join([*own, *(_argument(name, values) for name, values in given.items())])})"


def report_as_typed(uri: str, target: str) -> str:
    """Return how a person asks a study for another target: any study's report can be had by a command.

    >>> report_as_typed("results/digits", "loss<=1")
    "bs-study report results/digits --target 'loss<=1'"
    >>> with door.used(door.CALL):
    ...     report_as_typed("results/digits", "loss<=1")
    'bs_study.report("results/digits", target="loss<=1")'
    """
    if door.is_call():
        return f"bs_study.report({json.dumps(uri)}, target={json.dumps(target)})"
    return f"{door.command('report')} {shlex.join([uri, '--target', target])}"


def _argument(name: str, values: list[str]) -> str:
    if not values:
        is_no = name.startswith("no_") and name not in FIELDS
        return f"{name[3:]}=False" if is_no else f"{name}=True"
    kind = str(FIELDS[name].annotation) if name in FIELDS else "str"
    each = [_value(value, is_number="int" in kind or "float" in kind) for value in values]
    is_list = "tuple" in kind and values != ["auto"]
    return f"{name}=[{', '.join(each)}]" if is_list else f"{name}={each[0]}"


def _value(value: str, *, is_number: bool) -> str:
    if value == "null":
        return "None"
    try:
        float(value)
    except ValueError:
        return json.dumps(value, ensure_ascii=False)
    return value if is_number else json.dumps(value)
