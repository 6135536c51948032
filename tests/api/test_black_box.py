"""A function of one's own by `bs_study.sweep`: races, seeds, failures, resume, Ray; and what it can't be asked."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import bs_study

HERE: dict[str, Any] = {"local": True, "min_iterations": 0, "target": "accuracy>=0.75"}
SCRIPT = Path(__file__).parents[1] / "training" / "black_box"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def make(least: float = 0.0) -> Any:
    """Return a function whose accuracy rises with lr, up to 0.8, and diverges at lr 4."""

    def train(batch_size: int, lr: float, seed: int, report: Any) -> None:
        for iteration in range(1, 401):
            loss = math.inf if lr == 4 and iteration == 10 else 1 / iteration
            time.sleep(least)
            if report(iteration=iteration, loss=loss):
                return
            accuracy = min(0.8, iteration * lr * (1 + seed / 100) / 100)
            if iteration % 5 == 0 and report(iteration=iteration, accuracy=accuracy, other=iteration):
                return

    return train


def test_a_race_with_seeds_where_they_decide_ends_outrun_trials_and_concludes() -> None:
    study = bs_study.sweep(
        make(), batch_sizes=[16, 64], lrs=[0.1, 0.5, 2, 4], search="race", seeds="auto", max_seeds=3, **HERE
    )
    trials = study.trials()
    reasons = trials.groupby("lr")["stop_reason"].agg(set)
    assert (reasons[0.1], reasons[2], reasons[4]) == ({"outrun"}, {"target"}, {"non_finite"})
    found = bs_study.analyse(study)
    assert found.recommendation.best is not None
    assert found.recommendation.best.lr == 2
    assert found.recommendation.clock == "train_seconds"
    page = (Path(study.paths.root) / "report" / "report.html").read_text()
    assert "run around the function" in page
    assert "--timing" not in page
    assert "nesterov" not in page


def test_a_function_that_ends_by_itself_before_the_target_is_no_budget_that_ran_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = bs_study.sweep(make(), batch_sizes=[16, 64], lrs=[0.5], **{**HERE, "target": "accuracy>=0.99"})
    assert set(study.trials()["stop_reason"]) == {"returned"}
    out = " ".join(capsys.readouterr().out.split())
    assert "Both ended without it." in out or "All 2 ended without it." in out
    assert "budget" not in out


def test_resume_repeats_nothing_that_ended_and_notices_an_edit() -> None:
    asked = {"batch_sizes": [16], "seeds": [0], **HERE}
    study = bs_study.sweep(make(), lrs=[0.5], **asked)
    before = study.trials()
    study = bs_study.sweep(make(), resume=study.paths.uri, lrs=[2], local=True)
    after = study.trials().sort_values("lr")
    assert after["lr"].tolist() == [0.5, 2.0]
    assert after["start_time"].iloc[0] == before["start_time"].item()
    own = "def train(batch_size, lr, seed, report):\n    report(iteration=1, accuracy={})\n"
    Path("own.py").write_text(own.format(0.5))
    study = bs_study.sweep("own.py:train", lrs=[0.5], name="own", **asked)
    sys.modules.pop("own")
    Path("own.py").write_text(own.format(0.25))
    with pytest.raises(ValueError, match=r"own\.py was edited"):
        bs_study.sweep(resume=study.paths.uri, lrs=[2], local=True)
    sys.modules.pop("own")


def test_a_function_that_raises_is_tried_again_from_its_start_and_costs_only_its_trial() -> None:
    starts: list[float] = []

    def train(batch_size: int, lr: float, seed: int, report: Any) -> None:
        starts.append(lr)
        report(iteration=1, loss=1.0)
        if lr == 0.1 or starts.count(lr) == 1:
            raise RuntimeError("the data is not there yet")
        report(iteration=2, accuracy=0.9)

    study = bs_study.sweep(train, batch_sizes=[16], lrs=[0.1, 0.5], max_failures=1, **HERE)
    trials = study.trials().set_index("lr")
    assert starts == [0.1, 0.1, 0.5, 0.5]
    assert trials["status"].to_dict() == {0.1: "failed", 0.5: "completed"}
    assert trials["attempts"].to_dict() == {0.1: 2, 0.5: 2}
    assert "the data is not there yet (test_black_box.py, line" in trials["message"][0.1]
    assert trials["optimizer"].isna().all()


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"target": None}, ("target", "accuracy>=0.98")),
        ({"target": "loss<=0.1"}, ("target", "val_loss<=0.1")),
        ({"max_epochs": 3}, ("max_epochs", "max_iterations")),
        ({"optimizer": "adam"}, ("optimizer", "adam", "decides that itself")),
        ({"recipes": [{}, {"optimizer": "adam"}]}, ("optimizer", "adam", "decides that itself")),
        ({"precision": "bf16"}, ("precision", "decides that itself")),
        ({"micro_batch": 4}, ("micro_batch", "decides that itself")),
        ({"lr_decay": "cosine", "max_iterations": 9}, ("lr_decay", "decides that itself")),
        ({"lr_rule": "linear", "base_batch_size": 16}, ("lr_rule", "decides that itself")),
        ({"eval_every_examples": 9}, ("eval_every_examples", "decides that itself")),
        ({"validation_examples": 9}, ("validation_examples", "decides that itself")),
        ({"timing": True}, ("timing", "Leave it out")),
        ({"data_dir": "data"}, ("data_dir", "Leave it out")),
    ],
)
def test_what_a_function_can_not_heed_is_refused_before_it_is_called(
    settings: dict[str, Any], parts: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        bs_study.sweep(make(), batch_sizes=[16], lrs=[0.1], **{**HERE, **settings})
    assert all(part in str(caught.value) for part in parts), caught.value
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "results").exists()


def test_functions_train_side_by_side_on_ray_and_a_race_reaches_them() -> None:
    study = bs_study.sweep(
        make(0.002), batch_sizes=[16], lrs=[0.1, 0.5, 2], search="race", **{**HERE, "local": False, "address": "local"}
    )
    trials = study.trials().set_index("lr")
    assert set(trials["status"]) == {"completed"}
    assert trials["stop_reason"][2] == "target"
    assert "outrun" in set(trials["stop_reason"])
    assert trials["ray_version"].notna().all()


def test_a_script_becomes_a_function_by_six_lines(tmp_path: Path) -> None:
    diff = (SCRIPT / "script.diff").read_text()
    (tmp_path / "script.py").write_text((SCRIPT / "script.py").read_text())
    assert sum(line.startswith("+") and not line.startswith("+++") for line in diff.splitlines()) <= 6
    subprocess.run(["git", "apply"], input=diff, text=True, cwd=tmp_path, check=True, timeout=60)
    study = bs_study.sweep(
        "script.py:main", batch_sizes=[16, 64], lrs=[0.1, 0.5], **{**HERE, "target": "accuracy>=0.9"}
    )
    assert set(study.trials()["stop_reason"]) == {"target"}
    assert study.trials()["workload"].unique().tolist() == ["script:main"]
