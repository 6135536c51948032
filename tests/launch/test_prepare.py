"""What is looked at before a study starts: what it asks and how it is launched are two things."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bs_study import open_study
from bs_study.config import LaunchOptions
from bs_study.config.asked import asked
from bs_study.launch.prepare import Prepared, checked, prepared
from tests.faults.small_studies import end_trial
from tests.grid_command import command_in_this_process

GRID: dict[str, Any] = {"workload": "digits", "batch_sizes": (64, 256), "lrs": (0.1, 0.4), "max_epochs": 1}


@pytest.fixture
def begun(tmp_path: Path) -> Prepared:
    """A study that a laptop has begun, with launch options of its own."""
    laptop = {"store": str(tmp_path), "local": True, "max_concurrent": 1, "max_failures": 0, "data_dir": str(tmp_path)}
    study = prepared(*asked(GRID | laptop))
    study.create()
    return study


def test_study_json_keeps_what_a_study_asks_and_nothing_of_its_launch(begun: Prepared) -> None:
    stored = json.loads(Path(begun.paths.study_json).read_text())["config"]
    assert stored.keys() & LaunchOptions.model_fields.keys() == set()
    assert (stored["batch_sizes"], stored["target"], stored["name"]) == ([64, 256], "accuracy >= 0.97", "digits")
    assert stored["eval_spacing"] == 1.05
    assert open_study(begun.paths.uri).config == begun.config
    assert (open_study(begun.paths.uri).train_examples, open_study(begun.paths.uri).eval_examples) == (1437, 360)


def test_a_study_goes_on_however_it_is_launched(begun: Prepared) -> None:
    elsewhere = LaunchOptions(max_concurrent=8, address="auto", checkpoint_seconds=5)
    again = prepared(begun.config, elsewhere, resume=begun.paths.uri)
    assert not again.is_new
    assert (again.config, again.options) == (begun.config, elsewhere)
    assert [t.trial_id for t in again.trials] == [t.trial_id for t in begun.trials]


def test_a_study_goes_on_by_a_config_that_leaves_its_name_and_target_open(begun: Prepared) -> None:
    config, options = asked(GRID)
    assert prepared(config, options, resume=begun.paths.uri).config == begun.config


def test_a_study_goes_on_by_its_own_target_whose_direction_is_left_out(begun: Prepared) -> None:
    config, options = asked(GRID | {"target": "accuracy=0.97"})
    assert prepared(config, options, resume=begun.paths.uri).config == begun.config
    config, _ = asked(GRID | {"target": "score=0.97"})
    with pytest.raises(ValueError, match=r"Write 'score<=0.97' or 'score>=0.97'"):
        prepared(config, options, resume=begun.paths.uri)


def test_what_is_stored_has_a_direction_and_the_study_says_which_way_its_metrics_are_better(tmp_path: Path) -> None:
    own = {"workload": "toy_workloads:Scored", "store": str(tmp_path)}
    for text, name in (("score=0.7", "again"), ("loss=0.1", "other")):
        study = prepared(*asked(GRID | own | {"target": text, "name": name}))
        study.create()
        stored = open_study(study.paths.uri)
        assert str(stored.config.settings.target) == str(study.trials[0].settings.target)
        assert stored.directions["score"] == "max"  # as the workload's own target has it
    assert str(stored.config.settings.target) == "loss <= 0.1"
    dry = prepared(*asked(GRID | {"target": "accuracy=0.9", "store": str(tmp_path)}), is_dry_run=True)
    assert str(dry.config.settings.target) == "accuracy >= 0.9"


@pytest.mark.parametrize("target", ["precision>=0.9", "precision=0.9", "accuracy>=90"])
def test_a_target_that_no_trial_can_reach_is_refused_before_the_grid(tmp_path: Path, target: str) -> None:
    for look_at in (prepared, checked):
        with pytest.raises(ValueError, match=r"^target: ('precision' is no metric|accuracy is a fraction)"):
            look_at(*asked(GRID | {"target": target, "store": str(tmp_path)}))


def test_a_target_that_the_initial_weights_meet_is_warned_of_before_the_trials(tmp_path: Path) -> None:
    config, options = asked(GRID | {"target": "accuracy>=0.01", "store": str(tmp_path)})
    found = (prepared(config, options).warnings, checked(config, options)[1].warnings)
    for warnings in found:
        assert any("the initial weights meet accuracy >= 0.01 already" in warning for warning in warnings)
    config, options = asked(GRID | {"target": "test_accuracy>=0.01", "validation_examples": 99, "store": str(tmp_path)})
    assert "on all 360 held-out examples" in "".join(prepared(config, options).warnings)


@pytest.mark.parametrize("change", [{"max_epochs": 2}, {"momentum": 0.9}, {"target": "loss<=0.1"}])
def test_a_study_does_not_go_on_as_another(begun: Prepared, change: dict[str, Any]) -> None:
    config, options = asked(GRID | change)
    for look_at in (prepared, checked):
        with pytest.raises(ValueError, match=rf"^{next(iter(change))}: .* contradicts the study, which has "):
            look_at(config, options, resume=begun.paths.uri)


def test_a_study_grows_in_its_store_only_when_it_begins_again_and_keeps_what_was_asked_when(begun: Prepared) -> None:
    first = json.loads(Path(begun.paths.study_json).read_text())
    config, options = asked(GRID | {"lrs": (0.8,), "seeds": (0, 1)})
    more = prepared(config, options, resume=begun.paths.uri)
    assert (more.config.lrs, more.config.seeds) == ((0.1, 0.4, 0.8), (0, 1))
    assert json.loads(Path(begun.paths.study_json).read_text()) == first
    more.create()
    told = json.loads(Path(begun.paths.study_json).read_text())
    assert open_study(begun.paths.uri).config == more.config
    assert [list(entry) for entry in told["history"]] == [["asked", "package_version", "config"]] * 2
    assert [entry["config"] for entry in told["history"]] == [first["config"], told["config"]]
    assert told["history"][0]["asked"] == first["created"] <= told["history"][1]["asked"]
    assert {name: told[name] for name in first if name != "config"} == {
        name: first[name] for name in first if name != "config"
    }
    third = prepared(*asked(GRID | {"batch_sizes": (16,)}), resume=begun.paths.uri)
    third.create()
    told = json.loads(Path(begun.paths.study_json).read_text())
    assert [len(entry["config"]["batch_sizes"]) for entry in told["history"]] == [2, 2, 3]


def test_a_study_that_grew_by_another_process_meanwhile_is_not_overwritten(begun: Prepared) -> None:
    mine, theirs = (prepared(*asked(GRID | {"seeds": (seed,)}), resume=begun.paths.uri) for seed in (1, 2))
    theirs.create()
    with pytest.raises(ValueError, match="'digits' was changed by another process"):
        mine.create()
    assert open_study(begun.paths.uri).config.seeds == (0, 2)


def test_batch_sizes_that_are_added_are_held_against_the_training_set(begun: Prepared) -> None:
    with pytest.raises(ValueError, match=r"^batch_sizes: 1438 is larger than the training set"):
        prepared(*asked(GRID | {"batch_sizes": (1438,)}), resume=begun.paths.uri)


def test_a_study_that_exists_is_continued_by_a_command_that_launches_it_alike(begun: Prepared) -> None:
    config, options = asked(GRID | {"store": str(Path(begun.paths.root).parent), "local": True, "max_failures": 0})
    with pytest.raises(ValueError, match="exists already") as caught:
        prepared(config, options)
    command = f"`bs-study run --local --max-failures 0 --resume {begun.paths.uri}`"
    assert command in str(caught.value)


def test_a_dry_run_of_a_study_that_exists_tells_all_its_trials_which_have_ended_and_how_to_go_on(
    begun: Prepared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(json.dumps(GRID))
    end_trial(begun.paths, begun.trials[1])
    before = sorted(Path(begun.paths.root).rglob("*"))
    grid = command_in_this_process()
    assert grid(["--config", str(file), "--store", str(tmp_path), "--local", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in lines[:4]] == [trial.trial_id for trial in begun.trials]
    assert [line.endswith(", has ended") for line in lines[:4]] == [False, True, False, False]
    assert lines[4].startswith("4 trials of digits")
    assert lines[5].startswith("1 of them has ended. name: 'digits' exists already in ")
    assert f"--local --resume {begun.paths.uri}`" in lines[5]
    assert grid(["--resume", begun.paths.uri, "--local", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    left = [trial.trial_id for trial in begun.trials if trial != begun.trials[1]]
    assert [line.partition(" ")[0] for line in lines[:-1]] == left
    assert sorted(Path(begun.paths.root).rglob("*")) == before


@pytest.mark.parametrize("content", ["{", "[]", '{"config": {"lrs": 3}}'])
def test_a_study_that_is_damaged_is_said_to_be_so_and_not_to_be_continued(begun: Prepared, content: str) -> None:
    Path(begun.paths.study_json).write_text(content)
    for is_dry_run in (True, False):
        with pytest.raises(ValueError, match=r"^name: .* damaged.*choose another --name") as caught:
            prepared(*asked(GRID | {"store": str(Path(begun.paths.root).parent)}), is_dry_run=is_dry_run)
        assert "--resume" not in str(caught.value)
