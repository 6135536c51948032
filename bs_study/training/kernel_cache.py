"""The fastest kernels of each kind of trial on this machine, so that the next one computes alike, and at once.

Kernels round differently. A choice made by the clock in each trial would give two trials of one config different last
digits, so the first one is kept: in a file of the user's cache folder, for each kind of trial.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bs_study.training.kernels import KERNELS, Kernels


def cached_kernels(kind: dict[str, object], find: Callable[[], Kernels]) -> Kernels:
    """Return the kernels kept for a kind of trial; those that `find` returns if there are none yet, which are kept."""
    digest = hashlib.sha256(json.dumps(kind, sort_keys=True).encode()).hexdigest()
    file = _folder() / f"{digest[:32]}.json"
    known = _read(file)
    if known is None:
        found = find()
        with contextlib.suppress(OSError):  # no home, or a full disk: each trial finds its own
            _keep(file, json.dumps(asdict(found) | {"kind": kind}))
        known = _read(file) or found
    return known


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bs_study" / "kernels"


def _read(file: Path) -> Kernels | None:
    try:
        kept = json.loads(file.read_text())
        kernels = Kernels(kept["name"], int(kept["micro_batch"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kernels if kernels.name in KERNELS and kernels.micro_batch > 0 else None


def _keep(file: Path, text: str) -> None:
    """Write a file whole, unless another trial has just done so: the first choice is the one that counts."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as written:
        written.write(text)
    try:
        os.link(written.name, file)
    except FileExistsError:
        if _read(file) is None:
            Path(written.name).replace(file)
    finally:
        Path(written.name).unlink(missing_ok=True)
