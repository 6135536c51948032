"""Who may import whom, as DESIGN.md section 2 draws the house."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bs_study"
SWEEP_EXTRA = ("ray", "rich", "sklearn", "torch", "torchvision", "tyro", "yaml")

# What each room may import of the others; config, target and the store are below them all.
ROOMS = {
    "target": set(),
    "config": {"target"},
    "grid": {"config"},
    "command_line": {"config"},
    "version": set(),
    "store": {"config", "grid", "target", "version"},
    "workloads": {"target"},
    "training": {"config", "target", "store", "workloads"},
    "analysis": {"config", "grid", "target", "store"},
    "report": {"config", "target", "store", "analysis"},
    "launch": {"config", "target", "grid", "command_line", "store", "workloads", "training", "analysis"},
}

BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is not installed (a test says so)")
sys.meta_path.insert(0, Blocker())
import importlib
for module in {modules!r}:
    importlib.import_module(module)
print([name for name in {blocked!r} if name in sys.modules])
"""


def imports(file: Path) -> set[str]:
    """Return all modules that a file imports, at its top or within a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide the room"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules() -> Iterator[Path]:
    return PACKAGE.rglob("*.py")


def module_names(room: str) -> list[str]:
    files = sorted((PACKAGE / room).rglob("*.py"))
    return [".".join(f.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__") for f in files]


def imported_without(blocked: tuple[str, ...], names: list[str]) -> str:
    code = BLOCKER.format(blocked=blocked, modules=names)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_an_analyst_needs_nothing_of_the_sweep_extra() -> None:
    names = ["bs_study", "bs_study.grid", *module_names("store"), *module_names("analysis"), *module_names("report")]
    assert imported_without(SWEEP_EXTRA, names) == "[]"


def test_training_and_workloads_need_no_ray() -> None:
    assert imported_without(("ray",), [*module_names("training"), *module_names("workloads")]) == "[]"


def test_importing_the_package_or_its_analysis_or_its_report_loads_neither_torch_nor_ray() -> None:
    loaded = "import sys, bs_study, bs_study.analysis.tables, bs_study.report.page"
    code = f"{loaded}; print({{'torch', 'ray'}} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert ended.stdout.strip() == "set()"


def test_only_four_files_of_launch_import_ray() -> None:
    of_ray = {str(f.relative_to(PACKAGE)) for f in modules() if any(n.partition(".")[0] == "ray" for n in imports(f))}
    assert of_ray == {f"launch/ray_{name}.py" for name in ("search", "session", "timing", "tune")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    files = [f for f in modules() if f.relative_to(PACKAGE).with_suffix("").parts[0] == room]
    assert files
    for file in files:
        ours = {name.split(".")[1] for name in imports(file) if name.startswith("bs_study.")}
        assert ours & set(ROOMS) <= ROOMS[room] | {room}, file


def test_every_module_is_in_a_room() -> None:
    assert {f.relative_to(PACKAGE).with_suffix("").parts[0] for f in modules()} == {*ROOMS, "__init__"}
