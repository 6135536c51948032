"""Answers of a bucket that are cut are asked for again: they are no damage, and no other bytes are taken for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bs_study import open_study
from bs_study.store.parts import is_sound, live_parts
from bs_study.store.paths import StudyPaths, study_paths
from tests.cutting_proxy import CuttingProxy
from tests.faults.small_studies import empty_study, run_trial, small_study
from tests.s3_server import S3Server


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(s3_server)
    yield proxy
    proxy.stop()


@pytest.fixture
def far(proxy: CuttingProxy) -> StudyPaths:
    return study_paths(proxy.uri("results/far"), patience_seconds=5)


def spoil_the_first(_: int) -> Any:
    """Give other bytes as the first answer about each object, of the same length."""
    seen: set[str] = set()

    def spoil(path: str, content: bytes) -> bytes:
        is_first = path not in seen
        seen.add(path)
        return bytes(byte ^ 1 for byte in content) if is_first else content

    return spoil


def cut_the_first(times: int, to: Any) -> Any:
    """Cut the first answers about each object."""
    seen: dict[str, int] = {}

    def cut(path: str, content: bytes) -> bytes:
        seen[path] = seen.get(path, 0) + 1
        return content[: to(len(content))] if seen[path] <= times else content

    return cut


@pytest.mark.parametrize("content", [b"", b"\xa5", b"ends in \xa5", b"ends in \x5a", b"0" * 20_000_000], ids=len)
def test_an_object_is_read_whole_whatever_it_ends_in(far: StudyPaths, content: bytes) -> None:
    far.write(far.study_json, content)
    assert far.read(far.study_json) == content


CUTS = {"nothing": lambda _: 0, "half": lambda size: size // 2, "all-but-a-byte": lambda size: max(0, size - 1)}


@pytest.mark.parametrize("to", CUTS.values(), ids=CUTS)
def test_an_answer_that_is_cut_is_asked_for_again(far: StudyPaths, proxy: CuttingProxy, to: Any) -> None:
    content = bytes(range(256)) * 10 + b"\xa5"
    far.write(far.study_json, content)
    proxy.cut = cut_the_first(3, to)
    assert far.read(far.study_json) == content


def test_answers_that_are_always_cut_are_the_stores_fault_in_one_line(far: StudyPaths, proxy: CuttingProxy) -> None:
    far.write(far.study_json, b"{}")
    proxy.cut = lambda _, content: content[:1]
    with pytest.raises(OSError, match=r"study\.json: the answer of the store was cut short"):
        study_paths(far.uri, patience_seconds=0).read(far.study_json)


FAULTS = {"cut to nothing": cut_the_first(2, CUTS["nothing"]), "cut to a half": cut_the_first(2, CUTS["half"])}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fault", [*FAULTS.values(), spoil_the_first(1)], ids=[*FAULTS, "other bytes"])
def test_a_study_whose_answers_are_cut_or_spoilt_is_read_as_it_is(proxy: CuttingProxy, fault: Any) -> None:
    small_study(proxy.uri("results/far"))
    proxy.cut = fault
    study = open_study(proxy.uri("results/far"), strict=True)
    assert study.train_examples == 20
    assert (len(study.trials()), len(study.iterations(batch_size=4)), len(study.evaluations())) == (2, 20, 4)


@pytest.mark.parametrize("fault", [cut_the_first(2, CUTS["half"]), spoil_the_first(1)], ids=["cut", "other bytes"])
def test_parts_whose_answers_are_cut_or_spoilt_are_sound(proxy: CuttingProxy, fault: Any) -> None:
    paths, (trial, _) = empty_study(proxy.uri("results/far"))
    run_trial(paths, trial)
    proxy.cut = fault
    parts = live_parts(paths, trial.trial_id)
    assert [part.first_iteration for part in parts] == [1, 6]
    assert all(is_sound(paths, trial.trial_id, part) for part in parts)
