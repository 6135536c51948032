"""A terminal that knows no UTF-8 gets ASCII of every command, and no command ends by a sign that it can't show."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from bs_study.streams import plain, refuse_no_text, use_plain_streams
from tests.faults.small_studies import small_study

ROOT = Path(__file__).parent.parent
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TERMINALS = [{"PYTHONIOENCODING": "cp1252:strict"}, C_LOCALE]
SIGNS = "1.5× ≥ ≤ ± – — − … “a” ‘b’ µs √B ∝ α 好 🙂 ─│╭ é \udcff"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "demo"
    small_study(folder)
    return folder


def run(terminal: dict[str, str], *command: str) -> subprocess.CompletedProcess[bytes]:
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONIOENCODING", *C_LOCALE)}
    env = own | {"PYTHONPATH": str(ROOT)} | terminal
    return subprocess.run([sys.executable, *command], env=env, capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("terminal", TERMINALS, ids=str)
def test_every_command_tells_a_terminal_without_utf_8_all_in_ascii(terminal: dict[str, str], store: Path) -> None:
    grid, report = str(ROOT / "sweeps/grid.py"), str(ROOT / "sweeps/report.py")
    commands = {
        (report, str(store)): 0,
        ("-m", "bs_study.store.check", str(store)): 0,
        (grid, "--help"): 0,
        (grid, "--target", "accuracy≥0.9"): 2,
        (report, "Größe 好"): 2,
        ("-m", "bs_study.store.check", "Größe 好"): 2,
    }
    for command, status in commands.items():
        ended = run(terminal, *command)
        assert (ended.stdout + ended.stderr).isascii(), command
        assert ended.returncode == status, ended.stderr
        assert b"codec" not in ended.stderr
        assert status == 0 or (ended.stderr.startswith(b"error: ") and ended.stderr.count(b"\n") == 1)


def test_a_terminal_of_utf_8_gets_every_sign_and_what_is_no_text_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(told, encoding="UTF-8"))
    use_plain_streams()
    print(SIGNS, flush=True)
    assert told.getvalue().decode() == SIGNS.replace("\udcff", r"\udcff") + "\n"


@pytest.mark.parametrize(("encoding", "right"), [("utf-8", "Give it in UTF-8"), ("ascii", "Set PYTHONUTF8=1")])
def test_a_word_that_is_no_text_is_refused_with_what_helps_in_its_locale(
    encoding: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: encoding)
    with pytest.raises(ValueError, match=rf"^name: '\\udcff' is no .*{right}"):
        refuse_no_text("name", "\udcff")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "iso8859-15", "koi8-r", "cp437"])
def test_signs_become_what_people_type_in_their_place(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    told = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(told, encoding=encoding))
    use_plain_streams()
    print(SIGNS, flush=True)
    signs = r"""1.5x >= <= +/- - - - ... "a" 'b' us sqrt B ~ \u03b1 \u597d \U0001f642 -|+ \xe9 \udcff"""
    assert told.getvalue().decode("ascii") == signs + "\n"


def test_the_live_display_of_a_terminal_without_utf_8_is_ascii(tmp_path: Path) -> None:
    own, other = pty.openpty()
    flags = ["--local", "--batch-sizes", "64", "--lrs", "0.1", "--seeds", "0", "--max-iterations", "30"]
    command = [sys.executable, str(ROOT / "sweeps/grid.py"), *flags, "--search", "grid", "--store", str(tmp_path)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, env=env, stdin=other, stdout=other, stderr=other, cwd=tmp_path) as process:
        os.close(other)
        told = b""
        while piece := _read(own):
            told += piece
        assert process.wait(120) == 0, told
    os.close(own)
    assert b"\x1b[" in told
    assert told.isascii()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 10_000)
    except OSError:  # as Linux says that the last program has left it
        return b""


def test_every_sign_has_its_place_in_ascii() -> None:
    assert all(plain(chr(code)).isascii() for code in range(0x3000))
