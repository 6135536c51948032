"""A trial whose batch does not fit: halved where that trains the same, else refused with the reason."""

from __future__ import annotations

import pytest

from tests.training.recorded import Run, losses, row


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odd_losses.Circle.fits", 32)


def settings(name: str) -> dict[str, object]:
    return {"workload": f"odd_losses:{name}", "batch_size": 64, "max_iterations": 8}


@pytest.mark.parametrize("name", ["Contrast", "Weighted", "Centred"])
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
