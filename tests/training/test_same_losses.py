"""What fixes the losses of a trial, and what leaves them as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bs_study.training.batches import epoch_order
from tests.training.recorded import Run, losses


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
