"""Takes the lease of a study once a file is there, and holds it until another is: `-m tests.faults.starter URI A B`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bs_study.store.lease import study_lease
from bs_study.store.paths import study_paths


def main(uri: str, start: str, stop: str) -> None:
    paths = study_paths(uri, patience_seconds=5)
    print("ready", flush=True)
    wait_for(start)
    try:
        with study_lease(paths, lost=lambda: print("lost")):
            wait_for(stop)
            print("ran")
    except ValueError as error:
        print(f"refused: {error}")


def wait_for(file: str) -> None:
    end = time.monotonic() + 200
    while not Path(file).exists() and time.monotonic() < end:
        time.sleep(0.001)


if __name__ == "__main__":
    main(*sys.argv[1:])
