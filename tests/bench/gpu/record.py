"""What a part of the benchmark has found so far, on disk at once: a run that is cut off keeps it."""

from __future__ import annotations

import contextlib
import json
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "pyarrow", "pandas", "pydantic", "scipy", "scikit-learn", "ray")


class Record:
    """The file of a part: rows of samples, notes, and how it ended.

    Args:
        folder: where the files of all parts lie.
        part: its name.
        seconds: how long it may take, from now on.
    """

    def __init__(self, folder: Path, part: str, *, seconds: float) -> None:
        self.file = folder / f"{part}.json"
        self._end = time.monotonic() + seconds
        self._start = time.monotonic()
        self.content: dict[str, Any] = {"part": part, "state": "running", "limit_seconds": seconds}
        self.content |= {"device": None, "versions": {}, "notes": [], "rows": []}
        self._write()

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._end - time.monotonic()

    def describe(self) -> None:
        """Say on what it runs; asks the device, so it must not come before a fork."""
        self.content |= {"device": device_name(), "versions": versions()}
        self._write()

    def add(self, case: str, what: str, unit: str, samples: Sequence[float], **more: Any) -> None:
        """Add samples to a row of this case, or begin it."""
        for row in self.content["rows"]:
            if (row["case"], row["what"], row["unit"]) == (case, what, unit):
                row["samples"] += samples
                break
        else:
            self.content["rows"].append({"case": case, "what": what, "unit": unit, "samples": list(samples)} | more)
        self._write()

    def note(self, text: str) -> None:
        """Keep a sentence, once."""
        if text not in self.content["notes"]:
            self.content["notes"].append(text)
            self._write()

    def keep(self, **what: Any) -> None:
        """Keep what is no row."""
        self.content |= what
        self._write()

    def ended(self, state: str, **what: Any) -> None:
        self.keep(state=state, **what)

    def _write(self) -> None:
        self.content["seconds"] = time.monotonic() - self._start
        write_json(self.file, self.content)


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Replace a file as a whole: whoever reads it sees the old content or the new."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(content, indent=1))
    new.replace(file)


def device_name() -> str:
    import torch

    from bs_study.training.machine import cpu_name

    return torch.cuda.get_device_name() if torch.cuda.is_available() else cpu_name()


def versions() -> dict[str, str]:
    """Return the version of Python, of CUDA and of each package that is there."""
    import torch

    found = {"python": platform.python_version(), "cuda": str(torch.version.cuda)}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
