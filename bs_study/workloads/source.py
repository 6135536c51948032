"""Which files the code of a workload is: its module, and what was imported from beside it. What they say, as hashes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from bs_study.workloads.black_box import BlackBox
from bs_study.workloads.given import MAIN, Made
from bs_study.workloads.main_code import main_code
from bs_study.workloads.own_code import OURS, is_installed

if TYPE_CHECKING:
    from bs_study.workloads.base import Workload

OWN = "bs_study"
"""The package that is everywhere, and is no user's code."""
_INTERFACE = "bs_study.workloads.base"


def modules_beside(top: ModuleType) -> Iterator[ModuleType]:
    """Yield the modules and packages that were imported from the folder in which one lies, itself included.

    Of an installed one there are none: beside it lies all that is installed.
    """
    beside = {place.parent for place in places(top)}
    if any(is_installed(place) for place in beside):
        return
    for name, module in sys.modules.copy().items():  # other threads import meanwhile
        is_top = "." not in name and name not in (MAIN, OWN)
        if is_top and any(place.parent in beside for place in places(module)):
            yield module


def places(module: ModuleType) -> list[Path]:
    """Return the file of a module, or the folder of a package; several of one without `__init__.py`."""
    folders = getattr(module, "__path__", None)
    file = getattr(module, "__file__", None)
    return [Path(place).resolve() for place in folders or ([file] if file else [])]


def source_hashes(workload: Workload | BlackBox) -> dict[str, str]:
    """Return a hash of each file of a workload's code, as far as it is imported by now.

    The files are named as imports name them: `my_task.py`, `package/part.py`. Of a class or function of a notebook or
    of the script that runs, its functions stand for them, as `__main__.MyTask.loss`. Of a class of this package they
    are its module and those of the classes that it inherits from, but for the interface: what a newer version of the
    package changes elsewhere is not the workload.
    """
    own = workload.code if isinstance(workload, BlackBox) else type(workload)
    found = {name: file for name, file in map(_file, sorted(_modules(own))) if file and file.is_file()}
    hashes = {name: code_hash(file.read_bytes()) for name, file in found.items()}
    return hashes | {name: code_hash(code) for name, code in main_code(own).items()}


def built_in_hashes(names: Iterable[str]) -> dict[str, str]:
    """Return the hashes of files of built-in workloads, named as `source_hashes` names them; none is imported."""
    files = {name: OURS.parent / name for name in names if re.fullmatch(rf"{OWN}/workloads/\w+\.py", name)}
    return {name: code_hash(file.read_bytes()) for name, file in files.items() if file.is_file()}


def _modules(own: Made) -> set[str]:
    """Return the names of the modules that are the code of a class, or of a function."""
    bases = own.__mro__ if isinstance(own, type) else (own,)
    of_bases = {base.__module__ for base in bases if base.__module__ != _INTERFACE}
    found = {name for name in of_bases if name.startswith(f"{OWN}.workloads.")}
    top = sys.modules.get(own.__module__.partition(".")[0])
    if top is None or top.__name__ in (OWN, MAIN):
        return found
    tops = {module.__name__ for module in modules_beside(top)} or {top.__name__}
    return found | {name for name in sys.modules.copy() if name.partition(".")[0] in tops}


def _file(name: str) -> tuple[str, Path | None]:
    """Return how a module's file is named below the folder that imports look in, and where it is."""
    module = sys.modules[name]
    file = getattr(module, "__file__", None)
    end = "/__init__.py" if hasattr(module, "__path__") else ".py"
    return name.replace(".", "/") + end, Path(file) if file and file.endswith(".py") else None


def code_hash(content: bytes) -> str:
    """Return a hash of what a Python file says: comments, blank lines and line ends do not count.

    By lines and not by tokens, which another version of Python cuts otherwise.

    >>> code_hash(b"x = 1  # one\\r\\n\\r\\n# done") == code_hash(b"x = 1\\n")
    True
    >>> code_hash(b"x = '# one'") == code_hash(b"x = ''")
    False
    """
    # Of a file that is no Python any more, though it was when it was imported, all counts.
    with contextlib.suppress(SyntaxError, tokenize.TokenError, UnicodeError, LookupError):
        content = "\n".join(_lines_of_code(content)).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _lines_of_code(content: bytes) -> Iterator[str]:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    text = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n").rstrip()
    ends: dict[int, int] = {}  # of lines that end outside of a text, up to which column they are code
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE):
            ends.setdefault(token.start[0], token.start[1])
    for number, line in enumerate(text.split("\n"), start=1):
        code = line[: ends[number]].rstrip() if number in ends else line
        if code or number not in ends:
            yield code
