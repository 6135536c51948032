"""What the page says beside figures: its tables, the winners by clock, how trials ended, hardware and versions."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bs_study.analysis.tables import StudyTables
from bs_study.report.recipes import winners
from bs_study.report.table_view import TableView, table_view
from bs_study.report.winners import runner_up, winner
from bs_study.report.wording import amount
from bs_study.store import Study
from bs_study.words import CLOCK_WORDS, count, counted, duration, listing, number, setting

TABLE_WORDS = {  # of each table: its title, and what to know
    "best": (
        "Best lr of each batch size, by each clock",
        "The smallest median over seeds. A missing time: no cell reached the target.",
    ),
    "convergence": (
        "Time to the target, cell by cell",
        "Medians over seeds, least to most in grey. A missing time was not reached within the budget.",
    ),
    "scaling": ("Best lr, stable lrs and the band that works", "Best lr by iterations to the target."),
    "lr_fit": ("Exponent of best lr against batch size", "1: linear scaling; 0.5: square root."),
    "throughput": (
        "Epoch, load, compute and iteration time",
        "By the clocks of the trials: medians over epochs and trials, quartiles in grey; warm-up left out.",
    ),
    "clean_throughput": (
        "The same, measured alone in the timing pass",
        "Medians of the repeats, the quickest and the slowest in grey.",
    ),
    "throughput_fit": ("Fit of iteration time: a + b·B", "a/b is the batch size at half of the throughput limit."),
    "smoothness": (
        "Loss variance of each trial",
        "Over the first 1,000 iterations, over equal examples, and at an equal loss level.",
    ),
    "noise_slope": ("Slope of log noise on log batch size", "Independent noise gives −0.5."),
}
_HARDWARE = ("device_name", "device", "threads", "host")
_VERSIONS = ("bs_study_version", "python_version", "torch_version", "cuda_version", "ray_version")
_ASKED = ("train_examples", "package_version", "schema_version", "created")
_MOST_NAMED = 6


def study_views(tables: StudyTables) -> list[TableView]:
    """Return the tables that have rows, the most asked for first."""
    named = [(name, getattr(tables, name), *words) for name, words in TABLE_WORDS.items()]
    return [
        table_view(name, _shown(tables, name, table), title=title, note=note)
        for name, table, title, note in named
        if len(table)
    ]


def _shown(tables: StudyTables, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that a reader of the page wants; the CSV has all of them."""
    if name == "best":
        is_timed = table["clean_seconds_to_target"].notna().any()
        clocks = [clock for clock in CLOCK_WORDS if clock != "clean_seconds" or is_timed]
        keys = [name for name in ("recipe", "batch_size") if name in table]
        return table[[*keys, *(column for clock in clocks for column in (f"best_lr_by_{clock}", f"{clock}_to_target"))]]
    empty = () if tables.is_clean else ("clean_seconds",)
    hidden = (
        *empty,
        "source",
        "budget",
        "censored_",
        "failed",
        "not_evaluated",
        "out_of_memory",
        "epochs_left_out",
        "log_lr_at_one",
    )
    return table[[c for c in table.columns if c == "censored_at" or not c.startswith(hidden)]]


def clock_rows(tables: StudyTables) -> list[dict[str, str]]:
    """Return who wins by each clock and who comes second: texts, a row for each clock that has a winner."""
    if tables.target is None:
        return []
    rows = []
    for clock in CLOCK_WORDS:
        name, part = next(((name, tables.by_recipe[name]) for name in winners(tables, clock)), ("", tables))
        best = winner(part, clock)
        if best is None:
            continue
        second = runner_up(part, best)
        rows.append(
            {
                "recipe": name,
                "clock": CLOCK_WORDS[clock],
                "batch_size": setting(best.batch_size),
                "lr": setting(best.lr),
                "took": amount(best.value, clock=clock),
                "spread": best.spread if best.reached > 1 else "",
                "seeds": f"{best.reached} of {best.seeds}",
                "second": f"{setting(second.batch_size)} ({amount(second.value, clock=clock)})" if second else "–",
            }
        )
    return rows


def ends(tables: StudyTables) -> list[dict[str, str]]:
    """Return how the trials ended: a row for each status and reason, with one of its messages."""
    if tables.trials.empty:
        return []
    groups = tables.trials.fillna({"stop_reason": "", "message": ""}).groupby(["status", "stop_reason"])
    return [
        {"status": str(key[0]), "reason": str(key[1]), "trials": count(len(group)), "message": _message(group)}
        for key, group in groups
    ]


def _message(group: pd.DataFrame) -> str:
    messages = [text for text in group["message"] if text]
    return f"{messages[0][:300]}{'…' if len(messages[0]) > 300 else ''}" if messages else ""


def state(tables: StudyTables) -> str:
    """Return how much of the study is there."""
    expected = counted(tables.expected_trials, "trial")
    if tables.ended >= tables.expected_trials:
        return f"All {expected} have ended." if tables.expected_trials > 1 else "Its trial has ended."
    parts = [f"{count(tables.ended)} of {expected} have ended"]
    parts += [f"{count(tables.running)} are running"] if tables.running else []
    parts += [f"{count(tables.missing)} are missing"] if tables.missing else []
    return f"Not finished: {listing(parts)}."


def settings(study: Study) -> dict[str, str]:
    """Return the study's config as it was asked for, what was not given left out."""
    config: dict[str, Any] = study.asked.get("config", {})
    return {name: _setting(value) for name, value in config.items() if value is not None and value != []}


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ("; " if any(isinstance(entry, dict) for entry in value) else ", ").join(map(_setting, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_setting(entry)}" for name, entry in value.items()) or "as above"
    return setting(value) if isinstance(value, int | float) else str(value)


def surroundings(study: Study, tables: StudyTables) -> dict[str, str]:
    """Return hardware and versions of the trials that ended, and when they ran."""
    trials = tables.trials
    told = {name: _distinct(trials[name]) for name in (*_HARDWARE, *_VERSIONS) if name in trials}
    told |= {name: str(study.asked[name]) for name in _ASKED if study.asked.get(name)}
    told |= {"first_start": _day(trials, "start_time", "min"), "last_end": _day(trials, "end_time", "max")}
    if len(trials):
        told["train_seconds_of_all_trials"] = duration(float(trials["train_seconds"].sum()))
    return {name.replace("_", " "): text for name, text in told.items() if text}


def _day(trials: pd.DataFrame, column: str, which: str) -> str:
    if column not in trials or trials[column].isna().all():
        return ""
    return f"{trials[column].agg(which):%Y-%m-%d %H:%M} UTC"


def _distinct(values: pd.Series) -> str:
    names = [_setting(value) for value in sorted(values.dropna().unique())]
    return ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )


def evidence_text(evidence: dict[str, Any]) -> str:
    """Return a finding's single numbers as one line of text."""
    single = {
        name: value for name, value in evidence.items() if not isinstance(value, dict) and value not in (None, [])
    }
    return " · ".join(f"{name.replace('_', ' ')}: {_evidence(value)}" for name, value in single.items())


def evidence_rows(evidence: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a finding's series of numbers, by batch size or lr, as (what, its numbers)."""
    series = {name: value for name, value in evidence.items() if isinstance(value, dict)}
    return [(name.replace("_", " "), text) for name, value in series.items() if (text := _evidence(value))]


def _evidence(value: object) -> str:
    if isinstance(value, dict):
        known = {name: entry for name, entry in value.items() if entry is not None}
        is_nested = any(isinstance(entry, dict) for entry in known.values())
        parts = [f"{name.replace('_', ' ')}: {_evidence(entry)}" for name, entry in known.items()]
        return ("; " if is_nested else ", ").join(parts)
    if isinstance(value, list | tuple):
        return ", ".join(_evidence(entry) for entry in value)
    return number(value) if isinstance(value, float) else _setting(value)
