"""Which URIs hold a secret, and that no text shows one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from bs_study.secret_text import holds_secret, without_secrets
from bs_study.store import open_study
from bs_study.store.check.__main__ import main as check
from bs_study.words import one_line
from tests.grid_command import command_in_this_process

SECRETS = (
    "SECRET",
    "SE/CRET",
    "SE/CRE/T",
    "SE?CRET",
    "SE#CRET",
    "SE+C:RET",
    "12/SECRET",
    "SE@CRET",
    "SE%2FCRET",
    "SE&CRET=1",
)
WITH = [
    *(f"{scheme}://{user}:{secret}@bucket/results" for scheme in ("s3", "gs", "abfss", "S3", "https")
      for user in ("KEY", "AKIA1/x", "") for secret in SECRETS),
    *(f"s3:{slash}KEY:{secret}@bucket/results" for slash in ("", "/", "///") for secret in SECRETS),
    *(f"s3://{quote(f'KEY:{secret}@bucket', safe='')}/results" for secret in SECRETS),
    *(f"s3://bucket/results?endpoint_override=http://user:{secret}@host" for secret in SECRETS),
    *(f"s3://bucket/results?endpoint_override={quote(f'http://user:{secret}@host', safe='')}" for secret in SECRETS),
    *(f"s3://bucket/results?region=eu&{name}=SECRET" for name in
      ("secret_key", "access_key", "session_token", "Password", "sig", "X-Amz-Signature", "pwd", "secret%5Fkey")),
    "nosuch:/KEY:SECRET@bucket", " s3://KEY:SECRET@bucket ", "hdfs://KEY:SECRET@namenode:8020/x", "hdfs://KEY:SE/CRET@namenode/x",
    "s3://KEY:SECRET@bucket:port/",
]  # fmt: skip
WITHOUT = [
    "results", "results/a@b", "/data/x:y@z", "C:/data", "s3://bucket/results", "s3://bucket/user@host/a:b",
    "s3://bucket/results?scheme=http&endpoint_override=127.0.0.1:9000&region=us-east-1", "s3:bucket/results",
    "s3://bucket/results?endpoint_override=http%3A%2F%2F127.0.0.1%3A9000", "gs://bucket/secret/key=1",
    "abfss://container@account.dfs.core.windows.net/results", "hdfs://user@namenode:8020/results",
    "hdfs://namenode:8020/user@x/y", "file:///home/me@work/a:b@c", "viewfs://[::1]:8020/x",
]  # fmt: skip


@pytest.mark.parametrize("uri", WITH)
def test_a_uri_with_a_secret_is_known_and_a_message_hides_it(uri: str) -> None:
    assert holds_secret(uri)
    for text in (uri, f"store: {uri!r} can't be opened", f"Cannot parse URI: '{uri}'", f"a {uri} b"):
        said = one_line(text)
        assert not any(part in said for part in ("SECRET", "CRET", "CRE/T"))


@pytest.mark.parametrize("uri", WITHOUT)
def test_a_uri_without_one_is_left_as_it_is(uri: str) -> None:
    assert not holds_secret(uri)
    assert without_secrets(uri) == uri


@pytest.fixture(scope="module")
def grid() -> Callable[[list[str]], int]:
    return command_in_this_process()


@pytest.mark.parametrize(
    "uri",
    [
        "s3://KEY:Wq7/Wq7@bucket/results",
        "s3:KEY:Wq7/Wq7@bucket/results",
        " s3://KEY:Wq7@bucket/results",
        "s3://KEY%3AWq7%40bucket/results",
        "s3://bucket/results?endpoint_override=http://user:Wq7@host",
        "s3://bucket/results?secret_key=Wq7",
        "nosuch://KEY:Wq7@bucket",
        "s3://KEY:Wq7@bucket:port/%",
    ],
)
def test_no_command_repeats_a_secret(
    grid: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], tmp_path: Path, uri: str
) -> None:
    report = command_in_this_process("report")
    file = tmp_path / "study.yaml"
    file.write_text(f"batch_sizes: [8]\nlrs: [0.1]\nmax_iterations: 3\nstore: {uri!r}")
    small = ["--local", "--batch-sizes", "8", "--lrs", "0.1", "--max-iterations", "3"]
    for flags in (["--store", uri], ["--resume", uri], ["--config", uri], ["--workload", uri], [uri], ["--data-dir"]):
        assert grid([*small, "--dry-run", *flags]) == 2
    assert grid(["--config", str(file)]) == 2
    for command, arguments in ((report, [uri]), (report, [uri, "--open"]), (check, [uri])):
        assert command(arguments) == 2
    for command in (report, check):
        assert command(["results/a", uri]) == 2
    with pytest.raises((ValueError, OSError)) as refused:
        open_study(uri)
    said = capsys.readouterr()
    told = f"{said.out}{said.err}{refused.value}"
    assert told.count("error: ") == 12
    assert "Wq7" not in told
