"""What Tune sees of the trials, passed on to whoever watches the study."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ray
from ray import tune

from bs_study.config import TrialConfig
from bs_study.launch.course import Course
from bs_study.launch.failures import failure_message, record_failure
from bs_study.launch.launcher import Watcher
from bs_study.launch.ray_bounds import Bounds
from bs_study.launch.ray_search import Search
from bs_study.launch.ray_trial import trial_of
from bs_study.training.interruption import Interruption
from bs_study.training.placement import Place
from bs_study.training.progress import Ending, Progress


class TuneCallback(tune.Callback):
    """Passes on what Tune sees of the trials."""

    def __init__(
        self,
        course: Course,
        place: Place,
        watcher: Watcher,
        search: Search,
        interruption: Interruption,
        publish: Callable[[Bounds], None],
    ) -> None:
        self._course = course
        self._publish = publish
        self._place = place
        self._watcher = watcher
        self._search = search
        self._interruption = interruption

    def __reduce__(self) -> tuple[type[tune.Callback], tuple[()]]:
        # Tune pickles callbacks for its own restore, which is never used: what is done stands in the store.
        return tune.Callback, ()

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._search.begin_step()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._search.end_step()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._search.started(trial.trial_id)
        with _shielded():
            self._watcher.started(trial_of(trial.config))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        with _shielded():
            if "ending" in result:
                self._end(trial_of(trial.config), Ending(**result["ending"]))
            elif "share" in result:
                progress = {name: result[name] for name in Progress.__dataclass_fields__}
                self._watcher.progressed(trial_of(trial.config), Progress(**progress))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        if self._interruption.is_asked:
            return  # its worker was told to end, too; the trial goes on later from its checkpoint
        with _shielded():
            ours, message = trial_of(trial.config), failure_message(_last_error(trial))
            self._end(ours, record_failure(ours, self._place, message))

    def _end(self, trial: TrialConfig, ending: Ending) -> None:
        """Tell the course first: what the watcher shows is what is wanted then."""
        self._course.ended(trial)
        self._publish(self._course.plan.bounds)
        with _shielded():
            self._watcher.ended(trial, ending)


@contextlib.contextmanager
def _shielded() -> Iterator[None]:
    """Tell what is raised in a line and go on: an exception in a callback of Tune would end the whole study."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  a display or a store that fails costs a line, and not the study
        print(f"warning: {failure_message(error)}. The study goes on", file=sys.stderr)  # noqa: T201


def _last_error(trial: Any) -> BaseException:
    """Return what a trial of Tune raised last, or why its worker is gone.

    Tune's own `get_error` looks where the files are copied to later.
    """
    file = trial.pickled_error_file
    if not (file and Path(file).exists()):
        return RuntimeError("its worker is gone, and left no error")
    error: BaseException = ray.cloudpickle.loads(Path(file).read_bytes())
    cause: BaseException | None = getattr(error, "cause", None)
    if cause is None:
        return error
    cause.add_note(str(getattr(error, "traceback_str", "")))  # its own traceback stayed in the worker
    return cause
