"""All benchmarks of speed, one after another: python -m tests.bench (about half an hour)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

for name in ("training_speed", "against_tune", "sweep_overhead"):
    subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=True)
# By its path, as its workload lies beside it and Ray's workers look for it where the script is.
subprocess.run([sys.executable, str(Path(__file__).with_name("driver_load.py"))], check=True)
