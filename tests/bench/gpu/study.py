"""The study that ships, mnist, as far as the time goes, and how long all of it would take."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from bs_study import open_study
from bs_study.config import StudyConfig, TrialConfig
from bs_study.config.asked import asked
from bs_study.grid import study_trials
from bs_study.training.data import DataSets
from bs_study.training.progress import Progress
from bs_study.workloads.mnist import Mnist
from tests.bench.gpu.mnist import given_mnist
from tests.bench.gpu.record import Record
from tests.bench.trial_clock import timed_trial

ROOT = Path(__file__).parents[3]
FILE = ROOT / "bs_study" / "config" / "studies" / "mnist.yaml"
COMMAND_NEEDS = ("ray", "rich", "yaml")
LEAVE_SECONDS = 10.0  # which the command and Ray take to go


def measure(record: Record) -> None:
    config = file_config(FILE)
    trials = study_trials(config)
    record.keep(trials_in_all=len(trials))
    missing = [name for name in COMMAND_NEEDS if find_spec(name) is None]
    with tempfile.TemporaryDirectory() as folder:
        data_dir = given_mnist(record, Path(folder))
        if not torch.cuda.is_available():
            few = config.settings.model_copy(update={"max_iterations": 20})
            return one_of_each_size(record, config.model_copy(update={"settings": few}), data_dir, sizes=(6, 60))
        if missing:
            record.note(f"not by the real command, {', '.join(missing)} not installed: one trial of each batch size")
            return one_of_each_size(record, config, data_dir, sizes=(1, 6, 60, 600, 60_000, 6000))
        return by_command(record, trials, data_dir, Path(folder, "store"))


def file_config(file: Path) -> StudyConfig:
    """Return the study of a YAML file of plain numbers, words and lists, which needs no YAML to be read."""
    settings: dict[str, Any] = {}
    for line in file.read_text().splitlines():
        name, colon, value = line.partition("#")[0].partition(":")
        if colon:
            try:
                settings[name] = json.loads(value)
            except json.JSONDecodeError:
                settings[name] = value.strip()
    return asked(settings).config


class OutOfTimeError(Exception):
    """A trial has had its share of the time."""


def one_of_each_size(record: Record, config: StudyConfig, data_dir: Path, *, sizes: tuple[int, ...]) -> None:
    """Run a trial of each batch size, for its share of what is left; a part of one tells how long the whole takes."""
    record.describe()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    workload = Mnist()
    judged = workload.eval_data(data_dir) if device == "cuda" else tuple(t[:500] for t in workload.eval_data(data_dir))
    data = DataSets(workload.train_data(data_dir), judged)
    trials = study_trials(config)
    whole: dict[int, float] = {}
    for number, size in enumerate(sizes):
        of_size = [trial for trial in trials if trial.batch_size == size]
        seconds, share = _as_far(of_size[0], data, device, limit=record.left() / (len(sizes) - number))
        if share:
            whole[size] = seconds / share * len(of_size)
            record.add(f"B = {size}", f"one trial, {share:.0%} of it run", "s", [seconds / share])
    record.keep(extrapolated_seconds=sum(whole.values()), sizes=list(whole))
    record.note(f"one after another, all trials of {len(whole)} batch sizes: {sum(whole.values()) / 60:.0f} minutes")


def _as_far(trial: TrialConfig, data: DataSets, device: str, *, limit: float) -> tuple[float, float]:
    """Return how many seconds a trial has run, and what share of its budget that was."""
    start, share = time.monotonic(), 0.0

    def watch(progress: Progress) -> None:
        nonlocal share
        share = progress.share or 0.0
        if time.monotonic() - start > limit:
            raise OutOfTimeError

    with contextlib.suppress(OutOfTimeError):
        ending = timed_trial(trial, data, device, report=watch).ending
        share = 1.0 if ending.status == "completed" else share
    return time.monotonic() - start, share


def by_command(record: Record, trials: Sequence[TrialConfig], data_dir: Path, store: Path) -> None:
    """Run the real command until the time is over, and look at what is then in its store."""
    command = [sys.executable, str(ROOT / "sweeps" / "grid.py"), "--config", str(FILE), "--store", str(store)]
    command += ["--data-dir", str(data_dir), "--address", "local"]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with (store.parent / "out").open("w") as out:
        started = pd.Timestamp.now(tz="UTC")
        running = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT, env=os.environ | {"PYTHONPATH": path})
        while running.poll() is None and record.left() > LEAVE_SECONDS:
            time.sleep(0.5)
            _record_ended(record, trials, store, started)
        running.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(LEAVE_SECONDS)
    _record_ended(record, trials, store, started)
    told = (store.parent / "out").read_text().splitlines()
    record.keep(output=told[-40:])
    record.describe()
    if not record.content.get("trials_ended"):
        raise RuntimeError(f"no trial has ended: {told[-1] if told else 'the command said nothing'}")


def _record_ended(record: Record, trials: Sequence[TrialConfig], store: Path, started: pd.Timestamp) -> None:
    """Keep how long the trials took that have ended so far, and what that makes of all."""
    with contextlib.suppress(OSError, ValueError):
        ended = open_study(str(store / "mnist")).trials()
        ended = ended[ended["status"].isin(["completed", "diverged"])]
        if len(ended) > record.content.get("trials_ended", 0):
            seconds = (ended["end_time"].max() - started).total_seconds()
            rows = [
                {"case": f"B = {size}", "what": "trials that ended", "unit": "s", "samples": of_size.tolist()}
                for size, of_size in ended.groupby("batch_size")["wall_seconds"]
            ]
            record.keep(
                rows=rows, trials_ended=len(ended), trials_left=len(trials) - len(ended), command_seconds=seconds,
                **_extrapolated(trials, ended),
            )  # fmt: skip


def _extrapolated(trials: Sequence[TrialConfig], ended: pd.DataFrame) -> dict[str, Any]:
    """Return how long all trials of the batch sizes that have been seen take, and the batch sizes that have not."""
    usual = ended.groupby("batch_size")["wall_seconds"].median().to_dict()
    seen = [usual[trial.batch_size] for trial in trials if trial.batch_size in usual]
    unseen = sorted({trial.batch_size for trial in trials} - set(usual))
    return {"extrapolated_seconds": sum(seen), "extrapolated_trials": len(seen), "batch_sizes_unseen": unseen}
