"""K processes on one GPU, each with a trial of ours; without MPS they take turns."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from typing import Any, Self

START_SECONDS = 60.0
ANSWER_SECONDS = 30.0


class Workers:
    """Processes that wait for a trial to run; forked at once, so this process must not have used the device yet."""

    def __init__(self, count: int, *, examples: int) -> None:
        fork = multiprocessing.get_context("fork")
        self._ends: list[Connection] = []
        self._processes: list[Any] = []
        for _ in range(count):
            ours, theirs = fork.Pipe()
            process = fork.Process(target=_work, args=(theirs, examples), daemon=True)
            process.start()
            self._ends.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def seconds(self, count: int, *, batch_size: int, iterations: int) -> list[float]:
        """Return the seconds of an iteration in each of the first `count`, all at once; none after a silent one."""
        chosen = self._ends[:count]
        for warm_up in (True, False):
            for end in chosen:
                end.send((batch_size, 3 if warm_up else iterations))
            if not all(end.poll(START_SECONDS if warm_up else ANSWER_SECONDS) for end in chosen):
                self._ends.clear()  # what comes later would be taken for an answer to the next question
            if len(self._ends) < count:
                return []
            answers = [end.recv() for end in chosen]
        return [] if None in answers else answers


def _work(end: Connection, examples: int) -> None:
    """Answer each batch size and number of iterations with the seconds of one; None if it can't be run."""
    import torch

    from bs_study.training.data import DataSets
    from tests.bench.gpu.together import random_digits
    from tests.bench.trial_clock import trial_seconds

    torch.set_num_threads(1)
    images, labels = random_digits(examples)
    data = DataSets((images, labels), (images[:64], labels[:64]))
    while True:
        batch_size, iterations = end.recv()
        try:
            end.send(trial_seconds(data, batch_size, images.device.type, iterations))
        except Exception as error:  # noqa: BLE001  told to whoever waits
            print(f"{type(error).__name__}: {error}", flush=True)
            end.send(None)
