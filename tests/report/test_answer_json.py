"""`answer.json`: the same records for programs, in what JSON can hold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from bs_study.analysis.step import Step
from bs_study.analysis.trials import Cell
from bs_study.analysis.unreached import Closest
from bs_study.analysis.verdict import Doubt
from bs_study.report.answer_json import answer_json
from bs_study.report.sentences.steps import command
from bs_study.target import Target
from tests.report.random_records import random_analysis
from tests.report.records import BEST, OTHER_LR, RIVAL, analysis, comparison, result, verdict

KEYS = [
    "version", "study", "target", "clock", "state", "search", "grade", "recommendation", "closest", "as_good", "slower",
    "unanswered", "missed", "by_clock", "doubts", "steps", "warnings", "verdicts",
    "scaling_curve", "critical_batch", "noise_scale", "sharpness", "minima", "loss_at", "targets", "costs",
]  # fmt: skip


def read_back(found: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(answer_json(found), allow_nan=False))
    return told


def test_every_analysis_is_plain_json_with_its_keys_in_one_order() -> None:
    for found in map(random_analysis, range(60)):
        assert read_back(found) == answer_json(found)
        assert list(answer_json(found)) == KEYS


def test_the_recommendation_is_the_record() -> None:
    told = read_back(analysis(best=result(tied=2)))
    assert (told["version"], told["study"], told["grade"], told["clock"]) == (1, "digits", "settled", "train_seconds")
    assert told["target"] == {"metric": "accuracy", "value": 0.9, "direction": "max"}
    assert told["recommendation"] == {
        "recipe": "", "batch_size": 64, "lr": 0.2, "value": 2.0, "low": 1.8, "high": 2.4, "seeds": 3, "reached": 3,
        "chosen_from": 6, "tied": 2, "cut_off": 0, "is_at_most": False, "fresh": [],
    }  # fmt: skip
    assert told["state"] == {"expected": 12, "ended": 12, "running": 0, "missing": 0}


def test_what_is_slower_and_what_is_as_good_are_apart() -> None:
    within = Doubt("within_spread", *OTHER_LR)
    told = read_back(analysis(comparisons=(comparison(), comparison(OTHER_LR, within, low=0.9))))
    assert [(one["batch_size"], one["lr"], one["ratio"], one["low"]) for one in told["slower"]] == [
        (256, 0.2, 1.4, 1.2)
    ]
    assert [one["doubts"] for one in told["as_good"]] == [
        [{"reason": "within_spread", "recipe": "", "batch_size": 64, "lr": 0.1, "count": None}]
    ]


def test_an_infinite_ratio_is_null_and_told_from_an_unknown_one() -> None:
    infinite = comparison(ratio=np.inf, low=np.inf, high=np.inf)
    unknown = comparison(Cell("", 16, 0.2), Doubt("no_answer", "", 16, 0.2), ratio=np.nan, low=np.nan, high=np.nan)
    told = read_back(analysis(comparisons=(infinite, unknown)))
    assert [(one["ratio"], one["high"], one["can_reach"]) for one in told["slower"]] == [(None, None, False)]
    assert [(one["ratio"], one["can_reach"]) for one in told["as_good"]] == [(None, True)]


def test_without_a_recommendation_there_is_the_closest_cell() -> None:
    told = read_back(analysis(best=None, comparisons=(), by_clock={}, closest=Closest(RIVAL, 0.88)))
    assert told["recommendation"] is None
    assert told["closest"] == {"recipe": "", "batch_size": 256, "lr": 0.2, "metric": 0.88}
    assert told["grade"] == "open"


def test_a_step_has_its_command() -> None:
    steps = (Step("seeds", seeds=(3, 4), trials=12), Step("target", target=Target("loss", 0.2, "min")))
    found = analysis(steps=steps)
    told = read_back(found)["steps"]
    assert [one["command"] for one in told] == [command(one, found) for one in steps]
    assert (told[0]["seeds"], told[0]["trials"], told[0]["target"]) == ([3, 4], 12, None)
    assert told[1]["target"] == {"metric": "loss", "value": 0.2, "direction": "min"}


def test_evidence_keeps_its_numbers_and_loses_what_is_not_finite() -> None:
    evidence: dict[str, Any] = {
        "slope": np.float64(-0.5),
        "high": np.nan,
        "best_lr": {np.int64(64): 0.2},
        "lrs": (1, 2),
        "cell": BEST,
    }
    told = read_back(analysis(verdicts=(verdict(claim="noise", **evidence),)))["verdicts"]
    assert told == [
        {
            "claim": "noise",
            "recipe": "",
            "outcome": "supported",
            "doubts": [],
            "evidence": {"slope": -0.5, "high": None, "best_lr": {"64": 0.2}, "lrs": [1, 2], "cell": ["", 64, 0.2]},
            "steps": [],
        }
    ]
