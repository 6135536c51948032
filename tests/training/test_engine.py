"""Engines on a CPU; a CUDA graph's stand-in does its work when replayed, and nothing when captured, as a graph does."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bs_study.config import TrialConfig
from bs_study.training.cuda_graph import Capture, GraphEngine, Work
from bs_study.training.engine import CompiledEngine, EagerEngine, Engine
from bs_study.training.learner import Learner
from bs_study.training.optimizer import make_optimizer, make_schedule
from bs_study.training.plan import Plan
from bs_study.workloads import Workload

CPU = torch.device("cpu")
SIZES = [8] * 6 + [3] + [8] * 5  # a short batch in the midst, as at the end of an epoch


class Noisy(Workload):
    """Regression with noise on its inputs and dropout: what an engine does with random numbers shows in the losses."""

    name = "noisy"

    def train_data(self, data_dir: Any) -> Any: ...

    def eval_data(self, data_dir: Any) -> Any: ...

    def prepare(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return x + 0.1 * torch.rand_like(x), y

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 1))

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return ((model(x) - y) ** 2).mean()


class DrawsOnTheHost(Noisy):
    def prepare(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return x * random.random(), y


def learner(workload: Workload, *, lr_on: torch.device | None = None, **settings: Any) -> Learner:
    trial = TrialConfig(**{"batch_size": 8, "lr": 0.05, "seed": 0, "max_iterations": 12} | settings)
    torch.manual_seed(0)
    model = workload.model()
    optimizer = make_optimizer(model.parameters(), trial, lr_on=lr_on)
    schedule = make_schedule(optimizer, Plan(trial, epoch_examples=80, evaluated_examples=1))
    return Learner(workload, model, optimizer, schedule, micro_batch=trial.settings.micro_batch or 8, may_halve=True)


def replayed_later(work: Work) -> Work:
    return work


def graphs(workload: Workload | None = None, capture: Capture = replayed_later, **settings: Any) -> GraphEngine:
    subject = learner(workload or Noisy(), lr_on=CPU, **settings)
    return GraphEngine(subject, batch_size=8, eager_first=2, losses_kept=20, capture=capture)


def losses(engine: Engine) -> list[float]:
    """Return the losses of a dozen iterations, taken in two stretches."""
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(2)
    found = []
    for index, size in enumerate(SIZES):
        engine.update(engine.prepare((torch.rand(size, 4, generator=generator), torch.ones(size, 1))))
        if index in (4, len(SIZES) - 1):
            found += engine.take().losses.tolist()
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lr_warmup_iterations": 5},
        {"lr_warmup_iterations": 3, "lr_decay": "cosine"},
        {"nesterov": True, "weight_decay": 0.1, "micro_batch": 4},
    ],
)
def test_a_graph_gives_the_losses_of_the_eager_engine_with_any_schedule(settings: dict[str, Any]) -> None:
    assert losses(graphs(**settings)) == pytest.approx(losses(EagerEngine(learner(Noisy(), **settings))), rel=1e-5)


class AnyWidth(Noisy):
    """Takes examples of any width, as padded batches have."""

    def prepare(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return x.sum(dim=1, keepdim=True), y

    def model(self) -> nn.Module:
        return nn.Linear(1, 1)


def test_a_batch_of_another_width_than_the_captured_one_is_trained_on_as_it_is() -> None:
    found = []
    for engine in (graphs(AnyWidth()), EagerEngine(learner(AnyWidth()))):
        for width in (3, 3, 3, 3, 5, 1, 3):  # captured in the third
            engine.update(engine.prepare((torch.arange(8.0 * width).reshape(8, width) / 100, torch.ones(8, 1))))
        found.append(engine.take().losses.tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_a_graph_is_captured_once_after_the_first_iterations_and_replayed_for_every_whole_batch() -> None:
    events: list[str] = []

    def capture(work: Work) -> Work:
        events.append("capture")

        def replay() -> None:
            events.append("replay")
            work()

        return replay

    losses(graphs(capture=capture))
    whole = SIZES.count(8)
    assert events == ["capture"] * 2 + ["replay"] * 2 * (whole - 2)


@pytest.mark.parametrize("refused", [0, 1])
def test_a_workload_that_cant_be_captured_is_trained_eagerly_and_says_why(refused: int) -> None:
    captured: list[Work] = []

    def capture(work: Work) -> Work:
        captured.append(work)
        if len(captured) > refused:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        return work

    engine = graphs(capture=capture)
    assert engine.name == "cuda_graph"
    assert losses(engine) == pytest.approx(losses(EagerEngine(learner(Noisy()))), rel=1e-5)
    assert (engine.name, len(captured)) == ("eager", refused + 1)
    assert engine.complaint == (
        "trained eagerly, it can't be captured in a CUDA graph: operation not permitted when stream is capturing"
    )


def test_a_workload_that_draws_on_the_host_is_not_captured_as_a_graph_would_repeat_what_it_drew() -> None:
    def capture(work: Work) -> Work:
        work()  # as CUDA does with what is no work of the device
        return work

    engine = graphs(DrawsOnTheHost(), capture=capture)
    losses(engine)
    assert engine.name == "eager"
    assert "random numbers on the host" in str(engine.complaint)


def test_a_compiled_engine_gives_the_losses_of_the_eager_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # With the compiler's front half alone: the back half wants a C++ compiler and a minute.
    whole = torch.compile
    monkeypatch.setattr("torch.compile", lambda function, **_: whole(function, dynamic=False, backend="aot_eager"))
    engine = CompiledEngine(learner(Noisy()))
    assert losses(engine) == pytest.approx(losses(EagerEngine(learner(Noisy()))), rel=1e-5)
    assert (engine.name, engine.complaint) == ("compile", None)


def test_a_workload_that_cant_be_compiled_is_trained_eagerly_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Tensor) -> Tensor:
        raise RuntimeError("no compiler")

    monkeypatch.setattr("torch.compile", lambda function, **_: refuse)
    engine = CompiledEngine(learner(Noisy()))
    assert losses(engine) == losses(EagerEngine(learner(Noisy())))
    assert (engine.name, engine.complaint) == ("eager", "trained eagerly, torch.compile failed: no compiler")


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_on_a_gpu_a_trial_has_the_same_losses_by_graphs_and_eagerly(run: Any, optimizer: str, precision: str) -> None:
    settings = {"max_epochs": 3, "batch_size": 100, "optimizer": optimizer, "precision": precision, "lr": 0.003}
    settings |= {"lr_warmup_iterations": 10, "lr_decay": "cosine", "clip_norm": 1.0, "device": "cuda"}
    for engine in ("eager", "cuda_graph"):
        _, study = run(**settings, engine=engine)
    trials = study.trials().set_index("engine_used")
    assert trials["message"].isna().all()
    eager, graph = (study.iterations(trial_id=trials.loc[e, "trial_id"])["loss"] for e in ("eager", "cuda_graph"))
    assert graph.tolist() == pytest.approx(eager.tolist(), rel=1e-3)


def test_losses_are_taken_once_as_float32() -> None:
    for engine in (EagerEngine(learner(Noisy())), graphs()):
        for _ in range(3):
            engine.update(engine.prepare((torch.rand(8, 4), torch.ones(8, 1))))
        taken = engine.take().losses
        assert (taken.dtype, taken.shape) == (torch.float32, (3,))
        engine.update(engine.prepare((torch.rand(8, 4), torch.ones(8, 1))))
        assert engine.take().losses.shape == (1,)
