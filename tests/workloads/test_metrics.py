"""Metrics of an evaluation: what they are worked out to, whatever its batches; and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torchmetrics
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics.text import Perplexity

from bs_study.workloads.check_batch import Look
from bs_study.workloads.evaluation import evaluate
from bs_study.workloads.metrics import MetricKind, directions
from tests.workloads.tasks import Task, look, points

HELD_OUT = points(100)


def batches(size: int) -> list[tuple[Tensor, ...]]:
    return list(zip(*(part.split(size) for part in HELD_OUT), strict=True))


def model() -> nn.Module:
    torch.manual_seed(1)
    return nn.Linear(4, 3)


class Judged(Task):
    """Gives torchmetrics beside values for each example."""

    shared: ClassVar[Any] = torchmetrics.R2Score()

    def __init__(self) -> None:
        self.f1 = torchmetrics.F1Score(task="binary")
        self.perplexity = Perplexity()
        self.more = {"errors": [torchmetrics.MeanSquaredError(squared=False), torchmetrics.MeanMetric()]}
        self.errors = torchmetrics.MetricCollection([torchmetrics.MeanSquaredError(), torchmetrics.MeanAbsoluteError()])
        self.doubled = torchmetrics.MeanSquaredError() * 2

    def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Any]:  # type: ignore[override]
        logits = model(x)
        rmse, mean = self.more["errors"]
        self.f1.update(logits[:, 0].sigmoid(), (y == 0).long())
        self.perplexity.update(logits[:, None], y[:, None])
        for metric in (self.shared, rmse, self.errors, self.doubled):
            metric.update(logits[:, 1], y.float())
        mean.update(logits)
        own = {"f1": self.f1, "perplexity": self.perplexity, "r2": self.shared, "rmse": rmse, "mean": mean}
        return own | {**self.errors, "doubled": self.doubled, "hit": logits.argmax(1) == y, "norm": x.norm(dim=1)}


def by_hand(of: nn.Module) -> dict[str, float]:
    x, y = HELD_OUT
    logits = of(x).detach()
    errors = (logits[:, 1] - y).double()
    said, true = logits[:, 0] > 0, y == 0
    return {
        "f1": 2 * int((said & true).sum()) / int(said.sum() + true.sum()),
        "perplexity": math.exp(cross_entropy(logits, y)),
        "r2": 1 - float(errors.square().sum() / (y - y.double().mean()).square().sum()),
        "rmse": math.sqrt(errors.square().mean()),
        "mean": float(logits.mean()),
        "MeanSquaredError": float(errors.square().mean()),
        "MeanAbsoluteError": float(errors.abs().mean()),
        "doubled": 2 * float(errors.square().mean()),
        "hit": float((logits.argmax(1) == y).double().mean()),
        "norm": float(x.norm(dim=1).mean()),
        "loss": float(cross_entropy(logits, y)),
    }


@pytest.mark.parametrize("size", [2, 7, 1000])
def test_metrics_of_any_kind_and_place_are_those_of_the_whole_set_whatever_the_batch_size(size: int) -> None:
    subject, workload = model(), Judged()
    for _ in range(2):  # a second evaluation begins anew
        assert evaluate(workload, subject, batches(size)) == pytest.approx(by_hand(subject), rel=1e-4)


def test_the_examples_may_come_one_at_a_time() -> None:
    class Single(Task):
        rmse = torchmetrics.MeanSquaredError(squared=False)

        def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Any]:  # type: ignore[override]
            self.rmse.update(model(x)[:, 1], y.float())
            return {"rmse": self.rmse, "hit": model(x).argmax(1) == y}

    found = evaluate(Single(), model(), batches(1))
    assert found == pytest.approx({name: by_hand(model())[name] for name in ("rmse", "hit", "loss")}, rel=1e-4)


def test_an_evaluation_that_breaks_off_leaves_nothing_behind() -> None:
    class Breaks(Judged):
        breaks = True

        def loss(self, model: nn.Module, *batch: Tensor) -> Tensor:
            if self.breaks and len(batch[0]) < 7:
                raise RuntimeError("the last batch")
            return cross_entropy(model(batch[0]), batch[1])

    subject, workload = model().train(), Breaks()
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="the last batch"):
        evaluate(workload, subject, batches(7))
    assert subject.training
    workload.breaks = False
    assert evaluate(workload, subject, batches(7)) == pytest.approx(by_hand(subject), rel=1e-4)
    assert torch.equal(torch.get_rng_state(), before)


def seen(metrics: Callable[..., Any], made: Callable[[], Any] = lambda: None) -> Look:
    return look(type("Mine", (Task,), {"__init__": lambda self: setattr(self, "f1", made()), "metrics": metrics}))


def f1(**kwargs: Any) -> Any:
    return torchmetrics.F1Score(task="multiclass", num_classes=3, **kwargs)


def updated(s: Any, m: Any, x: Tensor, y: Tensor) -> dict[str, Any]:
    s.f1.update(m(x), y)
    return {"f1": s.f1}


def of_two(s: Any, m: Any, x: Tensor, y: Tensor) -> dict[str, Any]:
    s.f1.update(m(x)[:, 0], y)
    return {"f1": s.f1}


def made_in_metrics(s: Any, m: Any, x: Tensor, y: Tensor) -> dict[str, Any]:
    metric = f1()
    metric.update(m(x), y)
    return {"f1": metric}


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "an RMSE": (lambda s, m, x, y: {"rmse": (m(x)[:, 0] - y).square().mean().sqrt()}, r"0-dimensional.*torchmetrics"),
    "a sum": (lambda s, m, x, y: {"hits": (m(x).argmax(1) == y).sum()}, r"0-dimensional.*shape \(examples,\)"),
    "what a metric's forward gives": (lambda s, m, x, y: {"f1": s.f1(m(x), y)}, "0-dimensional.*Metric itself"),
    "a number of numpy": (lambda s, m, x, y: {"f1": np.float64(0.5)}, "float64.*Metric itself"),
    "a column": (lambda s, m, x, y: {"error": (m(x)[:, :1] - 1).abs()}, r"shape \(8, 1\).*flatten"),
    "an array": (lambda s, m, x, y: {"error": m(x)[:, 0].detach().numpy()}, "ndarray.*torch.as_tensor"),
    "a list": (lambda s, m, x, y: {"error": m(x)[:, 0].tolist()}, "list.*torch.as_tensor"),
    "a metric that is not held": (made_in_metrics, "no attribute.*__init__"),
    "a metric that is not updated": (lambda s, m, x, y: {"f1": s.f1}, "not updated"),
    "a collection": (lambda s, m, x, y: {"f1": torchmetrics.MetricCollection([s.f1])}, "MetricCollection.*names"),
}


@pytest.mark.parametrize(("metrics", "told"), REFUSED.values(), ids=REFUSED)
def test_what_gives_no_number_of_the_whole_set_is_refused_in_a_line_that_says_what_does(
    metrics: Callable[..., Any], told: str
) -> None:
    with pytest.raises(ValueError, match=rf"^task\.metrics: '\w+' is .*{told}") as caught:
        seen(metrics, f1)
    assert "\n" not in str(caught.value)


def test_a_torchmetric_is_to_compute_one_number() -> None:
    with pytest.raises(ValueError, match=r"'f1' computes a tensor of shape \(3,\).*average='macro'"):
        seen(updated, lambda: f1(average=None))
    with pytest.raises(ValueError, match=r"'f1' computes a dict.* as the metric that this wraps$"):
        seen(updated, lambda: torchmetrics.ClasswiseWrapper(f1(average=None)))
    alone = type(
        "Mine", (Task,), {"f1": torchmetrics.R2Score(), "eval_data": lambda s, d: points(1), "metrics": of_two}
    )
    with pytest.raises(ValueError, match=r"'f1' can't be computed: .*two samples"):
        look(alone)


def test_a_value_of_each_example_may_be_of_any_real_kind() -> None:
    def metrics(s: Any, m: Any, x: Tensor, y: Tensor) -> dict[str, Any]:
        with torch.enable_grad():
            tracked = m(x).norm(dim=1)
        return {"tracked": tracked, "count": y, "half": x[:, 0].bfloat16(), "hit": y == 0}

    found = seen(metrics).initial
    assert found["hit"] == pytest.approx(1 / 3)
    assert found["count"] == pytest.approx(1)


def test_torchmetrics_tell_which_way_is_better_and_their_bounds_and_booleans_are_a_fraction() -> None:
    known = look(Judged).kinds
    assert known == {
        "f1": MetricKind("max", 0.0, 1.0, is_mean=False),
        "perplexity": MetricKind("min", is_mean=False),
        "r2": MetricKind("max", None, 1.0, is_mean=False),
        "rmse": MetricKind("min", 0.0, None, is_mean=False),
        "mean": MetricKind(is_mean=False),
        "MeanSquaredError": MetricKind("min", 0.0, None, is_mean=False),
        "MeanAbsoluteError": MetricKind("min", 0.0, None, is_mean=False),
        "doubled": MetricKind(is_mean=False),
        "hit": MetricKind(None, 0.0, 1.0),
        "norm": MetricKind(),
        "loss": MetricKind(),
    }
    better = {"f1": "max", "r2": "max"}
    worse = dict.fromkeys(("perplexity", "rmse", "MeanSquaredError", "MeanAbsoluteError"), "min")
    assert directions(known) == better | worse


def test_a_bound_that_the_initial_value_is_beyond_is_none_and_the_other_stays() -> None:
    def metrics(s: Any, m: Any, x: Tensor, y: Tensor) -> dict[str, Any]:
        s.f1.update(x, x)
        return {"similarity": s.f1}

    seen_ = seen(metrics, lambda: torchmetrics.CosineSimilarity(reduction="sum"))  # which says 0 to 1
    assert seen_.initial["similarity"] == pytest.approx(30)
    assert seen_.kinds["similarity"] == MetricKind("max", low=0.0, is_mean=False)


def test_who_uses_no_torchmetrics_does_not_load_it() -> None:
    code = """
import sys, pathlib, bs_study.training.trial
from bs_study.workloads import load_workload
from bs_study.workloads.check import read_data
from bs_study.workloads.check_batch import look_at
digits = load_workload("digits")
look_at(digits, *read_data(digits, pathlib.Path()))
print("torchmetrics" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert ended.stdout.strip() == "False"
