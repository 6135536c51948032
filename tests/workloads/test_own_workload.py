from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from bs_study import StudyConfig, Target, TrialConfig, open_study
from bs_study.store.paths import StudyPaths
from bs_study.store.study_json import create_study
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.progress import Ending
from bs_study.training.trial import run_trial
from bs_study.workloads import Workload, load_workload
from bs_study.workloads.base import examples_in
from bs_study.workloads.check import read_data
from bs_study.workloads.check_batch import look_at


def trained(trial: TrialConfig, paths: StudyPaths, data_dir: Path) -> Ending:
    place = Place(paths, data_dir, metrics=("loss",))
    return run_trial(trial, place, Machine("cpu", threads=1), pacing=Pacing(checkpoint_seconds=60))


@pytest.mark.parametrize("name", ["Line", "LineFromDataset"])
def test_a_class_outside_the_package_trains_to_its_loss_target_without_any_accuracy(
    name: str, paths: StudyPaths, tmp_path: Path
) -> None:
    trial = TrialConfig(
        workload=f"toy_workloads:{name}", batch_size=16, lr=0.5, seed=0, max_epochs=50, min_iterations=0
    )
    create_study(paths, StudyConfig(batch_sizes=(16,), lrs=(0.5,), max_epochs=50), metrics=["loss"], train_examples=64)
    ending = trained(trial, paths, tmp_path)
    assert (ending.status, ending.stop_reason) == ("completed", "target")
    evaluations = open_study(paths.root).evaluations()
    assert "accuracy" not in evaluations.columns
    assert evaluations["loss"].iloc[-1] <= 1e-3 < evaluations["loss"].iloc[:-1].min()


def test_tensors_and_a_dataset_with_the_same_examples_give_the_same_losses(tmp_path: Path) -> None:
    from bs_study.store.paths import study_paths

    found = []
    for name in ("Line", "LineFromDataset"):
        paths = study_paths(tmp_path / name)
        trial = TrialConfig(workload=f"toy_workloads:{name}", batch_size=10, lr=0.1, seed=0, max_epochs=2)
        create_study(
            paths, StudyConfig(batch_sizes=(10,), lrs=(0.1,), max_epochs=2), metrics=["loss"], train_examples=64
        )
        trained(trial, paths, tmp_path)
        found.append(open_study(paths.root).iterations()["loss"].tolist())
    assert found[0] == found[1]
    assert len(found[0]) == 14


def test_what_a_class_leaves_out_is_taken_from_the_interface() -> None:
    workload = load_workload("toy_workloads:Line")
    x = torch.ones(2, 1)
    assert workload.prepare(x) == (x,)
    assert workload.metrics(workload.model(), x, x) == {}
    assert workload.target == Target("loss", 1e-3, "min")


@pytest.mark.parametrize("name", ["digits", "toy_workloads:Line", "toy_workloads:LineFromDataset"])
def test_a_look_before_the_study_finds_the_metrics_and_the_number_of_examples(name: str, tmp_path: Path) -> None:
    workload = load_workload(name)
    train, held_out = read_data(workload, tmp_path)
    assert examples_in(train) == (1437 if name == "digits" else 64)
    assert look_at(workload, train, held_out).metrics == (("accuracy", "loss") if name == "digits" else ("loss",))


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("digit", "'digits'"),
        ("imagenet", "package.module:Class"),
        ("nowhere.at_all:Mine", "nowhere"),
        ("toy_workloads:Lime", "'Lime'"),
        ("toy_workloads:line_data", "without arguments"),
        ("toy_workloads:Pairs", "Pairs"),
        ("toy_workloads:", "package.module:Class"),
        ("bs_study.workloads:Workload", "can't be made"),
    ],
)
def test_a_workload_that_is_none_is_refused_in_one_line_that_names_it(reference: str, told: str) -> None:
    with pytest.raises(ValueError, match="workload: ") as caught:
        load_workload(reference)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


BROKEN = {
    "Empty": ("train_data", "return (torch.zeros(0, 1),)", "holds no example"),
    "Uneven": ("train_data", "return torch.zeros(4, 1), torch.zeros(3)", r"differ in length \(4, 3\)"),
    "Vector": ("loss", "return model(x).squeeze()", "not a scalar"),
    "NotANumber": ("loss", "return model(x).mean() * float('nan')", "nan"),
}


@pytest.mark.parametrize(("method", "body", "told"), BROKEN.values(), ids=BROKEN)
def test_a_workload_whose_part_is_broken_is_refused_by_that_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, method: str, body: str, told: str
) -> None:
    module = f"broken_{request.node.callspec.id.lower()}"
    signature = {"train_data": "self, data_dir", "loss": "self, model, x"}[method]
    head = "import torch\nfrom toy_workloads import Constant\n\n\nclass Mine(Constant):"
    text = f"{head}\n    def {method}({signature}):\n        {body}\n"
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    workload: Workload = load_workload(f"{module}:Mine")
    with pytest.raises(ValueError, match=told) as caught:
        look_at(workload, *read_data(workload, tmp_path))
    assert method in str(caught.value)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("accuracy > 0.9", "'accuracy > 0.9' is no target. Write >= in place of >"),
        (("accuracy", ">=", 0.9), "(metric, value, 'max' or 'min')"),
        ({"accuracy": 0.9}, "(metric, value, 'max' or 'min')"),
    ],
)
def test_a_bad_target_of_a_workload_is_told_with_the_workload_and_the_right_form(
    tmp_path: Path, target: object, told: str
) -> None:
    name = f"{tmp_path}/mistargeted.py:Net"
    methods = "; ".join(f"{part} = None" for part in ("train_data", "eval_data", "model", "loss"))
    (tmp_path / "mistargeted.py").write_text(f"class Net:\n    name, target = 'net', {target!r}; {methods}\n")
    sys.modules.pop("mistargeted", None)
    sys.modules.pop("mistargeted_file", None)
    with pytest.raises(ValueError, match=rf"^workload: the target of {re.escape(name)}.*{re.escape(told)}"):
        load_workload(name)
