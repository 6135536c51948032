"""Hugging Face's Trainer within a function that reports: `Trainer(..., callbacks=[ReportCallback(report)])`."""

from __future__ import annotations

from contextlib import ExitStack
from numbers import Real
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState


class ReportCallback(TrainerCallback):
    """Reports each loss that is logged (`logging_steps`) and each evaluation; stops the Trainer when told to.

    Evaluation and saving are in no training clock. Metrics have the Trainer's names: a target is `eval_accuracy>=0.9`.

    Args:
        report: what the function was given.
    """

    def __init__(self, report: Any) -> None:
        self._report = report
        self._pause = ExitStack()

    def _tell(self, state: TrainerState, control: TrainerControl, **told: float) -> None:
        if state.is_world_process_zero and self._report(iteration=state.global_step, **told):
            control.should_training_stop = True

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._tell(state, control)
        self.on_epoch_end(args, state, control)

    def on_epoch_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if control.should_evaluate or control.should_save:
            self._pause.close()
            self._pause.enter_context(self._report.pause())

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            self._tell(state, control, loss=logs["loss"])

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any = None, **_: Any
    ) -> None:
        numbers = {name: value for name, value in (metrics or {}).items() if isinstance(value, Real)}
        self._tell(state, control, **{name: float(value) for name, value in numbers.items() if name != "epoch"})

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._pause.close()

    on_train_end = on_step_begin
