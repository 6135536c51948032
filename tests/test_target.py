from __future__ import annotations

import itertools
import math
import re
import shlex
import statistics
from typing import Any

import numpy as np
import pytest

from bs_study import Target
from bs_study.config.settings import TrialSettings
from bs_study.metric_names import Direction, bounds_of
from bs_study.target import OpenTarget, is_met_by_window


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("accuracy>=0.98", Target("accuracy", 0.98, "max")),
        (" accuracy >= .98 ", Target("accuracy", 0.98, "max")),
        ("loss<=1e-1", Target("loss", 0.1, "min")),
        ("accuracy=0.98", Target("accuracy", 0.98, "max")),
        ("loss=0.1", Target("loss", 0.1, "min")),
        ("val_rmse = 0.1", Target("val_rmse", 0.1, "min")),
        ("log_density>=-3", Target("log_density", -3.0, "max")),
        ("val/acc = 0.9", Target("val/acc", 0.9, "max")),
        ("hits@1>=0.9", Target("hits@1", 0.9, "max")),
        ("2d_acc>=0.9", Target("2d_acc", 0.9, "max")),
        ("top-5 <= 0.9", Target("top-5", 0.9, "min")),
        ('"acc@1">=0.9', Target("acc@1", 0.9, "max")),
        ('"top 5" >= 0.9', Target("top 5", 0.9, "max")),
        ("'top 5'=0.9", OpenTarget("top 5", 0.9).directed({"top 5": "max"})),
        (r'"a \"b\" \\ c"<=1', Target(r'a "b" \ c', 1, "min")),
        ('"a>=b"<=1', Target("a>=b", 1, "min")),
        ("don't<=1", Target("don't", 1, "min")),
    ],
)
def test_a_target_reads_as_it_is_written(text: str, target: Target) -> None:
    assert Target.parse(text, {"top 5": "max"}) == target


@pytest.mark.parametrize(
    "text", ["", '""<=1', '"top 5>=1', "accuracy", "accuracy>0.98", "0.98", "accuracy>=many", "accuracy>=nan", "a>=inf"]
)
def test_what_is_no_target_is_refused_in_words_that_name_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"target|number"):
        Target.parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("accuracy>0.9", "Write >= in place of >: 'accuracy>=0.9'"),
        ("accuracy==0.9", "Write = in place of ==: 'accuracy=0.9'"),
        ("accuracy => 0.9", "Write >= in place of =>: 'accuracy>=0.9'"),
        ("accuracy", "Quote it, as --target 'accuracy>=0.98'"),
        ("top 5>=0.9", "A name with spaces is written in quotes: '\"top 5\">=0.9'"),
        ("accuracy!=0.9", "Write one like 'accuracy>=0.98' or 'loss<=0.1'"),
    ],
)
def test_what_is_mistyped_is_told_in_one_line_with_the_right_form(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(repr(text))} is no target\. .*{re.escape(told)}"):
        Target.parse(text)


@pytest.mark.parametrize("metric", ["", "  ", "a\nb", "a\x1bb", 3])
def test_a_metric_that_nobody_can_read_is_refused_when_the_target_is_made(metric: Any) -> None:
    for made in (Target, OpenTarget):
        with pytest.raises(ValueError, match=rf"^target: {re.escape(repr(metric))} can't name a metric"):
            made(metric, 0.9) if made is OpenTarget else Target(metric, 0.9, "max")


@pytest.mark.parametrize(
    "metric",
    [
        "acc@1",
        "val/loss",
        "top 5",
        " a ",
        "a>=b",
        "a=",
        "!",
        '"',
        "'",
        "it's",
        '"q"',
        "\\",
        'a\\"b',
        "$x_1^2$",
        "Güte 好",
        "🙂",
    ],
)
def test_any_name_that_can_be_read_survives_as_text_and_as_it_is_typed(metric: str) -> None:
    for direction in ("max", "min"):
        target = Target(metric, 0.25, direction)  # type: ignore[arg-type]
        assert Target.parse(str(target)) == Target.parse(target.typed) == target
        assert shlex.split(target.in_shell) == [target.typed]
        settings = TrialSettings(target=target, max_epochs=1)
        assert TrialSettings.model_validate_json(settings.model_dump_json()) == settings


def test_a_number_of_numpy_is_the_shortest_decimal_that_is_it() -> None:
    assert Target("accuracy", np.float32(0.9)) == Target("accuracy", 0.9)  # type: ignore[arg-type]
    assert Target("bleu", np.int64(3)) == Target("bleu", 3.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no finite number"):
        Target("accuracy", np.float32("nan"))  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["score", "gap", "accuracy_drop"])
def test_where_nothing_tells_the_direction_the_refusal_names_both_forms(metric: str) -> None:
    told = f"is {metric} to be at most or at least 0.01? Write '{metric}<=0.01' or '{metric}>=0.01'"
    with pytest.raises(ValueError, match=re.escape(told)):
        Target.parse(f"{metric}=0.01")
    with pytest.raises(ValueError, match=re.escape(told)):
        Target(metric, 0.01)


def test_what_is_known_of_a_metric_comes_before_its_name_and_after_a_sign() -> None:
    known: dict[str, Direction] = {"score": "min", "error": "max"}
    assert Target.parse("score=1", known) == Target("score", 1.0, "min")
    assert Target.parse("error=1", known) == Target("error", 1.0, "max")
    assert Target.parse("score>=1", known) == Target("score", 1.0, "max")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target("accuracy", 90), "accuracy is a fraction, 0 to 1, and never at least 90. Write 'accuracy>=0.9'"),
        (Target("f1", 1.01), "f1 is a fraction, 0 to 1, and never at least 1.01. Give a target of at most 1"),
        (Target("rmse", -0.1), "rmse is at least 0 and never at most -0.1. Give a target of at least 0"),
        (Target("perplexity", 0.5), "perplexity is at least 1 and never at most 0.5. Give a target of at least 1"),
        (Target("r2", 1.5), "r2 is at most 1 and never at least 1.5. Give a target of at most 1"),
        (Target("spearman", 1.5), "spearman is at most 1 and never at least 1.5. Give a target of at most 1"),
    ],
)
def test_a_target_beyond_what_its_metric_can_be_is_told_with_one_that_it_can(target: Target, told: str) -> None:
    assert target.out_of_reach(bounds_of(target.metric)) == told


@pytest.mark.parametrize(
    "text", ["accuracy>=1", "r2>=-3", "rmse<=0", "wer<=1.5", "score>=90", "accuracy_percent>=90", "nll<=-2", "bleu>=30"]
)
def test_a_target_that_its_metric_can_reach_is_none_of_them(text: str) -> None:
    target = Target.parse(text)
    assert target.out_of_reach(bounds_of(target.metric)) is None


@pytest.mark.parametrize("target", [Target("accuracy", 1 / 3), Target("loss", 97), Target("loss", 1e-9)])
def test_a_target_as_it_is_typed_reads_back_as_the_same(target: Target) -> None:
    assert Target.parse(target.typed) == target


@pytest.mark.parametrize("target", [Target("accuracy", 1 / 3), Target("loss", 0.1, "min"), Target("hits@1", 5, "max")])
def test_a_target_survives_being_written_as_text(target: Target) -> None:
    assert Target.parse(str(target)) == target


def test_a_value_exactly_at_the_target_meets_it_and_nan_never_does() -> None:
    most, least = Target("accuracy", 0.98), Target("loss", 0.1, "min")
    assert [most.is_met(v) for v in (0.97, 0.98, 0.99, math.nan)] == [False, True, True, False]
    assert [least.is_met(v) for v in (0.09, 0.1, 0.11, math.nan)] == [True, True, False, False]


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="'up'"):
        Target("accuracy", 0.98, "up")  # type: ignore[arg-type]


@pytest.mark.parametrize("window", [1, 3, 5])
def test_a_window_meets_the_target_where_the_median_of_its_values_does(window: int) -> None:
    target = Target("accuracy", 0.5)
    for values in itertools.product((0.0, 0.5, 1.0, math.nan), repeat=5):
        median = statistics.median([-1.0 if math.isnan(value) else value for value in values[-window:]])
        assert is_met_by_window([target.is_met(v) for v in values], window=window) == (median >= 0.5)


def test_fewer_values_than_the_window_has_are_not_enough() -> None:
    assert not is_met_by_window([True, True], window=3)
    assert is_met_by_window([True, True], window=1)
    assert not is_met_by_window([], window=1)
