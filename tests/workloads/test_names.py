"""A workload by the name of its module or of its file: one class, one name in the store; what is wrong is told."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bs_study.workloads import load_workload
from bs_study.workloads.names import canonical_name

TASK = """
from bs_study.target import Target

class Net:
    name, target = "net", "loss <= 1"
    def __init__(self): self.value = 7
    def train_data(self, data_dir): ...
    eval_data = model = loss = train_data
"""
FILES = {
    "named_task.py": TASK,
    "sub/named_below.py": f"import named_beside\n{TASK}",
    "sub/named_beside.py": "",
    "named_pkg/__init__.py": "",
    "named_pkg/layers.py": "WIDTH = 3",
    "named_pkg/task.py": f"from .layers import WIDTH\n{TASK}",
    "named_pkg/plain.py": f"import layers\n{TASK}",
    "named_lone.py": f"\nfrom .layers import WIDTH\n{TASK}",
    "here/__init__.py": "",
    "here/layers.py": "WIDTH = 3",
    "here/named_inner.py": f"from .layers import WIDTH\n{TASK}",
    "test.py": TASK,
    "zo.py": TASK,
    "random.py": TASK,
    "named_script.py": f"{TASK}\nraise SystemExit(2)",
    "named_empty.py": "",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that commands are typed in, last on `sys.path` as the command puts it there."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    "typed", ["named_task.py:Net", "./named_task:Net", "sub/../named_task.py:Net", "{}/named_task.py:Net"]
)
def test_a_file_is_the_workload_of_its_module_and_kept_under_one_name(typed: str, folder: Path) -> None:
    name = typed.format(folder)
    assert type(load_workload(name)).__mro__[1] is type(load_workload("named_task:Net")).__mro__[1]
    assert canonical_name(name) == "named_task:Net"


@pytest.mark.parametrize("typed", ["./named_pkg/task.py:Net", "named_pkg/task:Net", "named_pkg.task:Net"])
def test_a_file_in_a_package_is_imported_as_its_module_so_that_relative_imports_work(typed: str) -> None:
    assert type(load_workload(typed)).__module__ == "named_pkg.task"
    assert canonical_name(typed) == "named_pkg.task:Net"


def test_a_file_that_no_name_finds_is_kept_as_a_file_and_imports_what_lies_beside_it(folder: Path) -> None:
    for typed in ("sub/named_below.py:Net", "./sub/named_below:Net"):
        assert load_workload(typed).value == 7  # type: ignore[attr-defined]
        assert canonical_name(typed) == "sub/named_below.py:Net"


def test_a_file_within_the_package_that_one_stands_in_is_a_module_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "here")
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder / "here")])
    with pytest.raises(ValueError, match=r"named_inner.py imports relatively in line 1.* Write named_inner.py:Net"):
        load_workload("named_inner:Net")
    assert type(load_workload("named_inner.py:Net")).__module__ == "here.named_inner"


@pytest.mark.parametrize("module", ["test", "random"])
def test_a_file_whose_name_python_has_is_found_by_its_path_and_python_keeps_its_own(module: str, folder: Path) -> None:
    assert load_workload(f"{module}.py:Net").value == 7  # type: ignore[attr-defined]
    assert canonical_name(f"./{module}.py:Net") == f"{module}.py:Net"
    with pytest.raises(ValueError, match=rf"Python's own {module} \(.*\) was found before .*Write {module}\.py:Net"):
        load_workload(f"{module}:Net")


def test_a_class_that_inherits_nothing_is_pickled_for_processes_that_are_started_anew() -> None:
    workload = load_workload("named_task.py:Net")
    workload.value = 8  # type: ignore[attr-defined]
    again = pickle.loads(pickle.dumps(workload))  # noqa: S301
    assert (type(again), again.value) == (type(workload), 8)


WRONG = {
    "named_lone.py:Net": r"named_lone.py imports relatively in line 2, .* __init__.py into .*or import plainly",
    "named_lone:Net": r"named_lone.py imports relatively in line 2, .* write named_lone.py:Net",
    "named_task.py": r"names no class. Write named_task.py:Net",
    "named_task": r"names no class. Write named_task.py:Net",
    "named_task.Net": r"names no class. Write named_task:Net",
    "named_task.py:": r"names no class. Write named_task.py:Net",
    "named_empty.py": r"names no class, and named_empty.py holds none",
    "named_task.py:Nat": r"has no 'Nat'. Did you mean 'Net'\?",
    "named_task.py:Model": r"has no 'Model'. It has Net",
    "named_tusk.py:Net": r"there is no file named_tusk.py in .*\. Did you mean named_task.py\?",
    "zzz.py:Net": r"there is no file zzz.py in \S+$",
    "named_pkg/plain.py:Net": r"'layers' .*plain.py, line 1.*`from .layers import .*take named_pkg/__init__.py away",
    "nowhere/task.py:Net": r"there is no file nowhere/task.py",
    "named_nowhere:Net": r"No module named 'named_nowhere'. There is no named_nowhere.py in",
    "named_script.py:Net": r"ends the process .*named_script.py, line 10.*__main__",
}


@pytest.mark.parametrize(("typed", "told"), WRONG.items(), ids=WRONG)
def test_a_name_that_is_none_is_told_how_it_would_be(typed: str, told: str) -> None:
    with pytest.raises(ValueError, match=rf"^workload: .*{told}") as caught:
        load_workload(typed)
    assert "\n" not in str(caught.value)
