"""A look at evaluations in several batch sizes: what may not depend on them, and what is done where it does."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
import torchmetrics
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, dropout, normalize

from bs_study.workloads.base import Workload
from bs_study.workloads.check import read_data
from bs_study.workloads.check_batch import Look, look_at
from bs_study.workloads.check_shapes import Sizes
from tests.workloads.tasks import NOWHERE, Task, points


def seen(eval_batch_size: int = 1000, **parts: Any) -> Look:
    workload: Workload = type("Mine", (Task,), parts)()
    return look_at(workload, *read_data(workload, NOWHERE), sizes=Sizes((), eval_batch_size))


def of_all(value: Tensor, x: Tensor) -> dict[str, Tensor]:
    return {"score": value.expand(len(x))}


def f1(said: Tensor, true: Tensor) -> Tensor:
    return 2 * (said & true).sum() / (said.sum() + true.sum()).clamp(min=1)


def of_no_class(s: Any) -> nn.Module:
    model = nn.Linear(4, 3)
    nn.init.zeros_(model.weight)
    nn.init.constant_(model.bias, -1)
    return model


def updated(s: Any, *arguments: Tensor) -> dict[str, Any]:
    s.metric.update(*arguments)
    return {"score": s.metric}


OF_ITS_BATCH: dict[str, dict[str, Any]] = {
    "an RMSE": {"metrics": lambda s, m, x, y: of_all((m(x)[:, 0] - y).square().mean().sqrt(), x)},
    "an F1 that is 0 at first": {
        "model": of_no_class,
        "metrics": lambda s, m, x, y: of_all(f1(m(x)[:, 0] > 0, y == 0), x),
    },
    "what is compared with the batch": {"metrics": lambda s, m, x, y: {"score": m(x)[:, 0] > m(x)[:, 0].mean() + 0.5}},
    "hits within the batch": {
        "metrics": lambda s, m, x, y: {"score": (m(x) @ m(x + 0.3).T).argmax(1) == torch.arange(len(x))}
    },
    "a mean of RMSEs": {
        "metric": torchmetrics.MeanMetric(),
        "metrics": lambda s, m, x, y: updated(s, (m(x)[:, 0] - y).square().mean().sqrt()),
    },
    # torchmetrics takes the sigmoid of those batches alone in which one goes beyond 0 and 1.
    "an F1 of logits": {
        "metric": torchmetrics.F1Score(task="binary"),
        "metrics": lambda s, m, x, y: updated(s, m(x)[:, 0], (y == 0).long()),
    },
}


@pytest.mark.parametrize("parts", OF_ITS_BATCH.values(), ids=OF_ITS_BATCH)
def test_a_metric_that_depends_on_the_batch_is_refused_with_both_values_and_sizes(parts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^task\.metrics: 'score' depends on the batch size .*torchmetrics") as caught:
        seen(**parts)
    first, second = re.findall(r"([\d.]+) (?:for 30 held-out examples at once|in batches of \d)", str(caught.value))
    assert first != second


def test_a_model_that_looks_at_its_batch_in_an_evaluation_is_what_is_named() -> None:
    def model(s: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3))

    with pytest.raises(ValueError, match=r"'norm' depends on the batch size .*track_running_stats=False"):
        seen(model=model, metrics=lambda s, m, x, y: {"norm": m(x).norm(dim=1)})


class Chaos(nn.Module):
    """Turns what is rounded in its first step into any other number."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.out = nn.RNNCell(4, 32), nn.Linear(32, 3)
        with torch.no_grad():
            self.step.weight_hh.mul_(20)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(len(x), 32)
        for _ in range(30):
            state = self.step(x, state)
        return self.out(state)  # type: ignore[no-any-return]


BY_CHANCE: dict[str, dict[str, Any]] = {
    "dropout": {"metrics": lambda s, m, x, y: {"hit": m(dropout(x, 0.5)).argmax(1) == y}},
    "one draw for a batch": {"metrics": lambda s, m, x, y: of_all(torch.rand(()), x)},
    "rounding": {"model": lambda s: Chaos()},
    "rounding of coarse weights": {
        "model": lambda s: nn.Linear(4, 3).bfloat16(),
        "loss": lambda s, m, x, y: cross_entropy(m(x.bfloat16()).float(), y),
        "metrics": lambda s, m, x, y: {"norm": m(x.bfloat16()).norm(dim=1)},
    },
}


@pytest.mark.parametrize("parts", BY_CHANCE.values(), ids=BY_CHANCE)
def test_what_chance_or_rounding_changes_is_no_matter_of_the_batch(parts: dict[str, Any]) -> None:
    assert seen(**parts).warnings == ()


WEIGHTS = torch.tensor([1.0, 9.0, 4.0])


def weighted(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(m(x), y, weight=WEIGHTS)


def ignoring(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(m(x), torch.where(x[:, 0] > 0, -100, y))


FITS: dict[str, dict[str, Any]] = {
    "class weights": {"loss": weighted, "loss_weight": lambda s, x, y: WEIGHTS[y].sum()},
    # some batch of three has none that counts: its loss is 0 / 0
    "ignored labels": {"loss": ignoring, "loss_weight": lambda s, x, y: (x[:, 0] <= 0).sum()},
    "a penalty": {"loss": lambda s, m, x, y: cross_entropy(m(x), y) + m.weight.square().sum()},
}


@pytest.mark.parametrize("parts", FITS.values(), ids=FITS)
def test_a_loss_whose_weight_fits_needs_no_batch_size(parts: dict[str, Any]) -> None:
    found = seen(metrics=lambda s, m, x, y: {}, **parts)
    assert (found.warnings, found.loss_batch) == ((), None)


def test_a_weight_that_does_not_fit_is_refused_with_both_losses() -> None:
    told = r"^task\.loss_weight: does not fit the loss: [\d.]+ for 30 .* at once, [\d.]+ in batches of \d\. Return"
    for metrics in (lambda s, m, x, y: {}, lambda s, m, x, y: {"loss": x[:, 0]}):
        with pytest.raises(ValueError, match=told):
            seen(loss=weighted, loss_weight=lambda s, x, y: WEIGHTS[y].square().sum(), metrics=metrics)
    with pytest.raises(ValueError, match=r"task\.loss_weight: returns \(30|task\.loss_weight: returns \(8,\)"):
        seen(loss=weighted, loss_weight=lambda s, x, y: WEIGHTS[y])
    with pytest.raises(ValueError, match=r"task\.loss_weight: returns -1\. "):
        seen(loss_weight=lambda s, x, y: -1)


def contrastive_of_16(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    if len(x) > 16:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    z = normalize(m(x))
    return cross_entropy(10 * z @ normalize(m(x + 0.1)).T, torch.arange(len(x)))


def pairs(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    found = torch.cdist(m(x), m(x))
    return binary_cross_entropy_with_logits(-found, (y[:, None] == y).float())


AT_ONCE: dict[str, dict[str, Any]] = {
    "class weights": {"loss": weighted},
    "class weights, all logits 0": {"loss": weighted, "model": of_no_class},
    "ignored labels": {"loss": ignoring},
    "pairs": {"loss": pairs},
}


@pytest.mark.parametrize("parts", AT_ONCE.values(), ids=AT_ONCE)
@pytest.mark.parametrize("eval_batch_size", [4, 1000])
def test_a_loss_that_is_no_mean_over_examples_is_computed_for_the_whole_set_where_that_can_be_done(
    parts: dict[str, Any], eval_batch_size: int
) -> None:
    found = seen(eval_batch_size, **parts)
    assert found.loss_batch == 30
    (warning,) = found.warnings
    assert re.match(
        r"task\.loss: is no mean over examples.* for all held-out examples at once\. .*loss_weight", warning
    )


def large(s: Any, d: Any) -> tuple[Tensor, Tensor]:
    return points(30_000)


IN_BATCHES: dict[str, dict[str, Any]] = {
    "no more fit": {"loss": contrastive_of_16},
    "more than 1 GiB": {"loss": pairs, "eval_data": large},
    "a Dataset": {"loss": weighted, "eval_data": lambda s, d: list(zip(*points(30), strict=True))},
}


@pytest.mark.parametrize("parts", IN_BATCHES.values(), ids=IN_BATCHES)
def test_where_it_can_not_the_batch_size_is_named(parts: dict[str, Any]) -> None:
    found = seen(16, **parts)
    assert found.loss_batch == 16
    warning = found.warnings[-1]
    assert re.match(r"task\.loss: is no mean over examples.* in batches of 16, on which its value depends\. ", warning)


def test_metrics_that_give_the_loss_of_each_example_need_no_more() -> None:
    found = seen(loss=weighted, metrics=lambda s, m, x, y: {"loss": cross_entropy(m(x), y, reduction="none")})
    assert (found.warnings, found.loss_batch) == ((), None)
    assert math.isclose(found.initial["loss"], math.log(3), rel_tol=0.5)


def rare(s: Any, d: Any) -> tuple[Tensor, Tensor]:
    return points(4000)[0], torch.zeros(4000, dtype=torch.long).index_fill(0, torch.tensor([1234, 2345]), 1)


def test_class_weights_are_seen_where_the_class_is_rare() -> None:
    found = seen(32, loss=weighted, eval_data=rare)
    assert found.loss_batch == 4000


def test_a_dataset_that_is_one_batch_is_computed_at_once() -> None:
    found = seen(1000, loss=weighted, eval_data=lambda s, d: list(zip(*points(30), strict=True)))
    assert found.loss_batch == 30
    assert "for all held-out examples at once" in found.warnings[-1]


class TimeFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.steps, self.out = nn.LSTM(4, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.steps(x.unsqueeze(1))[0][:, -1])  # type: ignore[no-any-return]


def test_a_model_that_mixes_examples_is_pointed_to() -> None:
    told = "output for an example depends on the others of its batch: its LSTM .* batch_first=True"
    with pytest.raises(ValueError, match=told):
        seen(model=lambda s: TimeFirst(), metrics=lambda s, m, x, y: {"hit": m(x).argmax(1) == y})
    (warning,) = seen(model=lambda s: TimeFirst(), metrics=lambda s, m, x, y: {}).warnings
    assert re.search(told, warning)
