"""What `answer.json` has of costs: what was asked, the rows that matter, and all of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from bs_study.analysis.costs import cheapest_in_time, least, money
from bs_study.analysis.study import Analysis


def costs_json(found: Analysis) -> dict[str, Any]:
    """Return what the target costs.

    `fastest`, `cheapest` and `cheapest_in_time` are rows of costs, null where there is none. Without a price the
    cheapest takes the least GPU seconds. `machines` has the best batch size on each, `rows` the costs of all.
    """
    tables, asked = found.tables, found.asked_costs
    has_rows = len(tables.costs) > 0
    return {
        "asked": asdict(asked),
        "fastest": _record(least(tables.costs, "seconds")) if has_rows else None,
        "cheapest": _record(least(tables.costs, money(tables.costs))) if has_rows else None,
        "cheapest_in_time": _record(cheapest_in_time(tables.costs)) if has_rows else None,
        "machines": tables.machines.to_dict("records"),
        "rows": tables.costs.to_dict("records"),
    }


def _record(row: pd.Series[Any] | None) -> dict[Any, Any] | None:
    return None if row is None else row.to_dict()
