"""Stores and studies as a person types them: folders, or URIs without secrets."""

from __future__ import annotations

import re
from pathlib import Path

from bs_study.secret_text import holds_secret
from bs_study.streams import refuse_no_text
from bs_study.words import shortened, shown

ALMOST_URI = re.compile(
    "(?P<scheme>(s3|gs|gcs|abfss?|hdfs|viewfs|file|https?)(?=:)|[a-z][a-z0-9+.-]+(?=:/)):(?!//)/?(?P<rest>.*)", re.I
)
"""What lacks a slash or two to be a URI. A drive of Windows has one letter."""


def refuse_unfit(given: str) -> None:
    """Raise if a store or study, as it is typed, holds a secret, lacks a slash, or is no text."""
    refuse_no_text("store", given)
    _refuse_credentials(given)
    _refuse_almost_uri(given)


def _refuse_almost_uri(text: str) -> None:
    """Refuse a URI with blanks around it, and what would be a folder named `s3:`, if there is no such folder."""
    if "://" in text and text != text.strip():
        raise ValueError(f"store: {shown(text)} is a URI with a blank before or after it. Leave the blank out")
    found = ALMOST_URI.fullmatch(text.strip())
    if found and not Path(Path(text).parts[0]).exists():
        scheme = found["scheme"].lower()
        uri = f"{scheme}://{'/' if scheme == 'file' else ''}{found['rest'] or 'bucket/folder'}"
        raise ValueError(
            f"store: {shown(text)} looks like a URI. Write {shortened(uri)}, or ./{shortened(text)} if it is a folder"
        )


def _refuse_credentials(uri: str) -> None:
    """A URI is printed, logged and handed to workers; a secret in it would be too."""
    if holds_secret(uri):
        scheme = uri.strip().partition(":")[0]
        raise ValueError(
            f"store: leave the credentials out of the {scheme} URI. "
            "Give them in the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )


def study_uri(store: str, name: str) -> str:
    """Return the URI of a study in a store.

    >>> study_uri("s3://bucket/results?region=eu-west-1", "mnist")
    's3://bucket/results/mnist?region=eu-west-1'
    """
    refuse_unfit(store)
    folder, mark, query = store.partition("?") if "://" in store else (store, "", "")
    return f"{folder.rstrip('/')}/{name}{mark}{query}"
