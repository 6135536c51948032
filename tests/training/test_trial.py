"""What a trial records: its iterations, epochs, evaluations and clocks."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from bs_study import TrialConfig
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from bs_study.training.progress import Progress
from tests.training.recorded import FLICKERING, Run, losses, row


def test_the_first_losses_on_digits_are_near_ln_10(run: Run) -> None:
    _, study = run(max_iterations=3, lr=0.001)
    assert losses(study) == pytest.approx([math.log(10)] * 3, abs=0.15)


def test_iterations_are_gapless_from_1_and_count_epochs_and_examples(run: Run) -> None:
    _, study = run(batch_size=100, max_epochs=2, stop_at_target=False, checkpoint_seconds=1e-6)
    found = study.iterations()
    assert found["iteration"].tolist() == list(range(1, 31))
    assert found["epoch"].tolist() == [1] * 15 + [2] * 15
    assert found["examples"].tolist() == [min(100 * i, 1437) for i in range(1, 16)] + [
        1437 + min(100 * i, 1437) for i in range(1, 16)
    ]
    assert study.epochs()["iterations"].tolist() == [15, 30]
    assert study.epochs()["examples"].tolist() == [1437, 2874]


def test_an_epoch_that_a_budget_cuts_short_has_no_row(run: Run) -> None:
    _, study = run(batch_size=100, max_epochs=1.5, stop_at_target=False)
    assert study.epochs()["epoch"].tolist() == [1]
    assert study.iterations()["epoch"].max() == 2


def test_evaluations_come_where_the_looks_are_and_at_the_end(run: Run) -> None:
    _, study = run(batch_size=232, max_iterations=33, stop_at_target=False)
    # 360 digits judge. Evaluating them takes as long as a forward pass on 360 examples, or an update on 120, and may
    # take a third of the time of updates, each as long as 240 examples take: 2 iterations between looks at least. The
    # spacing asks for 1 up to iteration 20; from 10 on it is kept to within twice that.
    assert study.evaluations()["iteration"].tolist() == [2, 4, 6, 8, *range(10, 21), 22, 24, 26, 28, 30, 32, 33]


def test_evaluations_lie_alike_for_every_lr_and_seed(run_in: Run, tmp_path: Path) -> None:
    cells = [(0.1, 0), (0.4, 0), (0.1, 1)]
    studies = [
        run_in(study_paths(tmp_path / f"{lr}-{seed}" / "study"), lr=lr, seed=seed, max_iterations=100)[1]
        for lr, seed in cells
    ]
    found = [study.evaluations()["iteration"].tolist() for study in studies]
    assert found == [found[0]] * 3


def test_evaluations_come_after_the_examples_that_are_asked_for_and_at_the_end(run: Run) -> None:
    _, study = run(batch_size=16, max_epochs=1, stop_at_target=False, eval_every_examples=143)
    examples = study.evaluations()["examples"].to_numpy()
    # The first multiple of 16 at or above each multiple of 143, and the end of the epoch.
    expected = sorted({min(-(-143 * k // 16) * 16, 1437) for k in range(1, 11)} | {1437})
    assert examples.tolist() == expected
    assert study.evaluations()["epoch"].to_numpy() == pytest.approx(np.array(expected) / 1437)


def test_a_metric_that_is_no_number_is_null_and_an_infinite_one_stays_so(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setattr("toy_workloads.Flickering.scores", (0.0, math.nan, math.inf, 0.25))
    _, study = run(**FLICKERING, max_iterations=3, target="score<=0.1")
    (file,) = Path(study.paths.root, "evaluations").iterdir()
    assert pq.read_table(file)["score"].to_pylist() == [None, math.inf, 0.25]


def test_load_and_compute_are_within_the_epoch_and_sums_never_fall(run: Run) -> None:
    _, study = run(batch_size=8, max_epochs=3, stop_at_target=False, warmup_iterations=0)
    epochs, evaluations, trial = study.epochs(), study.evaluations(), row(study)
    assert (epochs["load_seconds"] + epochs["compute_seconds"] <= epochs["epoch_seconds"]).all()
    assert (epochs[["load_seconds", "compute_seconds"]] > 0).all(axis=None)
    clocks = ["train_seconds", "load_seconds", "compute_seconds"]
    assert (evaluations[clocks].diff().dropna() >= 0).all(axis=None)
    assert (
        evaluations["train_seconds"].iloc[-1] == pytest.approx(epochs["epoch_seconds"].sum()) == trial["train_seconds"]
    )
    assert trial["eval_seconds"] == pytest.approx(evaluations["eval_seconds"].sum())
    assert trial["warmup_seconds"] == 0
    assert trial["train_seconds"] + trial["eval_seconds"] <= trial["wall_seconds"]


def test_the_rest_of_an_epoch_that_is_neither_loading_nor_computing_is_small(run: Run) -> None:
    _, study = run(batch_size=60, max_epochs=40, stop_at_target=False)
    epochs = study.epochs().iloc[1:]
    rest = 1 - (epochs["load_seconds"] + epochs["compute_seconds"]) / epochs["epoch_seconds"]
    assert rest.median() < 0.05


def test_warm_up_is_trained_and_recorded_but_in_no_training_clock(run: Run) -> None:
    _, study = run(max_iterations=5, warmup_iterations=5)
    found = row(study)
    assert len(losses(study)) == 5
    assert found["warmup_seconds"] > 0
    for clocks in (study.trials(), study.evaluations()):
        assert clocks[["train_seconds", "load_seconds", "compute_seconds"]].isna().all(axis=None)


def test_an_epoch_says_how_many_of_its_iterations_its_clocks_cover(run: Run) -> None:
    _, study = run(batch_size=500, max_epochs=3, stop_at_target=False, warmup_iterations=4)
    epochs = study.epochs()
    assert epochs["timed_iterations"].tolist() == [0, 2, 3]
    assert row(study)["timed_iterations"] == 5
    evaluations = study.evaluations()
    assert evaluations["timed_iterations"].tolist() == (evaluations["iteration"] - 4).clip(lower=0).tolist()
    clocks = epochs[["epoch_seconds", "load_seconds", "compute_seconds"]]
    assert clocks.isna().all(axis=1).tolist() == [True, False, False]
    assert epochs["epoch_seconds"].sum() == pytest.approx(row(study)["train_seconds"])
    assert [problem for problem in problems(study.paths) if "grid" not in problem] == []


def test_the_target_met_within_warm_up_is_reached_at_an_unknown_time(run: Run) -> None:
    _, study = run(batch_size=500, max_epochs=20, target="loss<=2.2", warmup_iterations=50, min_iterations=0)
    assert (row(study)["status"], row(study)["stop_reason"]) == ("completed", "target")
    assert study.evaluations()["train_seconds"].isna().all()
    assert study.evaluations()["eval_seconds"].notna().all()


@pytest.mark.parametrize("loss_limit", [None, 100.0])
def test_the_targets_metric_with_the_initial_weights_is_kept_and_changes_no_loss(
    run_in: Run, tmp_path: Path, loss_limit: float | None
) -> None:
    settings: dict[str, Any] = {"workload": "toy_workloads:DrawsWhileItIsJudged", "max_iterations": 5, "lr": 0.01}
    _, study = run_in(study_paths(tmp_path / "a" / "study"), loss_limit=loss_limit, target="loss<=0", **settings)
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 10).unsqueeze(1)
    loss = ((torch.nn.Linear(1, 1)(x) - (2 * x + 1)) ** 2).mean().item()
    assert row(study)["initial_metric"] == pytest.approx(loss)
    _, unseen = run_in(study_paths(tmp_path / "b" / "study"), loss_limit=1e9, target="loss<=0", **settings)
    assert losses(study) == losses(unseen)


def test_a_row_says_on_what_a_trial_ran(run: Run) -> None:
    found = row(run(max_iterations=2)[1])
    assert (found["device"], found["threads"], found["torch_version"]) == ("cpu", 1, torch.__version__)
    assert found["device_name"]
    assert found["host"]
    assert found["attempts"] == 1
    assert found["start_time"] <= found["end_time"]
    assert str(found["start_time"].tz) == "UTC"
    assert found["trial_id"] == TrialConfig(batch_size=64, lr=0.1, seed=0, max_iterations=2).trial_id


def test_progress_is_told_at_most_about_once_a_second(run: Run) -> None:
    told: list[Progress] = []
    ending, _ = run(batch_size=1, max_train_seconds=2.5, stop_at_target=False, report=told.append)
    assert 1 <= len(told) <= 4
    assert [p.iteration for p in told] == sorted({p.iteration for p in told})
    assert all(0 < (p.share or 0) <= 1 and math.isfinite(p.loss) for p in told)
    assert told[-1].iteration <= ending.iterations


def test_the_lr_schedule_reaches_the_updates(run: Run, paths: Any) -> None:
    # Once the lr is 0 the weights stay, so with one batch per epoch the loss does too.
    _, study = run(
        batch_size=1437, max_iterations=6, lr_decay="step", lr_decay_iterations=3, lr_decay_factor=1e-30, momentum=0
    )
    found = losses(study)
    assert found[0] > found[1] > found[2] > found[3]
    assert found[4:] == pytest.approx([found[3]] * 2, rel=1e-6)


class QueueingDevice:
    """A timeline of a device that runs behind the host: an update is queued at once, and takes a while to finish."""

    update_seconds = 0.004

    def __init__(self) -> None:
        self._marks = 0

    def mark(self) -> None:
        self._marks += 1

    def take_seconds(self) -> list[float]:
        count, self._marks = self._marks // 3, 0
        time.sleep(count * self.update_seconds)  # until the device has caught up
        starts = [i * self.update_seconds for i in range(count)]
        return [mark for start in starts for mark in (start, start, start + self.update_seconds)]


def test_a_device_that_runs_behind_the_host_is_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bs_study.training.run.timeline", lambda _: QueueingDevice())
    _, study = run(max_epochs=2, batch_size=256, stop_at_target=False, warmup_iterations=0)
    epochs = study.epochs()
    expected = 6 * QueueingDevice.update_seconds
    assert epochs["compute_seconds"].tolist() == pytest.approx([expected] * 2)
    assert (epochs["epoch_seconds"] >= expected).all()
