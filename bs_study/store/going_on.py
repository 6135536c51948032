"""A study that is to go on, whose study.json must be understood."""

from __future__ import annotations

import os
import warnings

from bs_study.store.reader import Study, open_study
from bs_study.store.study_json import newer_version
from bs_study.store.warned import LeftOutWarning


def study_to_go_on(uri: str | os.PathLike[str]) -> Study:
    """Return a study that is to go on. What is wrong with its study.json is told by who asks for its config.

    Raises:
        FileNotFoundError: there is no study at this place.
        ValueError: a newer version has written it, or its runs were made elsewhere.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOutWarning)
        study = open_study(uri)
    newer = newer_version(study.paths, study.known_asked)
    if newer:
        raise ValueError(newer)
    if study.imported is not None:
        raise ValueError(
            f"resume: {study.paths.uri} holds imported runs, which can't be trained on. Ask its report for another "
            "target, or begin a study of your own"
        )
    return study
