"""Counts in words."""

from __future__ import annotations


def counted(count: float, noun: str) -> str:
    """Return a count and its noun, singular or plural.

    >>> counted(1, "node"), counted(2.5, "GPU")
    ('1 node', '2.5 GPUs')
    """
    return f"{count:.12g} {noun}" if count == 1 else f"{count:.12g} {noun}s"
