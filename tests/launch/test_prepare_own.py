"""What is looked at of a workload of one's own before a study starts: its name, its sizes, its data folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study.config.asked import asked
from bs_study.launch.prepare import checked, prepared

NORMED = """
import torch
from torch import nn

class Net:
    name, target = "net", "loss <= 0.1"
    def train_data(self, data_dir): return torch.rand(41, 2), torch.arange(41) % 2
    eval_data = train_data
    def model(self): return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    def loss(self, model, x, y): return nn.functional.cross_entropy(model(x), y)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "normed_task.py").write_text(NORMED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.delenv("BS_STUDY_DATA", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(threads)
    sys.modules.pop("normed_task", None)


def settings(folder: Path, **changes: Any) -> Any:
    usual = {"workload": "normed_task:Net", "batch_sizes": (7,), "lrs": (0.1,), "max_epochs": 1, "store": str(folder)}
    return asked(usual | changes)


def test_a_workload_by_its_file_has_the_trials_of_the_one_by_its_module(folder: Path) -> None:
    names = ("normed_task:Net", "normed_task.py:Net", "./normed_task:Net", f"{folder}/normed_task.py:Net")
    ids = [[trial.trial_id for trial in prepared(*settings(folder, workload=name)).trials] for name in names]
    assert ids == [ids[0]] * 4


def test_a_study_by_the_file_goes_on_by_the_module_and_the_other_way_round(folder: Path) -> None:
    begun = prepared(*settings(folder, workload="normed_task.py:Net"))
    begun.create()
    again = prepared(*settings(folder, workload="./normed_task.py:Net"), resume=begun.paths.uri)
    assert (again.config, again.grows_from) == (begun.config, None)


def test_batch_sizes_of_the_grid_are_tried_but_not_the_one_that_stands_for_a_grid(folder: Path) -> None:
    told = r"^batch_sizes: 8 and 20 leave a last batch of 1 of 41 examples"
    with pytest.raises(ValueError, match=told):
        prepared(*settings(folder, batch_sizes=(7, 8, 20)))
    with pytest.raises(ValueError, match=told):
        checked(*settings(folder, batch_sizes=(7, 8, 20)))
    assert checked(*settings(folder, batch_sizes=(1,)), has_grid=False)[1].warnings == ()


def test_the_last_batch_is_that_of_the_examples_which_validation_leaves(folder: Path) -> None:
    assert prepared(*settings(folder, batch_sizes=(8,), validation_examples=3)).train_examples == 38
    with pytest.raises(ValueError, match=r"^batch_sizes: 9 leaves a last batch of 1 of 37 examples"):
        prepared(*settings(folder, batch_sizes=(9,), validation_examples=4))


@pytest.mark.parametrize("workload", ["char_lm", "normed_task:Net"])
@pytest.mark.parametrize("missing", ["/no/such/folder", "nowhere", "mine.txt"])
def test_a_data_folder_that_was_asked_for_and_is_not_there_is_refused(
    workload: str, missing: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for look in (prepared, checked):
        with pytest.raises(FileNotFoundError, match=rf"^data_dir: (/.*)?{missing} is not there"):
            look(*settings(folder, workload=workload, data_dir=missing))
    monkeypatch.setenv("BS_STUDY_DATA", missing)
    with pytest.raises(FileNotFoundError, match=rf"^data_dir: .*{missing} \(\$BS_STUDY_DATA\) is not there"):
        checked(*settings(folder, workload=workload))


def test_a_workload_that_brings_its_data_or_downloads_it_may_be_given_a_folder_that_is_not_there(folder: Path) -> None:
    assert checked(*settings(folder, workload="digits", data_dir="nowhere", batch_sizes=(64,)))[1].warnings == ()


def test_the_cache_folder_that_nobody_asked_for_need_not_be_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder / "nobody"))
    assert checked(*settings(folder))[1].warnings == ()
