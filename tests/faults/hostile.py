"""How hostile input is made and what is asked of its refusal."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

from bs_study import StudyConfig

quick = settings(
    derandomize=True,
    deadline=None,
    max_examples=50,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

GRID = {"batch_sizes": [4, 8], "lrs": [0.1, 0.2], "max_iterations": 5}


def refused_in_one_line(text: str) -> bool:
    return bool(text.strip()) and len(text.splitlines()) == 1


def config_or_refusal(read: Any) -> StudyConfig | None:
    refusal = ""
    try:
        config: StudyConfig = read()
    except ValueError as error:
        refusal = str(error)
    else:
        return config
    assert refused_in_one_line(refusal), repr(refusal)
    return None
