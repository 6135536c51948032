"""Parts stand for a batch only where they were seen to add up to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from bs_study.training.additivity import fault_of_parts, has_batch_statistics
from bs_study.training.randomness import host_random_state
from bs_study.workloads import load_workload


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fault(name: str, *, seed: int = 0, count: int = 64, model: nn.Module | None = None) -> str | None:
    """Return what is found of so many examples, drawn like the weights by a seed."""
    workload = load_workload(f"odd_losses:{name}")
    torch.manual_seed(seed)
    model = model or workload.model()
    data = workload.train_data(None)  # type: ignore[arg-type]
    rows = torch.randperm(len(data[0]))[:count]  # type: ignore[index]
    return fault_of_parts(workload, model, tuple(part[rows] for part in data))  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["Circle", "WeightedByItsWeights", "Tokens", "TokensByMask", "Noised"])
@pytest.mark.parametrize("count", [2, 3, 64])
def test_parts_of_a_mean_add_up_by_whatever_it_divides_by(name: str, count: int) -> None:
    assert fault(name, count=count) is None


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", ["Weighted", "WeightedAndDropped", "WeightedAndNoised", "Contrast", "Centred"])
def test_parts_of_what_is_no_mean_over_examples_do_not_add_up(name: str, seed: int) -> None:
    assert "no mean over examples" in str(fault(name, seed=seed))


def test_chance_alone_never_tells_against_dropout() -> None:
    assert [fault("Dropped", seed=seed, count=24) for seed in range(50)] == [None] * 50


def test_the_numbers_that_differ_are_told() -> None:
    torch.manual_seed(0)
    found = fault("Contrast", count=2, model=nn.Linear(2, 8))
    # Of one example among one the loss is 0, so parts of one give 0.
    assert str(found).endswith("for 2, but 0 by their parts)")


def test_batch_norm_is_left_to_who_asks_and_a_loss_beside_it_is_not() -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    assert has_batch_statistics(model)
    assert not has_batch_statistics(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)))
    assert fault("Circle", model=model) is None
    assert fault("Contrast", model=model) is not None


def test_a_batch_norm_that_stays_in_evaluation_mode_has_no_batch_statistics() -> None:
    class Frozen(nn.BatchNorm1d):
        def train(self, mode: bool = True) -> Frozen:
            return super().train(False)

    model = nn.Sequential(nn.Linear(2, 8), Frozen(8), nn.Linear(8, 2))
    modes = [module.training for module in model.modules()]
    assert not has_batch_statistics(model)
    assert [module.training for module in model.modules()] == modes
    model.train()
    assert fault("Circle", model=model) is None
    assert fault("Weighted", model=model) is not None
    assert has_batch_statistics(nn.BatchNorm1d(8).eval())


def test_a_loss_that_is_not_finite_shows_nothing() -> None:
    model = nn.Linear(2, 2)
    nn.init.constant_(model.weight, float("nan"))
    assert fault("Circle", model=model) == "its loss or gradients are not finite"


def test_a_recurrent_model_with_dropout_adds_up() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(1, 4, batch_first=True)
            self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(4, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.lstm(x.unsqueeze(2))[0][:, -1])

    assert fault("Circle", model=Recurrent(), count=12) is None
    assert fault("Weighted", model=Recurrent(), count=12) is not None


def test_sparse_and_unused_and_half_precision_parameters_are_compared_too() -> None:
    tokens = nn.Sequential(nn.Embedding(8, 4, sparse=True), nn.Linear(4, 8))
    tokens.register_parameter("unused", nn.Parameter(torch.ones(3)))
    assert fault("Tokens", model=tokens) is None
    assert fault("Tokens", model=nn.Sequential(nn.Embedding(8, 4), nn.Linear(4, 8)).bfloat16()) is None


def test_the_look_leaves_no_trace() -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.utils.parametrizations.spectral_norm(
        nn.Linear(8, 8)), nn.Linear(8, 2))  # fmt: skip
    model[1].eval()
    model(torch.ones(4, 2)).sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [parameter.grad for parameter in model.parameters()]
    modes = [module.training for module in model.modules()]
    workload = load_workload("odd_losses:Circle")
    batch = workload.train_data(None)  # type: ignore[arg-type]
    drawn = host_random_state()
    fault_of_parts(workload, model, batch)  # type: ignore[arg-type]
    assert host_random_state() == drawn
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is gradient for p, gradient in zip(model.parameters(), gradients, strict=True))
    assert [module.training for module in model.modules()] == modes
