"""Hugging Face's own Trainer in a function that reports."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from tests.callbacks.conftest import circle, function_of_the_readme, network

transformers = pytest.importorskip("transformers", reason="needs transformers: pip install 'bs-study[callbacks]'")
pytest.importorskip("accelerate", reason="needs accelerate: pip install 'bs-study[callbacks]'")

pytestmark = pytest.mark.lab


class Circle(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = network()

    def forward(self, points: Any, labels: Any) -> Any:
        logits = self.model(points)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def examples(count: int, seed: int) -> list[dict[str, Any]]:
    return [{"points": point, "labels": label} for point, label in zip(*circle(count, seed), strict=True)]


def trained(folder: Any, *, held_out: Any = None, prefix: str = "eval_", **arguments: Any) -> Any:
    def train(batch_size: int, lr: float, seed: int, report: Any) -> None:
        from bs_study.callbacks.transformers import ReportCallback

        transformers.set_seed(seed)
        usual = {"num_train_epochs": 60, "eval_strategy": "epoch", "logging_steps": 1, "save_strategy": "no"}
        trainer = transformers.Trainer(
            model=Circle(),
            args=transformers.TrainingArguments(
                output_dir=str(folder / "trainer"),
                per_device_train_batch_size=batch_size,
                learning_rate=lr,
                seed=seed,
                optim="sgd",
                lr_scheduler_type="constant",
                use_cpu=True,
                report_to="none",
                disable_tqdm=True,
                **usual | arguments,
            ),
            train_dataset=examples(1000, seed=0),
            eval_dataset=held_out or examples(500, seed=1),
            compute_metrics=lambda found: {"accuracy": float((found.predictions.argmax(1) == found.label_ids).mean())},
            callbacks=[ReportCallback(report, prefix=prefix)],
        )
        trainer.train()
        trainer.evaluate()

    return train


def test_the_trainer_stops_at_the_target_and_each_update_has_its_loss(study_of: Any, tmp_path: Any) -> None:
    study = study_of(trained(tmp_path), target="eval_accuracy>=0.95")
    (trial,) = study.trials().itertuples()
    assert (trial.status, trial.stop_reason) == ("completed", "target")
    evaluations = study.evaluations()
    assert list(evaluations["iteration"]) == [50 * epoch for epoch in range(1, len(evaluations) + 1)]
    assert list(evaluations["eval_accuracy"] >= 0.95) == [False] * (len(evaluations) - 1) + [True]
    assert {name for name in evaluations if name.startswith("eval_")} == {"eval_seconds", "eval_loss", "eval_accuracy"}
    assert evaluations["eval_loss"].notna().all()
    assert list(study.iterations()["iteration"]) == list(range(1, trial.iterations + 1))
    assert trial.eval_seconds > 0
    assert trial.timed_iterations == trial.iterations - 3


def test_a_budget_ends_it_between_two_evaluations_and_saving_is_in_no_clock(study_of: Any, tmp_path: Any) -> None:
    steps = {"eval_strategy": "steps", "eval_steps": 10, "save_strategy": "steps", "save_steps": 10}
    study = study_of(trained(tmp_path, **steps), target="eval_accuracy>=1", max_iterations=25)
    (trial,) = study.trials().itertuples()
    assert (trial.stop_reason, trial.iterations) == ("max_iterations", 25)
    assert list(study.evaluations()["iteration"]) == [10, 20]


def test_of_several_data_sets_one_is_told_by_its_prefix_and_neither_the_first_look_nor_the_best_weights_count(
    study_of: Any, tmp_path: Any
) -> None:
    more = {"eval_on_start": True, "load_best_model_at_end": True, "save_strategy": "epoch", "num_train_epochs": 3}
    best = {"metric_for_best_model": "eval_b_accuracy"}
    sets = {"a": examples(100, seed=2), "b": examples(200, seed=3)}
    train = trained(tmp_path, held_out=sets, prefix="eval_b_", **more, **best)
    study = study_of(train, target="eval_b_accuracy>=1")
    (trial,) = study.trials().itertuples()
    assert (trial.stop_reason, trial.iterations) == ("returned", 150)
    evaluations = study.evaluations()
    assert list(evaluations["iteration"]) == [50, 100, 150]
    assert "eval_a_accuracy" not in evaluations


def test_the_function_of_the_readme_trains_to_its_target(study_of: Any, tmp_path: Any) -> None:
    usual = {"num_train_epochs": 20, "eval_strategy": "epoch", "optim": "sgd", "use_cpu": True, "report_to": "none"}
    train = function_of_the_readme(
        "with_transformers",
        transformers=transformers,
        my_model=Circle,
        my_arguments=partial(transformers.TrainingArguments, str(tmp_path / "out"), **usual),
        my_data={"train_dataset": examples(1000, seed=0), "eval_dataset": examples(500, seed=1)},
    )
    (trial,) = study_of(train, target="eval_loss<=0.35").trials().itertuples()
    assert trial.stop_reason == "target"
