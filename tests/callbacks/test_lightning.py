"""Lightning's own Trainer in a function that reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from tests.callbacks.conftest import circle, function_of_the_readme, network

lightning = pytest.importorskip("lightning", reason="needs Lightning: pip install 'bs-study[callbacks]'")
pl = lightning.pytorch

pytestmark = pytest.mark.lab


class Circle(pl.LightningModule):  # type: ignore[misc,name-defined]
    def __init__(self, lr: float) -> None:
        super().__init__()
        self.model, self.lr = network(), lr

    def training_step(self, batch: Any, _: int) -> Any:
        loss = torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        self.log("accuracy", (self.model(batch[0]).argmax(dim=1) == batch[1]).float().mean())

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


def loaders(batch_size: int) -> tuple[Any, Any]:
    batches = DataLoader(TensorDataset(*circle(1000, seed=0)), batch_size=batch_size, shuffle=True)
    return batches, DataLoader(TensorDataset(*circle(500, seed=1)), batch_size=500)


def trained(folder: Any, *, accumulate: int = 1, **arguments: Any) -> Callable[..., None]:
    def train(batch_size: int, lr: float, seed: int, report: Any) -> None:
        from bs_study.callbacks.lightning import ReportCallback

        pl.seed_everything(seed, verbose=False)
        batches, held_out = loaders(batch_size)
        trainer = pl.Trainer(
            callbacks=[ReportCallback(report)],
            accelerator="cpu",
            devices=1,
            logger=False,
            accumulate_grad_batches=accumulate,
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
            **{"max_epochs": 40} | arguments,
        )
        model = Circle(lr)
        trainer.fit(model, batches, held_out)
        trainer.validate(model, held_out, verbose=False)

    return train


def test_the_trainer_stops_at_the_target_and_each_update_has_its_loss(study_of: Any, tmp_path: Any) -> None:
    study = study_of(trained(tmp_path), target="accuracy>=0.95")
    (trial,) = study.trials().itertuples()
    assert (trial.status, trial.stop_reason) == ("completed", "target")
    evaluations = study.evaluations()
    assert list(evaluations["iteration"]) == [50 * epoch for epoch in range(1, len(evaluations) + 1)]
    assert list(evaluations["accuracy"] >= 0.95) == [False] * (len(evaluations) - 1) + [True]
    assert list(study.iterations()["iteration"]) == list(range(1, trial.iterations + 1))
    assert trial.eval_seconds > 0
    assert trial.timed_iterations == trial.iterations - 3


def test_accumulated_gradients_are_one_update_and_a_budget_ends_it_with_a_last_validation(
    study_of: Any, tmp_path: Any
) -> None:
    study = study_of(trained(tmp_path, accumulate=5), target="accuracy>=1", max_iterations=25)
    (trial,) = study.trials().itertuples()
    assert (trial.stop_reason, trial.iterations) == ("max_iterations", 25)
    assert list(study.evaluations()["iteration"]) == [10, 20, 25]


def test_a_validation_without_an_update_since_the_last_and_one_after_the_fit_are_left_out(
    study_of: Any, tmp_path: Any
) -> None:
    train = trained(tmp_path, accumulate=5, val_check_interval=3, max_epochs=1)
    study = study_of(train, target="accuracy>=1")
    (trial,) = study.trials().itertuples()
    assert (trial.stop_reason, trial.iterations) == ("returned", 10)
    assert list(study.evaluations()["iteration"]) == list(range(1, 10))


def test_the_function_of_the_readme_trains_to_its_target(study_of: Any) -> None:
    train = function_of_the_readme("with_lightning", lightning=lightning, MyModule=Circle, my_loaders=loaders)
    (trial,) = study_of(train, target="accuracy>=0.9").trials().itertuples()
    assert trial.stop_reason == "target"
