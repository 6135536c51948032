"""How much of a trial's time its evaluations take, and how far apart they lie where it meets its target.

    python -m tests.bench.eval_share                       digits, on one CPU thread (on a GPU if there is one)
    python -m tests.bench.eval_share --workload mnist --rounds 1 --seconds 120     needs BS_STUDY_DATA

A trial runs to its target, or for so many seconds of training. The share is eval_seconds / (train_seconds +
eval_seconds), counted from the first evaluation after the warm-up: at the end of the trial, and the most that it would
have been had the trial ended at another evaluation, the fifth or a later one. Medians of some rounds, with their range.
The step is how much later the first evaluation that met the target is than the one before, relative to that. It needs
minutes and is no part of the tests.

Measured on one thread of an AMD EPYC, which others used too, three rounds: digits 0.02 to 0.21 at the end, 0.15 to 0.34
at most, steps of 5 %; MNIST 0.27 to 0.32 at the end, 0.34 at most, steps of 6 % (batch size 8) and 10 % (60).
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bs_study import Study, TrialConfig
from bs_study.config import StudyConfig
from bs_study.store.paths import study_paths
from bs_study.store.study_json import create_study
from bs_study.training.data import DataSets, load_data
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.trial import run_trial
from bs_study.workloads import load_workload
from bs_study.workloads.base import examples_in
from tests.bench.compare import show, where

LRS = {
    "digits": {2: 0.02, 4: 0.04, 16: 0.16, 64: 0.16, 256: 0.16, 1024: 0.16, 1437: 0.16},
    "mnist": {1: 0.005, 8: 0.04, 60: 0.16, 600: 0.32, 6000: 0.32},
}
"""Batch sizes, each with an lr that meets the target soon."""
METRICS = ("accuracy", "loss")


def trial_looks(trial: TrialConfig, data: DataSets, device: str) -> dict[str, Any]:
    """Run a trial to its end, in a study of its own; return what its evaluations took and where they were."""
    with tempfile.TemporaryDirectory() as store:
        paths = study_paths(f"{store}/{uuid.uuid4().hex}")
        config = StudyConfig(batch_sizes=(trial.batch_size,), lrs=(trial.lr,), max_iterations=1)
        create_study(paths, config, metrics=METRICS, train_examples=examples_in(data.train))
        place, machine = Place(paths, Path(store), METRICS), Machine(device, threads=1)
        ending = run_trial(trial, place, machine, pacing=Pacing(60), data=data)
        evaluations = Study(paths).evaluations()
    looks = [0, *evaluations["iteration"]]
    timed = evaluations[evaluations["train_seconds"] > 0]
    training = timed["train_seconds"] - timed["train_seconds"].iloc[0]
    judging = timed["eval_seconds"].cumsum() - timed["eval_seconds"].iloc[0]
    shares = judging / (judging + training)
    return {
        "share": shares.iloc[-1],
        "most": shares.iloc[4:].max(),
        "looks": len(evaluations),
        "iterations": ending.iterations,
        "step": f"{looks[-1] / looks[-2] - 1:.1%}" if ending.reached_iteration and looks[-2] else "",
    }


def _row(run: Callable[[], dict[str, Any]], batch_size: int, *, rounds: int) -> dict[str, str]:
    found = [run() for _ in range(rounds)]
    last = found[-1]

    def share(name: str) -> str:
        values = [each[name] for each in found]
        return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"

    return {
        "batch size": str(batch_size),
        "share of evaluations": share("share"),
        "at most": share("most"),
        "evaluations": str(last["looks"]),
        "iterations": f"{last['iterations']}{'' if last['step'] else ', target not reached'}",
        "step at the target": last["step"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=LRS, default="digits")
    parser.add_argument("--batch-sizes", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    data = load_data(type(load_workload(arguments.workload)), Path(os.environ.get("BS_STUDY_DATA", "")))
    rows = []
    for batch_size in arguments.batch_sizes or LRS[arguments.workload]:
        trial = TrialConfig(
            workload=arguments.workload, batch_size=batch_size, lr=LRS[arguments.workload][batch_size], seed=0,
            max_train_seconds=arguments.seconds, min_iterations=0,
        )  # fmt: skip
        rows.append(_row(partial(trial_looks, trial, data, device), batch_size, rounds=arguments.rounds))
    show(f"Evaluations of {arguments.workload} trials; {where()}; {arguments.rounds} rounds", rows)


if __name__ == "__main__":
    main()
