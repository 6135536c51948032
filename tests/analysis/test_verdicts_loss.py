import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.scaling import scaling
from bs_study.analysis.verdicts_loss import large_batch_wants_large_lr, noise_falls, small_batch_needs_small_lr

NAN = np.nan
SIZES = (4, 16, 64, 256, 1024)


def reasons(verdict):
    assert verdict.outcome == "undecided"
    return [doubt.reason for doubt in verdict.doubts]


def smoothness(slope, *, level=None, spread=None, lrs=(0.1, 0.2), sizes=SIZES, jitter=0.02):
    """Rows of trials whose noise goes as batch size to a power: `slope`, and `level` at an equal loss level."""
    rng = np.random.default_rng(0)
    slopes = {"first_1000": slope, "equal_loss": slope if level is None else level}
    rows = [
        {"batch_size": size, "lr": lr, "window": window, "noise": noise, "stability": "stable"}
        | {"detrended_variance": (noise if spread is None else size**spread) ** 2}
        for window, power in slopes.items()
        for size in sizes
        for lr in lrs
        for noise in [size ** (power[lr] if isinstance(power, dict) else power) * np.exp(rng.normal(0, jitter))]
    ]
    return pd.DataFrame(rows)


def test_noise_that_falls_supports_the_claim_with_its_slope():
    verdict = noise_falls(smoothness(-0.5))
    assert (verdict.claim, verdict.outcome, verdict.doubts) == ("noise", "supported", ())
    assert verdict.evidence["slope"] == pytest.approx(-0.5, abs=0.02)
    assert verdict.evidence["slope_high"] < 0
    assert (verdict.evidence["batch_sizes"], verdict.evidence["first_1000"]["lrs"]) == (5, 2)


def test_noise_that_rises_contradicts_it_where_it_rises_at_an_equal_loss_level_too():
    assert noise_falls(smoothness(0.5)).outcome == "contradicted"
    assert reasons(noise_falls(smoothness(0.5, level=0.0))) == ["equal_loss_unclear"]


def test_a_steep_curve_is_no_noise():
    """What rises are the differences of a curve that learns in few iterations, not its spread about the median."""
    assert reasons(noise_falls(smoothness(0.5, spread=-0.5))) == ["equal_loss_unclear"]


@pytest.mark.parametrize(
    "table",
    [
        smoothness({0.1: -0.5, 0.2: -0.5, 0.4: 0.4}, lrs=(0.1, 0.2, 0.4), level=0.0),
        smoothness(-0.5, level=0.5),
        smoothness(0.5, level=-0.5),
    ],
    ids=["at one lr it rises", "at an equal level it rises", "at an equal level it falls"],
)
def test_noise_that_goes_both_ways_leaves_it_undecided(table):
    assert reasons(noise_falls(table)) == ["mixed"]


def test_noise_that_is_level_or_of_two_batch_sizes_leaves_it_undecided():
    assert reasons(noise_falls(smoothness(0.0))) == ["slope_unclear"]
    (doubt,) = noise_falls(smoothness(-0.5, sizes=(4, 16))).doubts
    assert (doubt.reason, doubt.count) == ("few_batch_sizes", 0)
    assert reasons(noise_falls(smoothness(-0.5)[:0])) == ["few_batch_sizes"]


def test_noise_that_truly_is_level_is_hardly_ever_judged():
    """The lrs of a batch size share 10 % of noise, since they see the same batches."""
    rng = np.random.default_rng(0)
    level = smoothness(0.0).query("window == 'first_1000'")
    outcomes = []
    for _ in range(200):
        shared = dict(zip(SIZES, rng.normal(0, 0.1, len(SIZES)), strict=True))
        noise = np.exp(level["batch_size"].map(shared) + rng.normal(0, 0.02, len(level)))
        outcomes.append(noise_falls(level.assign(noise=noise, detrended_variance=noise**2)).outcome)
    assert np.mean([outcome != "undecided" for outcome in outcomes]) <= 0.02  # nominal: 0.00625, two errors more


def stable(*rows, lrs=9):
    table = pd.DataFrame(rows, columns=["batch_size", "largest_stable_lr", "smallest_unstable_lr"])
    return table.assign(lrs=lrs, examples_per_iteration=table["batch_size"].astype(float))


def test_a_stable_lr_that_rises_with_the_batch_supports_the_claim():
    rising = [(size, 0.01 * size**0.5, 0.02 * size**0.5) for size in SIZES]
    verdict = small_batch_needs_small_lr(stable(*rising))
    assert (verdict.claim, verdict.outcome) == ("small_batch_lr", "supported")
    assert verdict.evidence["slope"] == pytest.approx(0.5)
    assert verdict.evidence["largest_stable_lr"][16] == 0.04
    falling = [(size, 1 / size**0.5, 2 / size**0.5) for size in SIZES]
    assert small_batch_needs_small_lr(stable(*falling)).outcome == "contradicted"


def test_a_large_batch_that_no_lr_disturbed_hides_no_rise_but_may_hide_that_it_does_not_fall():
    rising = [(size, 0.01 * size**0.5, 0.02 * size**0.5) for size in SIZES[:4]]
    assert small_batch_needs_small_lr(stable(*rising, (1024, 0.32, NAN))).outcome == "supported"
    falling = [(size, 1 / size**0.5, 2 / size**0.5) for size in SIZES[:4]]
    verdict = small_batch_needs_small_lr(stable(*falling, (1024, 1 / 32, NAN)))
    assert [(doubt.reason, doubt.batch_size) for doubt in verdict.doubts] == [("stable_to_the_edge", 1024)]


def test_a_smallest_batch_that_no_lr_disturbed_leaves_it_undecided():
    rows = [(size, 0.01 * size**0.5, 0.02 * size**0.5 if size > 4 else NAN) for size in SIZES]
    assert reasons(small_batch_needs_small_lr(stable(*rows))) == ["stable_to_the_edge"]


def test_a_large_batch_without_a_stable_lr_speaks_against_a_rise():
    rising = [(size, 0.01 * size**0.5, 0.02 * size**0.5) for size in SIZES]
    verdict = small_batch_needs_small_lr(stable(*rising, (4096, NAN, 0.01)))
    assert [(doubt.reason, doubt.batch_size) for doubt in verdict.doubts] == [("never_stable", 4096)]
    assert small_batch_needs_small_lr(stable((1, NAN, 0.01), *rising)).outcome == "supported"


def test_the_same_stable_lr_for_all_or_too_few_of_either_leave_it_undecided():
    assert reasons(small_batch_needs_small_lr(stable(*((size, 0.08, 0.16) for size in SIZES)))) == ["slope_unclear"]
    assert reasons(small_batch_needs_small_lr(stable((1, 0.01, 0.02), (4, 0.02, 0.04)))) == ["few_batch_sizes"]
    assert reasons(small_batch_needs_small_lr(stable())) == ["few_batch_sizes"]
    alone = [(size, 0.08, NAN) for size in SIZES]
    assert reasons(small_batch_needs_small_lr(stable(*alone, lrs=1))) == ["few_lrs"]


@pytest.mark.parametrize("step", [2.0, 4.0])
@pytest.mark.parametrize("chance", [0.02, 0.2])
def test_a_stable_lr_that_is_truly_the_same_is_hardly_ever_said_to_rise(step, chance):
    """Three seeds, each of which is unstable by chance; the true limit lies anywhere between two lrs, and scatters."""
    rng = np.random.default_rng(0)
    lrs = 0.01 * step ** np.arange(9)
    outcomes = []
    for _ in range(200):
        rows = []
        for size, limit in zip(SIZES, 0.01 * step ** (4.5 + rng.normal(0, 0.5, 5)), strict=True):
            is_stable = (lrs <= limit) & (rng.random((3, 9)) >= chance).all(axis=0)
            largest = lrs[is_stable].max(initial=0.0)
            rows.append((size, largest or NAN, lrs[lrs > largest].min(initial=np.inf)))
        outcomes.append(small_batch_needs_small_lr(stable(*rows)).outcome)
    assert np.mean([outcome != "undecided" for outcome in outcomes]) <= 0.02  # nominal: 0.00625, two errors more


def best_lrs(lrs, *, edge="", step=2.0, sizes=SIZES):
    table = pd.DataFrame({"batch_size": sizes, "best_lr": lrs, "interpolated_lr": lrs})
    return table.assign(examples_per_iteration=list(map(float, sizes)), best_lr_on_edge=edge, lr_step=step)


def test_a_best_lr_that_rises_with_the_batch_supports_the_claim():
    verdict = large_batch_wants_large_lr(best_lrs([0.01 * 2**k for k in range(5)]))
    assert (verdict.claim, verdict.outcome) == ("large_batch_lr", "supported")
    assert verdict.evidence["exponent"] == pytest.approx(0.5)
    assert verdict.evidence["exponent_low"] > 0
    assert large_batch_wants_large_lr(best_lrs([0.01 / 2**k for k in range(5)])).outcome == "contradicted"
    assert reasons(large_batch_wants_large_lr(best_lrs([0.01] * 5))) == ["slope_unclear"]


def test_best_lrs_on_the_edge_support_nothing_and_are_named():
    verdict = large_batch_wants_large_lr(best_lrs([0.01 * 2**k for k in range(5)], edge="high"))
    assert reasons(verdict) == ["few_batch_sizes", *["lr_on_edge"] * 5]
    assert (verdict.doubts[0].count, verdict.doubts[1].batch_size, verdict.doubts[1].lr) == (0, 4, 0.01)


def test_without_a_best_lr_or_a_target_that_is_the_reason():
    nothing = best_lrs([NAN] * 5)
    assert reasons(large_batch_wants_large_lr(nothing)) == ["nothing_reached"]


@pytest.mark.parametrize(("step", "curvature"), [(2.0, 0.02), (4.0, 0.15)])
def test_a_best_lr_that_is_truly_the_same_is_hardly_ever_said_to_rise(step, curvature):
    """Three seeds with a spread of 0.1 in log time; off by a factor of 2, an lr takes 2 or 15 % longer."""
    rng = np.random.default_rng(0)
    lrs = 0.01 * step ** np.arange(9)
    cells = []
    for world in range(200):
        off = np.log2(lrs / (0.01 * step ** rng.uniform(3.5, 4.5)))
        times = np.exp(np.median(np.log1p(curvature * off**2) + rng.normal(0, 0.1, (5, 3, 9)), axis=1))
        cell = {"batch_size": np.repeat(SIZES, 9), "lr": np.tile(lrs, 5), "iterations_to_target": times.ravel()}
        cells.append(pd.DataFrame(cell).assign(recipe=str(world)))
    table = pd.concat(cells).assign(status="completed", iterations=1, examples=lambda rows: rows["batch_size"])
    best = table.sort_values("iterations_to_target").drop_duplicates(["recipe", "batch_size"])
    best = best.rename(columns={"lr": "best_lr_by_iterations"}).sort_values(["recipe", "batch_size"])
    worlds = scaling(table, table, best=best).groupby("recipe")
    outcomes = [large_batch_wants_large_lr(world).outcome for _, world in worlds]
    assert len(outcomes) == 200
    assert np.mean([outcome != "undecided" for outcome in outcomes]) <= 0.02  # nominal: 0.00625, two errors more
