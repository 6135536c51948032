"""Output that never stops a command: what nobody reads any more, or no terminal shows, is dropped."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WAIT_SECONDS = 5.0
"""How long a reader that leaves a pipe full may be waited for, where the pipe is one that refuses to wait itself."""
GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO)
"""A reader that has ended, a terminal that was closed."""


def steady_output() -> None:
    """Let output to a closed pipe, a closed terminal, a full disk or a closed descriptor raise nothing from now on.

    It is the lowest layer that gives way, so that this holds for print, rich and tracebacks, and for the flush at exit.
    """
    _fill_closed_descriptors()
    sys.stdout = _steady(sys.stdout, number=1)
    sys.stderr = _steady(sys.stderr, number=2)


def write_at_once(number: int, text: str) -> None:
    """Write to a descriptor past all buffers: what a signal's handler and a last moment can do."""
    with contextlib.suppress(OSError):
        os.write(number, text.encode(errors="replace"))


def _fill_closed_descriptors() -> None:
    """Open nothing in place of a standard descriptor that is closed: the next file opened would get its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _steady(stream: TextIO | None, *, number: int) -> TextIO:
    """Return a stream like this one, on the same descriptor, that does not raise."""
    is_error = number == 2
    raw = _SteadyFile(number, "w", closefd=False)
    raw.name = "<stderr>" if is_error else "<stdout>"  # where warnings and tracebacks look
    buffer = io.BufferedWriter(raw) if not getattr(stream, "write_through", False) or is_error else raw
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.flush()
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding if stream else "utf-8",
        errors=stream.errors if stream else "backslashreplace",
        newline="\n",
        line_buffering=is_error or raw.isatty(),
        write_through=bool(getattr(stream, "write_through", False)),
    )


class _SteadyFile(io.FileIO):
    """A descriptor that takes whatever is written."""

    def write(self, data: ReadableBuffer, /) -> int:
        length = memoryview(data).nbytes
        try:
            written = super().write(data)
        except OSError as error:
            if error.errno in GONE:
                self._drop_from_now_on()
            return length
        if written is None:  # full, and not one that waits
            select.select([], [self], [], WAIT_SECONDS)
            return self._once_more(data, length)
        return written

    def _once_more(self, data: ReadableBuffer, length: int) -> int:
        try:
            return super().write(data) or length
        except OSError:
            return length

    def _drop_from_now_on(self) -> None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self.fileno())
        os.close(nothing)
