"""Compare and swap of a small file: no change is lost, however many change it at once."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.swap import held_file, swap
from tests.s3_server import S3Server


def add_one(content: bytes | None) -> bytes:
    return str(int(content or b"0") + 1).encode()


def counted_by_threads(paths: StudyPaths) -> int:
    file = f"{paths.root}/count"
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: swap(paths, file, add_one), range(40)))
    assert not [name for name in paths.names(paths.live) if name.startswith("tmp-")]
    return int(paths.read(file))


def test_no_change_is_lost_however_many_change_a_file_at_once(paths: StudyPaths) -> None:
    assert counted_by_threads(paths) == 40


def test_no_change_is_lost_in_a_bucket_with_plain_puts(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    paths = study_paths(s3_server.uri("results/one"))
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: swap(paths, f"{paths.root}/count", add_one), range(9)))
    assert paths.read(f"{paths.root}/count") == b"9"
    assert not [name for name in paths.names(paths.live) if name.startswith("tmp-")]


def test_in_a_bucket_that_keeps_conditions_a_put_between_look_and_put_is_not_overwritten(s3_server: S3Server) -> None:
    pytest.importorskip("obstore", reason="needs obstore: pip install obstore")
    paths = study_paths(s3_server.uri("results/one"))
    file = f"{paths.root}/count"
    asked: list[bytes | None] = []

    def change(content: bytes | None) -> bytes | None:
        asked.append(content)
        if len(asked) < 3:
            paths.write(file, b"another's %d" % len(asked))
        return b"ours"

    assert swap(paths, file, change)
    assert asked == [None, b"another's 1", b"another's 2"]
    assert paths.read(file) == b"ours"


def test_a_file_that_is_to_appear_once_appears_once(paths: StudyPaths) -> None:
    def created(number: int) -> bool:
        return swap(paths, f"{paths.root}/once", lambda content: b"%d" % number if content is None else None)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(created, range(40))) == 1


def test_without_hard_links_a_file_appears_once_too(paths: StudyPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "this file system has no links")

    monkeypatch.setattr(os, "link", refuse)
    test_a_file_that_is_to_appear_once_appears_once(paths)


def test_without_locks_the_last_of_two_that_cross_stands_and_the_other_is_asked_again(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "this file system has no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr("bs_study.store.swap.UNLOCKED_SECONDS", 0)
    file = f"{paths.root}/count"
    paths.write(file, b"1")
    asked: list[bytes | None] = []

    def change(content: bytes | None) -> bytes | None:
        asked.append(content)
        return b"ours" if content == b"1" else None

    write = StudyPaths.write

    def crossed(self: StudyPaths, path: str, data: bytes) -> None:
        write(self, path, data)
        write(self, path, b"another's")

    monkeypatch.setattr(StudyPaths, "write", crossed)
    assert not swap(paths, file, change)
    assert asked == [b"1", b"another's"]


def test_a_fifo_in_the_place_of_a_file_is_told_and_not_waited_for(paths: StudyPaths) -> None:
    paths.write(f"{paths.root}/other", b"")
    os.mkfifo(f"{paths.root}/count")
    with pytest.raises(OSError, match="no regular file"), held_file(f"{paths.root}/count"):
        pass
