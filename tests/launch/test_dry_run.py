"""A dry run: what a study would do, told without its workload where enough is known of that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bs_study.config.asked import asked
from bs_study.launch import dry_run
from bs_study.launch.dry_run import lines, outlined
from bs_study.launch.prepare import Prepared, prepared
from tests.faults.small_studies import end_trial

GRID: dict[str, Any] = {"workload": "digits", "batch_sizes": (64, 256), "lrs": (0.1, 0.4), "max_epochs": 1}
RACE: dict[str, Any] = GRID | {"search": "race", "name": "race"}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A study of which one trial has ended."""
    study = prepared(*asked(GRID | {"store": str(tmp_path_factory.mktemp("store")), "target": "loss<=0.5"}))
    study.create()
    end_trial(study.paths, study.trials[1])
    return study


@pytest.mark.parametrize(
    ("more", "is_resumed"),
    [
        ({"target": "loss<=0.5"}, False),
        ({"name": "other"}, False),
        ({"name": "other", "batch_sizes": (1438,)}, False),
        ({"name": "other", "batch_sizes": (1400,), "validation_examples": 100}, False),
        ({"name": "other", "data_dir": "nowhere"}, False),
        (RACE, False),
        ({}, True),
        ({"seeds": (0, 1), "weight_decay": [0.0, 0.1]}, True),
        ({"target": "loss=0.5"}, True),
        ({"target": "accuracy>=0.9"}, True),
        ({"batch_sizes": (2000,)}, True),
    ],
)
def test_a_dry_run_tells_the_same_whether_its_workload_is_known_or_loaded(
    begun: Prepared, more: dict[str, Any], is_resumed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, options = asked(GRID | {"store": str(Path(begun.paths.root).parent)} | more)

    def told() -> list[str]:
        try:
            return list(lines(outlined(config, options, resume=begun.paths.uri if is_resumed else None)))
        except ValueError as error:
            return [str(error)]

    known = told()
    monkeypatch.setattr(dry_run, "KNOWN", {})
    assert known == told()


def test_a_dry_run_sees_that_a_built_in_workload_was_edited_without_loading_it(begun: Prepared) -> None:
    file = Path(begun.paths.study_json)
    before = file.read_text()
    asked_before = json.loads(before)
    asked_before["versions"][-1]["source"]["bs_study/workloads/digits.py"] = "0" * 16
    file.write_text(json.dumps(asked_before))
    try:
        with pytest.raises(ValueError, match=r"bs_study/workloads/digits\.py was edited"):
            outlined(begun.config, begun.options, resume=begun.paths.uri)
        found = outlined(begun.config, begun.options, resume=begun.paths.uri, accept_changes=True)
        assert found.said.startswith("accepted: bs_study/workloads/digits.py was edited")
    finally:
        file.write_text(before)


def test_nothing_is_told_of_trials_that_a_study_of_the_same_name_does_not_ask_for(
    begun: Prepared, recwarn: pytest.WarningsRecorder
) -> None:
    race = RACE | {"name": begun.config.name, "batch_sizes": (128, 512), "store": str(Path(begun.paths.root).parent)}
    assert outlined(*asked(race)).there
    assert [*recwarn] == []
