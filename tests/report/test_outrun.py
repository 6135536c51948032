"""A trial that was outrun never reads as one that missed: of its time a lower bound is known, and told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from bs_study import StudyConfig
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Doubt
from bs_study.report import figures
from bs_study.report.outrun import beyond, outrun_cells, with_bounds
from bs_study.report.sentences.rivals import how_much, lrs_as_good
from bs_study.report.sentences.searched import outrun_trials, searched
from bs_study.report.terminal import closing
from tests.report.records import BEST, CONFIG, OTHER_LR, RIVAL, analysis, comparison

SLOW, NEAR = Cell("", 64, 0.8), Cell("", 64, 0.4)


def convergence() -> pd.DataFrame:
    """A cell that took 100 iterations, one that was outrun at 218, and one that missed at 300."""
    rows = [(64, 0.2, 1, 0, 0, 100.0, np.nan, "reached"), (64, 0.4, 0, 1, 0, np.nan, 218.0, "outrun"),
            (256, 0.2, 0, 0, 1, np.nan, 300.0, "missed")]  # fmt: skip
    names = ["batch_size", "lr", "reached", "outrun", "missed", "iterations_to_target", "censored_iterations", "status"]
    return pd.DataFrame(rows, columns=names).assign(
        recipe="",
        seeds=1,
        diverged=0,
        not_tried=0,
        out_of_memory=0,
        failed=0,
        not_evaluated=0,
        is_at_most=False,
        iterations_to_target_low=np.nan,
        iterations_to_target_high=np.nan,
    )


def best() -> pd.DataFrame:
    rows = [("", 64, 0.2, 100.0, True), ("", 256, np.nan, np.nan, False)]
    names = ["recipe", "batch_size", "best_lr_by_iterations", "iterations_to_target", "is_best_by_iterations"]
    return pd.DataFrame(rows, columns=names)


def race(outrun: int, **changes: object) -> Analysis:
    found = analysis(config=StudyConfig(**CONFIG.model_dump() | {"search": "race", "min_iterations": 0} | changes))
    reasons = ["outrun"] * outrun + ["target"] * (12 - outrun)
    return dataclasses.replace(found, tables=dataclasses.replace(found.tables, trials=_trials(reasons)))


def _trials(reasons: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"stop_reason": reasons, "device_name": "a laptop", "neighbours": 0})


def test_a_bound_is_rounded_down_so_that_it_stays_true() -> None:
    assert [beyond(ratio) for ratio in (2.18, 1.25, 1.099, 99.9, 250.0)] == [
        "> 2.1×", "> 1.2×", "> 1.09×", "> 99×", "> 250×"
    ]  # fmt: skip


def test_only_cells_that_were_outrun_have_a_bound_and_it_is_against_the_best_of_the_study() -> None:
    assert outrun_cells(convergence(), best(), clock="iterations").round(9).to_list()[1] == 2.18
    texts = with_bounds(convergence(), best(), clocks=["iterations"])["iterations_to_target_bound"]
    assert list(texts) == ["", "> 2.1×", ""]


def test_a_cell_of_which_half_of_the_seeds_reached_the_target_has_no_bound() -> None:
    half = convergence().assign(seeds=[1, 2, 1], reached=[1, 1, 0])
    assert outrun_cells(half, best(), clock="iterations").isna().all()
    figure = figures.target_heatmap(half, best(), clock="iterations")
    assert "1 of 2\noutrun" in [text.get_text() for text in figure.axes[0].texts]
    more = half.assign(seeds=[1, 3, 1])
    assert outrun_cells(more, best(), clock="iterations").round(9).to_list()[1] == 2.18


def test_a_trial_has_its_own_bound() -> None:
    trials = pd.DataFrame(
        {
            "recipe": "",
            "outcome": ["reached", "outrun", "missed"],
            "iterations_to_target": [100.0, np.nan, np.nan],
            "iterations_at_end": [100.0, 130.0, 300.0],
        }
    )
    texts = with_bounds(trials, best(), clocks=["iterations"])["iterations_to_target_bound"]
    assert list(texts) == ["", "> 1.3×", ""]


def test_the_heatmap_tells_a_cell_that_was_outrun_from_one_that_missed() -> None:
    figure = figures.target_heatmap(convergence(), best(), clock="iterations")
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["100", "> 2.1×", "missed"]
    assert any("outrun" in text.get_text() for text in figure.legends[0].get_texts())
    no_race = convergence().query("outrun == 0")
    legend = figures.target_heatmap(no_race, best(), clock="iterations").legends[0]
    assert not any("outrun" in text.get_text() for text in legend.get_texts())


def test_a_rival_that_was_outrun_takes_at_least_as_long_as_it_ran() -> None:
    found = analysis(
        outcomes={BEST: {"reached": 3}, RIVAL: {"outrun": 2}},
        seconds={BEST: 2.0},
        comparisons=(comparison(ratio=2.1, low=1.4, high=np.inf),),
    )
    assert "Others take longer: at least 1.4× at batch size 256." in closing(found)


def test_a_race_says_how_it_was_searched_and_a_grid_says_nothing() -> None:
    assert searched(race(7)) == [
        "A race: trials ended after at least 2 times the iterations in which another lr of their batch size met the "
        "target.",
        "Of 12 trials, 7 were outrun.",
    ]
    assert outrun_trials(race(7)) == 7
    assert searched(race(1))[-1] == "Of 12 trials, 1 was outrun."
    assert searched(race(0))[-1] == "None of 12 trials was outrun."
    assert searched(analysis()) == []
    assert searched(analysis(config=None)) == []


def test_where_later_seeds_have_moved_the_best_an_lr_that_was_cut_sooner_may_be_the_best() -> None:
    sooner = convergence().assign(iterations_to_target=[300.0, np.nan, np.nan])
    for cells, told in ((sooner, True), (convergence(), False), (sooner.assign(outrun=0, missed=1), False)):
        found = race(1)
        found = dataclasses.replace(found, tables=dataclasses.replace(found.tables, convergence=cells))
        sentence = "Another lr may be the best at batch size 64: some were cut sooner than its median."
        assert (sentence in searched(found)) == told


def test_a_bracket_says_its_lattice_and_seeds_at_need_their_limit() -> None:
    told = searched(race(2, search="bracket", lrs=(0.1, 0.4), seeds="auto", refine=True))
    assert told[0] == (
        "A bracket: lrs were tried from 0.1 on, by factors of 4, until both neighbours of the best were slower. "
        "Then half a step on each side of the best was tried."
    )
    assert told[1].startswith("Trials ended after at least 1.25 times the iterations in which another lr")
    assert told[-1] == "Seeds were added where they decide, up to 8 for a cell."


def test_lrs_that_were_outrun_are_no_lrs_that_are_not_known_to_be_slower() -> None:
    doubts = [Doubt("one_seed", *cell) for cell in (NEAR, SLOW, OTHER_LR)]
    found = analysis(
        outcomes={BEST: {"reached": 3}, NEAR: {"outrun": 1}, SLOW: {"outrun": 2}, OTHER_LR: {"reached": 1}},
        seconds={BEST: 2.0, OTHER_LR: 2.2},
        comparisons=tuple(
            comparison(cell, doubt, ratio=1.3, low=0.084, high=1.9)
            for cell, doubt in zip((NEAR, SLOW, OTHER_LR), doubts, strict=True)
        ),
    )
    told = lrs_as_good(found)
    assert told == [
        "Not known to be slower at batch size 64: lr 0.1, 1.3× (0.084 to 1.9).",
        "At batch size 64, lr 0.4 and lr 0.8 were outrun: "
        "cut before the target, after at least 2 times the iterations of another lr.",
    ]


def test_a_bound_below_the_best_is_not_told() -> None:
    found = analysis(outcomes={BEST: {"reached": 3}, RIVAL: {"outrun": 1}}, seconds={BEST: 2.0})
    assert how_much(comparison(ratio=1.3, low=0.084, high=np.inf), found) == ""
    assert how_much(comparison(ratio=1.3, low=1.2, high=np.inf), found) == "at least 1.2×"
