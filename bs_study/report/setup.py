"""What the page says of the study itself: how much has ended, what was asked, on which hardware, how trials ended."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bs_study.analysis.rows import State
from bs_study.config.black_box import UNHEEDED
from bs_study.store import Study
from bs_study.store.imported import TOLD_BY_RUNS
from bs_study.store.study_json import is_of_function
from bs_study.words import count, counted, duration, listing, setting

_HARDWARE = ("device_name", "device", "threads", "host")
_VERSIONS = ("bs_study_version", "python_version", "torch_version", "cuda_version", "ray_version")
_ASKED = ("train_examples", "package_version", "schema_version", "created")
_MOST_NAMED = 6
_LONGEST_MESSAGE = 300


def state_text(state: State) -> str:
    """Return how much of the study is there.

    >>> state_text(State(expected=4, ended=1, running=1, missing=2))
    'Not finished: 1 of 4 trials has ended, 1 is running and 2 are missing.'
    """
    expected = counted(state.expected, "trial")
    if state.left <= 0:
        return f"All {expected} have ended." if state.expected > 1 else "Its trial has ended."
    parts = [f"{count(state.ended)} of {expected} {'has' if state.ended == 1 else 'have'} ended"]
    named = {"running": state.running, "missing": state.missing}
    parts += [f"{count(n)} {'is' if n == 1 else 'are'} {word}" for word, n in named.items() if n]
    return f"Not finished: {listing(parts)}."


def ends(trials: pd.DataFrame) -> list[dict[str, str]]:
    """Return how the trials ended: a row for each status and reason, with one of its messages."""
    if trials.empty:
        return []
    groups = trials.fillna({"stop_reason": "", "message": ""}).groupby(["status", "stop_reason"])
    return [
        {"status": str(key[0]), "reason": str(key[1]), "trials": count(len(group)), "message": _message(group)}
        for key, group in groups
    ]


def _message(group: pd.DataFrame) -> str:
    text = next((text for text in group["message"] if text), "")
    return f"{text[:_LONGEST_MESSAGE]}{'…' if len(text) > _LONGEST_MESSAGE else ''}"


def settings(study: Study) -> dict[str, str]:
    """Return the study's config as it was asked for; what was not given, or a function does not heed, is left out.

    Of imported runs it is where they are from, and what they are.
    """
    if study.imported is not None:
        told = {name: value for name, value in study.settings.items() if name in TOLD_BY_RUNS}
        told = {"imported from": study.known_asked["imported"]["from"]} | told
        return {name: setting_text(value) for name, value in told.items()}
    idle = UNHEEDED if is_of_function(study.known_asked) else ()
    told = {name: value for name, value in study.settings.items() if name not in idle}
    return {name: setting_text(value) for name, value in told.items() if value is not None and value != []}


def setting_text(value: object) -> str:
    """Return a setting of study.json for a reader."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ("; " if any(isinstance(entry, dict) for entry in value) else ", ").join(map(setting_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {setting_text(entry)}" for name, entry in value.items()) or "as above"
    return setting(value) if isinstance(value, int | float) else str(value)


def surroundings(study: Study, trials: pd.DataFrame) -> dict[str, str]:
    """Return hardware and versions of the trials that ended, and when they ran."""
    told = {name: _distinct(trials[name]) for name in (*_HARDWARE, *_VERSIONS) if name in trials}
    told |= {name: str(study.known_asked[name]) for name in _ASKED if study.known_asked.get(name)}
    told |= {"first_start": _day(trials, "start_time", "min"), "last_end": _day(trials, "end_time", "max")}
    if len(trials):
        told["train_seconds_of_all_trials"] = duration(float(trials["train_seconds"].sum()))
    return {name.replace("_", " "): text for name, text in told.items() if text}


def _day(trials: pd.DataFrame, column: str, which: str) -> str:
    if column not in trials or trials[column].isna().all():
        return ""
    return f"{trials[column].agg(which):%Y-%m-%d %H:%M} UTC"


def _distinct(values: pd.Series[Any]) -> str:
    names = [setting_text(value) for value in sorted(values.dropna().unique())]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
