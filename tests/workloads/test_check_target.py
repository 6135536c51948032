"""Whether a target can be reached, and whether the initial weights meet it: told before any trial starts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchmetrics
from torch import Tensor, nn

from bs_study.target import OpenTarget, Target, read_target
from bs_study.workloads import check_target
from bs_study.workloads.check import read_data
from bs_study.workloads.check_target import Initial, chosen_target, initial_metric, target_warnings
from bs_study.workloads.metrics import MetricKind
from tests.workloads.tasks import NOWHERE, Task, look


class Hits(Task):
    """A third of its 30 held-out examples is class 0, which it always predicts; booleans."""

    def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
        return {"accuracy": batch[1] == 0}


class Fractions(Hits):
    def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
        return {"accuracy": (batch[1] == 0).float()}


class Percent(Hits):
    def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
        return {"accuracy": 100.0 * (batch[1] == 0)}


class NoHit(Hits):
    def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
        return {"accuracy": torch.zeros(len(batch[0]))}


class Constant(Task):
    target = "score >= 0.3"  # type: ignore[assignment]

    def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
        return {"score": torch.full((len(batch[0]),), 0.4)}


class OfTorchmetrics(Task):
    target = "quality = 0.01"  # type: ignore[assignment]

    def __init__(self) -> None:
        self.f1 = torchmetrics.F1Score("multiclass", num_classes=3, average="macro")
        self.measured = torchmetrics.MeanSquaredError(squared=False)

    def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
        logits = model(batch[0])
        self.f1.update(logits, batch[1])
        self.measured.update(logits[:, 0], batch[1].float())
        return {"f1": self.f1, "quality": self.measured}


def initial(task: type[Task], metric: str, *, batch_size: int = 7) -> Initial:
    found = initial_metric(task(), read_data(task(), NOWHERE)[1], metric, batch_size=batch_size)
    assert found is not None
    return found


def warned(task: type[Task], text: str) -> list[str]:
    target = Target.parse(text)
    return target_warnings(target, look(task).kinds[target.metric], initial(task, target.metric))


@pytest.mark.parametrize("task", [Hits, Fractions])
def test_90_for_what_is_seen_to_be_a_fraction_is_refused_with_the_right_number(task: type[Task]) -> None:
    with pytest.raises(ValueError, match=r"^target: accuracy is a fraction, 0 to 1, .* Write 'accuracy>=0.9'$"):
        warned(task, "accuracy>=90")
    assert warned(task, "accuracy>=1") == []


def test_of_a_metric_by_torchmetrics_a_target_beyond_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^target: f1 is a fraction"):
        warned(OfTorchmetrics, "f1>=80")
    assert warned(OfTorchmetrics, "quality<=-1") == [
        "target: as a rule quality is at least 0 and never at most -1. Give a target of at least 0"
    ]


def test_an_accuracy_in_percent_is_told_to_be_no_fraction_whatever_the_target() -> None:
    (told,) = warned(Percent, "accuracy>=90")
    assert told == "accuracy is 33.3 with the initial weights: it should be a fraction, 0 to 1"
    told, met = warned(Percent, "accuracy>=0.9")
    assert "should be a fraction" in told
    assert "the initial weights meet accuracy >= 0.9 already (33.3 on all 30 held-out examples)" in met


def test_what_may_be_in_percent_or_a_log_density_is_warned_of_and_not_refused() -> None:
    assert [text.partition(" ")[0] for text in warned(NoHit, "accuracy>=90")] == ["target:"]
    assert warned(Task, "loss<=-1") == [
        "target: as a rule loss is at least 0 and never at most -1. Give a target of at least 0"
    ]


def test_a_target_that_the_initial_weights_meet_is_told_with_their_value_and_on_how_many_examples() -> None:
    (told,) = warned(Constant, "score>=0.3")
    assert "meet score >= 0.3 already (0.4 on all 30 held-out examples)" in told
    assert warned(Constant, "score>=0.5") == []


def test_an_evaluation_that_would_take_too_long_is_made_on_fewer_examples_which_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check_target, "EXAMPLES", 9)
    monkeypatch.setattr(check_target, "SECONDS", 0.0)
    few = initial(Constant, "score")
    assert (few.value, few.examples, few.total) == (pytest.approx(0.4), 9, 30)
    (told,) = target_warnings(Target("score", 0.3, "max"), MetricKind(), few)
    assert "(0.4 on 9 of 30 held-out examples)" in told
    monkeypatch.setattr(check_target, "SECONDS", 60.0)
    assert initial(Hits, "accuracy")[:3] == (pytest.approx(1 / 3), 30, 30)


def test_a_sign_that_contradicts_what_is_better_is_warned_of() -> None:
    told = warned(Hits, "accuracy<=0.9")[0]
    assert told == "target: asks for accuracy <= 0.9, but higher accuracy is better. 'accuracy>=0.9' asks for that"
    assert "lower quality is better" in warned(OfTorchmetrics, "quality>=0.1")[0]
    own = target_warnings(Target("score", 1, "min"), MetricKind(), None, own="max")
    assert own == ["target: asks for score <= 1.0, but higher score is better. 'score>=1' asks for that"]
    assert target_warnings(Target("score", 1, "min"), MetricKind(), None) == []


def test_the_workloads_own_target_tells_a_direction_first_and_then_torchmetrics() -> None:
    constant, measured = Constant(), OfTorchmetrics()
    constant.target, measured.target = Target("score", 0.3, "max"), OpenTarget("quality", 0.01)
    assert chosen_target(constant, read_target("score=0.7"), look(Constant).kinds) == Target("score", 0.7, "max")
    kinds = look(OfTorchmetrics).kinds
    assert chosen_target(measured, None, kinds) == Target("quality", 0.01, "min")
    assert chosen_target(measured, read_target("f1=0.7"), kinds) == Target("f1", 0.7, "max")
    with pytest.raises(ValueError, match=r"^target: 'gap' is no metric of task. Its metrics are f1, quality, loss$"):
        chosen_target(measured, read_target("gap=0.7"), kinds)
