"""Trials on Ray Tune, one GPU each where there are GPUs.

Tune decides which trial runs where and starts a failed one again. What was asked and what was measured live in the
store: rows never travel through Tune, which gets each trial's progress about once a second, and from
hundreds of trials less often.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.schedulers import FIFOScheduler

from bs_study.config import StudyConfig, TrialConfig
from bs_study.launch.failures import failure_message, record_failure
from bs_study.launch.ray_search import FreeWorkersFirst, Search, SharedSearch
from bs_study.launch.ray_session import refuse_unseen_study
from bs_study.launch.shared_data import SharedArrays, shared_arrays, shared_tensors
from bs_study.launch.watching import Resources, Watcher
from bs_study.launch.workload_code import Code, use_code, workload_code
from bs_study.training.placement import Surroundings, study_of
from bs_study.training.progress import Ending, Progress
from bs_study.training.trial import run_trial

REPORTS_PER_SECOND = 100
"""Of all trials together: a report waits until the driver has taken it, and so would trials where they are many."""


def run_on_ray(
    trials: Sequence[TrialConfig],
    surroundings: Surroundings,
    config: StudyConfig,
    resources: Resources,
    watcher: Watcher,
) -> None:
    """Run trials on the cluster that `ray_session` joined; one that fails for good is recorded as failed."""
    for name in ("ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # its warnings speak of result files that are turned off
    by_id = {trial.trial_id: trial for trial in trials}
    arrays = shared_arrays(surroundings.data)
    report_seconds = max(1.0, resources.slots / REPORTS_PER_SECOND)
    surroundings = replace(surroundings, ray_version=ray.__version__, report_seconds=report_seconds, data=None)
    code = workload_code(config.workload) if resources.is_cluster else ()
    trainable = tune.with_parameters(_train, trials=by_id, surroundings=surroundings, arrays=arrays, code=code)
    search, scheduler = _search(trials, config, resources)
    with tempfile.TemporaryDirectory(prefix="bs_study-tune-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": config.cpus_per_trial, "gpu": resources.gpus_per_trial}),
            param_space=_search_space(trials),
            tune_config=tune.TuneConfig(
                num_samples=len(trials),
                search_alg=search,
                scheduler=scheduler,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=config.max_failures),
                callbacks=[_Watching(by_id, surroundings, watcher, search)],
            ),
        )
        try:
            tuner.fit()
        finally:
            search.close()


def _search(trials: Sequence[TrialConfig], config: StudyConfig, resources: Resources) -> tuple[Search, FIFOScheduler]:
    points, most = [_point(trial) for trial in trials], config.max_concurrent
    if not resources.is_cluster:
        return Search(points, most=most), FIFOScheduler()  # type: ignore[no-untyped-call]
    search = SharedSearch(points, most=most, cpus=config.cpus_per_trial, gpus=resources.gpus_per_trial)
    return search, FreeWorkersFirst()  # type: ignore[no-untyped-call]


def _point(trial: TrialConfig) -> dict[str, Any]:
    return {"batch_size": trial.batch_size, "lr": trial.lr, "seed": trial.seed, "trial_id": trial.trial_id}


def _search_space(trials: Sequence[TrialConfig]) -> dict[str, Any]:
    """Return the axes that the trials span. The trials themselves are the points to evaluate: a study that goes on
    needs those that are left, which are no full grid."""
    points = [_point(trial) for trial in trials]
    return {axis: tune.choice(list(dict.fromkeys(point[axis] for point in points))) for axis in points[0]}


def _train(
    config: dict[str, Any],
    *,
    trials: dict[str, TrialConfig],
    surroundings: Surroundings,
    arrays: SharedArrays | None,
    code: Code,
) -> None:
    """Run one trial in a worker of Ray."""
    refuse_unseen_study(study_of(surroundings))
    if code:
        use_code(code)
    # By what this trial was given: on a machine with GPUs, a trial without one sees them all.
    gpu_ids = ray.get_gpu_ids()
    surroundings = replace(
        surroundings,
        device="cuda" if gpu_ids and torch.cuda.is_available() else "cpu",
        node_id=ray.get_runtime_context().get_node_id(),
        gpu_ids=",".join(str(gpu_id) for gpu_id in gpu_ids) or None,
        data=shared_tensors(arrays) if arrays else None,
    )
    trial = trials[config["trial_id"]]
    ending = run_trial(trial, surroundings, report=lambda progress: tune.report(asdict(progress)))
    tune.report({"ending": asdict(ending)})


class _Watching(tune.Callback):
    """Passes on what Tune sees of the trials."""

    def __init__(
        self, trials: dict[str, TrialConfig], surroundings: Surroundings, watcher: Watcher, search: Search
    ) -> None:
        self._trials = trials
        self._surroundings = surroundings
        self._watcher = watcher
        self._search = search

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
            self._watcher.started(self._trials[trial.config["trial_id"]])

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        ours = self._trials[trial.config["trial_id"]]
        with _shielded():
            if "ending" in result:
                self._watcher.ended(ours, Ending(**result["ending"]))
            elif "share" in result:
                progress = {name: result[name] for name in Progress.__dataclass_fields__}
                self._watcher.progressed(ours, Progress(**progress))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        ours = self._trials[trial.config["trial_id"]]
        with _shielded():
            message = failure_message(_last_error(trial))
            self._watcher.ended(ours, record_failure(ours, self._surroundings, message))


@contextlib.contextmanager
def _shielded() -> Iterator[None]:
    """Print what is raised and go on: an exception in a callback of Tune would end the whole study."""
    try:
        yield
    except Exception:  # noqa: BLE001
        traceback.print_exc()


def _last_error(trial: Any) -> BaseException:
    """Return what a trial of Tune raised last, or why its worker is gone.

    Tune's own `get_error` looks where the files are copied to later.
    """
    file = trial.pickled_error_file
    if not (file and Path(file).exists()):
        return RuntimeError("its worker is gone, and left no error")
    error: BaseException = ray.cloudpickle.loads(Path(file).read_bytes())
    return getattr(error, "cause", None) or error
