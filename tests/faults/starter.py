"""A process that takes the lease of a study once a file is there: `python -m tests.faults.starter URI FILE`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bs_study.store.lease import study_lease
from bs_study.store.paths import study_paths


def main(uri: str, start: str) -> None:
    paths = study_paths(uri, patience_seconds=5)
    print("ready", flush=True)
    while not Path(start).exists():
        time.sleep(0.001)
    try:
        with study_lease(paths, lost=lambda: print("lost")):
            time.sleep(4)  # longer than any of them needs to be refused
            print("ran")
    except ValueError as error:
        print(f"refused: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
