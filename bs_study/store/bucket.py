"""Conditional puts in an S3 bucket, which pyarrow can't do: by obstore, where it is installed.

Nothing else goes by it, and no worker needs it: leases and study.json are written by the process that runs the study.
"""

from __future__ import annotations

import contextlib
import functools
import os
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bs_study.store.paths import StudyPaths, study_paths

TRIES = 20  # of a put that others come before, each time


class ConditionalBucket:
    """The bucket of a study, by a client of its own."""

    def __init__(self, paths: StudyPaths) -> None:
        self._obstore = import_module("obstore")
        self._key = paths.root.partition("/")[0] + "/"
        self._store = _store(paths)

    def swap(self, file: str, change: Callable[[bytes | None], bytes | None]) -> bool:
        """Put what a function makes of an object, if it is still what was looked at; see `swap.py`."""
        for _ in range(TRIES):
            content, tag = self._get(file)
            new = change(content)
            if new is None:
                return False
            # Where the answer to a put was lost, the client asks again and is refused by its own object.
            if self.put(file, new, tag=tag) or self._get(file)[0] == new:
                return True
        raise OSError(f"{file} is written by others all the time")

    def put(self, file: str, content: bytes, *, tag: str | None) -> bool:
        """Put an object if the one that is there has this tag (None: if there is none); return whether it was put."""
        refused = (self._errors.AlreadyExistsError, self._errors.PreconditionError, FileNotFoundError)
        with self._as_os_error():
            try:
                self._obstore.put(self._store, self._within(file), content, mode={"e_tag": tag} if tag else "create")
            except refused:
                return False
        return True

    def _get(self, file: str) -> tuple[bytes | None, str | None]:
        with self._as_os_error():
            try:
                found = self._obstore.get(self._store, self._within(file))
                return bytes(found.bytes()), found.meta["e_tag"]
            except FileNotFoundError:
                return None, None

    def _within(self, file: str) -> str:
        return file.removeprefix(self._key)

    @property
    def _errors(self) -> Any:
        return import_module("obstore.exceptions")

    @contextlib.contextmanager
    def _as_os_error(self) -> Iterator[None]:
        try:
            yield
        except self._errors.BaseError as error:
            raise OSError(str(error).partition("\n")[0]) from error


def _store(paths: StudyPaths) -> Any:
    """Return obstore's client for what pyarrow opens by this URI, with the credentials that it finds."""
    query = {name: values[-1] for name, values in parse_qs(urlsplit(paths.uri).query).items()}
    endpoint = query.get("endpoint_override") or os.getenv("AWS_ENDPOINT_URL_S3") or os.getenv("AWS_ENDPOINT_URL")
    given: dict[str, Any] = {}
    if endpoint:
        scheme = query.get("scheme", "https")
        given["endpoint"] = endpoint if "://" in endpoint else f"{scheme}://{endpoint}"
        given["client_options"] = {"allow_http": given["endpoint"].startswith("http://")}
    if "AWS_ACCESS_KEY_ID" not in os.environ and find_spec("boto3"):
        # From ~/.aws too, as pyarrow does; obstore by itself knows the environment and the machine's role.
        given["credential_provider"] = import_module("obstore.auth.boto3").Boto3CredentialProvider()
    return import_module("obstore.store").S3Store(
        paths.root.partition("/")[0],
        region=query.get("region") or paths.filesystem.region,
        virtual_hosted_style_request=False,
        retry_config={"max_retries": 10, "retry_timeout": timedelta(seconds=paths.patience_seconds)},
        **given,
    )


def conditional_bucket(paths: StudyPaths) -> ConditionalBucket | None:
    """Return a bucket that is known to keep conditions; None where obstore, the store or its credentials don't do."""
    if not paths.uri.startswith("s3://") or find_spec("obstore") is None:
        return None
    try:
        return _tried(paths.uri, paths.patience_seconds)
    except (OSError, ValueError, ImportError):
        return None


@functools.lru_cache(maxsize=4)  # of what worked: an error is not kept
def _tried(uri: str, patience_seconds: float) -> ConditionalBucket:
    """Return the bucket once an object was put in it, was read by pyarrow, and could not be put a second time.

    Some stores take no notice of a condition, and obstore may look for the bucket elsewhere.
    """
    paths = study_paths(uri, patience_seconds=patience_seconds)
    bucket = ConditionalBucket(paths)
    file, content = f"{paths.root}/live/tmp-{uuid.uuid4().hex}", uuid.uuid4().bytes
    try:
        is_kept = bucket.put(file, content, tag=None) and not bucket.put(file, content, tag=None)
        if not is_kept or paths.read(file) != content or bucket.put(file, content, tag='"0"'):
            raise OSError("this store does not keep conditions")
    finally:
        paths.remove(file)
    return bucket
