"""The spread over seeds by target: against curves whose spread is known."""

import numpy as np
import pandas as pd
import pytest

from bs_study import Target
from bs_study.analysis.study import analyse_rows
from bs_study.analysis.target_spread import target_spread
from tests.analysis.hand_rows import TARGET, hand_rows

SPREAD = {"loss": 0.1, "accuracy": 0.3}
LOOKS = np.unique(np.round(np.geomspace(10, 20_000, 300)))


def study(cells=40, seeds=4, *, rng=None, ends=None):
    """Trials whose loss is 30 / t and whose error is 20 / t, each on a time that its seed stretches.

    Args:
        ends: the iteration after which a trial has no look, by (cell, seed).
    """
    rng = rng or np.random.default_rng(0)
    trials, looks = [], []
    for cell in range(cells):
        for seed in range(seeds):
            keys = {"recipe": "", "trial_id": f"{cell}-{seed}", "batch_size": cell, "lr": 0.1, "seed": seed}
            trials.append({**keys, "status": "completed"})
            loss, error = (
                scale / (LOOKS * np.exp(SPREAD[name] * rng.standard_normal() + 0.5 * np.sin(cell)))
                for name, scale in (("loss", 30), ("accuracy", 20))
            )
            clocks = dict.fromkeys(["epoch", "examples", "train_seconds", "compute_seconds", "load_seconds"], LOOKS)
            frame = pd.DataFrame({**clocks, "iteration": LOOKS, "eval_seconds": 0.0, "loss": loss})
            frame = frame.assign(accuracy=1 - np.minimum(error, 1), **keys)
            frame = frame[["recipe", *frame.columns.drop("recipe")]]
            looks.append(frame[frame["iteration"] <= (ends or {}).get((cell, seed), np.inf)])
    found = pd.concat(looks, ignore_index=True)
    ordered = [*(name for name in found if name not in ("loss", "accuracy")), "loss", "accuracy"]
    return found[ordered], pd.DataFrame(trials)


def test_it_is_the_spread_that_the_curves_have_metric_by_metric():
    found = target_spread(*study(), target=Target("accuracy", 0.97)).set_index("target")["spread_percent"]
    assert found.index[0] == "accuracy>=0.97"
    assert {name.partition(">")[0].partition("<")[0] for name in found.index} == {"accuracy", "loss"}
    for target, spread in found.items():
        truth = 30 if target.startswith("accuracy") else 10
        assert spread == pytest.approx(truth, rel=0.15)  # 120 degrees of freedom: 6.5 % of it


def test_other_targets_are_the_hardest_round_levels_that_most_trials_and_cells_as_a_whole_reached():
    evaluations, trials = study(cells=10, ends={(cell, seed): 1000 for cell in range(10) for seed in range(4)})
    found = list(target_spread(evaluations, trials, target=Target("loss", 0.07))["target"])
    assert found[0] == "loss<=0.07"
    best = evaluations.groupby(["batch_size", "seed"])["loss"].min().unstack()
    met = {level: best <= level for level in (0.01, 0.02, 0.03, 0.05, 0.1)}
    hardest = next(
        level
        for level, is_met in met.items()
        if is_met.to_numpy().mean() > 0.5 and is_met.all(axis=1).sum() >= 0.9 * is_met.any(axis=1).sum()
    )
    assert found[1] == f"loss<={hardest}"
    assert len(found) == 7
    assert all(text.startswith("accuracy>=0.") for text in found[4:])


def test_a_cell_of_which_a_seed_did_not_reach_it_does_not_count_nor_does_one_seed():
    ends = {(0, 1): 50.0}
    found = target_spread(*study(cells=3, seeds=2, ends=ends), target=Target("loss", 0.1))
    assert tuple(found.loc[found["target"] == "loss<=0.1", ["cells", "seeds"]].iloc[0]) == (2, 4)
    assert target_spread(*study(cells=3, seeds=1), target=Target("loss", 0.1)).empty


def test_a_level_that_most_met_at_their_first_look_tells_nothing():
    found = target_spread(*study(), target=Target("loss", 20.0))
    assert "loss<=20" not in set(found["target"])


def test_without_a_target_other_levels_are_told():
    assert len(target_spread(*study(cells=5), target=None)) == 6


def test_seeds_that_met_it_at_one_look_differ_by_what_lies_between_looks():
    found = analyse_rows(hand_rows({(8, 0.1): [2.0, 2.0], (16, 0.1): [3.0, 3.0]}, step=1.5), target=TARGET)
    row = found.tables.target_spread.iloc[0]
    assert row["target"] == "accuracy>=0.9"
    assert row["spread_percent"] == pytest.approx(100 * np.log(1.5) / 12**0.5, rel=0.01)
