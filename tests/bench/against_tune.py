"""A whole study against bare Ray Tune that runs the same trainings and reports every iteration.

    python -m tests.bench.against_tune --iterations 1000

Both train the digits study's cells for so many iterations, two at a time, each in a process of its own. Prints wall
time from start to end (Ray's and, for the study, the report's included), the driver's peak memory and bytes on disk.
It needs minutes and is no part of the tests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

BATCH_SIZES, LRS = (16, 64, 256), (0.01, 0.04)
MAIN = Path(__file__).parent.parent.parent / "sweeps" / "grid.py"

WATCHED = """
import resource, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
finally:
    print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def bare_tune(folder: str, iterations: int) -> None:
    """Train the grid with Ray Tune alone, as its documentation shows."""
    import ray
    import torch
    from ray import tune

    from bs_study.workloads.digits import Digits

    def train(config: dict[str, float]) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        workload = Digits()
        images, labels = workload.train_data(Path(folder))
        model = workload.model()
        optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.5, fused=True)
        done = 0
        while done < iterations:
            for indices in torch.randperm(len(images)).split(int(config["batch_size"])):
                optimizer.zero_grad(set_to_none=True)
                loss = workload.loss(model, *workload.prepare(images[indices], labels[indices]))
                loss.backward()
                optimizer.step()
                tune.report({"loss": loss.item()})
                done += 1
                if done == iterations:
                    return

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    space = {"batch_size": tune.grid_search(list(BATCH_SIZES)), "lr": tune.grid_search(list(LRS))}
    tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space=space,
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    ).fit()
    ray.shutdown()


def our_study(folder: str, iterations: int) -> list[str]:
    cells = ["--batch-sizes", *map(str, BATCH_SIZES), "--lrs", *map(str, LRS)]
    grid = ["--search", "grid", "--seeds", "0", *cells, "--address", "local"]
    length = ["--max-iterations", str(iterations), "--min-iterations", str(iterations)]
    return [sys.executable, str(MAIN), "--store", folder, *grid, *length]


def measured(command: list[str], folder: str) -> dict[str, float]:
    """Return what a command took: wall time, its own peak memory (the driver's), what it left in the folder."""
    start = time.perf_counter()
    ended = subprocess.run(
        [command[0], "-c", WATCHED, *command[1:]], capture_output=True, text=True, timeout=1200, check=True
    )
    seconds = time.perf_counter() - start
    peak = int(ended.stdout.split("PEAK")[-1]) * 1024
    size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return {"seconds": seconds, "driver_peak_bytes": peak, "disk_bytes": size}


def one_round(kind: str, iterations: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        if kind == "study":
            return measured(our_study(folder, iterations), folder)
        return measured([sys.executable, __file__, "--bare", folder, "--iterations", str(iterations)], folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        return bare_tune(arguments.bare, arguments.iterations)
    from tests.bench.compare import alternately, ratio, show, where

    rounds = {kind: [] for kind in ("study", "bare Ray Tune")}

    def seconds(kind: str) -> float:
        rounds[kind].append(one_round(kind, arguments.iterations))
        return rounds[kind][-1]["seconds"]

    times = alternately({kind: partial(seconds, kind) for kind in rounds}, rounds=arguments.rounds)
    rows = [
        {
            "what": kind,
            "wall time, s": f"{sorted(times[kind])[len(times[kind]) // 2]:.1f}",
            "against the study": ratio(times, kind, "study"),
            "driver's peak memory": f"{max(r['driver_peak_bytes'] for r in found) / 2**20:.0f} MiB",
            "on disk": f"{found[-1]['disk_bytes'] / 2**20:.2f} MiB",
        }
        for kind, found in rounds.items()
    ]
    show(f"{len(BATCH_SIZES) * len(LRS)} trials of {arguments.iterations} iterations, {where()}", rows)
    print(json.dumps(rounds), file=sys.stderr)
    return None


if __name__ == "__main__":
    main()
