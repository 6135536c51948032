"""What in a URI is a secret: a store's URI may hold none, and no message shows one."""

from __future__ import annotations

import re
from urllib.parse import unquote

_NAMES = "key|secret|token|pass|pwd|cred|auth|sas|sig"
"""What options of a URI are called that hold a secret."""
_SCHEMES = "s3a?|gs|gcs|abfss?|hdfs|viewfs|https?"
_URI = re.compile(rf"\s*(?P<scheme>[a-z][a-z0-9+.-]+(?=:/)|({_SCHEMES})(?=:)):/*(?P<rest>.*)", re.I | re.S)
_OF_BUCKETS = ("s3", "s3a", "gs", "gcs")  # whose URIs begin with the name of a bucket, in small letters, and no port
_OF_USERS = ("abfs", "abfss", "hdfs", "viewfs")  # whose URIs may have an @ behind the name of a container or a user
_OF_PORTS = ("hdfs", "viewfs")
_OPTION = re.compile(rf"[?&;#][^=&;?#]*({_NAMES})[^=&;?#]*=", re.I)

# In any text. What is percent-encoded counts as what it stands for.
_IN_TEXT = re.compile(rf"\b(?:[a-z][a-z0-9+.-]+:/|(?:{_SCHEMES}):)[^\s'\"]*", re.I)
_VALUE = re.compile(rf"((?:[?&;#]|%26|%3F)[^=&;?#\s'\"]*?(?:{_NAMES})[^=&;?#\s'\"]*?(?:=|%3D))[^&;#\s'\"]+", re.I)


def holds_secret(uri: str) -> bool:
    """Return whether a URI, or what was to be one, holds a user's name and password, or an option with a secret.

    A secret may hold any sign: a slash, a question mark, one that is percent-encoded.

    >>> [holds_secret(f"s3://{rest}") for rest in ("KEY:SE/CRET@bucket", "bucket/results?region=eu", "bucket/a@b:c")]
    [True, False, False]
    """
    found = _URI.fullmatch(uri)
    if not found:
        return False
    scheme, rest = found["scheme"].lower(), _decoded(found["rest"])
    way, mark, options = re.fullmatch(r"([^?#]*)([?#]?)(.*)", rest, re.S).groups()  # type: ignore[union-attr]
    if "@" in options or _OPTION.search(f"{mark}{options}"):
        return True
    host, _, folder = way.partition("/")
    if scheme in _OF_PORTS:
        host = re.sub(r":\d+$", "", host)
    if scheme == "file":
        return "@" in host
    if ":" in f"{host}/{folder}".rpartition("@")[0] or ("@" in host and scheme not in _OF_USERS):
        return True
    return scheme in _OF_BUCKETS and (":" in host or ("@" in folder and host != host.lower()))  # KEY/SECRET@bucket


def without_secrets(text: str) -> str:
    """Return a text with an ellipsis for each secret of a URI within.

    >>> print(without_secrets("can't open 's3://KEY:SE/CRET@bucket/a?secret_key=abc&region=eu'"))
    can't open 's3://…@bucket/a?secret_key=…&region=eu'
    """
    return _VALUE.sub(r"\1…", _IN_TEXT.sub(_without_login, text))


def _without_login(found: re.Match[str]) -> str:
    """Return a URI as it is where it holds no secret, else with nothing before its last @, or its bucket's name."""
    uri = found[0]
    if not holds_secret(uri):
        return uri
    start, _, rest = uri.partition(":")
    slashes = "/" * (len(rest) - len(rest.lstrip("/")))
    ends = [place for sign in ("@", "%40") if (place := rest.rfind(sign)) >= 0]
    if ends:
        return f"{start}:{slashes}…{rest[max(ends) :]}"
    return f"{start}:{slashes}…" if ":" in _decoded(rest).partition("?")[0] else uri


def _decoded(text: str) -> str:
    """Return a text with nothing percent-encoded in it, be it encoded more than once."""
    for _ in range(5):
        text = unquote(text)
    return text
