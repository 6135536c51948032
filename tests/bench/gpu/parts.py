"""The parts, each run in a process of its own that is ended, with all that it started, when its time is over."""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import torch  # noqa: F401  imported once, and inherited by every part

from tests.bench.gpu.record import Record, write_json

GRACE = 0.9  # of its limit is what a part plans with


class Part(NamedTuple):
    """Where a part's `measure(record)` is, and its share of the time."""

    module: str
    weight: float


PARTS = {
    "tests": Part("tests.bench.gpu.gpu_tests", 90),
    "mnist": Part("tests.bench.gpu.mnist", 160),
    "networks": Part("tests.bench.gpu.networks", 80),
    "study": Part("tests.bench.gpu.study", 90),
    "together": Part("tests.bench.gpu.together", 110),
}


def run_part(name: str, folder: Path, *, seconds: float, module: str | None = None) -> dict[str, Any]:
    """Run a part, end it when its time is over; return what its file then holds."""
    start = time.monotonic()
    record = Record(folder, name, seconds=seconds * GRACE)
    # Forked before anything asks for the device, so that it starts at once: importing torch takes seconds.
    process = multiprocessing.get_context("fork").Process(
        target=_part, args=(module or PARTS[name].module, record, folder / f"{name}.log")
    )
    process.start()
    process.join(seconds)
    is_cut_off = process.is_alive()
    _end_group(process.pid)
    process.kill()
    process.join()
    content: dict[str, Any] = json.loads(record.file.read_text())
    if is_cut_off:
        content["state"] = "cut off"
    elif content["state"] == "running":
        content |= {"state": "failed", "error": f"its process ended with status {process.exitcode}"}
    content["seconds"] = time.monotonic() - start
    write_json(record.file, content)
    return content


def _end_group(group: int | None) -> None:
    """End a part and what it started, which has no time left to go by itself."""
    if group is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _part(module: str, record: Record, log: Path) -> None:
    os.setpgid(0, 0)
    with log.open("w") as out:
        os.dup2(out.fileno(), sys.stdout.fileno())
        os.dup2(out.fileno(), sys.stderr.fileno())
    try:
        importlib.import_module(module).measure(record)
    except BaseException as error:
        record.ended("failed", error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
        raise
    if record.content["state"] == "running":
        record.ended("completed")
