from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from bs_study.training.batches import make_batches
from bs_study.training.clock import HostTimeline
from bs_study.training.engine import EagerEngine
from bs_study.training.learner import Learner
from bs_study.training.loop import run_iterations, train_stretch
from bs_study.workloads import Workload, load_workload
from bs_study.workloads.evaluation import evaluate

CPU = torch.device("cpu")
NO_DEADLINE = math.inf


def learner(workload: Workload, *, lr: float = 0.1) -> Learner:
    """Return a line that starts at 0·x + 0, under plain SGD."""
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return Learner(workload, model, optimizer, None, micro_batch=1000, may_halve=True)


def evaluated(subject: Learner, *, batch_size: int = 4) -> dict[str, float]:
    data = subject.workload.eval_data(Path())
    loader = "resident" if isinstance(data, tuple) else "workers"
    batches = make_batches(data, loader=loader, seed=0, batch_size=batch_size, device=CPU)
    return evaluate(subject.workload, subject.model, batches.in_order())


@pytest.fixture
def line() -> Workload:
    return load_workload("toy_workloads:Line")


def test_the_loss_of_an_iteration_is_that_before_its_update(line: Workload) -> None:
    # One example (x, y) = (1, 3) and w = b = 0: loss 9, gradient -6 each, so w = b = 0.6 and the next loss 1.8².
    batch = (torch.ones(1, 1), torch.full((1, 1), 3.0))
    told = run_iterations(
        EagerEngine(learner(line)), itertools.repeat(batch), count=2, deadline=NO_DEADLINE, timeline=HostTimeline()
    )
    assert told.losses.tolist() == pytest.approx([9.0, 1.8**2])


def test_each_iteration_is_marked_before_its_batch_when_that_is_ready_and_after_the_update(line: Workload) -> None:
    events: list[str] = []

    class Recorder:
        def mark(self) -> None:
            events.append("mark")

        def take_seconds(self) -> list[float]:
            return []

    def batches() -> object:
        for _ in range(2):
            events.append("load")
            yield torch.ones(1, 1), torch.ones(1, 1)

    engine = EagerEngine(learner(line))
    run_iterations(engine, batches(), count=2, deadline=NO_DEADLINE, timeline=Recorder())  # type: ignore[arg-type]
    assert events == ["mark", "load", "mark", "mark"] * 2


def test_a_deadline_that_has_passed_ends_the_stretch_after_one_iteration(line: Workload) -> None:
    batch = (torch.ones(1, 1), torch.ones(1, 1))
    engine = EagerEngine(learner(line))
    told = run_iterations(engine, itertools.repeat(batch), count=5, deadline=0.0, timeline=HostTimeline())
    assert len(told.losses) == 1


def test_a_stretch_tells_what_its_marks_say_of_loading_and_computing(line: Workload) -> None:
    class Marks:
        def mark(self) -> None: ...

        def take_seconds(self) -> list[float]:
            return [0.0, 1.0, 3.0, 3.5, 4.0, 7.0]  # 1 s and 0.5 s of loading, 2 s and 3 s of computing

    batch = (torch.ones(1, 1), torch.ones(1, 1))
    engine = EagerEngine(learner(line))
    found = train_stretch(engine, itertools.repeat(batch), count=2, seconds=NO_DEADLINE, timeline=Marks())
    assert (len(found.told.losses), found.load_seconds, found.compute_seconds) == (2, 1.5, 5.0)
    assert 0 < found.seconds < 7


def test_a_stretch_without_any_time_left_is_one_iteration(line: Workload) -> None:
    batch = (torch.ones(1, 1), torch.ones(1, 1))
    engine = EagerEngine(learner(line))
    found = train_stretch(engine, itertools.repeat(batch), count=5, seconds=0.0, timeline=HostTimeline())
    assert len(found.told.losses) == 1


@pytest.mark.parametrize("name", ["Line", "LineFromDataset"])
@pytest.mark.parametrize("batch_size", [1, 3, 10, 1000])
def test_an_evaluation_is_the_mean_over_examples_whatever_its_batch_size(name: str, batch_size: int) -> None:
    workload = load_workload(f"toy_workloads:{name}")
    found = evaluated(learner(workload), batch_size=batch_size)
    x = [-1 + 2 * i / 9 for i in range(10)]
    assert found == {"loss": pytest.approx(sum((2 * value + 1) ** 2 for value in x) / 10, rel=1e-5)}


def test_an_evaluation_leaves_weights_gradients_and_the_mode_of_the_model_as_they_were(line: Workload) -> None:
    subject = learner(line)
    evaluated(subject)
    assert subject.model.training
    assert all(p.grad is None and p.count_nonzero() == 0 for p in subject.model.parameters())


def test_an_evaluation_runs_the_model_in_its_evaluation_mode() -> None:
    workload = load_workload("toy_workloads:TellsItsMode")
    assert evaluated(learner(workload))["is_training"] == 0
