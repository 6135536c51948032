"""All benchmarks of speed, one after another: python -m tests.bench (about half an hour)."""

from __future__ import annotations

import subprocess
import sys

for name in ("training_speed", "against_tune", "sweep_overhead", "driver_load"):
    subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=True)
