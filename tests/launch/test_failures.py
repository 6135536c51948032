"""A trial that failed for good is recorded as failed; where it can't be, the study goes on all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study.launch.failures import record_failure
from bs_study.store.paths import StudyPaths
from bs_study.training.placement import Place
from tests.faults.small_studies import METRICS, empty_study, run_trial


@dataclass(frozen=True)
class Refusing(StudyPaths):
    """A store that takes nothing."""

    error: Exception = field(default_factory=OSError)

    def write(self, path: str, data: Any) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [OSError("full"), ValueError("odd"), KeyError("lr"), pa.ArrowNotImplementedError("cast"), pa.ArrowKeyError("x"),
     TypeError("odd"), IndexError("odd"), RecursionError("deep"), MemoryError(), OverflowError("large")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_keeps_a_failure_from_being_recorded_the_trial_ends_as_failed(tmp_path: Path, error: Any) -> None:
    paths, (trial, _) = empty_study(tmp_path / "study")
    refusing = Refusing(paths.filesystem, paths.root, paths.uri, error=error)
    ending = record_failure(trial, Place(refusing, tmp_path, METRICS), "it broke", stop_reason="timeout")
    assert (ending.status, ending.stop_reason, ending.message) == ("failed", "timeout", "it broke")


@pytest.mark.parametrize("damage", ["empty", "deep", "no rows"])
def test_a_failure_of_a_trial_whose_parts_are_damaged_ends_that_trial_alone(tmp_path: Path, damage: str) -> None:
    paths, (trial, _) = empty_study(tmp_path / "study")
    run_trial(paths, trial)
    (attempt,) = Path(paths.live_trial(trial.trial_id)).iterdir()
    part = attempt / "iterations-000000000001.parquet"
    if damage == "empty":
        part.write_bytes(b"")
    elif damage == "deep":
        (attempt / "adopted.json").write_text("[" * 100_000)
    else:
        pq.write_table(pq.read_table(part).slice(0, 0), part)
    ending = record_failure(trial, Place(paths, tmp_path, METRICS), "it broke")
    assert ending.status == "failed"
