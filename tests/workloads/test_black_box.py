"""Which functions train by themselves, and what their code is."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bs_study.workloads.base import Workload, known_workload, load_workload
from bs_study.workloads.black_box import BlackBox
from bs_study.workloads.given import give
from bs_study.workloads.source import source_hashes

TRAIN = "from part import step\ndef train(batch_size, lr, seed, report):\n    step(report)\n"
PART = "def step(report):\n    report(1, loss=1.0)\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "own_train.py").write_text(TRAIN)
    (tmp_path / "part.py").write_text(PART)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in ("own_train", "part"):
        sys.modules.pop(name, None)


def plain(batch_size: int, lr: float, seed: int, report: Any) -> None: ...
def in_another_order(report: Any, seed: int, lr: float, batch_size: int) -> None: ...
def with_more(batch_size: int, lr: float, seed: int, report: Any, width: int = 64) -> None: ...
def with_defaults(batch_size: int = 32, lr: float = 0.1, seed: int = 0, report: Any = None) -> None: ...
def with_any(report: Any, **others: Any) -> None: ...
def with_width(width: int, *, batch_size: int, lr: float, seed: int, report: Any) -> None: ...


class Called:
    def __call__(self, batch_size: int, lr: float, seed: int, report: Any) -> None: ...


@pytest.mark.parametrize(
    "function",
    [plain, in_another_order, with_more, with_defaults, with_any, functools.partial(with_width, 32), Called()],
)
def test_a_function_of_the_four_arguments_trains_by_itself(
    function: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "asked", function, raising=False)
    box = load_workload(f"{__name__}:asked")
    assert isinstance(box, BlackBox)
    known = {"plain", "in_another_order", "with_more", "with_defaults", "with_any", "with_width", "Called"}
    assert box.name in known
    box.function(batch_size=1, lr=0.1, seed=0, report=print)


def lacking(batch_size: int, lr: float, report: Any) -> None: ...
def asking(batch_size: int, lr: float, seed: int, report: Any, width: int) -> None: ...
def by_place(batch_size: int, lr: float, seed: int, report: Any, /) -> None: ...
def misnamed(bs: int, lr: float, seed: int, report: Any) -> None: ...
def lazy(batch_size: int, lr: float, seed: int, report: Any) -> Any:
    yield report


async def late(batch_size: int, lr: float, seed: int, report: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lacking, "it does not take seed"),
        (asking, "it asks for width"),
        (by_place, "it does not take batch_size, lr, seed and report by name"),
        (misnamed, "it does not take batch_size, and it asks for bs"),
        (lazy, "it is a generator"),
        (late, "it is a generator or a coroutine"),
        (lambda data: None, "it asks for data"),
    ],
)
def test_another_signature_is_refused_with_both_that_are_right(function: Callable[..., Any], told: str) -> None:
    with pytest.raises(ValueError, match=r"^workload: ") as caught:
        load_workload(give(function, name="given:it"))
    message = str(caught.value)
    assert told in message
    assert "def train(batch_size, lr, seed, report)" in message
    assert "without arguments" in message
    assert "\n" not in message


def test_one_that_takes_anything_is_told_to_name_its_arguments() -> None:
    def wrapped(*args: Any, **named: Any) -> None:
        plain(*args, **named)

    with pytest.raises(
        ValueError, match=r"can't be made: .*def train\(batch_size, lr, seed, report\).*functools.wraps"
    ):
        load_workload(give(wrapped, name="given:wrapped"))


def test_a_function_without_arguments_still_makes_a_workload_and_none_takes_the_place_of_one() -> None:
    from bs_study.workloads.digits import Digits

    assert isinstance(load_workload(give(lambda: Digits(), name="given:made")), Workload)
    with pytest.raises(ValueError, match="trains by itself"):
        known_workload(give(plain, name="given:plain"))


def test_its_code_is_its_file_and_what_that_imports_from_beside_it(folder: Path) -> None:
    box = load_workload("own_train.py:train")
    assert isinstance(box, BlackBox)
    before = source_hashes(box)
    assert set(before) == {"own_train.py", "part.py"}
    (folder / "part.py").write_text(PART.replace("1.0", "2.0"))
    after = source_hashes(box)
    assert [name for name in after if after[name] != before[name]] == ["part.py"]


def test_a_file_named_without_a_function_is_told_which_it_has(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"Write own_train.py:train$"):
        load_workload("own_train.py")
    with pytest.raises(ValueError, match="It has train"):
        load_workload("own_train.py:mine")
