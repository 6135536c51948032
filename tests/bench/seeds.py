"""How often rounds of seeds are wrong, and how soon they decide: python -m tests.bench.seeds (an hour of CPU).

2,000 studies of each kind with `seeds: auto`, max_seeds 8, looks every 5 % and lrs that are outrun beyond 1.25 times.
`--studies 200` takes fewer.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from tests.analysis.seed_rounds import Truth, told

LRS = (1.5, 1.0, 1.5)
KINDS: dict[str, list[tuple[float, ...]]] = {
    "equal, 2 x 1": [(1.0,)] * 2,
    "equal, 2 x 3": [LRS] * 2,
    "equal, 5 x 1": [(1.0,)] * 5,
    "equal, 5 x 3, flat": [(1.2, 1.0, 1.2)] * 5,
    "next at 1.3, 2 x 1": [(1.0,), (1.3,)],
    "next at 1.3, 2 x 3": [tuple(ratio * lr for lr in LRS) for ratio in (1.0, 1.3)],
    "next at 1.3, 5 x 3": [tuple(ratio * lr for lr in LRS) for ratio in (2.0, 1.3, 1.0, 1.3, 2.0)],
}


def print_rounds(studies: int) -> None:
    print(f"{'study':20} spread  false at any look  at the end  decided  seeds: median, and how often each")
    for name, seconds in KINDS.items():
        for spread in (0.1, 0.3):
            truth = Truth(np.array(seconds), spread)
            found = [told(truth, np.random.default_rng(number)) for number in range(studies)]
            any_look, end, decided = (
                float(np.mean([getattr(one, name) for one in found]))
                for name in ("is_false", "false_at_end", "is_decided")
            )
            seeds = [one.seeds if one.is_decided else np.inf for one in found]
            often = ", ".join(f"{count:g}: {times}" for count, times in sorted(Counter(seeds).items()))
            parts = f"{any_look:17.4f} {end:11.4f} {decided:8.3f}  {np.median(seeds):g} ({often})"
            print(f"{name:20} {spread:6} {parts}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=2000)
    print_rounds(parser.parse_args().studies)
