"""The race of kernels, what is remembered of it, and that it changes nothing but the time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from bs_study.config import TrialConfig
from bs_study.training.calibration import Stopwatch, adds_up, fastest_kernels
from bs_study.training.kernel_cache import cached_kernels
from bs_study.training.kernels import KERNELS, KernelName, Kernels, evaluation_kernels, use_kernels
from bs_study.training.learner import Learner
from bs_study.training.randomness import host_random_state
from bs_study.workloads import load_workload
from tests.training.recorded import Run

X, Y = torch.linspace(-1, 1, 4000).unsqueeze(1), torch.ones(4000, 1)


@pytest.fixture(autouse=True)
def usual_kernels() -> Iterator[None]:
    yield
    use_kernels("onednn", nn.Identity())


def learner(model: nn.Module | None = None, loss: Callable[..., Tensor] | None = None) -> Learner:
    workload = load_workload("toy_workloads:Line")
    if loss:
        workload.loss = loss  # type: ignore[method-assign]
    model = model or nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Learner(workload, model, optimizer, None, micro_batch=4000, may_halve=True)


def taking(seconds: Callable[[Learner, int, KernelName], float]) -> Stopwatch:
    """Return a stopwatch by which a computation of gradients takes so long: by learner, examples, kernels."""
    return lambda learner, batch, name: seconds(learner, len(batch[0]), name)


@pytest.mark.parametrize(("fastest", "share", "expected"), [(2, 0.5, 2), (1, 0.9, 1), (1, 0.97, 0), (0, 1.0, 0)])
def test_the_fastest_kernels_win_and_the_usual_ones_where_none_is_clearly_faster(
    fastest: int, share: float, expected: int
) -> None:
    seconds = taking(lambda _, count, name: 1e-6 * count * (share if name == KERNELS[fastest] else 1))
    assert fastest_kernels(learner(), (X, Y), may_split=False, seconds=seconds) == Kernels(KERNELS[expected], 4000)


def test_a_large_batch_is_split_where_parts_take_less_time() -> None:
    seconds = taking(lambda learner, count, _: 1e-9 * count * (1 + abs(learner.micro_batch - 512)))
    assert fastest_kernels(learner(), (X, Y), seconds=seconds).micro_batch == 512


def test_a_batch_is_split_only_if_the_gradients_of_its_parts_add_up_to_its_own() -> None:
    def centred(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        output = model(x)
        return mse_loss(output - output.mean(), y)

    assert adds_up(learner(), (X, Y))
    assert not adds_up(learner(loss=centred), (X, Y))


def test_a_model_that_takes_long_gets_a_short_race() -> None:
    counts: list[int] = []
    seconds = taking(lambda _, count, __: counts.append(count) or 0.05 * count)  # type: ignore[func-returns-value]
    fastest_kernels(learner(), (X, Y), seconds=seconds)
    assert max(counts) <= 8


def test_kernels_that_a_model_cant_use_are_out_of_the_race() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).view(len(x), -1).sum(1, keepdim=True)  # wants the usual order of dimensions

    batch = (torch.rand(16, 2, 8, 8), torch.ones(16, 1))
    names: tuple[KernelName, ...] = ("onednn_channels_last", "onednn")
    assert fastest_kernels(learner(Views()), batch, names=names).name == "onednn"


def three_dimensional() -> nn.Module:
    return nn.Sequential(nn.Conv3d(1, 2, 2), nn.Flatten(), nn.Linear(16, 1))


def not_to_be_copied() -> nn.Module:
    return nn.Sequential(nn.utils.weight_norm(nn.Conv2d(1, 2, 2)), nn.Flatten(), nn.Linear(18, 1))


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize(("make", "shape"), [(three_dimensional, (1, 3, 3, 3)), (not_to_be_copied, (1, 4, 4))])
def test_a_model_that_cant_race_has_usable_kernels_all_the_same(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    subject, batch = learner(make()), (torch.rand(16, *shape), torch.ones(16, 1))
    use_kernels(fastest_kernels(subject, batch).name, subject.model)
    assert subject.update(batch).losses.isfinite()


def test_after_an_evaluation_the_model_has_its_own_tensors_and_kernels_again() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 1))
    use_kernels("native", model)

    def held() -> list[tuple[int, tuple[int, ...]]]:
        return [(parameter.data_ptr(), parameter.stride()) for parameter in model.parameters()]

    before, images = held(), torch.rand(3, 1, 8, 8)
    output = model(images)
    with evaluation_kernels(model):
        assert torch.backends.mkldnn.enabled
        assert model[1].weight.is_contiguous(memory_format=torch.channels_last)
        assert torch.allclose(model(images), output, atol=1e-5)
    assert not torch.backends.mkldnn.enabled
    assert held() == before
    assert torch.equal(model(images), output)


def test_a_model_that_cant_use_the_kernels_of_evaluations_is_judged_by_its_own(run: Run) -> None:
    _, study = run(workload="toy_workloads:Views", max_epochs=2)
    assert study.evaluations()["accuracy"].max() > 0.5


def test_what_prepare_adds_that_is_not_by_example_stays_whole() -> None:
    def weighted(model: nn.Module, x: Tensor, y: Tensor, weights: Tensor, share: Tensor) -> Tensor:
        return mse_loss(model(x), y) * weights.sum() * share

    batch = (X, Y, torch.ones(3), torch.tensor(0.5))
    assert adds_up(learner(loss=weighted), batch)
    assert fastest_kernels(learner(loss=weighted), batch).micro_batch <= 4000


def test_the_race_leaves_weights_gradients_statistics_and_random_numbers_as_they_were() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(144, 1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    drawn = host_random_state()
    fastest_kernels(learner(model), (torch.rand(16, 1, 8, 8), torch.ones(16, 1)))
    torch.manual_seed(3)
    assert host_random_state() == drawn
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", KERNELS)
def test_all_kernels_compute_the_same_but_for_the_last_digits(name: KernelName) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten())
    x = torch.rand(8, 2, 12, 12)
    use_kernels("onednn", model)
    expected = model(x)
    use_kernels(name, model)
    assert torch.allclose(model(x), expected, atol=1e-6)
    assert torch.backends.mkldnn.enabled == name.startswith("onednn")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "bs_study" / "kernels"


KIND: dict[str, object] = {"model": "a line", "batch": 8}


def test_the_first_choice_counts_for_all_trials_of_a_kind_on_a_machine(cache: Path) -> None:
    assert cached_kernels(KIND, lambda: Kernels("native", 8)) == Kernels("native", 8)
    assert cached_kernels(KIND, lambda: Kernels("onednn", 4)) == Kernels("native", 8)
    assert cached_kernels(KIND | {"batch": 9}, lambda: Kernels("onednn", 9)) == Kernels("onednn", 9)
    assert len(list(cache.iterdir())) == 2


def test_trials_that_choose_at_the_same_time_agree(cache: Path) -> None:
    barrier = threading.Barrier(4)
    found = []

    def choose(number: int) -> None:
        def find() -> Kernels:
            barrier.wait(10)
            return Kernels("native", number)

        found.append(cached_kernels(KIND, find))

    threads = [threading.Thread(target=choose, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert len(found) == 4
    assert len(set(found)) == 1


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": "magic", "micro_batch": 8}', '{"name": "native"}'])
def test_a_file_that_says_nothing_is_replaced(cache: Path, text: str) -> None:
    cached_kernels(KIND, lambda: Kernels("native", 8))
    (file,) = cache.iterdir()
    file.write_text(text)
    assert cached_kernels(KIND, lambda: Kernels("onednn", 8)) == Kernels("onednn", 8)
    assert json.loads(file.read_text())["name"] == "onednn"


def test_without_a_place_for_a_file_each_trial_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert cached_kernels(KIND, lambda: Kernels("native", 8)) == Kernels("native", 8)


def test_kernels_are_those_asked_for_or_the_usual_ones_where_there_is_nothing_to_choose(run: Any) -> None:
    _, study = run(max_iterations=2, kernels="native_channels_last", micro_batch=16)
    trial = study.trials().iloc[0]
    assert (trial["kernels_used"], trial["micro_batch_used"]) == ("native_channels_last", 16)


def test_a_resumed_trial_computes_as_it_began(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class StopError(Exception):
        pass

    reports = []

    def stop(_: object) -> None:
        reports.append(1)
        if len(reports) == 2:  # the first comes before a checkpoint
            raise StopError

    chosen = iter([Kernels("native", 32), Kernels("onednn", 64)])
    monkeypatch.setattr("bs_study.training.assembly.cached_kernels", lambda *_: next(chosen))
    monkeypatch.setattr("bs_study.training.run.STRETCH_SECONDS", 0)  # a look at the clock after each iteration
    settings = {"max_iterations": 60}
    with pytest.raises(StopError):
        run(checkpoint_seconds=1e-9, report_seconds=0, report=stop, **settings)
    _, study = run(**settings)
    trial = study.trials().iloc[0]
    assert (trial["kernels_used"], trial["micro_batch_used"], trial["attempts"]) == ("native", 32, 2)


def test_a_setting_of_kernels_is_a_part_of_the_trial() -> None:
    plain, native = (
        TrialConfig(batch_size=8, lr=0.1, seed=0, max_iterations=1, **s) for s in ({}, {"kernels": "native"})
    )
    assert plain.trial_id != native.trial_id
