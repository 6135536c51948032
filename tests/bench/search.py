"""What race and bracket cost against the full grid: python -m tests.bench.search (about ten minutes, no training).

Digits as they were trained once, and a noisy quadratic: 9 lrs × 5 batch sizes × 3 seeds, one trial at a time. Seconds
are iterations times those of one, measured on two cores of an EPYC; evaluations and the start of trials are left out.
"""

from __future__ import annotations

from collections.abc import Callable

from bs_study import StudyConfig
from bs_study.config import TrialConfig
from tests.bench.compare import show
from tests.search import quadratic
from tests.search.lanes import BUDGET, digits
from tests.search.replayed import Known, replay
from tests.search.replayed_rows import Studied

SECONDS = {4: 0.3e-3, 16: 0.45e-3, 64: 0.8e-3, 256: 2.2e-3, 1024: 8e-3}
TIMED_ITERATIONS = 150  # by the timing pass, about so many of each batch size
LRS = list(quadratic.LRS)


def of_digits() -> Callable[[TrialConfig], Known]:
    tables = {table.batch_size: table.cells for table in digits()}
    return lambda trial: tables[trial.batch_size][trial.lr, trial.seed]


def measured(name: str, known: Callable[[TrialConfig], Known]) -> list[dict[str, str]]:
    """Return a row for each search of a workload."""
    rows: list[dict[str, str]] = []
    whole: list[float] = []
    for search in ("grid", "race", "bracket"):
        config = StudyConfig(
            search=search, batch_sizes=list(SECONDS), lrs=LRS, seeds=[0, 1, 2], target="accuracy>=0.9",
            max_iterations=BUDGET, min_iterations=0,
        )  # fmt: skip
        study = Studied(config, known, iteration_seconds=SECONDS)
        ended = replay(study.ask, known)
        timed = TIMED_ITERATIONS if search != "grid" else 0
        costs = [
            sum(end.iterations for end in ended.values()) + timed * len(SECONDS),
            sum(end.iterations * one.batch_size for one, end in ended.items()) + timed * sum(SECONDS),
            sum(end.iterations * SECONDS[one.batch_size] for one, end in ended.items()) + timed * sum(SECONDS.values()),
        ]
        whole = whole or costs
        rows.append(
            {"workload": name, "search": search, "trials": str(len(ended))}
            | {
                what: f"{cost:,.0f} (1/{base / cost:.1f})"
                for what, cost, base in zip(("updates", "examples", "seconds"), costs, whole, strict=True)
            }
            | {"best lrs": ", ".join(f"{lane.best_lr:g}" if lane.best_lr else "none" for lane in study.plans[-1].lanes)}
        )
    return rows


if __name__ == "__main__":
    show("Searches against the full grid", measured("digits", of_digits()) + measured("quadratic", quadratic.known))
