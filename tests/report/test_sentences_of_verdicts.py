"""Verdicts and warnings in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Doubt
from bs_study.analysis.warnings import Warning
from bs_study.report.sentences import verdicts
from bs_study.report.sentences.warnings import warning
from tests.report.records import analysis, verdict

FIRST: dict[str, Any] = {"train_seconds": {"first": {"batch_size": 256, "lr": 0.2, "train_seconds_to_target": 0.57}}}


def test_an_open_verdict_on_the_fastest_names_it_so_far_and_why_it_is_open() -> None:
    edge = Doubt("lr_on_edge", "", 4096, 0.64)
    open_verdict = verdict(edge, batch_size=256, lr=0.2, confidence=0.99375, **FIRST)
    assert verdicts.claim(open_verdict) == "Fastest so far: batch size 256 at lr 0.2 (570 ms of training time)."
    assert verdicts.why(open_verdict, edges={("", 4096): "high"}) == (
        "Undecided: the best lr of batch size 4096 is the largest tried."
    )
    assert verdicts.how(open_verdict).endswith(", at 99.4 %, so that all claims hold together at 95 %.")


def test_a_supported_verdict_on_the_fastest_says_so() -> None:
    settled = verdict(batch_size=256, lr=0.2, **FIRST)
    said = "After tuning the lr, batch size 256 reaches the target first, after 570 ms of training time."
    assert verdicts.claim(settled) == said
    assert verdicts.why(settled) == ""


def test_the_clock_of_the_timing_pass_is_told_where_there_was_one() -> None:
    clean: dict[str, Any] = {"clean_seconds": {"first": {"batch_size": 256, "lr": 0.2, "clean_seconds_to_target": 0.4}}}
    assert "400 ms of clean training time" in verdicts.claim(verdict(batch_size=256, lr=0.2, **FIRST, **clean))


def test_the_soonest_recipe_is_named_with_its_batch_size() -> None:
    told: dict[str, Any] = {"batch_size": 64, "soonest": "warm-up 1 epoch", "lr": 0.1}
    settled, left = (verdict(*doubts, claim="soonest_recipe", **told) for doubts in ((), (Doubt("one_seed"),)))
    assert verdicts.claim(settled) == "At batch size 64, “warm-up 1 epoch” reaches the target soonest."
    assert verdicts.claim(left) == "Soonest so far at batch size 64: “warm-up 1 epoch” at lr 0.1."


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("supported", "The loss oscillates less as the batch grows."),
        ("contradicted", "The loss oscillates more as the batch grows."),
        ("undecided", "Does the loss oscillate less as the batch grows?"),
    ],
)
def test_a_claim_is_said_as_its_outcome_has_it(outcome: str, said: str) -> None:
    assert verdicts.claim(verdict(claim="noise", outcome=outcome)) == said


def test_numbers_are_a_line_of_single_ones_and_a_line_for_each_series() -> None:
    one = verdict(
        claim="large_batch_lr",
        exponent=np.float64(0.51234),
        exponent_low=np.nan,
        batch_sizes=np.int64(6000),
        best_lr={16: 0.012345, 64: np.nan, 256: 0.1},
        clean_seconds={"first": {"batch_size": 16, "lr": 0.1}, "ratio_of_medians": 1.4},
    )
    assert verdicts.numbers(one) == [
        "exponent: 0.512 · batch sizes: 6000",
        "best lr: 16: 0.012345, 256: 0.1",
        "clean training time: first: batch size: 16, lr: 0.1; ratio of medians: 1.4",
    ]


def test_warnings_of_one_edge_are_one_sentence_for_all_batch_sizes() -> None:
    cells = tuple(Cell("", size, 0.1) for size in (32, 64, 128))
    low = Warning("lr_on_edge", cells=cells, batch_sizes=(32, 64, 128), names=("low",))
    said = "The best lr of batch sizes 32, 64 and 128 is the smallest tried. A better one may lie beyond."
    assert warning(low, analysis()) == said


def test_a_bracket_that_stopped_early_says_why() -> None:
    far = Warning("search_stopped", batch_sizes=(64,), names=("limit",))
    assert warning(far, analysis()) == (
        "The search for the best lr of batch size 64 stopped early. "
        "It was 256 times from where it began, or as small a part. A better lr may lie beyond."
    )
    steep = Warning("search_stopped", batch_sizes=(64, 256), names=("diverged",))
    assert warning(steep, analysis()).endswith("batch sizes 64 and 256 stopped early. All lrs that it tried diverged.")


def test_a_target_within_chance_says_on_how_many_examples_it_is_judged() -> None:
    numbers = {"cells": 7.0, "of_cells": 12.0, "step": 0.001, "noise": 0.00432, "examples": 1000.0}
    said = warning(Warning("target_in_noise", names=("accuracy",), numbers=numbers), analysis())
    assert "The best accuracy of 7 of 12 cells lies within chance of the target." in said
    assert "On 1,000 held-out examples its standard error is 0.00432." in said
