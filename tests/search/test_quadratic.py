"""Race and bracket find the best lr of a noisy quadratic, which is known since every lr was tried."""

from __future__ import annotations

import pytest

from tests.search.lanes import Table
from tests.search.quadratic import LRS, median, trained
from tests.search.test_bracket import run as run_bracket
from tests.search.test_race import run as run_race

SEEDS = range(3)


@pytest.mark.parametrize("batch_size", [16, 64, 256])
def test_race_and_bracket_find_the_best_lr(batch_size: int) -> None:
    table = Table({(lr, seed): trained(batch_size, lr, seed) for lr in LRS for seed in SEEDS}, batch_size)
    best = min(LRS, key=lambda lr: (median(batch_size, lr, SEEDS), lr))
    raced, _ = run_race(table, seeds=SEEDS)
    assert raced.leader
    assert (raced.leader.lr, raced.leader.median) == (best, median(batch_size, best, SEEDS))
    found, ended = run_bracket(lambda lr, seed: trained(batch_size, lr, seed), seeds=SEEDS)
    assert found.race.leader
    beside = [median(batch_size, found.race.leader.lr * step, SEEDS) for step in (0.5, 2)]
    assert median(batch_size, found.race.leader.lr, SEEDS) <= min(beside)
    assert found.is_over
    assert sum(end.iterations for end in ended.values()) < sum(k.met or k.looks[-1] for k in table.cells.values()) / 3
