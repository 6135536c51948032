"""Micro-batches that would train something else are refused before the grid."""

from __future__ import annotations

import pytest

from bs_study.config import StudyConfig
from bs_study.launch.look_at_parts import parts_warnings
from bs_study.workloads import load_workload


def seen(workload: str, *, micro_batch: int | None = 4, batch_sizes: tuple[int, ...] = (4, 64)) -> list[str]:
    config = StudyConfig(
        workload=workload, batch_sizes=batch_sizes, lrs=(0.1,), max_iterations=1, micro_batch=micro_batch
    )
    loaded = load_workload(workload)
    return parts_warnings(config, loaded, loaded.train_data(None))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Weighted", "Contrast"])
def test_micro_batches_of_a_loss_that_is_no_mean_over_examples_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^micro_batch: 4, but its .* no mean over examples .*loss_weight"):
        seen(f"odd_losses:{name}")
    assert seen(f"odd_losses:{name}", micro_batch=None) == []
    assert seen(f"odd_losses:{name}", batch_sizes=(2, 4)) == []  # no batch is split


@pytest.mark.parametrize("name", ["Circle", "WeightedByItsWeights", "Tokens", "Dropped"])
def test_those_that_add_up_are_let_through(name: str) -> None:
    assert seen(f"odd_losses:{name}") == []


def test_batch_statistics_of_parts_are_a_choice_that_is_warned_of() -> None:
    (warning,) = seen("faulty_workloads:FitsWithBatchNorm")
    assert "BatchNorm" in warning
    assert "another model" in warning


def test_what_does_not_fit_at_once_is_looked_at_in_fewer_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odd_losses.Circle.fits", 20)
    with pytest.raises(ValueError, match="no mean over examples"):
        seen("odd_losses:Contrast")
    monkeypatch.setattr("odd_losses.Circle.fits", 1)
    (warning,) = seen("odd_losses:Circle", micro_batch=1)
    assert "was not seen" in warning
