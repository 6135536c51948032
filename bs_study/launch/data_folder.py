"""The folder of data sets that a study reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bs_study.config import LaunchOptions
from bs_study.words import shortened
from bs_study.workloads.built_in import Known
from bs_study.workloads.cache_folder import cache_folder

if TYPE_CHECKING:
    from bs_study.workloads.base import Workload


def data_directory(options: LaunchOptions) -> Path:
    """Return the absolute folder of data sets: the setting, $BS_STUDY_DATA, or a cache folder."""
    folder = options.data_dir or os.environ.get("BS_STUDY_DATA") or cache_folder()
    return Path(folder).expanduser().absolute()


def refuse_missing_data(options: LaunchOptions, workload: Workload | Known) -> None:
    """Raise if the data folder that was asked for is not there: a workload might take other data in its place."""
    asked_for = options.data_dir or os.environ.get("BS_STUDY_DATA")
    folder = data_directory(options)
    if asked_for and not workload.fetches_data and not folder.exists():
        origin = "" if options.data_dir else " ($BS_STUDY_DATA)"
        raise FileNotFoundError(
            f"data_dir: {shortened(str(folder))}{origin} is not there. Correct it, make it, or leave it out"
        )
