"""A trial whose batch does not fit: halved where that trains the same, else refused with the reason."""

from __future__ import annotations

import pytest
import torch

from bs_study.training.learner import Learner
from bs_study.workloads import load_workload
from tests.training.recorded import Run, losses, row


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odd_losses.Circle.fits", 32)


def settings(name: str) -> dict[str, object]:
    return {"workload": f"odd_losses:{name}", "batch_size": 64, "max_iterations": 8}


@pytest.mark.parametrize("name", ["Contrast", "Weighted", "Imbalanced", "Centred"])
def test_what_is_no_mean_over_examples_is_not_halved_and_says_so(run: Run, name: str) -> None:
    ending, study = run(**settings(name))
    assert (ending.status, ending.iterations) == ("out_of_memory", 0)
    message = str(row(study)["message"])
    assert message.startswith("DefaultCPUAllocator: can't allocate memory. The batch was not halved: its ")
    assert "no mean over examples" in message
    assert "loss_weight" in message
    assert row(study)["micro_batch_used"] == 64


@pytest.mark.parametrize("name", ["Circle", "WeightedByItsWeights", "Tokens"])
def test_what_adds_up_is_halved_and_trains_as_the_whole_batch(
    run: Run, paths: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, study = run(**settings(name))
    assert (ending.status, row(study)["micro_batch_used"]) == ("completed", 32)
    halved = losses(study)
    paths.remove(paths.root)  # type: ignore[attr-defined]
    monkeypatch.setattr("odd_losses.Circle.fits", 10**9)
    _, study = run(**settings(name))
    assert row(study)["micro_batch_used"] == 64
    assert halved == pytest.approx(losses(study), rel=1e-5)


@pytest.mark.parametrize("name", ["Dropped", "Noised"])
def test_random_numbers_do_not_hinder_it(run: Run, name: str) -> None:
    ending, study = run(**settings(name))
    assert (ending.status, row(study)["micro_batch_used"]) == ("completed", 32)


@pytest.mark.parametrize("name", ["WeightedByItsWeights", "Tokens", "TokensByMask"])
def test_micro_batches_that_are_asked_for_count_by_loss_weight(run: Run, paths: object, name: str) -> None:
    found = []
    for micro_batch in (None, 4, 1):
        paths.remove(paths.root)  # type: ignore[attr-defined]
        found.append(losses(run(**settings(name) | {"batch_size": 32}, micro_batch=micro_batch)[1]))
    assert found[1] == pytest.approx(found[0], rel=1e-5)
    assert found[2] == pytest.approx(found[0], rel=1e-5)


def test_rare_labels_that_no_batch_held_so_far_count_too(run: Run) -> None:
    for seed in range(4):  # some of which begin with a batch of the common class alone
        ending, _ = run(**settings("Imbalanced") | {"batch_size": 40, "max_iterations": 4, "seed": seed})
        assert ending.status == "out_of_memory"


def test_a_loss_that_was_seen_to_be_no_mean_is_not_halved() -> None:
    workload = load_workload("odd_losses:Circle")
    model = workload.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = Learner(workload, model, optimizer, None, micro_batch=64, may_halve=True, adds_up_not=True)
    batch = tuple(part[:64] for part in workload.train_data(None))  # type: ignore[arg-type, union-attr]
    with pytest.raises(MemoryError, match="not halved: its loss is no mean over examples, as was seen"):
        learner.update(batch)
