"""A study of ours that is written as CSV and imported gives the same table."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from bs_study import Study, analyse, import_runs, open_study
from tests.report.demo_store import write_demo_study

SAME = [
    *("batch_size", "lr", "seeds", "reached", "missed", "diverged", "best_metric", "is_at_most"),
    *(f"{clock}_to_target{end}" for clock in ("iterations", "examples", "train_seconds") for end in ("", "_low")),
    *("iterations_to_target_high", "censored_iterations", "censored_train_seconds"),
]


def export(study: Study, file: Path) -> None:
    """Write a study as one table of long rows, with nothing but standard CSV."""
    rows: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    for row in study.iterations().to_dict("records"):
        rows[row["trial_id"], row["iteration"]] |= row | {"train_loss": row["loss"], "loss": ""}
    for row in study.evaluations().to_dict("records"):
        rows[row["trial_id"], row["iteration"]] |= row
    names = ["trial_id", "batch_size", "lr", "seed", "iteration", "examples", "train_loss", "loss", "accuracy"]
    ends = study.trials().set_index("trial_id")
    seconds = ends["train_seconds"] / ends["iterations"]  # the demo's clock goes evenly
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*names, "seconds"], extrasaction="ignore")
        writer.writeheader()
        for (trial_id, iteration), row in sorted(rows.items()):
            writer.writerow(row | {"seconds": row.get("train_seconds") or seconds[trial_id] * iteration})


@settings(max_examples=6, deadline=None)
@given(
    sizes=st.sets(st.sampled_from([128, 256, 1024]), min_size=1),
    lrs=st.sets(st.sampled_from([0.01, 0.08, 0.32, 5.0]), min_size=1),
    seeds=st.integers(1, 3),
    goal=st.sampled_from(["accuracy>=0.9", "loss<=0.5"]),
)
def test_a_study_that_goes_out_as_csv_and_in_again_says_the_same(
    sizes: set[int], lrs: set[float], seeds: int, goal: str
) -> None:
    with TemporaryDirectory() as folder:
        asked = {"batch_sizes": tuple(sorted(sizes)), "lrs": tuple(sorted(lrs)), "seeds": tuple(range(seeds))}
        write_demo_study(f"{folder}/ours", **asked, target=goal, max_epochs=4, warmup_iterations=0)  # type: ignore[arg-type]
        ours = open_study(f"{folder}/ours")
        export(ours, Path(folder, "ours.csv"))
        back = import_runs(
            f"{folder}/ours.csv", study="again", target=goal, columns={"run": "trial_id", "accuracy": "accuracy"},
            store=folder,
        )  # fmt: skip
        first, second = (analyse(study).tables.convergence[SAME] for study in (ours, back))
        pd.testing.assert_frame_equal(first, second, check_dtype=False, rtol=1e-9)
        ends = [study.trials() for study in (ours, back)]
        last = [end[end["status"] == "completed"].set_index(["batch_size", "lr", "seed"])["iterations"] for end in ends]
        assert last[0].to_dict() == last[1].to_dict()  # where a loss is infinite, an import ends a run at once
        whole = [set(end.loc[end["status"] == "completed", "trial_id"]) for end in ends]
        losses = [
            study.iterations(trial_id=sorted(ids))["loss"].sum() if ids else 0.0
            for study, ids in zip((ours, back), whole, strict=True)
        ]
        assert math.isclose(*losses, rel_tol=1e-6)
