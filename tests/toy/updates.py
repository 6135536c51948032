"""Whether a loss is that of an update: looks at a workload before its study compute losses in training mode, too."""

import sys

LEARNER = "bs_study.training.learner"


def is_update() -> bool:
    """Return whether this is called within `Learner.update`."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name == "update" and frame.f_globals.get("__name__") == LEARNER:
            return True
    return False
