"""Ten minutes of a GPU, the most valuable first: python -m tests.bench.gpu --minutes 9 --out FOLDER

Parts: tests (pytest -m gpu), mnist (ms an iteration), networks (ResNet-18, char_lm), study (mnist.yaml), together
(several trials at once). Each has a share of the time and is ended when that is over; FOLDER/<part>.json holds what it
has found so far, FOLDER/<part>.log what it printed, FOLDER/summary.md the table at the end. It asks for no network and
no Ray, and on a machine without a GPU it takes small sizes. The exit status is 0 if every part has ended well.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.gpu.parts import PARTS, run_part
from tests.bench.gpu.table import markdown

LEFT_FOR_TABLE = 2.0  # seconds


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--out", type=Path, default=Path("gpu_results"))
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS), help="these alone")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * asked.minutes - LEFT_FOR_TABLE
    found = []
    for number, name in enumerate(asked.parts):
        # What earlier parts left over is shared by those that come.
        weight = PARTS[name].weight / sum(PARTS[left].weight for left in asked.parts[number:])
        found.append(run_part(name, asked.out, seconds=max(1.0, (end - time.monotonic()) * weight)))
        print(f"{name}: {found[-1]['state']} in {found[-1]['seconds']:.0f} s", flush=True)
    text = markdown(found)
    (asked.out / "summary.md").write_text(text)
    print(f"\n{text}", flush=True)
    return 0 if all(part["state"] == "completed" for part in found) else 1


if __name__ == "__main__":
    sys.exit(main())
