"""Hugging Face's Trainer within a function that reports: `Trainer(..., callbacks=[ReportCallback(report)])`."""

from __future__ import annotations

from contextlib import ExitStack
from numbers import Real
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

_TIMES = ("_runtime", "_per_second")  # of an evaluation, beside its metrics


class ReportCallback(TrainerCallback):
    """Reports losses that are logged (`logging_steps`) and evaluations of the training; stops the Trainer when told to.

    Evaluation and saving are in no training clock. Metrics have the Trainer's names: a target is `eval_accuracy>=0.9`.

    Args:
        report: what the function was given.
        prefix: of the metrics that are reported. Of several data sets, name one: `eval_NAME_`.
    """

    def __init__(self, report: Any, *, prefix: str = "eval_") -> None:
        self._report, self._prefix, self._trains, self._pause = report, prefix, False, ExitStack()

    def _tell(self, state: TrainerState, control: TrainerControl, **told: float) -> None:
        if state.is_world_process_zero and self._report(iteration=state.global_step, **told):
            control.should_training_stop = True

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._tell(state, control)
        self.on_epoch_end(args, state, control)

    def on_epoch_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if control.should_evaluate or control.should_save:
            self._begin_pause()

    def _begin_pause(self) -> None:
        self._pause.close()
        self._pause.enter_context(self._report.pause())

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            self._tell(state, control, loss=logs["loss"])

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any, **_: Any) -> None:
        named = (name for name in metrics if name.startswith(self._prefix) and not name.endswith(_TIMES))
        told = {name: metrics[name] for name in named if isinstance(metrics[name], Real)}
        if self._trains:
            self._tell(state, control, **told)

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._trains = True
        self._pause.close()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self._trains = False
        self._begin_pause()
