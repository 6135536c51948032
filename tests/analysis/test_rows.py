"""The rows of a study: what was asked, what has ended, and each with its recipe."""

import numpy as np
import pandas as pd
import pytest

from bs_study import StudyConfig, Target, open_study
from bs_study.analysis.rows import read_ended, read_rows
from bs_study.grid import study_trials
from bs_study.store.study_json import grow_study
from bs_study.store.writer import TrialWriter
from tests.report.demo_store import write_demo_study

CONFIG = {"batch_sizes": [10, 20], "lrs": [0.1, 0.2], "seeds": [0, 1], "max_iterations": 200, "target": "loss<=0.5"}


def assert_counts(rows, *, expected, ended, running, missing):
    state = rows.state
    assert (state.expected, state.ended, state.running, state.missing) == (expected, ended, running, missing)


def test_trials_are_counted_against_the_grid_that_was_asked_for(write_study, trial):
    study = write_study([trial(10, 0.1), trial(10, 0.2, seed=1)], config=CONFIG, metrics=("loss",))
    running = study_trials(StudyConfig(**CONFIG))[-1]
    writer = TrialWriter(study.paths, running, metrics=["loss"])
    writer.add_iterations(epoch=1, first_iteration=1, examples=np.array([20]), loss=np.array([1.0]))
    writer.write_part()
    rows = read_rows(study)
    assert_counts(rows, expected=8, ended=2, running=1, missing=5)
    assert len(rows.open_cells) == 4
    assert len(rows.tried) == 4


def test_what_is_about_to_be_asked_counts_as_a_look_already(write_study):
    study = write_study([], config=CONFIG)
    asked = study.config.model_copy(update={"name": "renamed"})
    more = asked.model_copy(update={"lrs": (*asked.lrs, 0.4)})
    assert read_ended(study, config=asked).times_asked == 1
    assert read_ended(study, config=more).times_asked == 2
    grow_study(study.paths, more, seen=study.asked)
    assert read_ended(open_study(study.paths.uri), config=more).times_asked == 2


def test_a_study_without_trials_has_all_of_its_trials_missing(write_study):
    rows = read_rows(write_study([], config=CONFIG))
    assert_counts(rows, expected=8, ended=0, running=0, missing=8)
    assert rows.target == Target("loss", 0.5, "min")


def test_a_study_json_without_a_config_is_no_obstacle(write_study, trial):
    rows = read_rows(write_study([trial(10, 0.1)], metrics=("loss",)))
    assert_counts(rows, expected=1, ended=1, running=0, missing=0)
    assert rows.target is None


@pytest.mark.parametrize("text", ["{}", "[]", '{"config": null}', '{"config": {"new_setting": 1}}', "null"])
def test_a_config_of_another_version_is_no_obstacle(write_study, trial, text):
    study = write_study([trial(10, 0.1, columns={"target": "loss <= 0.5"})], metrics=("loss",))
    study.paths.write(study.paths.study_json, text.encode())
    assert read_rows(study).target == Target("loss", 0.5, "min")


def test_trials_that_lack_files_are_left_out(write_study, trial):
    study = write_study([trial(10, 0.1, loss=[2.0, 1.0]), trial(20, 0.1)], config=CONFIG, metrics=("loss",))
    for table in ("iterations", "epochs", "evaluations"):
        study.paths.filesystem.delete_file(study.paths.trial_file(table, "b20-lr0.1-s0"))
    with pytest.warns(UserWarning, match="it is not there, and the trial has ended"):
        assert_counts(read_rows(study), expected=8, ended=1, running=0, missing=7)


def test_before_a_trial_has_ended_every_recipe_that_was_asked_for_is_there(write_study):
    asked = {"batch_sizes": [10, 20], "lrs": [0.1], "max_epochs": 1, "momentum": [0, 0.9], "optimizer": ["sgd", "adam"]}
    rows = read_rows(write_study([], config=asked))
    assert rows.recipes == ("SGD, momentum 0", "SGD, momentum 0.9", "Adam")
    assert_counts(rows, expected=6, ended=0, running=0, missing=6)


def test_each_trial_has_the_recipe_that_it_was_trained_by(tmp_path):
    grid = {
        "batch_sizes": (256, 1024),
        "lrs": (0.08, 0.32),
        "seeds": (0, 1),
        "max_epochs": 1,
        "target": "accuracy>=0.5",
    }
    recipes = ({}, {"momentum": 0.9})
    write_demo_study(
        str(tmp_path), **grid, recipes=recipes, is_ended=lambda t: (t.seed, t.settings.momentum) != (1, 0.9)
    )
    rows = read_rows(open_study(tmp_path))
    assert rows.recipes == ("momentum 0.5", "momentum 0.9")
    assert_counts(rows, expected=16, ended=12, running=4, missing=0)
    named = rows.trials.groupby("recipe")["momentum"].agg(["min", "max"])
    assert named.loc["momentum 0.5"].tolist() == [0.5, 0.5]
    assert named.loc["momentum 0.9"].tolist() == [0.9, 0.9]
    of_trial = rows.trials.set_index("trial_id")["recipe"]
    for frame in (rows.evaluations, rows.epochs, rows.smoothness):
        assert next(iter(frame.columns)) == "recipe"
        pd.testing.assert_series_equal(frame["recipe"], frame["trial_id"].map(of_trial), check_names=False)


def test_a_trial_of_a_recipe_that_nobody_asked_for_is_left_out(write_study, trial):
    asked = {"batch_sizes": [10], "lrs": [0.1], "max_epochs": 1, "momentum": [0.0, 0.9]}
    trials = [trial(10, 0.1, seed, columns={"momentum": m}) for seed, m in enumerate((0.0, 0.9, 0.5))]
    with pytest.warns(UserWarning, match=r"its momentum is 0\.5, and the study asks for 0\."):
        rows = read_rows(write_study(trials, config=asked | {"seeds": [0, 1, 2]}))
    assert rows.recipes == ("momentum 0", "momentum 0.9")
    assert rows.trials["recipe"].tolist() == ["momentum 0", "momentum 0.9"]
