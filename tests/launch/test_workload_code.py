"""A user's own workload travels with what it was imported from, and what is installed stays where it is."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bs_study.launch import workload_code as module
from bs_study.launch.workload_code import use_code, workload_code
from bs_study.workloads.names import canonical_name, imported, split_name

FILES = {
    "own_task.py": "import own_neighbour\nimport own_package.part\nclass Task: value = own_neighbour.VALUE",
    "own_neighbour.py": "VALUE = 7",
    "own_package/__init__.py": "",
    "own_package/part.py": "",
    "own_package/later.py": "LATER = 8",
    "own_package/words.txt": "one two",
    "unrelated.py": "raise RuntimeError('nobody asked for this')",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a workload, at the end of sys.path as the user's own is; its modules are imported anew."""
    for name, text in FILES.items():
        file = tmp_path / "here" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "here")])
    _forget()
    yield tmp_path / "here"
    _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_what_a_workload_was_imported_from_travels_packages_whole_and_nothing_else(folder: Path) -> None:
    travels = dict(workload_code("own_task:Task"))
    assert set(travels) == set(FILES) - {"unrelated.py"}
    assert travels["own_neighbour.py"] == b"VALUE = 7"


def test_where_the_folder_is_not_the_workload_is_imported_from_what_came(folder: Path) -> None:
    code = workload_code("own_task:Task")
    shutil.rmtree(folder)
    _forget()
    copy = use_code(code)
    task, later = importlib.import_module("own_task"), importlib.import_module("own_package.later")
    assert (task.Task.value, later.LATER) == (7, 8)
    assert Path(str(task.__file__)).parent == Path(copy.name)


@pytest.mark.parametrize("typed", ["below/own_task.py:Task", "../below/own_task.py:Task", "below/random.py:Task"])
def test_a_workload_named_by_its_file_is_found_by_that_name_where_it_came(
    folder: Path, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(folder, tmp_path / "below")
    shutil.copy(tmp_path / "below" / "own_task.py", tmp_path / "below" / "random.py")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere" if typed.startswith("..") else tmp_path)
    name = canonical_name(typed)
    code = workload_code(name)
    shutil.rmtree(tmp_path / "below")
    _forget()
    monkeypatch.setattr(sys, "path", [*sys.path])
    copy = use_code(code)
    module = imported(split_name(name)[0])
    assert module.Task.value == 7
    assert Path(str(module.__file__)).is_relative_to(Path(copy.name).resolve())
    sys.modules.pop(module.__name__)


def test_two_packages_of_one_name_are_told_apart_by_what_is_in_them(folder: Path) -> None:
    before = workload_code("own_task:Task")
    (folder / "own_neighbour.py").write_text("VALUE = 9")
    assert workload_code("own_task:Task") != before


@pytest.mark.parametrize(
    "workload", ["digits", "bs_study.workloads.digits:Digits", "torch.nn:Linear", "json:JSONDecoder"]
)
def test_what_is_installed_does_not_travel(workload: str) -> None:
    assert workload_code(workload) == ()


def test_a_package_that_is_full_of_data_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match=r"workload: .* Keep data in --data-dir"):
        workload_code("own_task:Task")
