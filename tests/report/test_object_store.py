"""A report of a study in an object store is written beside it, through real S3 requests."""

from __future__ import annotations

import pytest

from bs_study import open_study
from bs_study.report.page import write_report
from tests.grid_command import command_in_this_process
from tests.report.demo_store import write_demo_study
from tests.s3_server import S3Server


def test_a_report_lies_beside_its_study_in_an_object_store(s3_server: S3Server) -> None:
    uri = s3_server.uri("results/demo")
    paths = write_demo_study(uri, batch_sizes=(256, 1024), lrs=(0.1,), seeds=(0,), max_epochs=5)
    assert write_report(open_study(uri)) == "s3://bucket/results/demo/report/report.html"
    assert paths.read("bucket/results/demo/report/report.html").startswith(b"<!DOCTYPE html>")
    assert "best.csv" in paths.names("bucket/results/demo/report/tables")
    assert "time_to_target.svg" in paths.names("bucket/results/demo/report/figures")


def test_a_page_in_a_bucket_is_not_opened_and_a_line_says_where_it_is(
    s3_server: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = s3_server.uri("results/demo")
    paths = write_demo_study(uri, batch_sizes=(256,), lrs=(0.1,), seeds=(0,), max_epochs=1)
    main = command_in_this_process("report")
    assert main([uri, "--open"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: --open: ")
    assert "s3://bucket/results/demo/report/report.html" in said.err
    assert (said.err.count("\n"), said.out) == (1, "")
    assert not paths.exists("bucket/results/demo/report")
