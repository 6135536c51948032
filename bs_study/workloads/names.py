"""What a workload's name stands for: ``package.module:Class``, or a class in a file, ``folder/module.py:Class``."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from bs_study.words import shortened
from bs_study.workloads.own_code import is_installed

_added: set[str] = set()
"""Folders of files that were named by path: they join `sys.path`, but a name alone is not found there next time."""


@dataclass(frozen=True)
class Source:
    """A file to import, under a name, from a folder: that of the outermost package which the file lies in."""

    file: Path
    root: Path
    name: str


def split_name(reference: str) -> tuple[str, str]:
    """Return the module, or the file, and the class of a name; no class where the name has none.

    >>> split_name("pkg/task.py:Net"), split_name("task.py")
    (('pkg/task.py', 'Net'), ('task.py', ''))
    """
    where, colon, attribute = reference.rpartition(":")
    return (where.rstrip(":"), attribute) if colon else (reference, "")


def is_file_name(where: str) -> bool:
    """Return whether a module is named by its file."""
    return where.endswith(".py") or "/" in where or os.sep in where


def source_of(where: str) -> Source:
    """Return what a name's file is imported as: in a package, as its module, so that relative imports work.

    Raises:
        FileNotFoundError: there is no such file.
    """
    file = next((file for place in _places(where) for file in _files(place) if file.is_file()), None)
    if file is None:
        raise FileNotFoundError(f"there is no file {shortened(where)} in {Path.cwd()}{_near_file(where)}")
    file = file.resolve()
    root, parts = file.parent, [] if file.name == "__init__.py" else [file.stem]
    while (root / "__init__.py").is_file() and root != root.parent:
        root, parts = root.parent, [root.name, *parts]
    return Source(file, root, ".".join(parts))


def _places(where: str) -> Iterator[Path]:
    """Yield where a file may lie: as typed, or on another node or in another folder, below one of `sys.path`."""
    path = Path(where).expanduser()
    yield path
    for folder in sys.path:
        if not is_installed(Path(folder).resolve()):
            yield Path(folder, path.relative_to(path.anchor))


def _files(place: Path) -> Iterator[Path]:
    yield place
    if place.suffix != ".py":
        yield place.with_name(f"{place.name}.py")
        yield place / "__init__.py"


def _near_file(where: str) -> str:
    """Return a hint at the file that may be meant, or nothing."""
    folder = Path(where).expanduser().parent
    names = [file.stem for file in folder.glob("*.py")] if folder.is_dir() else []
    near = difflib.get_close_matches(Path(where).stem, names, n=1)
    return f". Did you mean {folder / near[0]}.py?" if near else ""


def canonical_name(reference: str) -> str:
    """Return the name under which a study keeps a workload: one name for one class, however it was typed.

    That is ``package.module:Class`` if that name alone finds the very file. Else it is the file, below the folder that
    the command runs in or from the root.
    """
    where, attribute = split_name(reference)
    if not (attribute and is_file_name(where)):
        return reference
    source = source_of(where)
    if _found_by_name(source.name, [folder for folder in sys.path if folder not in _added]) == source.file:
        return f"{source.name}:{attribute}"
    return f"{_typed(source.file)}:{attribute}"


def _typed(place: Path) -> Path:
    here = Path.cwd().resolve()
    return place.relative_to(here) if place.is_relative_to(here) else place


def _found_by_name(name: str, folders: list[str]) -> Path | None:
    """Return the file that Python would import under a name from folders; none of a package's code is run."""
    if name.partition(".")[0] in sys.builtin_module_names:
        return None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:count]), folders)
        if spec is None:
            return None
        folders = list(spec.submodule_search_locations or ())
    return Path(spec.origin).resolve() if spec and spec.origin else None


def imported(where: str) -> ModuleType:
    """Return the module of a name.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: its package is hidden by another of the same name.
        Exception: whatever its code runs into.
    """
    return _imported_file(source_of(where)) if is_file_name(where) else importlib.import_module(where)


def _imported_file(source: Source) -> ModuleType:
    if str(source.root) not in sys.path:
        sys.path.append(str(source.root))  # last, so that it shadows no package
        _added.add(str(source.root))
        importlib.invalidate_caches()
    taken = sys.modules.get(source.name)
    if file_of(taken) == source.file:
        return taken  # type: ignore[return-value]
    if taken is None and _found_by_name(source.name, sys.path) == source.file:
        module = importlib.import_module(source.name)
        if file_of(module) == source.file:
            return module
    elif source.file.parent == source.root:
        return _imported_alone(source)
    package = source.name.partition(".")[0]
    raise ImportError(
        f"its package {package!r} is hidden by another of that name ({_found_by_name(package, sys.path)}). "
        f"Rename the folder {source.root / package}"
    )


def _imported_alone(source: Source) -> ModuleType:
    """Import a file whose name another module has, `random.py` say, under a name that no other file has.

    Processes that are started anew, and not forked, can't find it by that name: they can't read its data ahead.
    """
    name = f"{source.file.stem.replace('.', '_')}_file"
    if name in sys.modules and file_of(sys.modules[name]) != source.file:
        name = f"{name}_{zlib.crc32(bytes(source.file)):08x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, source.file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source.file} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def file_of(module: ModuleType | None) -> Path | None:
    """Return the file that a module was imported from; built-in ones have none."""
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def hidden_file(where: str, found: ModuleType) -> Path | None:
    """Return the user's file that has the name of a module which was found before it."""
    path = Path(*where.split("."))
    files = (file.resolve() for folder in ("", *sys.path) for file in _files(Path(folder, path)) if file.is_file())
    return next((file for file in files if file != file_of(found) and not is_installed(file)), None)


def code_place(reference: str) -> tuple[ModuleType, Path]:
    """Return the outermost module or package of a workload, and where a node is to put the folder that it lies in.

    That is a path below a folder of `sys.path`, the one which `source_of` looks for there.
    """
    where, _ = split_name(reference)
    if not is_file_name(where):
        return importlib.import_module(where.partition(".")[0]), Path()
    source, module = source_of(where), imported(where)
    root = _typed(source.root)
    return sys.modules.get(source.name.partition(".")[0], module) if "." in source.name else module, root.relative_to(
        root.anchor
    )
