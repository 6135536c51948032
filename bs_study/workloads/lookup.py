"""A workload's class by its name; what is wrong with the name, or with the file, is said in one line."""

from __future__ import annotations

import ast
import difflib
import re
import traceback
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

from bs_study.words import shortened, shown
from bs_study.workloads.black_box import PARAMETERS
from bs_study.workloads.given import MAIN, given
from bs_study.workloads.names import file_of, hidden_file, imported, is_file_name, source_of, split_name
from bs_study.workloads.own_code import is_own, is_pythons
from bs_study.workloads.user_errors import told


def named_class(reference: str, *, built_in: Collection[str]) -> Any:
    """Return what ``package.module:Class`` or ``folder/module.py:Class`` names, or what was given under that name.

    Raises:
        ValueError: there is no such module, file or class, or its import fails.
    """
    if found := given(reference):
        return found
    where, attribute = split_name(reference)
    if not (where and attribute):
        raise ValueError(f"workload: {shown(reference)} {_no_class(where, built_in=built_in)}")
    if where == MAIN:
        raise ValueError(
            f"workload: {shown(reference)} is code of a notebook or a script, which began the study. Go on with it "
            f"there: bs_study.sweep({attribute}, resume=...)"
        )
    if is_file_name(where):
        _refuse_missing(reference, where)
    try:
        module = imported(where)
    except SystemExit as error:
        raise ValueError(
            f"workload: {shown(reference)} can't be imported: its code ends the process ({told(error)}). "
            "Put what runs it under `if __name__ == '__main__':`"
        ) from error
    except Exception as error:  # whatever the user's file runs into
        raise ValueError(f"workload: {shown(reference)} can't be imported: {_why(where, error, attribute)}") from error
    if not hasattr(module, attribute):
        raise ValueError(f"workload: {_missing(reference, module)}")
    return getattr(module, attribute)


def _refuse_missing(reference: str, where: str) -> None:
    try:
        source_of(where)
    except FileNotFoundError as error:
        raise ValueError(f"workload: {shown(reference)}: {error}") from error


def _no_class(where: str, *, built_in: Collection[str]) -> str:
    """Return what is wrong with a name that names no class."""
    if is_file_name(where) or Path(f"{where}.py").is_file():
        file = where if where.endswith(".py") else f"{where}.py"
        try:
            names = trainable_in(source_of(file).file)
        except (FileNotFoundError, SyntaxError) as error:
            return f"names no class, and {error}"
        forms = " or ".join(f"{file}:{name}" for name in names)
        return f"names no class. Write {forms}" if forms else f"names no class, and {file} holds none"
    dotted = re.fullmatch(r"([\w.]+)\.(\w+)", where)
    if dotted:
        return f"names no class. Write {dotted[1]}:{dotted[2]}"
    near = difflib.get_close_matches(where, built_in, n=1)
    return "is unknown. " + (
        f"Did you mean {near[0]!r}?" if near else f"Use {', '.join(built_in)}, package.module:Class or file.py:Class"
    )


def trainable_in(file: Path) -> list[str]:
    """Return the classes that a file defines, and the functions that train by themselves, without running it."""
    return [
        node.name
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, ast.ClassDef)
        or (isinstance(node, ast.FunctionDef) and set(PARAMETERS) <= {one.arg for one in _arguments(node)})
    ]


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.args, *function.args.kwonlyargs]


def _missing(reference: str, module: ModuleType) -> str:
    """Return what is wrong with a name whose module has no such class."""
    where, attribute = split_name(reference)
    hidden = None if is_file_name(where) else hidden_file(where, module)
    if hidden:
        found = file_of(module)
        whose = "Python's own" if found is None or is_pythons(found) else "another"
        where_found = f" ({found})" if found else ""
        return (
            f"{shown(reference)}: {whose} {shortened(where)}{where_found} was found before {hidden}. "
            f"Write {shortest(hidden)}:{attribute}"
        )
    near = difflib.get_close_matches(attribute, vars(module), n=1)
    file = file_of(module)
    own = trainable_in(file) if file and file.suffix == ".py" and not near else []
    hint = f". Did you mean {near[0]!r}?" if near else f". It has {', '.join(own)}" if 0 < len(own) < 10 else ""
    return f"module {shown(where)} has no {shown(attribute)}{hint}"


def shortest(file: Path) -> str:
    """Return a file as it is typed in the folder that the command runs in."""
    here = Path.cwd().resolve()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _why(where: str, error: Exception, attribute: str) -> str:
    """Return why an import failed; of relative imports, how they would work."""
    if isinstance(error, ImportError) and "attempted relative import" in str(error):
        return _about_relative_imports(where, error, attribute)
    if isinstance(error, ModuleNotFoundError) and not is_file_name(where) and error.name == where.partition(".")[0]:
        return f"{error}. There is no {error.name}.py in {Path.cwd()}"
    return told(error).removeprefix("ImportError: ") + _about_a_sibling(error)


def _about_a_sibling(error: Exception) -> str:
    """Return how a module of a package imports what lies beside it, where it tried to by the name alone."""
    if not isinstance(error, ModuleNotFoundError) or not error.name or "." in error.name:
        return ""
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__) if is_own(frame.filename)]
    folder = files[-1].parent if files else Path()
    beside = any((folder / name).is_file() for name in (f"{error.name}.py", f"{error.name}/__init__.py"))
    if not (beside and (folder / "__init__.py").is_file()):
        return ""
    return (
        f". It lies beside {files[-1].name} in a package: write `from .{error.name} import ...` (or `from . import "
        f"{error.name}`), or take {shortest(folder.resolve() / '__init__.py')} away"
    )


def _about_relative_imports(where: str, error: ImportError, attribute: str) -> str:
    found = re.search(r"\((.*), line (\d+)\)", told(error))
    file_name, line = (found[1], f" in line {found[2]}") if found else (where, "")
    if "beyond top-level" in str(error):
        return (
            f"{file_name} imports relatively{line} from above its outermost package. Put an empty __init__.py into "
            "each folder up to there"
        )
    own = where if where.endswith(".py") else f"{where.replace('.', '/')}.py"
    folder = Path(own).expanduser().resolve().parent
    if (folder / "__init__.py").is_file():
        return f"{file_name} imports relatively{line}, as a module of a package does. Write {own}:{attribute}"
    return (
        f"{file_name} imports relatively{line}, but its folder is no package. Put an empty __init__.py into {folder} "
        f"and write {own}:{attribute}, or import plainly: `from name import ...` in place of `from .name import ...`"
    )
