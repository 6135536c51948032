"""What is said of gradients beside the verdicts: those that turn, a second opinion, and a step that needs curvature."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import Doubt
from bs_study.report.answer_json import answer_json
from bs_study.report.sentences import verdicts
from bs_study.report.sentences.gradients import notes
from tests.report import gradient_tables
from tests.report.records import analysis, verdict

KNEE = {"knee_batch_size": 180.0, "knee_low": 90.0, "knee_high": np.inf}
RULE = {"rule_batch_size": 256.0, "rule_low": np.nan, "rule_high": np.nan, "rule_is_at_least": False}


def probed(*told: dict[str, float], **noise: float) -> Analysis:
    """Return an analysis of a study whose noise scale is known late, and a critical batch size that may be changed."""
    rows = gradient_tables.noise_scale([64], windows=["late"]).assign(**noise)
    critical = {"recipe": "", **KNEE, **RULE}
    for one in told:
        critical |= one
    curve = pd.DataFrame([{"recipe": "", "batch_size": 64, "lr": 0.1}])
    plain = analysis()
    tables = dataclasses.replace(
        plain.tables, noise_scale=rows, scaling_curve=curve, critical_batch=pd.DataFrame([critical])
    )
    return dataclasses.replace(plain, tables=tables)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (probed(), "is 900 (95 %: 450 to 1,800), beside a critical batch size of 180 (95 %: 90 to ∞) by the knee."),
        (
            probed({"knee_batch_size": np.inf}, noise_scale_high=np.inf, noise_scale=np.nan),
            "is at least 450 (at 95 %), beside a critical batch size of 256 by the 20 % rule.",
        ),
        (
            probed({"knee_batch_size": np.nan, "rule_is_at_least": True}),
            "beside a critical batch size of at least 256 by the 20 % rule.",
        ),
        (
            probed(noise_scale_scaled=50.0, noise_scale_scaled_low=40.0, noise_scale_scaled_high=70.0),
            "is 50 in adam's metric (95 %: 40 to 70), beside",
        ),
    ],
)
def test_the_noise_scale_stands_beside_the_measured_critical_batch_size(found: Analysis, said: str) -> None:
    (told,) = notes(found, "")
    assert said in told
    assert told.endswith("It is a second opinion, not the answer.")


def test_without_either_of_the_two_there_is_no_opinion() -> None:
    assert notes(analysis(), "") == []
    assert notes(probed({"knee_batch_size": np.nan, "rule_batch_size": np.nan}), "") == []
    assert notes(probed(), "another") == []


def test_gradients_that_point_against_each_other_are_named_with_their_window() -> None:
    turned = verdict(claim="gradients_late", outcome="undecided", against=[512, 2048])
    (told,) = notes(dataclasses.replace(analysis(), verdicts=(turned,)), "")
    assert told.startswith(
        "Late in training, consecutive gradients of batch sizes 512 and 2048 point against each other"
    )


def test_the_extreme_that_ends_worse_is_named() -> None:
    one, two = (verdict(claim="extremes_end_worse", worse=worse) for worse in ([512], [8, 512]))
    assert verdicts.claim(one).startswith("Batch size 512 ends worse on held-out data than the best one between")
    assert verdicts.claim(two).startswith("Batch sizes 8 and 512 end worse")


def test_what_curvature_alone_would_settle_has_its_command() -> None:
    open_for_want_of_it = verdict(Doubt("no_curvature"), claim="stable_lr_at_limit")
    settled = verdict(claim="noise")
    told = answer_json(dataclasses.replace(analysis(), verdicts=(open_for_want_of_it, settled)))["verdicts"]
    (step,) = told[0]["steps"]
    assert step["kind"] == "curvature"
    assert step["command"].startswith("bs-study run --name digits-curvature ")
    assert step["command"].endswith(" --curvature")
    assert told[1]["steps"] == []
