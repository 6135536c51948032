"""Lightning's Trainer within a function that reports: `Trainer(callbacks=[ReportCallback(report)])`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class ReportCallback(Callback):
    """Reports the loss of updates and, after each validation, all that was logged; stops the Trainer when told to.

    Validation and saving are in no training clock. The target's metric is one that `self.log` names. A validation
    without an update since the last is left out, and what comes after the fit.

    Args:
        report: what the function was given.
        every: updates between losses. Each waits for the GPU.
    """

    def __init__(self, report: Any, *, every: int = 1) -> None:
        self._report, self._every, self._last, self._looked = report, every, 0, 0
        self._pause = ExitStack()

    def _tell(self, trainer: Trainer, **told: float) -> None:
        if trainer.is_global_zero and self._report(iteration=trainer.global_step, **told):
            trainer.should_stop = True

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any) -> None:
        if trainer.global_step == self._last:  # gradients are accumulated
            return
        self._last = trainer.global_step
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        self._tell(trainer, **({} if loss is None or self._last % self._every else {"loss": float(loss)}))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == "fit" and trainer.global_step > self._looked:
            self._looked = trainer.global_step
            logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
            self._tell(trainer, **{name: value for name, value in logged.items() if name not in ("loss", "epoch")})

    def _begin_pause(self, *_: Any) -> None:
        self._pause.close()
        self._pause.enter_context(self._report.pause())

    on_validation_start = on_save_checkpoint = on_train_end = _begin_pause

    def on_train_batch_start(self, *_: Any) -> None:
        self._pause.close()
