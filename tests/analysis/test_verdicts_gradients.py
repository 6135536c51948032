"""What is said of gradients, against studies of a known truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bs_study.analysis.stable_lr import stable_lrs
from bs_study.analysis.verdicts_gradients import gradients_agree, stable_lr_at_limit

NAN = np.nan
SIZES = (8, 32, 128, 512, 2048)
LRS = dict.fromkeys(SIZES, 0.1)


def reasons(verdict):
    assert verdict.outcome == "undecided"
    return [doubt.reason for doubt in verdict.doubts]


def agreement(cosines, *, window="early", lr=0.1, half=0.05, pairs=12, disjoint=0.0):
    """Rows of `noise_scale` of cells whose consecutive gradients have these mean cosines, by batch size."""
    rows = [
        {"recipe": "", "batch_size": size, "lr": lr, "window": window, "cos_pairs": pairs, "cos_next": cosine}
        | {"cos_next_low": cosine - half, "cos_next_high": cosine + half, "cos_expected": 0.5}
        | {"cos_disjoint": disjoint, "cos_disjoint_low": disjoint - 0.01}
        for size, cosine in cosines.items()
    ]
    return pd.DataFrame(rows)


def judged(rows, **changes):
    return gradients_agree(rows, **{"window": "early", "lrs": LRS} | changes)


def by_noise_scale(phi):
    return {size: 1 / (1 + phi / size) for size in SIZES}


def test_cosines_that_rise_with_the_batch_support_the_claim_and_those_that_fall_contradict_it():
    rising = judged(agreement(by_noise_scale(200)))
    assert (rising.claim, rising.outcome, rising.doubts) == ("gradients_early", "supported", ())
    assert rising.evidence["slope_low"] > 0
    assert rising.evidence["cos_next"][2048] == pytest.approx(0.911, abs=1e-3)
    falling = {size: 0.2 - 0.1 * np.log2(size) for size in SIZES}
    assert judged(agreement(falling)).outcome == "contradicted"


def test_each_window_is_judged_by_its_own_rows():
    rows = pd.concat([agreement(by_noise_scale(200)), agreement(dict.fromkeys(SIZES, 0.1), window="late")])
    late = judged(rows, window="late")
    assert (late.claim, reasons(late)) == ("gradients_late", ["slope_unclear"])
    assert judged(rows).outcome == "supported"


def test_a_batch_size_counts_at_its_own_lr_alone():
    rows = pd.concat([agreement(by_noise_scale(200)), agreement(dict.fromkeys(SIZES, -0.9), lr=0.4)])
    verdict = judged(rows)
    assert verdict.outcome == "supported"
    assert verdict.evidence["batch_sizes"] == 5


def test_two_batch_sizes_or_none_tell_nothing():
    (doubt,) = judged(agreement({8: 0.1, 512: 0.9})).doubts
    assert (doubt.reason, doubt.count) == ("few_batch_sizes", 2)
    assert reasons(judged(agreement(by_noise_scale(200)), window="late")) == ["few_batch_sizes"]


def test_cosines_without_a_trend_are_hardly_ever_judged():
    """Small batch sizes have few probes, so that their means are noisier."""
    rng = np.random.default_rng(0)
    pairs = np.array([3, 3, 12, 40, 40])
    outcomes = []
    for _ in range(400):
        draws = [0.3 + rng.normal(0, 0.3, count) for count in pairs]
        means = agreement({size: draw.mean() for size, draw in zip(SIZES, draws, strict=True)})
        half = [stats.t.ppf(0.975, len(draw) - 1) * stats.sem(draw) for draw in draws]
        rows = means.assign(cos_pairs=pairs, cos_next_high=means["cos_next"] + half)
        outcomes.append(judged(rows, confidence=0.95).outcome)
    assert np.mean([outcome != "undecided" for outcome in outcomes]) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def against(rows, **changes):
    return judged(rows, **changes).evidence["against"]


def test_gradients_point_against_each_other_where_they_do_so_more_than_disjoint_batches():
    cosines = by_noise_scale(200) | {2048: -0.3}
    assert against(agreement(cosines)) == [2048]
    assert against(agreement(cosines, half=0.29)) == []  # of ten looks, one is below 0 so far by chance
    assert against(agreement(cosines, disjoint=-0.3)) == []
    assert against(agreement(cosines, pairs=1)) == []
    assert against(agreement(cosines, disjoint=NAN)) == []


def test_gradients_that_are_independent_are_hardly_ever_said_to_point_against_each_other():
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(400):
        draws = {size: rng.normal(0, 0.3, 6) for size in SIZES}
        rows = agreement({size: draw.mean() for size, draw in draws.items()}, pairs=6, disjoint=0.02)
        half = [stats.t.ppf(0.975, 5) * stats.sem(draw) for draw in draws.values()]
        told += bool(against(rows.assign(cos_next_high=rows["cos_next"] + half)))
    assert told / 400 <= 0.05


def limits(shares, *, step=2.0, seeds=3, spread=0.05, momentum=0.0, step_lr=1.0, rng=None):
    """Scaling, sharpness and trials of batch sizes whose largest stable lr is such a share of the limit."""
    rng = rng or np.random.default_rng(0)
    scaling, sharpness, trials = [], [], []
    for size, share in shares.items():
        lr = 0.01 * size**0.5
        place = {"recipe": "", "batch_size": size}
        scaling.append(place | {"largest_stable_lr": lr, "smallest_unstable_lr": lr * step})
        eigenvalues = 2 * (1 + momentum) * share / lr * np.exp(spread * rng.normal(size=seeds))
        seed = place | {"lr": lr, "status": "completed"}
        trials += [seed | {"largest_eigenvalue": value} for value in eigenvalues]
        told = np.median(eigenvalues) * lr / 2 / (1 + momentum)
        sharpness.append(place | {"lr": lr, "step_lr": lr * step_lr, "stability_share": told})
        sharpness.append(place | {"lr": lr * step, "step_lr": lr * step, "stability_share": 2.5})
    return pd.DataFrame(scaling), pd.DataFrame(sharpness), pd.DataFrame(trials)


def limit_verdict(shares, *, confidence=0.95, **changes):
    scaling, sharpness, trials = limits(shares, **changes)
    stable = stable_lrs(scaling, sharpness, trials, confidence=confidence)
    return stable_lr_at_limit(stable, scaling, confidence=confidence)


def test_the_limit_is_the_lr_at_which_the_share_is_one():
    scaling, sharpness, trials = limits({16: 0.5, 64: 0.8}, momentum=0.9, spread=0.0)
    table = stable_lrs(scaling, sharpness, trials)
    np.testing.assert_allclose(table["limit_lr"], 2 * 1.9 / trials.groupby("batch_size")["largest_eigenvalue"].first())
    np.testing.assert_allclose(table["stability_share"], [0.5, 0.8])
    assert list(table["share_beyond"]) == [2.5, 2.5]


def test_the_sharpness_of_weights_that_have_diverged_widens_no_interval():
    scaling, sharpness, trials = limits(dict.fromkeys(SIZES, 0.8))
    blown = trials.assign(
        status="diverged", lr=2 * trials["lr"], largest_eigenvalue=[10.0**k for k in range(len(trials))]
    )
    pd.testing.assert_frame_equal(
        stable_lrs(scaling, sharpness, pd.concat([trials, blown])), stable_lrs(scaling, sharpness, trials)
    )


def test_shares_within_a_step_of_the_limit_support_the_claim_and_shares_off_it_contradict_it():
    at = limit_verdict(dict.fromkeys(SIZES, 0.8))
    assert (at.claim, at.outcome) == ("stable_lr_at_limit", "supported")
    assert at.evidence["at_limit"] == list(SIZES)
    off = limit_verdict(dict.fromkeys(SIZES, 0.1))
    assert (off.outcome, off.evidence["off_limit"]) == ("contradicted", list(SIZES))
    mixed = limit_verdict({8: 0.05, 64: 0.7, 512: 0.9})
    assert (reasons(mixed), mixed.evidence["at_limit"]) == (["mixed"], [64, 512])


def test_without_eigenvalues_the_limit_is_undecided_for_want_of_curvature():
    scaling, sharpness, trials = limits(dict.fromkeys(SIZES, 0.8))
    none = stable_lrs(scaling, sharpness[:0], trials)
    assert reasons(stable_lr_at_limit(none, scaling)) == ["no_curvature"]


def test_one_seed_a_decayed_lr_or_too_few_lrs_leave_the_limit_open():
    assert reasons(limit_verdict(dict.fromkeys(SIZES, 0.8), seeds=1)) == ["one_seed"] * 5
    assert reasons(limit_verdict(dict.fromkeys(SIZES, 0.8), step_lr=0.1)) == ["lr_decayed"] * 5
    assert set(reasons(limit_verdict(dict.fromkeys(SIZES, 0.45), spread=0.3))) == {"limit_unclear"}
    scaling, sharpness, trials = limits({8: 0.8, 64: 0.8, 512: 0.8})
    scaling.loc[2, "smallest_unstable_lr"] = NAN
    verdict = stable_lr_at_limit(stable_lrs(scaling, sharpness, trials), scaling)
    assert reasons(verdict) == ["few_batch_sizes", "stable_to_the_edge"]


@pytest.mark.parametrize("truth", [0.45, 2.2])
def test_stable_lrs_a_little_off_the_limit_are_hardly_ever_said_to_be_at_it(truth):
    rng = np.random.default_rng(0)
    shares = {8: 0.8, 64: truth, 512: 0.9}
    outcomes = [limit_verdict(shares, seeds=2, spread=0.3, rng=rng).outcome for _ in range(300)]
    assert np.mean([outcome != "undecided" for outcome in outcomes]) <= 0.05
