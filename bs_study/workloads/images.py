"""Image data sets that torchvision knows: its files, read or downloaded, and what is wrong with them in one line."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

NO_DATA = (OSError, RuntimeError, ValueError, AssertionError)
"""What torchvision raises where files are missing, damaged or out of reach."""


def torchvision_files(name: str, data_dir: Path, *, train: bool, folder: str, needed: str) -> Any:
    """Return the training or the held-out part of a data set of torchvision; downloads the files that are not there.

    Args:
        name: of torchvision's class.
        data_dir: the folder that the class calls its root.
        train: which part.
        folder: where under it the files lie.
        needed: what the folder is to hold, in words.

    Raises:
        FileNotFoundError: the files are not there and could not be downloaded, or can't be read.
    """
    from torchvision import datasets

    try:
        # torchvision prints each mirror that it tries; what counts is said in the error.
        with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
            return getattr(datasets, name)(root=str(data_dir), train=train, download=True)
    except NO_DATA as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileNotFoundError(
            f"data_dir: {name} can't be read from {data_dir / folder} nor downloaded ({reason}). "
            f"Put {needed} there, or give --data-dir the folder above {Path(folder).parts[0]}; "
            "--workload digits needs none"
        ) from error
