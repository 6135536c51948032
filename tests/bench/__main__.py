"""All benchmarks of speed, one after another: python -m tests.bench (about half an hour)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

for name in ("training_speed.py", "against_tune.py", "sweep_overhead.py", "driver_load.py"):
    subprocess.run([sys.executable, str(Path(__file__).parent / name)], check=True)
