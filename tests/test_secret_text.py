"""Which URIs hold a secret, and that no text shows one."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from bs_study.secret_text import holds_secret, without_secrets
from bs_study.words import one_line

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
    " s3://KEY:SECRET@bucket ", "hdfs://KEY:SECRET@namenode:8020/x", "hdfs://KEY:SE/CRET@namenode/x",
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
