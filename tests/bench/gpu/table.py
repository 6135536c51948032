"""What the parts found, as a table in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

HEAD = "| part | case | what | n | median | lowest-highest | unit |\n|---|---|---|---|---|---|---|"


def markdown(parts: Iterable[dict[str, Any]]) -> str:
    """Return device, versions, how each part ended, and a row for each row of samples."""
    parts = list(parts)
    lines = [_where(parts), ""]
    for part in parts:
        error = f": {part['error']}" if part.get("error") else ""
        lines.append(f"- {part['part']}: {part['state']} in {part['seconds']:.0f} s{error}")
        lines += [f"  - {note}" for note in part["notes"]]
    lines += ["", HEAD]
    lines += [_row(part["part"], row) for part in parts for row in part["rows"] if row["samples"]]
    return "\n".join(lines) + "\n"


def _where(parts: list[dict[str, Any]]) -> str:
    described = next((part for part in parts if part["device"]), None)
    if described is None:
        return "Device not known: no part came so far."
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    return f"{described['device']}; {versions}"


def _row(part: str, row: dict[str, Any]) -> str:
    samples = row["samples"]
    middle, low, high = (f"{value:.4g}" for value in (statistics.median(samples), min(samples), max(samples)))
    return f"| {part} | {row['case']} | {row['what']} | {len(samples)} | {middle} | {low}-{high} | {row['unit']} |"
