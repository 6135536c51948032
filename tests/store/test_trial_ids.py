"""Ids of 64 bits, and studies of older versions, whose ids have 24 and may be shared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.config import StudyConfig, TrialConfig
from bs_study.config.growth import grown
from bs_study.grid import study_trials
from bs_study.launch.course import Course
from bs_study.launch.outline import resumed
from bs_study.store.commit import trial_row
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.reader import Study
from bs_study.store.study_json import create_study
from tests.faults.small_studies import METRICS, end_trial

SHARED = {"max_iterations": 10, "target": "accuracy >= 0.97"}
CELL = {"batch_size": 16, "lr": 0.04, "seed": 0}
DECAYS = (0.000152, 0.003417)


def both(**settings: object) -> StudyConfig:
    cells = {"batch_sizes": (16,), "lrs": (0.04,), "seeds": (0,)}
    return StudyConfig.model_validate(cells | SHARED | {"weight_decay": list(DECAYS)} | settings)


def begun(folder: Path, config: StudyConfig) -> StudyPaths:
    paths = study_paths(folder)
    create_study(paths, config, metrics=METRICS, train_examples=160)
    return paths


def test_configs_that_shared_an_id_of_24_bits_are_two_trials_now(tmp_path: Path) -> None:
    old, new = (
        [
            TrialConfig.model_validate(CELL | SHARED | {"weight_decay": decay, "trial_id_digits": digits})
            for decay in DECAYS
        ]
        for digits in (6, 16)
    )
    assert old[0].trial_id == old[1].trial_id
    assert new[0].trial_id != new[1].trial_id
    assert all(len(trial.trial_id.rpartition("-")[2]) == 16 for trial in new)
    paths = begun(tmp_path / "study", both())
    for trial in study_trials(both()):
        end_trial(paths, trial)
    assert len(open_study(paths.root).trials()) == 2
    assert Course(both(), Study(paths)).is_over


def test_a_study_of_an_older_version_keeps_its_ids_also_where_it_grows(tmp_path: Path) -> None:
    config = both(weight_decay=0.1)
    paths = begun(tmp_path / "study", config)
    file = Path(paths.study_json)
    asked = json.loads(file.read_text())
    del asked["config"]["trial_id_digits"], asked["names"]  # as older versions wrote it
    file.write_text(json.dumps(asked))
    old = open_study(paths.root).config
    (trial,) = study_trials(old)
    assert len(trial.trial_id.rpartition("-")[2]) == 6
    end_trial(paths, trial)
    more = grown(old, both(weight_decay=0.1, seeds=(0, 1)), uri=paths.uri)
    assert [one.trial.seed for one in Course(more, Study(paths)).plan.wanted] == [1]
    assert {len(trial.trial_id) for trial in study_trials(more)} == {len(trial.trial_id)}
    assert resumed(both(weight_decay=0.1), paths.root).config.settings.trial_id_digits == 6


def test_two_trials_of_one_id_in_an_older_study_are_refused_and_one_row_is_one_trial(tmp_path: Path) -> None:
    config = both(trial_id_digits=6)
    paths = begun(tmp_path / "study", config)
    first, second = study_trials(config)
    end_trial(paths, second)
    assert trial_row(paths, first) is None
    assert trial_row(paths, second) is not None
    state = analyse(open_study(paths.root)).rows.state
    assert (state.ended, state.missing) == (1, 1)
    with pytest.raises(ValueError, match=rf"^trial_id: {first.trial_id} is the id of two trials"):
        resumed(config, paths.root)


def test_a_row_of_another_config_is_no_answer(tmp_path: Path) -> None:
    config = both()
    paths = begun(tmp_path / "study", config)
    first, second = study_trials(config)
    end_trial(paths, second)
    Path(paths.trial_file("trials", second.trial_id)).rename(paths.trial_file("trials", first.trial_id))
    assert trial_row(paths, first) is None
    with pytest.warns(UserWarning, match="left out"):
        wanted = Course(config, Study(paths)).plan.wanted
    assert [one.trial for one in wanted] == [first, second]
