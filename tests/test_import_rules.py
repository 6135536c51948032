"""Who may import whom, as DESIGN.md section 2 draws the house, and how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bs_study"
MOST_LINES = 260
SWEEP_EXTRA = ("ray", "rich", "sklearn", "torch", "torchmetrics", "torchvision", "yaml")

# What each room may import of the others beside words, which is below them all.
ROOMS = {
    "secret_text": set(),
    "streams": set(),
    "words": {"secret_text"},
    "wrapped": set(),
    "metric_names": set(),
    "target": {"metric_names"},
    "budget": set(),
    "config": {"target", "budget", "door"},
    "door": set(),
    "grid": {"config"},
    "bound": {"config"},
    "callbacks": set(),
    "version": set(),
    "process": set(),
    "store": {
        *("config", "grid", "target", "metric_names", "version"),
        *("process", "secret_text", "streams"),
    },
    "workloads": {"target", "metric_names"},
    "training": {"config", "target", "bound", "version", "store", "workloads"},
    "analysis": {"config", "grid", "target", "budget", "metric_names", "store"},
    "search": {"config", "target", "grid", "bound", "analysis"},
    "importing": {"config", "grid", "target", "version", "store"},
    "answer": {"config", "store", "target", "budget", "grid", "metric_names", "analysis", "search"},
    "compared": {"store", "target", "analysis", "answer"},
    "report": {"config", "target", "budget", "door", "store", "analysis", "answer", "wrapped"},
    "launch": {
        "config",
        "target",
        "metric_names",
        "grid",
        "store",
        "workloads",
        "training",
        "analysis",
        "report",
        "search",
        "bound",
        "answer",
        "process",
        "door",
        "wrapped",
    },
    "cli": {
        *("config", "door", "streams", "process", "version", "store", "workloads"),
        *("launch", "answer", "compared", "report", "importing", "target"),
    },
    "__main__": {"cli", "door"},
    "api": {"cli", "door", "store", "workloads", "launch", "process", "importing", "target"},
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
    """Return all names that a file imports, at its top, within a function, or for a type checker alone.

    How an object shows itself in a notebook is the report's: `_repr_html_` is a door to it, and left out.
    """
    found = set()
    tree = ast.parse(file.read_text())
    doors = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_repr_html_"]
    behind = {id(node) for door in doors for node in ast.walk(door)}
    for node in ast.walk(tree):
        if id(node) in behind:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide the room"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules() -> Iterator[Path]:
    return PACKAGE.rglob("*.py")


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def module_names(room: str) -> list[str]:
    return [module_name(file) for file in sorted((PACKAGE / room).rglob("*.py"))]


def imported_modules(file: Path, *, all_names: set[str]) -> set[str]:
    """Return the modules of ours that a file imports."""
    found = {name for name in imports(file) if name.startswith("bs_study.")}
    return {name if name in all_names else name.rpartition(".")[0] for name in found}


def imported_without(blocked: tuple[str, ...], names: list[str]) -> str:
    code = BLOCKER.format(blocked=blocked, modules=names)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_an_analyst_needs_nothing_of_the_sweep_extra() -> None:
    names = ["bs_study", "bs_study.grid", *module_names("store"), *module_names("analysis"), *module_names("report")]
    assert imported_without(SWEEP_EXTRA, names) == "[]"


def test_training_and_workloads_need_no_ray() -> None:
    assert imported_without(("ray",), [*module_names("training"), *module_names("workloads")]) == "[]"


def test_importing_the_package_or_its_analysis_or_its_report_loads_neither_torch_nor_ray() -> None:
    loaded = "import sys, bs_study, bs_study.analysis.study, bs_study.report.page"
    code = f"{loaded}; print({{'torch', 'ray'}} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert ended.stdout.strip() == "set()"


def test_only_ten_files_of_launch_import_ray() -> None:
    of_ray = {str(f.relative_to(PACKAGE)) for f in modules() if any(n.partition(".")[0] == "ray" for n in imports(f))}
    names = ("bell", "bounds", "callback", "search", "session", "start", "timing", "trial", "tune", "worker")
    assert of_ray == {f"launch/ray_{name}.py" for name in names}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    files = [f for f in modules() if f.relative_to(PACKAGE).with_suffix("").parts[0] == room]
    assert files
    for file in files:
        ours = {name.split(".")[1] for name in imports(file) if name.startswith("bs_study.")}
        below = ROOMS[room] | {room} if room == "analysis" else ROOMS[room] | {room, "words"}  # no English in it
        assert ours <= below, file
        assert "bs_study" not in imports(file), f"{file}: the package's own names hide the room"


def test_every_module_is_in_a_room() -> None:
    assert {f.relative_to(PACKAGE).with_suffix("").parts[0] for f in modules()} == {*ROOMS, "__init__"}


def test_no_module_imports_itself_by_way_of_others() -> None:
    files = {module_name(file): file for file in modules()}
    graph = {name: imported_modules(file, all_names=set(files)) for name, file in files.items()}
    assert set().union(*graph.values()) <= set(files)
    assert len(list(TopologicalSorter(graph).static_order())) == len(files)  # a CycleError names the circle


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    files = [file for folder in ("bs_study", "sweeps", "tests") for file in (ROOT / folder).rglob("*.py")]
    too_long = {str(file.relative_to(ROOT)) for file in files if len(file.read_text().splitlines()) > MOST_LINES}
    assert too_long == set()
