"""The rows of many trials, each by itself: as a query for each would give them, and read once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow.fs import FileInfo

from bs_study import Study, open_study
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Each

COLUMNS = ["examples", "loss"]


def losses(study: Study, trial_ids: list[str]) -> list[Each[Any]]:
    return study.each_trial(
        lambda trial_id, examples, loss: (trial_id, loss.tolist()), "iterations", COLUMNS, trial_ids
    )


@pytest.fixture
def toy(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written / "toy", tmp_path / "toy"))


def test_each_trial_gives_what_a_query_for_it_gives_in_the_order_asked_for(toy: Path) -> None:
    study = open_study(toy)
    trial_ids = study.trials()["trial_id"].tolist()[::-1]
    found = losses(study, trial_ids)
    assert [each.result[0] for each in found] == trial_ids
    for trial_id, each in zip(trial_ids, found, strict=True):
        assert np.array_equal(each.result[1], study.iterations(trial_id=trial_id)["loss"], equal_nan=True)
        assert each.is_whole


def test_trials_that_have_no_rows_or_do_not_exist_have_empty_columns(toy: Path) -> None:
    file = next((toy / "iterations").iterdir())
    file.unlink()
    found = losses(open_study(toy), [file.stem, "b1-lr1-s1-000000"])
    assert [each.result[1] for each in found] == [[], []]
    assert losses(open_study(toy), []) == []


def test_a_damaged_file_is_named_and_its_trial_alone_is_not_whole(toy: Path) -> None:
    damaged, *_ = sorted((toy / "iterations").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:100])
    study = open_study(toy)
    trial_ids = study.trials()["trial_id"].tolist()
    with pytest.warns(UserWarning, match=damaged.name):
        found = losses(study, trial_ids)
    assert [trial_id for trial_id, each in zip(trial_ids, found, strict=True) if not each.is_whole] == [damaged.stem]
    with pytest.raises(ValueError, match=damaged.name):
        losses(open_study(toy, strict=True), trial_ids)


def test_a_file_that_is_gone_when_it_is_read_is_looked_for_again(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(toy)
    trial_ids = study.trials()["trial_id"].tolist()
    files = {trial_id: (toy / "iterations" / f"{trial_id}.parquet") for trial_id in trial_ids}
    gone, count = files[trial_ids[1]].read_bytes(), len(study.iterations(trial_id=trial_ids[1]))
    exists = StudyPaths.exists

    def comes_back(self: StudyPaths, path: str) -> bool:
        files[trial_ids[1]].write_bytes(gone)
        return exists(self, path)

    names = StudyPaths.names
    listed = {str(toy / folder): names(study.paths, str(toy / folder)) for folder in ("trials", "iterations")}
    files[trial_ids[1]].unlink()
    monkeypatch.setattr(StudyPaths, "names", lambda self, folder: listed[folder])
    monkeypatch.setattr(StudyPaths, "exists", comes_back)
    assert len(losses(study, trial_ids)[1].result[1]) == count


def test_the_folders_are_listed_once_however_many_trials_there_are(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(toy)
    trial_ids = study.trials()["trial_id"].tolist()
    listed: list[str] = []
    look = StudyPaths.listed

    def noted(self: StudyPaths, folder: str) -> list[FileInfo]:
        listed.append(folder)
        return look(self, folder)

    monkeypatch.setattr(StudyPaths, "listed", noted)
    monkeypatch.setattr(StudyPaths, "exists", lambda self, path: pytest.fail(f"{path} was asked for by itself"))
    losses(study, trial_ids)
    assert sorted(Path(folder).name for folder in listed) == ["iterations", "trials"]
