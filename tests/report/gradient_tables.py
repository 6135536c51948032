"""Tables of gradients by hand, for figures and sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

SIZES = (8, 64, 512)


def noise_scale(
    sizes: Sequence[int] = SIZES, *, lr: float = 0.1, windows: Sequence[str] = ("early", "late")
) -> pd.DataFrame:
    """Rows of `noise_scale`: phi is 60 early and 900 late, and cosines are as expected."""
    rows = []
    for window in windows:
        phi = 60 if window == "early" else 900
        for size in sizes:
            cosine = 1 / (1 + phi / size)
            rows.append(
                {"recipe": "", "batch_size": size, "lr": lr, "window": window, "by_batch": False, "cos_pairs": 12}
                | {"noise_scale": phi, "noise_scale_low": phi / 2, "noise_scale_high": 2 * phi}
                | dict.fromkeys([f"noise_scale_scaled{end}" for end in ("", "_low", "_high")], np.nan)
                | _around("cos_next", cosine)
                | _around("cos_expected", cosine)
                | _around("cos_disjoint", cosine - 0.01)
            )
    return pd.DataFrame(rows)


def _around(name: str, value: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - 0.05, f"{name}_high": value + 0.05}


def minima(sizes: Sequence[int] = SIZES, *, is_sharp: bool = True) -> pd.DataFrame:
    """Rows of `minima`: the accuracy falls by 0.01 from one batch size to the next."""
    rows = [
        {"recipe": "", "batch_size": size, "lr": 0.1, "metric": "accuracy", "seeds": 3, "diverged": 0, "at_target": 0}
        | {"examples": 30_000.0, "training_loss": 0.12, "examples_at_training_loss": 20_000.0}
        | _around("metric_at_examples", 0.9 - 0.01 * place)
        | _around("metric_at_training_loss", 0.88 - 0.01 * place)
        | _around("largest_eigenvalue", 20.0 / (place + 1) if is_sharp else np.nan)
        for place, size in enumerate(sizes)
    ]
    return pd.DataFrame(rows)


def stable(sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """Rows of `stable_lrs`: the largest stable lr is 0.8 of the limit."""
    table = pd.DataFrame({"recipe": "", "batch_size": sizes, "largest_stable_lr": 0.01 * np.sqrt(sizes), "trials": 3})
    table["smallest_unstable_lr"] = 2 * table["largest_stable_lr"]
    table["limit_lr"] = table["largest_stable_lr"] / 0.8
    return table.assign(limit_low=table["limit_lr"] / 1.2, limit_high=table["limit_lr"] * 1.2)
