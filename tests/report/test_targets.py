"""The study asked again with other targets: which they are, and that each is judged as if it had been asked alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bs_study import Target, analyse, open_study
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.report.answer_json import answer_json
from bs_study.report.targets import other_targets, target_table
from tests.analysis.hand_rows import hand_rows
from tests.report.demo_store import write_demo_study

SMALL: dict[str, Any] = {"batch_sizes": (64, 256, 1024), "lrs": (0.02, 0.08, 0.32), "seeds": (0, 1), "max_epochs": 20}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """A study whose trials stopped at 0.9, once 1000 iterations had run; large batches have fewer."""
    folder = tmp_path_factory.mktemp("store") / "s"
    write_demo_study(str(folder), **SMALL, target="accuracy>=0.9")
    return analyse(open_study(folder))


def targets(analyses: list[Analysis]) -> list[str]:
    return [one.recommendation.target.typed for one in analyses if one.recommendation.target]


def test_they_go_from_easy_to_the_hardest_that_a_cell_reached_with_most_seeds_by_round_values(found: Analysis) -> None:
    typed = targets(other_targets(found))
    values = [float(text.removeprefix("accuracy>=")) for text in typed]
    assert "accuracy>=0.9" in typed
    assert 2 < len(typed) <= 5
    assert values == sorted(values)
    assert all(len(text) <= len("accuracy>=0.97") for text in typed)
    rows = found.rows
    assert rows is not None
    best = rows.evaluations.groupby(["batch_size", "lr", "seed"])["accuracy"].max().groupby(level=[0, 1]).min()
    round_ones = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
    assert values[-1] == max(value for value in round_ones if value <= best.max())  # of two seeds, most are both
    first = rows.evaluations.sort_values("iteration").groupby("trial_id")["accuracy"].first()
    assert all((first >= value).mean() < 0.5 for value in values)


def test_each_is_what_the_store_says_when_it_is_asked_alone(found: Analysis) -> None:
    assert found.rows is not None
    for one in other_targets(found)[:2]:
        alone = analyse_rows(found.rows, target=one.recommendation.target, name=found.name, uri=found.uri)
        assert answer_json(one) == answer_json(alone)
        assert one.shown == alone.shown
        for name in set(vars(alone.tables)) - {"target_spread"}:
            pd.testing.assert_frame_equal(getattr(one.tables, name), getattr(alone.tables, name))
        spreads = [each.tables.target_spread.set_index("target") for each in (one, alone)]
        shared = spreads[0].index.intersection(spreads[1].index)
        assert len(shared) > 0
        pd.testing.assert_frame_equal(spreads[0].loc[shared], spreads[1].loc[shared])
        assert spreads[0].index[0] == spreads[1].index[0]


def test_what_stopped_at_an_easier_target_was_not_tried_at_a_harder_one(found: Analysis) -> None:
    hardest = other_targets(found)[-1]
    assert hardest.recommendation.target != found.recommendation.target
    times = hardest.tables.times.set_index("trial_id")
    stopped = times.index[times["stop_reason"] == "target"]
    outcomes = times.loc[stopped, "outcome"].value_counts()
    assert set(outcomes.index) == {"reached", "not_tried"}
    assert set(times.loc[times["stop_reason"] == "max_epochs", "outcome"]) <= {"reached", "missed"}
    table = target_table([hardest]).set_index("batch_size")["outcome"]
    assert table[64] == "not_tried"


def test_a_table_has_a_row_for_each_target_and_batch_size_with_the_best_lr_of_it(found: Analysis) -> None:
    analyses = other_targets(found)
    table = target_table(analyses)
    assert len(table) == 3 * len(analyses)
    own = table[table["target"] == "accuracy>=0.9"].set_index("batch_size")
    best = found.recommendation.best
    assert best is not None
    assert list(own.index[own["is_best"]]) == [best.batch_size]
    assert own.loc[best.batch_size, ["lr", "seconds"]].tolist() == [best.lr, best.value]
    cells = found.tables.convergence.set_index(["batch_size", "lr"])["iterations_to_target"]
    for size, row in own.iterrows():
        assert row["iterations"] == cells[size].min()  # an iteration of a batch size takes as long whatever the lr
    assert set(own["grade"]) == {found.recommendation.grade}
    unreached = table[table["outcome"] != "reached"]
    assert len(unreached) > 0
    assert unreached[["lr", "seconds", "iterations"]].isna().all(axis=None)


def test_the_studys_own_target_is_among_them_when_another_is_asked(found: Analysis) -> None:
    assert found.rows is not None
    asked = analyse_rows(found.rows, target=Target("accuracy", 0.75))
    typed = targets(other_targets(asked))
    assert {"accuracy>=0.75", "accuracy>=0.9"} < set(typed)
    assert len(typed) <= 5
    by_loss = targets(other_targets(analyse_rows(found.rows, target=Target("loss", 1.0))))
    assert "loss<=1" in by_loss
    assert all(text.startswith("loss<=") for text in by_loss)
    values = [float(text.removeprefix("loss<=")) for text in by_loss]
    assert values == sorted(values, reverse=True)


def test_a_study_that_reached_its_target_nowhere_has_easier_ones(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL, target="accuracy>=0.9999")
    study = open_study(tmp_path / "s")
    analyses = other_targets(analyse(study))
    assert targets(analyses)[-1] == "accuracy>=0.9999"
    assert [one.best_cell is None for one in analyses] == [False] * (len(analyses) - 1) + [True]
    assert len(analyses) > 2


def test_a_target_that_the_initial_weights_meet_is_none_of_them(found: Analysis) -> None:
    assert found.rows is not None
    assert "accuracy>=0.5" in targets(other_targets(found))
    trials = found.rows.trials.assign(initial_metric=0.6)
    told = analyse_rows(replace(found.rows, trials=trials))
    typed = targets(other_targets(told))
    assert len(typed) == 5  # none of the places is given to one that tells nothing
    assert min(float(text.removeprefix("accuracy>=")) for text in typed) > 0.6


def test_without_a_trial_that_was_judged_there_is_only_the_studys_own() -> None:
    rows = hand_rows({(8, 0.1): ["diverged", "diverged"]})
    assert targets(other_targets(analyse_rows(rows))) == ["accuracy>=0.9"]
    assert other_targets(analyse_rows(hand_rows({}))) == []
    assert target_table([]).empty
