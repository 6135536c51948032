"""What a label calls a column."""

from __future__ import annotations


def column_words(name: str) -> str:
    """Return a column's name in words. They are the same in every study: whether a time is clean is for sentences.

    >>> column_words("best_lr_by_clean_seconds"), column_words("batch_size")
    ('best lr by seconds timed alone', 'batch size')
    """
    return name.replace("clean_seconds", "seconds_timed_alone").replace("_", " ")
