"""The losses of parts, by their shares, are the loss of the batch."""

from __future__ import annotations

import pytest
import torch

from bs_study.training.parts import Batch, part_of, summed_loss
from bs_study.workloads import load_workload


def computed(name: str, size: int, batch: Batch | None = None) -> tuple[float, list[torch.Tensor]]:
    """Return the loss of a workload's training set in parts of so many examples, and the gradients."""
    workload = load_workload(f"odd_losses:{name}")
    torch.manual_seed(0)
    model = workload.model()
    batch = batch or workload.train_data(None)  # type: ignore[arg-type, assignment]
    loss = summed_loss(
        lambda *part: workload.loss(model, *part),
        batch,  # type: ignore[arg-type]
        size=size,
        weigh=workload.loss_weight,
        use=torch.Tensor.backward,
    )
    return loss.item(), [parameter.grad for parameter in model.parameters()]  # type: ignore[misc]


@pytest.fixture(params=[True, False], ids=["on-the-host", "without-waiting-for-a-device"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bs_study.training.parts._is_on_host", lambda _: request.param)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["Circle", "WeightedByItsWeights", "Tokens", "TokensByMask"])
@pytest.mark.parametrize("size", [1, 5, 48])
def test_parts_give_loss_and_gradients_of_the_whole_also_where_nothing_of_a_part_counts(name: str, size: int) -> None:
    whole, parts = computed(name, 10**9), computed(name, size)
    assert parts[0] == pytest.approx(whole[0], rel=1e-6)
    for of_parts, of_whole in zip(parts[1], whole[1], strict=True):
        torch.testing.assert_close(of_parts, of_whole, rtol=1e-5, atol=1e-7)


@pytest.mark.usefixtures("place")
def test_where_nothing_of_a_batch_counts_its_parts_are_no_number_as_it_is() -> None:
    nothing = (torch.zeros(8, 6, dtype=torch.int64), torch.full((8, 6), -100))
    for size in (8, 3):
        assert computed("Tokens", size, nothing)[0] != computed("Tokens", size, nothing)[0]


def test_what_is_not_by_example_stays_whole() -> None:
    whole = torch.arange(3)
    part = part_of((torch.arange(10), whole, torch.tensor(1)), 2, 5)
    assert part[0].tolist() == [2, 3, 4]
    assert part[1] is whole
