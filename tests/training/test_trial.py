from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bs_study import Study, TrialConfig
from bs_study.training.batches import epoch_order
from bs_study.training.progress import Ending, Progress

Run = Callable[..., tuple[Ending, Study]]


def row(study: Study) -> dict[str, Any]:
    trials = study.trials().to_dict("records")
    assert len(trials) == 1
    return trials[0]


def losses(study: Study) -> list[float]:
    return study.iterations()["loss"].tolist()


@pytest.mark.parametrize(
    ("budget", "iterations", "examples"),
    [
        ({"max_iterations": 30}, 30, 1437 + 7 * 64),
        ({"max_epochs": 1}, 23, 1437),  # 22 whole batches and 29 examples
        ({"max_epochs": 0.5}, 12, 12 * 64),
        ({"max_examples": 100}, 2, 128),
        ({"max_epochs": 9, "max_iterations": 3, "max_examples": 640}, 3, 192),
    ],
)
def test_a_trial_ends_at_the_budget_that_runs_out_first(
    run: Run, budget: dict[str, float], iterations: int, examples: int
) -> None:
    ending, study = run(stop_at_target=False, **budget)
    found = row(study)
    assert (ending.status, ending.iterations) == ("completed", iterations)
    assert (found["status"], found["iterations"], found["examples"]) == ("completed", iterations, examples)
    limit = {"max_epochs": 23, "max_iterations": 1, "max_examples": 1 / 64}
    assert found["stop_reason"] == min(budget, key=lambda name: budget[name] * limit[name])


def test_a_budget_in_seconds_ends_a_trial_once_its_training_clock_has_reached_it(run: Run) -> None:
    ending, study = run(max_train_seconds=0.2, stop_at_target=False)
    found = row(study)
    assert (found["status"], found["stop_reason"]) == ("completed", "max_train_seconds")
    assert 0.2 <= found["train_seconds"] < 1.2
    assert study.evaluations()["iteration"].max() == ending.iterations


def test_a_trial_ends_at_its_target_and_the_last_evaluation_is_the_first_that_meets_it(run: Run) -> None:
    ending, study = run(max_epochs=30, min_iterations=0, target="accuracy>=0.6")
    evaluations = study.evaluations()
    met = evaluations["accuracy"] >= 0.6
    assert (ending.status, ending.stop_reason) == ("completed", "target")
    assert met.tolist() == [False] * (len(met) - 1) + [True]
    assert ending.reached_iteration == ending.iterations == evaluations["iteration"].max() == len(study.iterations())


def test_at_the_target_a_trial_goes_on_until_the_iterations_that_smoothness_needs_have_run(run: Run) -> None:
    ending, study = run(max_epochs=30, min_iterations=101, target="accuracy>=0.6")
    assert (ending.stop_reason, ending.iterations) == ("target", 101)
    assert ending.reached_iteration is not None
    assert ending.reached_iteration < 101
    assert len(study.iterations()) == 101


def test_the_budget_ends_a_trial_that_reached_its_target_but_not_yet_the_iterations_to_run(run: Run) -> None:
    ending, _ = run(max_epochs=3, min_iterations=1000, target="accuracy>=0.2")
    assert (ending.stop_reason, ending.iterations) == ("max_epochs", 69)
    assert ending.reached_iteration is not None


def test_a_trial_that_does_not_stop_at_its_target_runs_through_its_budget(run: Run) -> None:
    ending, _ = run(max_epochs=3, min_iterations=0, target="accuracy>=0.2", stop_at_target=False)
    assert (ending.stop_reason, ending.iterations) == ("max_epochs", 69)
    assert ending.reached_iteration is not None


def test_a_loss_that_is_not_finite_ends_a_trial_as_diverged_with_that_loss_as_its_last(run: Run) -> None:
    ending, study = run(lr=1e30, max_epochs=5)
    assert (ending.status, ending.stop_reason) == ("diverged", "non_finite")
    found = losses(study)
    assert all(math.isfinite(loss) for loss in found[:-1])
    assert not math.isfinite(found[-1])
    assert row(study)["iterations"] == len(found) == ending.iterations


def test_losses_above_the_limit_for_a_while_end_a_trial_as_diverged(run: Run) -> None:
    ending, study = run(max_epochs=5, loss_limit=1e-6, loss_limit_iterations=7)
    assert (ending.status, ending.stop_reason, ending.iterations) == ("diverged", "loss_limit", 7)
    assert row(study)["status"] == "diverged"
    assert len(losses(study)) == 7


def test_by_default_the_limit_is_ten_times_the_loss_of_the_initial_weights(run: Run) -> None:
    # The loss w², 1 at first, is four times larger after each update: 1, 4, 16, 64. Two of three are above 10 then.
    settings = {"workload": "toy_workloads:Square", "batch_size": 20, "lr": 1.5, "momentum": 0}
    ending, study = run(**settings, max_iterations=9, loss_limit_iterations=3)
    assert losses(study) == pytest.approx([1, 4, 16, 64], rel=1e-5)
    assert (ending.status, ending.stop_reason) == ("diverged", "loss_limit")


@pytest.mark.parametrize(
    ("workload", "batch_size", "told"),
    [("toy_workloads:Picky", 11, "CUDA out of memory"), ("toy_workloads:TooLargeForTheMachine", 2, "memory")],
)
def test_memory_that_runs_out_ends_a_trial_as_out_of_memory(
    run: Run, workload: str, batch_size: int, told: str
) -> None:
    ending, study = run(workload=workload, batch_size=batch_size, max_iterations=5)
    assert ending.status == row(study)["status"] == "out_of_memory"
    assert told in row(study)["message"]
    assert "\n" not in row(study)["message"]


def test_any_other_error_is_raised_and_leaves_the_trial_without_a_row(run: Run, paths: Any) -> None:
    with pytest.raises(ValueError, match="seven is too many"):
        run(workload="toy_workloads:Picky", batch_size=7, max_iterations=5)
    assert paths.trial_ids("trials") == []


def test_the_same_config_gives_the_same_losses_bit_for_bit_however_often_it_writes(run: Run, paths: Any) -> None:
    config = {"max_epochs": 2, "stop_at_target": False}
    first = losses(run(**config)[1])
    for checkpoint_seconds in (60, 1e-6):
        paths.remove(paths.root)
        assert losses(run(**config, checkpoint_seconds=checkpoint_seconds)[1]) == first
    assert len(first) == 46


def test_another_seed_gives_other_losses(run: Run, paths: Any) -> None:
    first = losses(run(max_iterations=3)[1])
    paths.remove(paths.root)
    assert losses(run(max_iterations=3, seed=1)[1])[0] != first[0]


def test_how_often_a_trial_is_judged_does_not_change_its_losses(run: Run, paths: Any) -> None:
    found = []
    for workload in ("digits", "toy_workloads:DropoutFromDataset"):
        for every in (64, 10**9):
            paths.remove(paths.root)
            found.append(losses(run(workload=workload, batch_size=32, max_iterations=20, eval_every_examples=every)[1]))
    assert found[0] == found[1]
    assert found[2] == found[3]


def test_a_seed_fixes_the_initial_weights_for_every_batch_size(run: Run, paths: Any) -> None:
    # With the lr next to 0 each loss is that of the initial weights, so the batches' losses, weighted by their
    # sizes, sum to the same over an epoch.
    sums = []
    for batch_size in (16, 64, 1437):
        paths.remove(paths.root)
        _, study = run(batch_size=batch_size, lr=1e-30, max_epochs=1, stop_at_target=False)
        seen = study.iterations()["examples"].to_numpy()
        sums.append(float(np.sum(np.diff(seen, prepend=0) * study.iterations()["loss"].to_numpy(np.float64))))
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-5)


def test_a_seed_fixes_the_order_so_that_a_batch_of_64_is_four_batches_of_16(run: Run, paths: Any) -> None:
    by_size = {}
    for batch_size in (16, 64):
        paths.remove(paths.root)
        by_size[batch_size] = losses(run(batch_size=batch_size, lr=1e-30, max_examples=640)[1])
    assert np.reshape(by_size[16], (10, 4)).mean(axis=1) == pytest.approx(by_size[64], rel=1e-5)


def test_a_seed_fixes_the_initial_weights_even_where_the_data_is_drawn_and_kept(run: Run, paths: Any) -> None:
    """The first trial of a process draws the data, later ones reuse it: their weights must be the same."""
    first = []
    for lr in (0.5, 0.25, 0.5):
        paths.remove(paths.root)
        first.append(losses(run(workload="toy_workloads:DrawnData", batch_size=64, lr=lr, max_iterations=1)[1])[0])
    assert first == [first[0]] * 3


def test_data_that_is_drawn_is_the_same_whichever_trial_of_a_process_drew_it(run: Run, paths: Any) -> None:
    def first_loss(name: str, *, seed: int) -> float:
        paths.remove(paths.root)
        _, study = run(workload=f"toy_workloads:{name}", batch_size=64, seed=seed, max_iterations=1)
        return losses(study)[0]

    first_loss("DrawnData", seed=0)
    reused = first_loss("DrawnData", seed=1)
    first_loss("Line", seed=0)  # a process keeps the data of one workload
    assert first_loss("DrawnData", seed=1) == reused


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


def test_evaluations_come_at_each_tenth_of_an_epoch_and_at_the_end(run: Run) -> None:
    _, study = run(batch_size=16, max_epochs=1, stop_at_target=False)
    examples = study.evaluations()["examples"].to_numpy()
    # A tenth is 143 examples: the first multiple of 16 at or above each of its multiples, and the end of the epoch.
    expected = sorted({min(-(-143 * k // 16) * 16, 1437) for k in range(1, 11)} | {1437})
    assert examples.tolist() == expected
    assert study.evaluations()["epoch"].to_numpy() == pytest.approx(np.array(expected) / 1437)


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
    assert (found["train_seconds"], found["load_seconds"], found["compute_seconds"]) == (0, 0, 0)
    assert found["warmup_seconds"] > 0


def test_a_row_says_on_what_a_trial_ran(run: Run) -> None:
    import torch

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


def test_the_order_of_the_first_epoch_is_that_of_the_seed(run: Run) -> None:
    # With batch size 1 and an lr next to 0, each loss is that of one example: the seed's order sorts them.
    import torch

    from bs_study.workloads import load_workload

    _, study = run(batch_size=1, lr=1e-30, max_iterations=20)
    torch.manual_seed(0)
    workload = load_workload("digits")
    model = workload.model()
    images, labels = workload.prepare(*workload.train_data(None))  # type: ignore[arg-type, misc]
    order = epoch_order(1437, seed=0, epoch=1)[:20]
    alone = torch.nn.functional.cross_entropy(model(images[order]), labels[order], reduction="none")
    assert losses(study) == pytest.approx(alone.tolist(), rel=1e-4)


def test_nothing_of_a_trial_is_left_for_the_next_in_the_same_process(run: Run) -> None:
    settings = {"max_iterations": 30, "batch_size": 32, "kernels": "onednn"}
    run(**settings)
    odd = {"precision": "bf16", "kernels": "native_channels_last", "micro_batch": 7, "lr_warmup_iterations": 5}
    run(**odd, max_iterations=10, seed=5, optimizer="adam")
    run(workload="toy_workloads:DrawnData", max_iterations=5, loader="workers")
    _, study = run(**settings, seed=1)
    _, again = run(**settings | {"weight_decay": 0.0, "loss_limit": 1e6}, seed=0)  # another trial, the same training
    trials = again.trials()
    same = trials[(trials["batch_size"] == 32) & (trials["seed"] == 0) & (trials["precision"] == "fp32")]
    first, last = (again.iterations(trial_id=trial_id)["loss"].tolist() for trial_id in same["trial_id"])
    assert first == last
    assert study.iterations(seed=1, batch_size=32)["loss"].tolist() != first


@pytest.mark.parametrize("processes", [0, 2])
def test_the_losses_are_the_same_whichever_the_loader(run: Run, processes: int) -> None:
    settings = {"max_epochs": 1.5, "batch_size": 50, "kernels": "onednn"}
    run(**settings)
    _, study = run(**settings, loader="workers", loader_processes=processes)
    trials = study.trials()
    assert sorted(trials["loader_used"]) == ["resident", "workers"]
    resident, loaded = (study.iterations(trial_id=trial_id)["loss"].tolist() for trial_id in trials["trial_id"])
    assert resident == loaded


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
