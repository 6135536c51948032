"""Metrics that are odd by themselves: no number with the initial weights, or a mean under another's name."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torchmetrics
from torch import Tensor, nn

from bs_study.workloads.check_metrics import not_finite_warnings
from tests.workloads.tasks import Task, look, with_method


class ZeroHead(Task):
    """Predicts 0 of everything at first, which correlates with nothing: NaN."""

    def __init__(self) -> None:
        self.pearson = torchmetrics.PearsonCorrCoef()

    def model(self) -> Any:
        model = nn.Linear(4, 3)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        return model

    def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
        self.pearson.update(model(batch[0])[:, 1], batch[1].float())
        return {"correlation": self.pearson}


@pytest.mark.filterwarnings("ignore:The variance")
def test_a_torchmetric_that_is_nan_with_the_initial_weights_is_warned_of_and_not_refused() -> None:
    (told,) = look(ZeroHead).warnings
    assert told.startswith("task.metrics: 'correlation' is nan on held-out data with the initial weights.")


def test_an_infinite_mean_is_warned_of_and_a_nan_of_one_example_refused() -> None:
    def values(first: float) -> Any:
        return lambda s, m, x, y: {"score": torch.where(torch.arange(len(x)) == 0, first, x[:, 0])}

    (told,) = look(with_method("metrics", values(math.inf))).warnings
    assert "'score' is inf" in told
    with pytest.raises(ValueError, match=r"^task\.metrics: 'score' is nan .*: a NaN of one example makes the mean NaN"):
        look(with_method("metrics", values(math.nan)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_finite_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"^task\.metrics: 'loss' is"):
        not_finite_warnings("task", {"loss": value}, means=[])


def test_a_mean_under_the_name_of_what_is_none_is_told_with_the_torchmetric_that_is_it() -> None:
    (told,) = look(with_method("metrics", lambda s, m, x, y: {"rmse": (m(x)[:, 0] - y).abs()})).warnings
    assert told == (
        "task.metrics: 'rmse' is the mean of one value per example here, which is no RMSE of the set: "
        "use torchmetrics.MeanSquaredError(squared=False), or give it another name"
    )


def test_a_mean_metric_without_weights_is_told_to_take_them() -> None:
    class Unweighted(Task):
        mean = torchmetrics.MeanMetric()

        def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
            self.mean.update((batch[1] == 0).float().mean())
            return {"share": self.mean}

        def eval_data(self, data_dir: Any) -> Any:
            x, y = super().eval_data(data_dir)
            return x, y.sort().values

    with pytest.raises(ValueError, match=r"'share' depends on the batch size .*update\(value, weight=len\(x\)\)"):
        look(Unweighted)
