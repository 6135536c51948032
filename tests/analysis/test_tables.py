import json

import numpy as np
import pytest

from bs_study import StudyConfig, Target
from bs_study.analysis import study_tables
from bs_study.grid import study_trials
from bs_study.store.writer import TrialWriter

CONFIG = {"batch_sizes": [10, 20], "lrs": [0.1, 0.2], "seeds": [0, 1], "max_iterations": 200, "target": "loss<=0.5"}


def evaluation(iteration, **metrics):
    row = {"epoch": 1.0, "iteration": iteration, "examples": iteration * 10, "load_seconds": 0.0, "eval_seconds": 0.1}
    return row | {"train_seconds": iteration * 0.01, "compute_seconds": iteration * 0.01} | metrics


def assert_counts(tables, *, expected, ended, running, missing):
    assert (tables.expected_trials, tables.ended, tables.running, tables.missing) == (expected, ended, running, missing)


def test_a_study_without_trials_has_every_table_empty(write_study):
    tables = study_tables(write_study([], config=CONFIG))
    for name in ("trials", "throughput", "smoothness", "noise_slope", "times", "convergence", "best", "scaling"):
        assert len(getattr(tables, name)) == 0
    assert len(tables.throughput_fit) == len(tables.lr_fit) == 0
    assert_counts(tables, expected=8, ended=0, running=0, missing=8)
    assert tables.target == Target("loss", 0.5, "min")


def test_trials_are_counted_against_the_grid_that_was_asked_for(write_study, trial):
    study = write_study([trial(10, 0.1), trial(10, 0.2, seed=1)], config=CONFIG, metrics=("loss",))
    running = study_trials(StudyConfig(**CONFIG))[-1]
    writer = TrialWriter(study.paths, running, metrics=["loss"])
    writer.add_iterations(epoch=1, first_iteration=1, examples=np.array([20]), loss=np.array([1.0]))
    writer.write_part()
    tables = study_tables(study)
    assert_counts(tables, expected=8, ended=2, running=1, missing=5)
    assert len(tables.open_cells) == 4


def test_a_study_json_without_a_config_is_no_obstacle(write_study, trial):
    tables = study_tables(write_study([trial(10, 0.1, evaluations=[evaluation(5, loss=0.1)])], metrics=("loss",)))
    assert_counts(tables, expected=1, ended=1, running=0, missing=0)
    assert tables.target is None
    assert "No target is known" in tables.warnings[0]
    assert tables.convergence.iloc[0]["status"] == "completed"


@pytest.mark.parametrize("text", ["{}", "[]", '{"config": null}', '{"config": {"new_setting": 1}}', "null"])
def test_a_config_of_another_version_is_no_obstacle(write_study, trial, text):
    study = write_study([trial(10, 0.1, columns={"target": "loss <= 0.5"})], metrics=("loss",))
    study.paths.write(study.paths.study_json, text.encode())
    assert study_tables(study).target == Target("loss", 0.5, "min")


def test_the_same_store_answers_another_target(write_study, trial):
    rows = [evaluation(10, loss=0.6), evaluation(20, loss=0.4), evaluation(30, loss=0.2)]
    study = write_study([trial(10, 0.1, evaluations=rows)], config=CONFIG, metrics=("loss",))
    assert study_tables(study).times.iloc[0]["iterations_to_target"] == 20
    asked = study_tables(study, target=Target.parse("loss<=0.3"))
    assert asked.times.iloc[0]["iterations_to_target"] == 30
    assert asked.target == Target("loss", 0.3, "min")


def test_a_target_that_nothing_measured_is_refused_with_what_was(write_study, trial):
    study = write_study([trial(10, 0.1, evaluations=[evaluation(5, loss=0.1)])], metrics=("loss",))
    with pytest.raises(ValueError, match=r"'recall'.*loss"):
        study_tables(study, target=Target("recall", 0.5))


def test_targets_of_trials_that_differ_are_judged_by_one_and_said_so(write_study, trial):
    trials = [
        trial(10, lr, evaluations=[evaluation(5, loss=0.4)], columns={"target": target})
        for lr, target in ((0.1, "loss <= 0.5"), (0.2, "loss <= 0.5"), (0.4, "loss <= 0.3"))
    ]
    tables = study_tables(write_study(trials, metrics=("loss",)))
    assert tables.target == Target("loss", 0.5, "min")
    assert tables.convergence["reached"].tolist() == [1, 1, 1]
    assert any("different targets" in text for text in tables.warnings)


def test_a_best_lr_on_the_edge_is_warned_of_with_the_lrs_to_add(write_study, trial):
    trials = [trial(10, lr, evaluations=[evaluation(at, loss=0.1)]) for lr, at in ((0.1, 30), (0.2, 20), (0.4, 10))]
    tables = study_tables(write_study(trials, metrics=("loss",)), target=Target("loss", 0.5, "min"))
    assert any("largest of the grid" in text and "--lrs 0.8 1.6" in text for text in tables.warnings)


def test_with_an_lr_rule_the_lrs_to_add_are_those_of_the_base_batch_size(write_study, trial):
    config = {"batch_sizes": [20], "lrs": [0.1, 0.2], "max_epochs": 1, "lr_rule": "linear", "base_batch_size": 10}
    trials = [trial(20, lr, evaluations=[evaluation(at, loss=0.1)]) for lr, at in ((0.2, 30), (0.4, 20))]
    tables = study_tables(write_study(trials, config=config, metrics=("loss",)), target=Target("loss", 0.5, "min"))
    assert tables.missing == 0
    assert any("--lrs 0.4 0.8" in text for text in tables.warnings)


def test_every_trial_diverged_out_of_memory_or_failed(write_study, trial):
    trials = [
        trial(10, 0.1, loss=[2.0, np.nan], columns={"status": "diverged"}),
        trial(20, 0.1, columns={"status": "out_of_memory"}),
        trial(40, 0.1, columns={"status": "failed"}),
    ]
    tables = study_tables(write_study(trials, config=CONFIG, metrics=("loss",)))
    assert tables.convergence["status"].tolist() == ["diverged", "out_of_memory", "failed"]
    assert tables.best.filter(like="_to_target").isna().all(axis=None)
    assert tables.scaling["diverged_share"].tolist() == [1, 0, 0]
    assert any("1 of 3 trials failed" in text for text in tables.warnings)
    assert {finding["verdict"] for finding in tables.findings} == {"undecided"}


def test_a_single_cell_is_a_study(write_study, trial):
    loss = np.linspace(2, 0.1, 300)
    epoch = {"epoch": 1, "iterations": 300, "examples": 3000, "epoch_seconds": 3.0, "load_seconds": 0.3}
    row = epoch | {"compute_seconds": 2.4, "peak_memory_bytes": 1}
    trials = [trial(10, 0.1, loss=loss, epochs=[row], evaluations=[evaluation(300, loss=0.1)])]
    tables = study_tables(write_study(trials, metrics=("loss",)), target=Target("loss", 0.5, "min"))
    assert tables.throughput.iloc[0]["iteration_seconds"] == pytest.approx(0.01)
    assert tables.best.iloc[0]["best_lr_by_iterations"] == 0.1
    assert {finding["verdict"] for finding in tables.findings} == {"undecided"}
    json.dumps(tables.findings, allow_nan=False)


def test_trials_that_lack_files_are_read_as_far_as_they_go(write_study, trial):
    study = write_study([trial(10, 0.1, loss=[2.0, 1.0]), trial(20, 0.1)], config=CONFIG, metrics=("loss",))
    for table in ("iterations", "epochs", "evaluations"):
        study.paths.filesystem.delete_file(study.paths.trial_file(table, "b20-lr0.1-s0"))
    assert study_tables(study).ended == 2
