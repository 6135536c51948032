"""Whether two studies hold the same rows, bit for bit, whatever their clocks say."""

from __future__ import annotations

import os

import pandas as pd
from pandas.testing import assert_frame_equal

from bs_study import open_study
from bs_study.store.schema import Table

CLOCKS = (
    "epoch_seconds", "load_seconds", "compute_seconds", "train_seconds", "eval_seconds",
    "timed_iterations", "peak_memory_bytes",
)  # fmt: skip
ENDINGS = ["trial_id", "status", "stop_reason", "iterations", "examples", "micro_batch_used"]
ORDER = {"iterations": "iteration", "epochs": "epoch", "evaluations": "iteration", "trials": "trial_id"}


def table(study: str | os.PathLike[str], name: Table) -> pd.DataFrame:
    """Return a table of a study without damage, in order."""
    rows = getattr(open_study(study, strict=True), name)()
    return rows.sort_values(["trial_id", ORDER[name]]).reset_index(drop=True)


def assert_same_rows(found: str | os.PathLike[str], expected: str | os.PathLike[str]) -> None:
    """Check that a study equals another bit for bit: no row more, none less, the same losses and metrics."""
    for name in ("iterations", "evaluations", "epochs"):
        rows, wanted = (table(study, name).drop(columns=["study", *CLOCKS], errors="ignore")
                        for study in (found, expected))  # fmt: skip
        assert len(wanted) > 0
        assert_frame_equal(rows, wanted, check_exact=True, obj=name)
    assert_frame_equal(table(found, "trials")[ENDINGS], table(expected, "trials")[ENDINGS])
    assert_is_gapless(found)


def assert_is_gapless(study: str | os.PathLike[str]) -> None:
    """Check that each trial's iterations are 1, 2, ... up to the number that its row tells."""
    told = table(study, "trials").set_index("trial_id")["iterations"]
    for trial_id, rows in table(study, "iterations").groupby("trial_id"):
        assert rows["iteration"].tolist() == list(range(1, told[trial_id] + 1))
