"""Trials on Ray Tune, one GPU each where there are GPUs. Ray is imported here and in `ray_timing.py` only.

Tune decides which trial runs where and starts a failed one again. What was asked and what was measured live in the
store: rows never travel through Tune, which gets each trial's progress about once a second.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import traceback
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

# Read by Tune at import or at the first run.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # Ctrl-C is ours: it ends the study within seconds
os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of workers that a Ctrl-C ends as well
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
import torch
from ray import tune
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bs_study.config import StudyConfig, TrialConfig
from bs_study.launch.failures import failure_message, record_failure
from bs_study.launch.ray_cluster import cluster_address, cluster_resources
from bs_study.launch.shared_data import SharedArrays, shared_arrays, shared_tensors
from bs_study.launch.watching import Resources, Watcher
from bs_study.store.paths import StudyPaths
from bs_study.training.standing import Ending, Progress
from bs_study.training.surroundings import Surroundings, study_of
from bs_study.training.trial import run_trial


@contextlib.contextmanager
def ray_session(config: StudyConfig) -> Iterator[Resources]:
    """Join the cluster at `address`, or start a Ray on this machine; leave or stop it at the end.

    Raises:
        ValueError: no cluster answers, or none of its nodes can hold a trial.
    """
    address = cluster_address(config)
    stops_as_before = signal.getsignal(signal.SIGTERM)  # ray.init puts a handler of its own in its place
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        signal.signal(signal.SIGTERM, stops_as_before)
    except ConnectionError as error:
        raise ValueError(f"address: no Ray cluster answers at {address!r}: {error}") from error
    try:
        where = f"the Ray cluster at {address}" if address else "a Ray of this machine"
        yield cluster_resources(config, where=where, nodes=[node["Resources"] for node in _alive_nodes()])
    finally:
        ray.shutdown()


def _refuse_unshared_store(paths: StudyPaths) -> None:
    """Raise if a file that the driver writes into a local store is not seen on every node of the cluster."""
    nodes = _alive_nodes()
    if len(nodes) < 2 or not paths.is_local:
        return
    probe = f"{paths.live}/probe-{uuid.uuid4().hex}"
    paths.write(probe, b"")
    try:
        blind = [node["NodeManagerHostname"] for node in nodes if not _is_seen(probe, node["NodeID"])]
    finally:
        paths.remove(probe)
    if blind:
        raise ValueError(
            f"store: {paths.uri} is not seen on {', '.join(blind)}. "
            "Give --store a folder that all nodes share, or a URI such as s3://bucket/results"
        )


def _is_seen(path: str, node_id: str) -> bool:
    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    seen = ray.remote(os.path.exists).options(num_cpus=0, scheduling_strategy=there).remote(path)
    try:
        return bool(ray.get(seen, timeout=60))
    except (ray.exceptions.RayError, TimeoutError):
        return False


def _alive_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


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
    _refuse_unshared_store(study_of(surroundings))
    by_id = {trial.trial_id: trial for trial in trials}
    arrays = shared_arrays(surroundings.data)
    surroundings = replace(surroundings, ray_version=ray.__version__, data=None)
    trainable = tune.with_parameters(_train, trials=by_id, surroundings=surroundings, arrays=arrays)
    with tempfile.TemporaryDirectory(prefix="bs_study-tune-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": config.cpus_per_trial, "gpu": resources.gpus_per_trial}),
            param_space=_search_space(trials),
            tune_config=tune.TuneConfig(
                num_samples=len(trials),
                search_alg=BasicVariantGenerator(
                    points_to_evaluate=[_point(trial) for trial in trials], max_concurrent=config.max_concurrent or 0
                ),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=scratch,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=config.max_failures),
                callbacks=[_Watching(by_id, surroundings, watcher)],
            ),
        )
        tuner.fit()


def _point(trial: TrialConfig) -> dict[str, Any]:
    return {"batch_size": trial.batch_size, "lr": trial.lr, "seed": trial.seed, "trial_id": trial.trial_id}


def _search_space(trials: Sequence[TrialConfig]) -> dict[str, Any]:
    """Return the axes that the trials span. The trials themselves are the points to evaluate: a study that goes on
    needs those that are left, which are no full grid."""
    points = [_point(trial) for trial in trials]
    return {axis: tune.choice(list(dict.fromkeys(point[axis] for point in points))) for axis in points[0]}


def _train(
    config: dict[str, Any], *, trials: dict[str, TrialConfig], surroundings: Surroundings, arrays: SharedArrays | None
) -> None:
    """Run one trial in a worker of Ray."""
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

    def __init__(self, trials: dict[str, TrialConfig], surroundings: Surroundings, watcher: Watcher) -> None:
        self._trials = trials
        self._surroundings = surroundings
        self._watcher = watcher

    def __reduce__(self) -> tuple[type[tune.Callback], tuple[()]]:
        # Tune pickles callbacks for its own restore, which is never used: what is done stands in the store.
        return tune.Callback, ()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
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
