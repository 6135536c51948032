from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch.utils.data import Dataset

from bs_study.training.data import DataSets, load_data
from bs_study.workloads import load_workload
from bs_study.workloads.base import Data, examples_in


def loaded(name: str = "Line", **settings: int) -> DataSets:
    return load_data(type(load_workload(f"toy_workloads:{name}")), Path(), **settings)


def inputs(data: Data) -> list[float]:
    values = data[0] if isinstance(data, tuple) else [data[i][0] for i in range(examples_in(data))]
    return [round(float(value), 5) for value in values]


def test_without_validation_examples_the_held_out_set_judges() -> None:
    data = loaded()
    assert (examples_in(data.train), examples_in(data.held_out), data.test) == (64, 10, None)


@pytest.mark.parametrize("workload", ["Line", "LineFromDataset"])
def test_validation_examples_are_taken_out_of_the_training_set_and_the_held_out_set_becomes_the_test_set(
    workload: str,
) -> None:
    whole = loaded(workload)
    data = loaded(workload, validation_examples=20)
    assert (examples_in(data.train), examples_in(data.held_out)) == (44, 20)
    assert sorted(inputs(data.train) + inputs(data.held_out)) == inputs(whole.train)
    assert data.test is not None
    assert inputs(data.test) == inputs(whole.held_out)
    assert isinstance(data.train, Dataset) == isinstance(whole.train, Dataset)


def test_the_split_is_that_of_its_seed_and_no_mere_slice() -> None:
    first, again, other = (inputs(loaded(validation_examples=20, validation_seed=seed).held_out) for seed in (0, 0, 1))
    assert first == again != other
    whole = inputs(loaded().train)
    assert first not in (whole[:20], whole[-20:])


def test_too_many_validation_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="validation_examples: 64, but the training set has 64 examples"):
        loaded(validation_examples=64)


def test_a_trial_is_judged_by_validation_examples_and_the_test_metrics_are_recorded(run: Any) -> None:
    _, study = run(max_epochs=2, stop_at_target=False, validation_examples=400)
    trials = study.trials()
    trial = trials[trials["validation_examples"] == 400].iloc[0]
    found = study.evaluations(trial_id=trial["trial_id"])
    assert trial["examples"] == 2 * 1037
    assert (found["test_accuracy"] != found["accuracy"]).any()
    # Accuracies are counts over 400 validation and 360 test examples.
    assert (found["accuracy"] * 400).tolist() == pytest.approx((found["accuracy"] * 400).round().tolist())
    assert (found["test_accuracy"] * 360).tolist() == pytest.approx((found["test_accuracy"] * 360).round().tolist())
