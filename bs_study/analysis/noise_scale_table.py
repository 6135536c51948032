"""The noise scale of each cell, early and late in training, and how alike consecutive gradients are beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from bs_study.analysis.noise_scale import Interval, disjoint_cosine, expected_cosine, mean_cosine, noise_scale
from bs_study.analysis.probes import WINDOWS, probes_of, windows_of
from bs_study.analysis.trials import CELL


def _with_ends(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


NOISE_SCALE = [
    *(*CELL, "window", "probes", "trials", "g2", "tr_sigma"),
    *_with_ends("noise_scale"),
    *_with_ends("noise_scale_scaled"),
    *("cos_pairs", *_with_ends("cos_next")),
    *_with_ends("cos_expected"),
    *_with_ends("cos_disjoint"),
    "by_batch",
]


def noise_scale_table(gradients: pd.DataFrame, trials: pd.DataFrame, *, train_examples: float) -> pd.DataFrame:
    """Return the noise scale of each cell over windows, a row per recipe, batch size, lr and window that has probes.

    The probes of all seeds of a cell are pooled. Only completed trials count: those that were outrun do, and those that
    diverged do not, since their last gradients would outweigh all others.

    Args:
        gradients: the store's table with its recipe; without columns where there are no probes.
        trials: as `complete_trials` returns them.
        train_examples: N, the size of the training set; NaN where it is not known.

    Returns:
        recipe, batch_size, lr, window (`probes.windows_of`); probes and trials that it rests on.
        g2, tr_sigma: means over the probes, in squares of the gradient's unit. Not comparable between recipes.
        noise_scale: phi = sum tr_sigma / sum g2, in examples, with _low and _high (`noise_scale.noise_scale`): missing
        where sum g2 is not above 0; _high is infinite where it is known only to be at least _low.
        noise_scale_scaled: the same in adam's metric; missing with sgd.
        cos_next: mean cosine of the gradients of an iteration and the next, with _low and _high, over cos_pairs.
        cos_expected: of two independent batches at one point (`noise_scale.expected_cosine`), with _low and _high.
        cos_disjoint: of two batches of an epoch (`noise_scale.disjoint_cosine`), with _low and _high; missing where two
        do not fit into one. Both hold for a plain gradient, whatever the optimizer makes of it.
        by_batch: model or loss depend on the batch as a whole, so that all this is of gradients of chunks.
    """
    found = probes_of(gradients, trials, statuses=("completed",))
    table = pd.DataFrame(list(_rows(found, train_examples)), columns=NOISE_SCALE)
    place = table["window"].map({window: place for place, window in enumerate(WINDOWS)})
    return table.assign(place=place).sort_values([*CELL, "place"], ignore_index=True).drop(columns="place")


def _rows(probes: pd.DataFrame, train_examples: float) -> Iterator[dict[str, Any]]:
    for window, rows in windows_of(probes).items():
        for key, own in rows.groupby(CELL, sort=False):
            yield dict(zip(CELL, key, strict=True)) | {"window": window} | _of_window(own, train_examples)


def _of_window(own: pd.DataFrame, train_examples: float) -> dict[str, Any]:
    batch_size = float(own["batch_size"].iloc[0])
    phi = noise_scale(own["tr_sigma"], own["g2"])
    return {
        "probes": len(own),
        "trials": own["trial_id"].nunique(),
        "g2": own["g2"].mean(),
        "tr_sigma": own["tr_sigma"].mean(),
        **_ends("noise_scale", phi),
        **_ends("noise_scale_scaled", noise_scale(own["tr_sigma_scaled"], own["g2_scaled"])),
        "cos_pairs": int(own["cos_next"].notna().sum()),
        **_ends("cos_next", mean_cosine(own["cos_next"])),
        **_ends("cos_expected", expected_cosine(phi, batch_size)),
        **_ends("cos_disjoint", disjoint_cosine(phi, batch_size, examples=train_examples)),
        "by_batch": bool(own["by_batch"].eq(True).any()),
    }


def _ends(name: str, found: Interval) -> dict[str, float]:
    return dict(zip(_with_ends(name), found, strict=True))
