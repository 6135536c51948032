"""How far the search is within each batch size, as a person sees it while a study runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from bs_study.launch.fitted import Column, fitted_table
from bs_study.search.record import End, LaneState
from bs_study.words import count, counted, setting

MOST_ROWS = 20

_ENDS: dict[End, str] = {
    "limit": "stopped so far from its first lr",
    "diverged": "lrs diverge",
    "nothing_reached": "lrs on both sides are no better",
    "out_of_memory": "it does not fit in memory",
    "failed": "trials failed",
}


def lanes_table(lanes: Sequence[LaneState], *, width: int) -> Table:
    """Return a row per batch size: contenders left, the best lr and its iterations so far, and its seeds."""
    shown = [lane for lane in lanes if not lane.is_over][:MOST_ROWS]
    reached = [lane.best_iterations for lane in shown]
    columns = [
        Column("batch size", 0, [str(lane.batch_size) for lane in shown]),
        Column("lrs left", 4, [f"{lane.contenders} of {lane.lrs}" if lane.contenders else "waits" for lane in shown]),
        Column("best lr", 2, ["" if lane.best_lr is None else setting(lane.best_lr) for lane in shown]),
        Column("iterations", 3, ["" if one is None else count(one) for one in reached]),
        Column("seeds", 5, [str(lane.seeds or "") for lane in shown]),
    ]
    if any(lane.recipe for lane in lanes):
        columns.insert(0, Column("recipe", 1, [lane.recipe for lane in shown]))
    return fitted_table(columns, width=width)


def lane_line(lane: LaneState) -> str:
    """Return what the search found within a batch size.

    >>> lane_line(LaneState("", 64, contenders=1, lrs=5, seeds=3, best_lr=0.16, best_iterations=150, is_over=True))
    'batch size 64: best lr 0.16, target reached at iteration 150 (3 seeds, 5 lrs tried)'
    """
    name = f"{lane.recipe}, batch size {lane.batch_size}" if lane.recipe else f"batch size {lane.batch_size}"
    why = f"; {_ENDS[lane.end]}" if lane.end in _ENDS else ""
    tried = f"{counted(lane.lrs, 'lr')} tried"
    if lane.best_lr is None or lane.best_iterations is None:
        return f"{name}: no lr reached the target ({tried}{why})"
    found = f"best lr {setting(lane.best_lr)}, target reached at iteration {count(lane.best_iterations)}"
    return f"{name}: {found} ({counted(lane.seeds, 'seed')}, {tried}{why})"
