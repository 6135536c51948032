"""How many other trials run on this machine: they slow each other, so a clock is worth more where there are none."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import IO, Self

BEGINNING_SECONDS = 60  # within which whoever makes a file comes to hold it


class MachineLoad:
    """Counts the trials that this user runs on this machine beside one, in whichever study.

    Each trial holds a lock on a file of its own, which goes with its process however that ends.
    """

    def __init__(self) -> None:
        self.most: int | None = None
        """The largest count of others so far; None where there is no place to leave a file."""
        self._folder = Path(tempfile.gettempdir(), f"bs_study-trials-{os.getuid()}")
        self._own: IO[bytes] | None = None

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._own = tempfile.NamedTemporaryFile(dir=self._folder)  # closed, and removed, at the exit
            fcntl.flock(self._own, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._own.close()

    def look(self) -> None:
        """Count the others that run now."""
        if self._own is None:
            return
        with contextlib.suppress(OSError):
            others = [file for file in self._folder.iterdir() if str(file) != self._own.name]
            self.most = max(self.most or 0, sum(_is_held(file) for file in others))


def _is_held(file: Path) -> bool:
    """Return whether a process holds a trial's file; one that nobody has held for a while is removed."""
    try:
        with file.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that look do not take each other for one
            if time.time() - file.stat().st_mtime > BEGINNING_SECONDS:
                file.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
