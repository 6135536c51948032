"""All that trains and judges one trial, put together."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import torch

from bs_study.config import TrialConfig
from bs_study.training.additivity import has_batch_statistics
from bs_study.training.batches import Batches, Loader, chosen_loader, make_batches
from bs_study.training.calibration import LARGE_BATCH, adds_up, fastest_kernels
from bs_study.training.cuda_graph import GraphEngine, cuda_capture
from bs_study.training.data import DataSets
from bs_study.training.engine import CompiledEngine, EagerEngine, Engine, EngineName
from bs_study.training.evaluation import Judge
from bs_study.training.interruption import Interruption
from bs_study.training.kernel_cache import cached_kernels
from bs_study.training.kernels import KERNELS, KernelName, Kernels, evaluation_kernels, has_convolutions, use_kernels
from bs_study.training.learner import Learner, is_out_of_memory
from bs_study.training.machine import cpu_name
from bs_study.training.optimizer import make_optimizer, make_schedule
from bs_study.training.parts import Batch
from bs_study.training.placement import Machine
from bs_study.training.plan import Plan
from bs_study.training.precision import autocast, keep_outputs_float32
from bs_study.training.randomness import kept_generators, random_state, restore_random
from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.telling import telling_batch


@dataclass
class Assembly:
    """A trial's plan, what it trains, how, and on which batches.

    Args:
        kernels: those of a CPU; None on a GPU, whose libraries choose for themselves.
        has_evaluation_kernels: evaluations may convolve in their own way, until it is seen that the model can't.
        interruption: ends an evaluation between two batches.
    """

    device: torch.device
    plan: Plan
    learner: Learner
    engine: Engine
    loader: Loader
    train: Batches
    train_data: Data
    held_out: Judge
    test: Judge | None
    kernels: Kernels | None
    has_evaluation_kernels: bool
    interruption: Interruption = field(default_factory=Interruption)

    def evaluate(self) -> dict[str, float]:
        """Return the mean of each metric over the held-out set, and as `test_...` over the test set if there is one."""
        if self.has_evaluation_kernels:
            drawn = random_state()
            try:
                with evaluation_kernels(self.learner.model):
                    return self._evaluated()
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
            # A model that takes a view of its images, say, wants the usual order of their dimensions.
            self.has_evaluation_kernels = False
            restore_random(drawn)
        return self._evaluated()

    def _evaluated(self) -> dict[str, float]:
        found = self.held_out.evaluate(self.learner, interruption=self.interruption)
        if self.test is None:
            return found
        tested = self.test.evaluate(self.learner, interruption=self.interruption)
        return found | {f"test_{name}": value for name, value in tested.items()}

    @property
    def columns(self) -> dict[str, object]:
        """The columns of `trials` and `timings` that say how it is computed."""
        return {
            "engine_used": self.engine.name,
            "loader_used": self.loader,
            "kernels_used": self.kernels.name if self.kernels else "cudnn",
            "micro_batch_used": self.learner.micro_batch,
            "parameters": sum(one.numel() for one in self.learner.model.parameters() if one.requires_grad),
        }


def assemble(
    trial: TrialConfig,
    workload: Workload,
    data: DataSets,
    machine: Machine,
    *,
    losses_kept: int,
    kernels: Kernels | None = None,
    loss_batch: int | None = None,
    interruption: Interruption | None = None,
) -> Assembly:
    """Return a trial that is ready to start, its weights those that its seed gives.

    Args:
        data: its data sets.
        machine: what it may use.
        losses_kept: how many losses wait on the device at most.
        kernels: those of an earlier attempt, to go on with.
        loss_batch: of how many examples an evaluation computes a loss that is no mean over examples.
        interruption: ends an evaluation between two batches.
    """
    device = torch.device(machine.device)
    evaluated = sum(examples_in(by) for by in (data.held_out, data.test) if by is not None)
    plan = Plan(trial, epoch_examples=examples_in(data.train), evaluated_examples=evaluated)
    loader = chosen_loader(trial.settings.loader, data.train, device)
    processes = machine.loader_processes
    reading: dict[str, Any] = {"device": device, "processes": processes, "collate": workload.collate}
    train = make_batches(data.train, loader=loader, seed=trial.seed, batch_size=trial.batch_size, **reading)

    def in_batches(by: Data, size: int) -> Batches:
        kind = chosen_loader("auto", by, device)
        return make_batches(by, loader=kind, seed=0, batch_size=size, **reading)

    def judged(by: Data) -> Judge:
        size = min(trial.settings.eval_batch_size, examples_in(by))
        size_of_loss = min(loss_batch or size, examples_in(by))
        return Judge(in_batches(by, size), None if size_of_loss == size else in_batches(by, size_of_loss))

    learner = _learner(trial, workload, plan, device)
    learner.adds_up_not = loss_batch is not None
    learner.telling = functools.partial(_telling, workload, data.train, device)
    if device.type == "cpu":
        kernels = kernels or _chosen_kernels(trial, learner, train)
        use_kernels(kernels.name, learner.model)
        learner.micro_batch = kernels.micro_batch
    engine = _engine(trial, learner, device, losses_kept=losses_kept)
    test = None if data.test is None else judged(data.test)
    return Assembly(
        device,
        plan,
        learner,
        engine,
        loader,
        train,
        data.train,
        judged(data.held_out),
        test,
        kernels,
        has_evaluation_kernels=(
            device.type == "cpu" and trial.settings.kernels == "auto" and has_convolutions(learner.model)
        ),
        interruption=interruption or Interruption(),
    )


def _learner(trial: TrialConfig, workload: Workload, plan: Plan, device: torch.device) -> Learner:
    model = workload.model().to(device)
    model.train()  # as after each evaluation: a layer of its own mode is in it from the first update on
    if trial.settings.precision == "bf16":
        keep_outputs_float32(model)
    lr_on = device if _engine_name(trial, device) == "cuda_graph" else None
    optimizer = make_optimizer(
        model.parameters(),
        trial,
        lr_on=lr_on,
        has_sparse_gradients=any(getattr(module, "sparse", False) for module in model.modules()),
    )
    return Learner(
        workload,
        model,
        optimizer,
        make_schedule(optimizer, plan),
        micro_batch=first_micro_batch(trial),
        may_halve=trial.settings.micro_batch is not None or not has_batch_statistics(model),
        autocast=autocast(trial.settings.precision, device),
        clip_norm=trial.settings.clip_norm,
    )


def _telling(workload: Workload, train: Data, device: torch.device, count: int) -> Batch:
    return workload.prepare(*(part.to(device) for part in telling_batch(workload, train, count=count)))


def first_micro_batch(trial: TrialConfig) -> int:
    """Return how many examples' gradients are computed at once, unless kernels or memory decide otherwise."""
    return min(trial.settings.micro_batch or trial.batch_size, trial.batch_size)


def _engine_name(trial: TrialConfig, device: torch.device) -> EngineName:
    if trial.settings.engine != "auto":
        return trial.settings.engine
    return "cuda_graph" if device.type == "cuda" else "eager"


def _engine(trial: TrialConfig, learner: Learner, device: torch.device, *, losses_kept: int) -> Engine:
    name = _engine_name(trial, device)
    if name == "compile":
        return CompiledEngine(learner)
    if name == "eager":
        return EagerEngine(learner)
    return GraphEngine(
        learner,
        batch_size=trial.batch_size,
        eager_first=trial.settings.warmup_iterations - 1,  # the capture itself is part of the warm-up
        losses_kept=losses_kept,
        capture=cuda_capture,
    )


def _chosen_kernels(trial: TrialConfig, learner: Learner, train: Batches) -> Kernels:
    """Return the kernels that were asked for, or those that are fastest for this kind of trial on this machine."""
    # The race is a part of the warm-up, and a compiler brings kernels of its own.
    may_race = trial.settings.warmup_iterations > 0 and _engine_name(trial, torch.device("cpu")) == "eager"
    names: tuple[KernelName, ...] = KERNELS if trial.settings.kernels == "auto" else (trial.settings.kernels,)
    if not (may_race and has_convolutions(learner.model)):
        names = names[:1]
    may_split = (
        may_race
        and learner.may_halve
        and not learner.adds_up_not
        and trial.settings.micro_batch is None
        and trial.batch_size > LARGE_BATCH
    )
    if len(names) == 1 and not may_split:
        return Kernels(names[0], learner.micro_batch)
    with kept_generators():
        batch = learner.workload.prepare(*next(iter(train.epoch(1))))
    may_split = may_split and adds_up(learner, batch)  # looked at each time: a workload may have been edited
    kind = {
        "cpu": cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "workload": trial.settings.workload,
        "model": str(learner.model),
        "batch": [str((tensor.dtype, list(tensor.shape))) for tensor in batch],
        "precision": trial.settings.precision,
        "kernels": names,
        "micro_batch": trial.settings.micro_batch,
        "may_split": may_split,
    }
    return cached_kernels(kind, lambda: fastest_kernels(learner, batch, names=names, may_split=may_split))
