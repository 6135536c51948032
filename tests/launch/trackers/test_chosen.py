"""Which trackers a study is shown by."""

from __future__ import annotations

import pytest

from bs_study.config import LaunchOptions
from bs_study.launch.trackers.chosen import chosen_trackers
from bs_study.store.paths import StudyPaths


def test_no_tracker_is_on_by_default(paths: StudyPaths) -> None:
    assert chosen_trackers(LaunchOptions(), paths) == []


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_tracker_that_is_not_installed_is_refused_with_its_install_command(
    name: str, paths: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.launch.trackers.chosen.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=rf"{name}: is not installed. Run: pip install {name}"):
        chosen_trackers(LaunchOptions(**{name: True}), paths)
