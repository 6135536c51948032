"""When a file of a store is believed to be damaged."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from bs_study.store.faults import DAMAGE
from bs_study.store.paths import StudyPaths

T = TypeVar("T")

READS = 5  # of an object that comes otherwise each time


def believed(paths: StudyPaths, path: str, parse: Callable[[bytes], T]) -> T:
    """Return what is made of a file. Damage is believed of an object store once it gave the same bytes twice.

    An object that is replaced while it is read may come with the length of the one before.

    Raises:
        OSError, ValueError, pyarrow.ArrowException: it is damaged, as `parse` says, or can't be read.
    """
    content = paths.read(path)
    for number in range(READS):
        try:
            return parse(content)
        except DAMAGE:
            again = content if paths.is_local else paths.read(path)
            if again == content:
                raise
        content = again
        time.sleep(0.1 * number)
    return parse(content)
