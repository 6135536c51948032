"""Where trials run: one after another in this process, or on Ray."""

import os

# Ray and Tune read these when they are imported, which modules of this room do.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # Ctrl-C is ours: it ends the study within seconds
os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of workers that a Ctrl-C ends as well
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
