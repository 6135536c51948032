"""A checkpoint that can't be continued from is set aside with a message; nothing in one is ever executed."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study.store.paths import StudyPaths, study_paths
from bs_study.training.checkpoint import checkpoints, write_checkpoint
from tests.training.interrupted import Run, changed, finished, iterations_of


def test_a_trial_goes_on_from_its_newest_checkpoint_with_the_losses_of_an_unbroken_one(
    run: Run, folder: Path, unbroken: list[float]
) -> None:
    newest = iterations_of(folder / "checkpoint.pt")
    assert 0 < newest <= 40
    assert finished(run, unbroken) == (newest, "")


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def noise(file: Path) -> None:
    file.write_bytes(bytes(i * 7919 % 251 for i in range(file.stat().st_size)))


def one_byte_changed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def of_another_trial(file: Path) -> None:
    changed(file, trial_id="b60-lr0.02-s0-3f9a2c")


def a_list(file: Path) -> None:
    torch.save([1, 2, 3], file)


def without_parts(file: Path) -> None:
    changed(file, parts=...)


def with_odd_parts(file: Path) -> None:
    changed(file, parts=[1, "two"])


DAMAGES = [cut_short, empty, noise, one_byte_changed, of_another_trial, a_list, without_parts, with_odd_parts]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_with_a_message_for_the_one_before(
    run: Run, folder: Path, unbroken: list[float], damage: Callable[[Path], None]
) -> None:
    before = iterations_of(folder / "checkpoint-previous.pt")
    damage(folder / "checkpoint.pt")
    went_on, message = finished(run, unbroken)
    assert went_on == before
    assert f"{folder.name}/checkpoint.pt was set aside" in message
    assert "checkpoint-previous.pt" not in message


@pytest.mark.parametrize("damage", [cut_short, of_another_trial])
def test_without_a_sound_checkpoint_a_trial_starts_from_zero_and_says_so(
    run: Run, folder: Path, unbroken: list[float], damage: Callable[[Path], None]
) -> None:
    for name in ("checkpoint.pt", "checkpoint-previous.pt"):
        damage(folder / name)
    went_on, message = finished(run, unbroken)
    assert went_on == 0
    assert message.count("was set aside") == 2


@pytest.mark.parametrize("damage", [Path.unlink, cut_short, noise])
@pytest.mark.parametrize("table", ["iterations", "evaluations"])
def test_a_checkpoint_that_stands_on_a_part_that_is_gone_or_damaged_is_set_aside(
    run: Run, folder: Path, unbroken: list[float], damage: Callable[[Path], None], table: str
) -> None:
    before = iterations_of(folder / "checkpoint-previous.pt")
    state = torch.load(io.BytesIO((folder / "checkpoint.pt").read_bytes()), weights_only=True)
    number = f"{state['parts'][-1][1]:012d}"
    damage(folder / f"{table}-{number}.parquet")
    went_on, message = finished(run, unbroken)
    assert went_on == before
    assert number in message


class Code:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("wrapped", [True, False], ids=["saved-by-torch", "bare-pickle"])
def test_code_in_a_checkpoint_is_never_executed(
    run: Run, folder: Path, unbroken: list[float], tmp_path: Path, wrapped: bool
) -> None:
    content = {"trial_id": folder.parent.name, "parts": [], "code": Code(tmp_path / "executed")}
    for name in ("checkpoint.pt", "checkpoint-previous.pt"):
        if wrapped:
            torch.save(content, folder / name)
        else:
            (folder / name).write_bytes(pickle.dumps(content))
    went_on, message = finished(run, unbroken)
    assert went_on == 0
    assert message.count("was set aside") == 2
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("moves", [0, 1])
def test_what_cuts_the_writing_of_a_checkpoint_short_leaves_the_newest(tmp_path: Path, moves: int) -> None:
    paths, trial_id = study_paths(tmp_path / "s"), "t"
    write_checkpoint(paths, trial_id, "a", {"parts": [], "k": 1})
    write_checkpoint(paths, trial_id, "a", {"parts": [], "k": 2})
    left = [moves]

    class Cut(StudyPaths):
        def move(self, path: str, target: str) -> None:
            if not left[0]:
                raise RuntimeError("a process was killed")
            left[0] -= 1
            super().move(path, target)

    with pytest.raises(RuntimeError):
        write_checkpoint(Cut(paths.filesystem, paths.root, paths.uri), trial_id, "a", {"parts": [], "k": 3})
    assert [state["k"] for _, state in checkpoints(paths, trial_id, [])] == ([3, 2, 1] if moves == 0 else [3, 2])
