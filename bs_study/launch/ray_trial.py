"""One trial after another in a worker of Ray, as Tune asks for them.

A trial trains in a thread of its own. What it tells waits there until Tune asks, and what Tune has not asked for is
replaced by what is newer: no trial waits for the driver.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import asdict
from queue import SimpleQueue
from typing import Any

from ray import tune

from bs_study.bound import race_of
from bs_study.config import TrialConfig
from bs_study.launch.ray_bell import listen
from bs_study.launch.ray_bounds import BoundsHeard
from bs_study.launch.ray_session import refuse_unseen_study
from bs_study.launch.ray_worker import Parcel
from bs_study.launch.signals import CHECKPOINT_SECONDS
from bs_study.training.interruption import Interrupted, Interruption
from bs_study.training.progress import Ending, Progress
from bs_study.training.trial import run_trial


def point_of(trial: TrialConfig) -> dict[str, Any]:
    """Return a trial as Tune has it: the axes that a person looks for, and its whole config."""
    axes = {"batch_size": trial.batch_size, "lr": trial.lr, "seed": trial.seed, "trial_id": trial.trial_id}
    return axes | {"config": trial.model_dump_json()}


def trial_of(point: dict[str, Any]) -> TrialConfig:
    """Return the trial that `point_of` made this of."""
    return TrialConfig.model_validate_json(point["config"])


class RayTrial(tune.Trainable):
    """What Tune makes a worker of: it trains a trial, and then others."""

    def setup(  # type: ignore[override]  # Tune's own `with_parameters` adds arguments
        self, config: dict[str, Any], *, parcel: Parcel, bell: Any, board: Any
    ) -> None:
        self._parcel = parcel
        self._bounds = BoundsHeard(board)
        self._interruption = Interruption()
        listen(bell, self._end_early)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, self._end_soon)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Make ready for another trial."""
        self._told: SimpleQueue[dict[str, Any] | BaseException] = SimpleQueue()
        self._thread = threading.Thread(target=self._train, args=(trial_of(new_config),), daemon=True)
        return True

    def step(self) -> dict[str, Any]:
        """Wait for what the trial tells next, or for the bell."""
        # Not earlier: Tune sets up workers for a trial that it then gives to another one, and never asks.
        if self._thread.ident is None:
            self._thread.start()
        told = {} if self._interruption.is_asked and self._told.empty() else self._told.get()
        if isinstance(told, BaseException):
            raise told
        return told

    def cleanup(self) -> None:
        """Let a trial that trains write its checkpoint before its worker ends."""
        self._interruption.ask()
        if self._interruption.is_held_back:  # it trains
            self._thread.join(CHECKPOINT_SECONDS)

    def _end_early(self) -> None:
        self._interruption.ask()
        self._told.put({})  # Tune ends a worker only when the step that it waits for is over

    def _end_soon(self, *_: object) -> None:
        """Write a checkpoint and end: the machine's processes are told to, the driver and Ray too perhaps."""
        timer = threading.Timer(CHECKPOINT_SECONDS, os._exit, (1,))
        timer.daemon = True
        timer.start()
        self._end_early()

    def _tell(self, progress: Progress) -> None:
        if self._told.empty():
            self._told.put(asdict(progress))

    def _train(self, trial: TrialConfig) -> None:
        try:
            self._told.put({"ending": asdict(self._ending(trial)), "done": True})
        except Interrupted:
            self._told.put({})
        except BaseException as error:  # noqa: BLE001  it is raised where Tune hears of it
            self._told.put(error)

    def _ending(self, trial: TrialConfig) -> Ending:
        place = self._parcel.place
        refuse_unseen_study(place.paths)
        machine, data = self._parcel.unpacked()
        race = race_of(trial)
        return run_trial(
            trial,
            place,
            machine,
            pacing=self._parcel.pacing,
            data=data,
            launched=self._parcel.launched,
            report=self._tell,
            interruption=self._interruption,
            bound=lambda: self._bounds.of(race),
        )
