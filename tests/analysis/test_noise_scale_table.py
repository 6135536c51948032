"""The noise scale of each cell and window, from a study's probes; and beside the measured critical batch size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study import analyse, open_study
from bs_study.analysis.noise_scale import disjoint_cosine, expected_cosine, mean_cosine, noise_scale
from bs_study.analysis.noise_scale_table import NOISE_SCALE, noise_scale_table
from bs_study.analysis.rows import read_rows
from bs_study.analysis.second_opinion import second_opinion
from bs_study.report.page import write_report
from bs_study.store.schema import table_schema
from tests.analysis.probed import keys, probes, trials
from tests.analysis.regression import ALIKE, FALLING

EXAMPLES = 60_000


def row(gradients: pd.DataFrame, of: pd.DataFrame, window: str, **more: float) -> pd.Series:
    found = noise_scale_table(gradients, of, train_examples=more.get("examples", EXAMPLES))
    (own,) = found[found["window"] == window].to_dict("records")
    return pd.Series(own)


def ends(found: pd.Series, name: str) -> tuple[float, float, float]:
    return found[name], found[f"{name}_low"], found[f"{name}_high"]


def test_a_window_has_the_probes_of_its_iterations():
    """Of 1000 iterations: early to the 30th, late beyond the 500th."""
    one = keys()
    found = noise_scale_table(probes(one, [1, 30, 31, 500, 501, 1000]), trials(one), train_examples=EXAMPLES)
    assert list(zip(found["window"], found["probes"], strict=True)) == [("early", 2), ("late", 2), ("all", 6)]
    short = noise_scale_table(probes(one, [1, 30]), trials(one, iterations=30), train_examples=EXAMPLES)
    assert short["window"].tolist() == ["early", "all"]


def test_the_probes_of_all_seeds_of_a_cell_are_pooled():
    seeds = [keys(seed=seed) for seed in range(3)]
    drawn = pd.concat([probes(one, list(range(600, 620)), seed=place) for place, one in enumerate(seeds)])
    found = row(drawn, trials(*seeds), "late")
    assert (found["probes"], found["trials"]) == (60, 3)
    assert ends(found, "noise_scale") == noise_scale(drawn["tr_sigma"], drawn["g2"])
    assert found["noise_scale_low"] < ALIKE.noise_scale < found["noise_scale_high"]
    assert (found["g2"], found["tr_sigma"]) == pytest.approx((drawn["g2"].mean(), drawn["tr_sigma"].mean()))


def test_cosines_stand_beside_those_that_the_noise_scale_lets_expect():
    one = keys()
    drawn = probes(one, [1, 2, 3, 4]).assign(cos_next=[0.2, np.nan, 0.4, 0.3])
    found = row(drawn, trials(one), "early")
    phi = noise_scale(drawn["tr_sigma"], drawn["g2"])
    assert found["cos_pairs"] == 3
    assert ends(found, "cos_next") == mean_cosine([0.2, 0.4, 0.3])
    assert ends(found, "cos_expected") == expected_cosine(phi, 64)
    assert ends(found, "cos_disjoint") == disjoint_cosine(phi, 64, examples=EXAMPLES)
    assert np.isnan(row(drawn, trials(one), "early", examples=100)["cos_disjoint"])


def test_the_noise_scale_in_adams_metric_is_that_of_its_own_columns():
    one = keys()
    drawn, scaled = probes(one, [600, 700, 800]), probes(one, [600, 700, 800], point=FALLING)
    found = row(drawn.assign(g2_scaled=scaled["g2"], tr_sigma_scaled=scaled["tr_sigma"]), trials(one), "late")
    assert ends(found, "noise_scale_scaled") == noise_scale(scaled["tr_sigma"], scaled["g2"])
    assert np.isnan(row(drawn, trials(one), "late")["noise_scale_scaled"])


def test_cells_and_recipes_are_apart_and_only_completed_trials_count():
    cells = [keys(64, 0.1, recipe="a"), keys(64, 0.1, recipe="b"), keys(64, 0.2, recipe="a"), keys(8, 0.1, recipe="a")]
    ended = [
        *cells,
        keys(64, 0.1, 1, "a") | {"status": "diverged"},
        keys(64, 0.1, 2, "a") | {"status": "failed"},
    ]
    drawn = pd.concat([probes({name: one[name] for name in keys()}, [1]) for one in [*ended, keys(7)]])
    found = noise_scale_table(drawn, trials(*ended), train_examples=EXAMPLES)
    found = found[found["window"] == "all"]
    assert [tuple(each) for each in found[["recipe", "batch_size", "lr", "probes"]].to_numpy()] == [
        ("a", 8, 0.1, 1),
        ("a", 64, 0.1, 1),
        ("a", 64, 0.2, 1),
        ("b", 64, 0.1, 1),
    ]


def test_gradients_of_chunks_are_told():
    one = keys()
    assert row(probes(one, [1]).assign(by_batch=True), trials(one), "early")["by_batch"]
    assert not row(probes(one, [1]).assign(by_batch=None), trials(one), "early")["by_batch"]


@pytest.mark.parametrize("gradients", [pd.DataFrame(), probes(keys(), [])])
def test_a_study_without_probes_has_an_empty_table(gradients):
    found = noise_scale_table(gradients, trials(keys()), train_examples=EXAMPLES)
    assert list(found.columns) == NOISE_SCALE
    assert found.empty


def test_a_gradient_that_was_no_number_is_no_probe_of_the_noise_scale():
    one = keys()
    drawn = probes(one, [1, 2, 3, 4])
    drawn.loc[1, ["g2", "tr_sigma"]] = np.nan
    drawn.loc[2, "tr_sigma"] = np.inf
    found = row(drawn, trials(one), "early")
    assert ends(found, "noise_scale") == noise_scale(drawn["tr_sigma"][[0, 3]], drawn["g2"][[0, 3]])


def write_probes(folder, gradients: pd.DataFrame) -> None:
    schema = table_schema("gradients")
    (folder / "gradients").mkdir(exist_ok=True)
    for trial_id, own in gradients.groupby("trial_id"):
        rows = pa.Table.from_pandas(own.assign(study="by-hand").drop(columns="recipe"), schema=schema)
        pq.write_table(rows, folder / "gradients" / f"{trial_id}.parquet")


def test_the_probes_of_a_store_come_to_tables_and_csv(write_study, trial, tmp_path):
    drawn = probes(keys(), [1, 600, 700])
    study = write_study([trial(64, 0.1, loss=np.ones(1000)), trial(32, 0.1, loss=np.ones(1000))], metrics=("accuracy",))
    write_probes(tmp_path, pd.concat([drawn, probes(keys(16), [1])]))
    assert len(read_rows(study).gradients) == 3  # batch size 16 has no trial that ended
    found = analyse(open_study(tmp_path)).tables.noise_scale
    assert found["window"].tolist() == ["early", "late", "all"]
    assert found["noise_scale"].iloc[2] == pytest.approx(drawn["tr_sigma"].sum() / drawn["g2"].sum())
    write_report(open_study(tmp_path))
    assert list(pd.read_csv(tmp_path / "report/tables/noise_scale.csv").columns) == NOISE_SCALE


def critical(recipe: str = "", knee: float = 500.0) -> dict[str, object]:
    names = ("rule_batch_size", "rule_low", "rule_high", "knee_low", "knee_high")
    return {"recipe": recipe, "knee_batch_size": knee, "rule_is_at_least": False} | dict.fromkeys(names, 1.0)


def noise(batch_size: int, low: float, high: float, *, window: str = "late", lr: float = 0.1) -> dict[str, object]:
    values = {"noise_scale": 300.0, "noise_scale_low": low, "noise_scale_high": high}
    return dict.fromkeys(NOISE_SCALE, np.nan) | {"recipe": "", "lr": lr} | values | {
        "batch_size": batch_size, "window": window,
    }  # fmt: skip


CURVE = pd.DataFrame([("", size, 0.1) for size in (64, 256, 1024)], columns=["recipe", "batch_size", "lr"])


@pytest.mark.parametrize(
    ("rows", "size"),
    [
        ([noise(64, 10, 900), noise(256, 10, 900), noise(1024, 10, np.inf)], 256),
        ([noise(64, 10, np.inf), noise(256, 10, np.inf), noise(1024, 0, np.inf)], 256),
        ([noise(64, 10, 900), noise(256, 10, 900, window="all"), noise(1024, 10, 900, lr=0.2)], 64),
        ([noise(64, np.nan, np.nan)], None),
        ([], None),
    ],
)
def test_the_second_opinion_is_of_the_largest_batch_size_that_has_one(rows, size):
    found = second_opinion(pd.DataFrame([critical()]), CURVE, pd.DataFrame(rows, columns=NOISE_SCALE))
    assert found["batch_size"].tolist() == ([] if size is None else [size])
    assert found["knee_batch_size"].tolist() == ([] if size is None else [500.0])
