"""What a label calls a column, and its unit: the one place for both."""

from __future__ import annotations

import re

from bs_study.words import CLOCK_LABELS

_UNITS = {"seconds": "s", "bytes": "bytes", "percent": "%"}
_TO_TARGET = re.compile(r"(\w+?)_to_target")


def column_words(name: str) -> str:
    """Return a column's name in words. They are the same in every study: whether a time is clean is for sentences.

    >>> column_words("best_lr_by_clean_seconds"), column_words("batch_size")
    ('best lr by seconds timed alone', 'batch size')
    """
    return name.replace("clean_seconds", "seconds_timed_alone").replace("_", " ")


def heading(name: str) -> str:
    """Return what stands above a column of numbers: its name in words, with its unit.

    >>> heading("iteration_seconds"), heading("train_seconds_to_target"), heading("iterations_to_target")
    ('iteration (s)', 'training time to the target (s)', 'iterations to the target')
    >>> heading("examples_per_second"), heading("best_lr"), heading("b_seconds_per_example")
    ('examples/s', 'best lr', 'b (s per example)')
    """
    if name.startswith("rank_by_"):
        return column_words(name)
    clock = _TO_TARGET.fullmatch(name)
    if clock and clock[1] in CLOCK_LABELS:
        unit = " (s)" if clock[1].endswith("seconds") else ""
        return f"{CLOCK_LABELS[clock[1]]} to the target{unit}"
    if name.endswith("_per_second"):
        return f"{column_words(name.removesuffix('_per_second'))}/s"
    start, mark, per = name.partition("_seconds_per_")
    if mark:
        return f"{column_words(start)} (s per {column_words(per)})"
    stem, _, last = name.rpartition("_")
    return f"{column_words(stem)} ({_UNITS[last]})" if last in _UNITS and stem else column_words(name)
