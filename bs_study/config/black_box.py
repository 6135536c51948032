"""Which settings a function that trains by itself heeds: those that its `report` answers by."""

from __future__ import annotations

from bs_study.config.settings import KEPT, TrialSettings

HEEDED = (
    *("workload", "target", "target_window", "stop_at_target", "min_iterations"),
    *("max_iterations", "max_examples", "max_train_seconds"),
    *("loss_limit", "loss_limit_iterations", "warmup_iterations"),
)
"""The settings that `report` answers by. All others are the function's own affair."""
UNHEEDED = tuple(name for name in TrialSettings.model_fields if name not in (*HEEDED, *KEPT))
