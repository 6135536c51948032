"""A report of a study in an object store is written beside it, through real S3 requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyarrow import fs as pafs

from bs_study import open_study
from bs_study.report.page import write_report
from tests.report.demo_store import write_demo_study

moto = pytest.importorskip("moto.server", reason="needs an S3 endpoint: pip install 'moto[server]'")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """An empty bucket, as its URI and the options of a URI within it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    server = moto.ThreadedMotoServer(port=0)
    server.start()
    endpoint = "{}:{}".format(*server.get_host_and_port())
    options = f"scheme=http&endpoint_override={endpoint}&region=us-east-1"
    pafs.S3FileSystem(
        endpoint_override=endpoint, scheme="http", region="us-east-1", allow_bucket_creation=True
    ).create_dir("bucket")
    yield "s3://bucket", options
    server.stop()


def test_a_report_lies_beside_its_study_in_an_object_store(bucket: tuple[str, str]) -> None:
    uri, options = f"{bucket[0]}/results/demo", bucket[1]
    paths = write_demo_study(f"{uri}?{options}", batch_sizes=(256, 1024), lrs=(0.1,), seeds=(0,), max_epochs=5)
    assert write_report(open_study(f"{uri}?{options}")) == f"{uri}/report/report.html"
    assert paths.read("bucket/results/demo/report/report.html").startswith(b"<!DOCTYPE html>")
    assert "best.csv" in paths.names("bucket/results/demo/report/tables")
    assert "time_to_target.svg" in paths.names("bucket/results/demo/report/figures")
