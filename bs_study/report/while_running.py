"""Write the report of a study that runs, once: ``python -m bs_study.report.while_running STUDY SECONDS DOOR FLAGS``.

It is a process of its own, as little urgent as can be: training in the process that started it is not held up. Exit
status 0: written. 1: not, for the reason in the last line.
"""

from __future__ import annotations

import os
import signal
import sys


def main(uri: str, again_seconds: float, door: str, *flags: str) -> int:
    """Write the report, which advises a door and how the study was launched; return the exit status."""
    os.nice(19)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that a file that is half written is cleared away
    try:
        from bs_study.answer import analyse
        from bs_study.door import launched, used
        from bs_study.report.page import publish
        from bs_study.store import open_study

        study = open_study(uri)
        with used(door), launched(flags):
            publish(study, analyse(study, keep=True), again_seconds=again_seconds)
    except Exception as error:  # noqa: BLE001  whatever it is, a line for the study that runs
        from bs_study.words import one_line

        print(f"{type(error).__name__}: {one_line(error)}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), *sys.argv[3:]))
