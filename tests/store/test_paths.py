"""Which folder or URI a study's place is, and what is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from bs_study import open_study
from bs_study.store.paths import study_paths
from bs_study.store.uris import study_uri


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("s3:/x", "s3://x"),
        ("s3:x/y", "s3://x/y"),
        ("S3:/x", "s3://x"),
        ("gs:/bucket/results", "gs://bucket/results"),
        ("file:/tmp/x", "file:///tmp/x"),
        ("webhdfs:/x", "webhdfs://x"),
        ("s3:", "s3://bucket/folder"),
    ],
)
def test_a_uri_that_lacks_a_slash_is_no_folder(given: str, meant: str) -> None:
    for read in (study_paths, open_study, lambda text: study_uri(text, "digits")):
        with pytest.raises(ValueError, match="looks like a URI") as caught:
            read(given)
        assert f"Write {meant}, or ./{given} if it is a folder" in str(caught.value)


def test_a_uri_of_no_bucket_is_no_folder() -> None:
    with pytest.raises(ValueError, match="names no folder"):
        study_paths("s3://")


def test_a_folder_that_is_there_may_be_called_like_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert study_paths("./s3:/x").root == str(tmp_path / "s3:" / "x")
    (tmp_path / "s3:").mkdir()
    assert study_paths(study_uri("s3:/x", "digits")).root == str(tmp_path / "s3:" / "x" / "digits")


@pytest.mark.parametrize("given", ["C:/results", "results/a:b", "2026-01:x", "~"])
def test_other_names_with_a_colon_are_folders(given: str) -> None:
    assert study_paths(given).is_local
