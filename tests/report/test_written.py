"""A report removes what an earlier report wrote, and nothing else, whatever it is called and wherever it lies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bs_study.report.written import LIST, replace_files
from bs_study.store.paths import StudyPaths, study_paths
from tests.s3_server import S3Server

OLD = {"figures/gone.svg": b"old", "figures/kept.svg": b"old", "tables/gone.csv": b"old"}
NEW = {"figures/kept.svg": b"new", "tables/best.csv": b"new"}


def folder(paths: StudyPaths) -> Path:
    return Path(paths.root, "report")


def write(paths: StudyPaths, files: dict[str, bytes]) -> None:
    replace_files(paths, f"{paths.root}/report", files)


def files_of(paths: StudyPaths) -> set[str]:
    return {str(file.relative_to(folder(paths))) for file in folder(paths).rglob("*") if file.is_file()} - {LIST}


def test_a_report_leaves_nothing_of_the_one_before(paths: StudyPaths) -> None:
    write(paths, OLD)
    write(paths, NEW)
    assert files_of(paths) == set(NEW)


def test_a_file_of_a_bucket_is_removed_as_one_of_a_disk_is(s3_server: S3Server) -> None:
    paths = study_paths(s3_server.uri("results/demo"))
    write(paths, OLD)
    paths.write(f"{paths.root}/report/figures/mine.svg", b"mine")
    write(paths, NEW)
    assert paths.names(f"{paths.root}/report/figures") == ["kept.svg", "mine.svg"]


@pytest.mark.parametrize("name", ["figures/notes.txt", "figures/curves-b16.svg", "tables/versions.csv", "tables/.x"])
@pytest.mark.parametrize("has_earlier", [True, False])
def test_a_file_that_no_report_wrote_stays(paths: StudyPaths, name: str, has_earlier: bool) -> None:
    if has_earlier:
        write(paths, OLD)
    (folder(paths) / name).parent.mkdir(parents=True, exist_ok=True)
    (folder(paths) / name).write_bytes(b"mine")
    (folder(paths) / "figures").mkdir(exist_ok=True)
    (folder(paths) / "figures" / "folder.svg").mkdir()
    write(paths, NEW)
    assert files_of(paths) == {*NEW, name}
    assert (folder(paths) / "figures" / "folder.svg").is_dir()


def test_a_file_that_someone_changed_stays(paths: StudyPaths) -> None:
    write(paths, OLD)
    (folder(paths) / "figures/gone.svg").write_bytes(b"drawn by hand")
    write(paths, NEW)
    assert files_of(paths) == {*NEW, "figures/gone.svg"}


@pytest.mark.parametrize("linked", ["", "figures", "tables", "figures/gone.svg"])
def test_nothing_behind_a_link_is_removed(paths: StudyPaths, tmp_path: Path, linked: str) -> None:
    write(paths, OLD)
    there = tmp_path / "elsewhere"
    (folder(paths) / linked).rename(there)
    (folder(paths) / linked).symlink_to(there)
    before = {file for file in (there, *there.rglob("*")) if file.name.startswith("gone")}
    write(paths, NEW)
    assert (folder(paths) / linked).is_symlink()
    assert all(file.exists() for file in (*before, there))


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[1]",
        b"\xff",
        b"[" * 100_000,
        json.dumps(dict.fromkeys(["study.json", "../study.json", "tables/../../study.json", "tables/..", "x"], 1)),
    ],
)
def test_a_list_that_someone_wrote_removes_nothing_outside_of_the_reports_folders(
    paths: StudyPaths, content: bytes | str
) -> None:
    write(paths, OLD)
    Path(paths.study_json).write_text("{}")
    (folder(paths) / LIST).write_bytes(content if isinstance(content, bytes) else content.encode())
    write(paths, NEW)
    assert Path(paths.study_json).exists()
    assert set(NEW) <= files_of(paths)


def test_a_report_that_was_cut_off_is_cleared_away_by_the_next(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(paths, OLD)
    with monkeypatch.context() as patch:
        patch.setattr(StudyPaths, "remove", lambda *_: (_ for _ in ()).throw(OSError("the disk is gone")))
        with pytest.raises(OSError, match="gone"):
            write(paths, {"tables/half.csv": b"half"})
    write(paths, NEW)
    assert files_of(paths) == set(NEW)
