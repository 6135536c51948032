"""Which files a workload's code is, and what of them counts."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bs_study.workloads.base import load_workload
from bs_study.workloads.source import code_hash, source_hashes

TASK = """
from source_helper import LR
from source_package import part

class Base:
    name, target = "source", "loss <= 0.1"
    def train_data(self, d): ...
    def eval_data(self, d): ...
    def model(self): ...
    def loss(self, model, x): ...

class Task(Base):
    pass
"""
FILES = {
    "source_task.py": TASK,
    "source_helper.py": "LR = 1",
    "source_package/__init__.py": "",
    "source_package/part.py": "",
    "source_package/words.txt": "one two",
    "source_unrelated.py": "",
    "results/digits/trials/x.parquet": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    importlib.invalidate_caches()
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("source_")]:
        del sys.modules[name]


def test_the_files_of_a_workload_are_those_that_were_imported_from_beside_it(folder: Path) -> None:
    imported = {"source_task.py", "source_helper.py", "source_package/__init__.py", "source_package/part.py"}
    assert set(source_hashes(load_workload("source_task:Task"))) == imported


def test_an_edit_of_a_neighbour_changes_its_hash_alone(folder: Path) -> None:
    workload = load_workload("source_task:Task")
    before = source_hashes(workload)
    (folder / "source_helper.py").write_text("LR = 2")
    after = source_hashes(workload)
    assert {name for name in before if before[name] != after[name]} == {"source_helper.py"}


def test_a_built_in_workload_is_its_module_and_those_of_its_bases_without_the_interface() -> None:
    assert set(source_hashes(load_workload("fashion_mnist"))) == {
        "bs_study/workloads/fashion_mnist.py",
        "bs_study/workloads/mnist.py",
    }


CODE = 'def f(x):\n    text = """a\n\n  # b\n"""\n    return (x,\n        text)\n'


@pytest.mark.parametrize(
    "same",
    [
        CODE.replace("\n", "\r\n"),
        f"# what it is\n\n{CODE}\n\n# the end",
        CODE.replace("return (x,", "# why\n\n    return (x,  # one\n\n"),
        CODE.replace("def f(x):", "def f(x):   "),
    ],
)
def test_comments_blank_lines_and_line_ends_do_not_count(same: str) -> None:
    assert code_hash(same.encode()) == code_hash(CODE.encode())


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("(x,", "(2 * x,"),
        CODE.replace("# b", "# c"),  # within a text
        CODE.replace("a\n\n", "a\n"),
        CODE.replace("    return", "return"),
    ],
)
def test_code_and_text_count(other: str) -> None:
    assert code_hash(other.encode()) != code_hash(CODE.encode())
