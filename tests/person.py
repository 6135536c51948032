"""A person who edits a workload between an interruption and --resume, and types commands."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from bs_study import open_study
from tests.grid_command import command_in_this_process, is_one_line_that_tells

TASK = """
from pathlib import Path
import torch
from torch import nn
from updates import is_update

COUNT = 400

def circle(count, seed):
    points = 4 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) - 2
    return points, (points.norm(dim=1) < 1.6).long()

class Task:
    name, target = "edited", "accuracy >= 0.99"
    calls = 0

    def train_data(self, data_dir):
        return circle(COUNT, 0)

    def eval_data(self, data_dir):
        return circle(200, 1)

    def model(self):
        return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))

    def loss(self, model, x, y):
        Task.calls += is_update()
        if Path("interrupt").exists() and Task.calls > int(Path("interrupt").read_text()):
            raise KeyboardInterrupt
        return nn.functional.cross_entropy(model(x), y)

    def metrics(self, model, x, y):
        right = (model(x).argmax(dim=1) == y).float()
        return {"accuracy": right}
"""
MORE_METRICS = TASK.replace('{"accuracy": right}', '{"accuracy": right, "error": 1 - right}')
GROWN = TASK.replace("COUNT = 400", "COUNT = 800")
BEGIN = (
    *("--workload", "edited_task:Task", "--local", "--batch-sizes", "8", "16", "--lrs", "0.05"),
    *("--max-iterations", "300", "--min-iterations", "0", "--no-timing", "--checkpoint-seconds", "0.05"),
)


class Person:
    """Edits a workload and types commands in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study = folder / "results" / "edited"
        self._command = command_in_this_process()

    def edit(self, text: str) -> None:
        (self.folder / "edited_task.py").write_text(text)

    def begin(self, *flags: str, interrupted_after: int | None = None) -> int:
        """Begin the study; after so many updates it is interrupted."""
        if interrupted_after:
            (self.folder / "interrupt").write_text(str(interrupted_after))
        status = self._typed(*BEGIN, *flags)
        (self.folder / "interrupt").unlink(missing_ok=True)
        return status

    def resume(self, *flags: str) -> int:
        return self._typed("--resume", str(self.study), "--local", *flags)

    def _typed(self, *words: str) -> int:
        sys.modules.pop("edited_task", None)  # as a process of its own would read it
        importlib.invalidate_caches()
        return self._command(list(words))

    @property
    def versions(self) -> dict[int, int]:
        """The version of each ended trial, by its batch size."""
        trials = open_study(self.study).trials()
        return dict(zip(trials["batch_size"].tolist(), trials["workload_version"].tolist(), strict=True))

    @property
    def asked(self) -> dict[str, object]:
        return json.loads((self.study / "study.json").read_text())  # type: ignore[no-any-return]

    def files(self) -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in self.study.rglob("*") if file.is_file()}


Captured = pytest.CaptureFixture[str]


def refused(person: Person, capsys: Captured, *flags: str) -> str:
    before = person.files()
    capsys.readouterr()
    assert person.resume(*flags) == 2
    assert person.files() == before
    told = capsys.readouterr().err
    assert is_one_line_that_tells(told, ("--accept-changes", "Undo"))
    return told
