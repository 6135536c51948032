from __future__ import annotations

import math
import timeit

import pytest
import torch

from bs_study.training.clock import Clocks, HostTimeline, load_and_compute, timeline
from bs_study.training.engine import EagerEngine
from bs_study.training.learner import Learner
from bs_study.workloads.mnist import Mnist


def test_loads_and_computes_are_summed_over_iterations_and_what_lies_between_them_is_neither() -> None:
    # iteration 1: loads 0-1, computes 1-3; then a gap of 2; iteration 2: loads 5-5.5, computes 5.5-6
    assert load_and_compute([0, 1, 3, 5, 5.5, 6]) == (1.5, 2.5)


def test_a_timeline_counts_from_its_first_mark_and_starts_anew_when_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 100.5, 103.0, 200.0, 201.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    line = HostTimeline()
    for _ in range(3):
        line.mark()
    assert line.take_seconds() == [0.0, 0.5, 3.0]
    line.mark()
    line.mark()
    assert line.take_seconds() == [0.0, 1.0]


def test_a_cpu_is_timed_by_the_clock_of_the_host() -> None:
    assert isinstance(timeline(torch.device("cpu")), HostTimeline)


def test_the_epochs_clocks_start_anew_with_each_epoch_and_the_trials_go_on() -> None:
    clocks = Clocks()
    clocks.add_training(3.0, load=1.0, compute=1.5, iterations=3)
    clocks.start_epoch()
    clocks.add_training(2.0, load=0.25, compute=1.0, iterations=2)
    epoch = {"timed_iterations": 2, "epoch_seconds": 2.0, "load_seconds": 0.25, "compute_seconds": 1.0}
    assert clocks.of_epoch == epoch
    assert clocks.of_trial == {
        "timed_iterations": 5,
        "train_seconds": 5.0,
        "load_seconds": 1.25,
        "compute_seconds": 2.5,
    }


def test_a_clock_that_covers_no_iteration_is_not_known_and_never_0() -> None:
    clocks = Clocks()
    assert [name for name, value in clocks.of_trial.items() if not math.isnan(value)] == ["timed_iterations"]
    assert clocks.of_trial["timed_iterations"] == 0
    clocks.add_training(3.0, load=0.0, compute=1.5, iterations=1)
    clocks.start_epoch()
    assert clocks.of_trial["load_seconds"] == 0
    timed, *seconds = clocks.of_epoch.values()
    assert timed == 0
    assert all(math.isnan(each) for each in seconds)


def test_training_is_in_no_clock_of_pauses() -> None:
    clocks = Clocks()
    clocks.add_training(3.0, load=1.0, compute=1.5, iterations=3)
    assert (clocks.eval_seconds, clocks.write_seconds, clocks.warmup_seconds) == (0, 0, 0)


def test_the_clock_costs_less_than_a_hundredth_of_an_iteration_of_mnist_at_batch_size_1() -> None:
    workload = Mnist()
    model = workload.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, fused=True)
    batch = workload.prepare(torch.zeros(1, 28, 28, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    engine = EagerEngine(Learner(workload, model, optimizer, None, micro_batch=1, may_halve=True))
    line = HostTimeline()
    iteration = min(timeit.repeat(lambda: engine.update(batch), number=20, repeat=10)) / 20
    three_marks = 3 * min(timeit.repeat(line.mark, number=1000, repeat=10)) / 1000
    assert three_marks < 0.01 * iteration


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_timed_until_it_has_finished_not_until_it_was_asked() -> None:
    device = torch.device("cuda")
    matrix = torch.rand(8192, 8192, device=device)
    line = timeline(device)
    for _ in range(2):
        line.mark()
        for _ in range(20):
            matrix = matrix @ matrix
    line.mark()
    seconds = line.take_seconds()
    # 40 products of 1.1e12 operations each take a GPU of at most 1e15 a second 44 ms at least.
    assert seconds[-1] > 0.04


def test_what_a_trial_took_counts_its_warm_up_as_iterations_like_the_timed_ones() -> None:
    clocks = Clocks(warmup_seconds=100.0, eval_seconds=3.0, write_seconds=1.0)
    assert clocks.seconds(2) is None  # all of it was warm-up
    clocks.add_training(8.0, load=1.0, compute=7.0, iterations=2)
    clocks.start_epoch()
    clocks.add_training(8.0, load=1.0, compute=7.0, iterations=2)
    assert clocks.seconds(6) == 6 * 4 + 3 + 1
