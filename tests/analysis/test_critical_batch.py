"""The critical batch size against a published table, closed forms, and simulated studies of a known truth."""

import numpy as np
import pytest

from bs_study.analysis.critical_batch import overhead_rule
from bs_study.analysis.knee import knee, regime_of

SIZES = np.array([64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384])
ZHANG = {
    "85M": (46000, 23000, 13282, 7000, 3840, 2528, 1917, 1600, 1600),
    "302M": (196000, 90000, 46000, 23400, 13300, 7224, 4980, 3400, 2879),
    "1.2B": (642000, 331000, 176000, 94000, 46500, 25000, 15360, 8900, 6500),
}
"""Steps to a validation loss by model, of Zhang et al. (2024), How does critical batch size scale in pre-training?"""


@pytest.mark.parametrize(
    ("model", "min_iterations", "min_examples", "beyond_256", "low", "high"),
    [
        ("85M", 1293.827, 2834258, 745.320, 1902, 2529),
        ("302M", 2095.350, 11383270, 1393.727, 4740, 6262),
        ("1.2B", 3897.307, 43381130, 2533.411, 9418, 13332),
    ],
)
def test_the_knee_of_a_published_table(
    model: str, min_iterations: float, min_examples: float, beyond_256: float, low: float, high: float
) -> None:
    found = knee(SIZES, ZHANG[model])
    assert found is not None
    assert found.best.min_iterations == pytest.approx(min_iterations, rel=5e-7)
    assert found.best.min_examples == pytest.approx(min_examples, rel=5e-7)
    assert found.best.batch_size == pytest.approx(min_examples / min_iterations, rel=5e-7)
    assert found.within(0.2, of=256) == pytest.approx(beyond_256, abs=5e-4)
    assert (round(found.low), round(found.high)) == (low, high)


@pytest.mark.parametrize(("model", "size"), [("85M", 1124), ("302M", 1395), ("1.2B", 2460)])
def test_the_rule_of_a_published_table(model: str, size: int) -> None:
    examples = SIZES * ZHANG[model]
    found = overhead_rule(SIZES, examples, reference=float(examples[2]))
    assert (round(found.batch_size), found.is_at_least) == (size, False)


def law(sizes: np.ndarray, *, at: float, power: float = 1.0, floor: float = 1000.0) -> np.ndarray:
    return floor * (1 + (at / sizes) ** power) ** (1 / power)


@pytest.mark.parametrize("at", [20.0, 300.0, 5000.0])
def test_exact_numbers_give_their_knee_back_in_any_order_and_unit(at: float) -> None:
    sizes = np.array([1024.0, 16.0, 64.0, 256.0, 4096.0])
    found = knee(sizes, law(sizes, at=at))
    assert found is not None
    assert [found.low, found.best.batch_size, found.high] == pytest.approx([at] * 3, rel=1e-5)
    assert found.best.min_iterations == pytest.approx(1000)
    assert found.best.iterations(sizes) == pytest.approx(law(sizes, at=at))
    scaled = knee(sizes * 7, law(sizes, at=at) / 3)
    assert scaled is not None
    assert scaled.best.batch_size == pytest.approx(7 * at)


def test_updates_that_do_not_fall_or_fall_as_1_over_b_throughout_have_ends_of_0_and_infinity() -> None:
    noise = np.array([1.01, 0.99, 1.0, 1.02, 0.98, 1.0])
    sizes = 16 * 4.0 ** np.arange(6)
    level, falling = knee(sizes, 500 * noise), knee(sizes, 1e6 / sizes * noise)
    assert level is not None
    assert falling is not None
    assert level.low == 0
    assert level.high < 16
    assert falling.low > sizes[-1]
    assert falling.high == np.inf
    # At the end of those tried the updates may begin, or cease, to fall at once: by a large power.
    assert {level.regime(size) for size in sizes[1:]} == {"saturated"}
    assert {falling.regime(size) for size in sizes[:-1]} == {"perfect"}
    one = knee([1, 2, 3, 4], [7, 7, 7, 7])
    assert one is not None
    assert (one.low, one.best.batch_size) == (0, 0)
    assert one.best.iterations([5]) == pytest.approx([7])
    alike = knee([1, 2, 4, 8], [800, 400, 200, 100])
    assert alike is not None
    assert (alike.best.batch_size, alike.high, alike.best.min_iterations) == (np.inf, np.inf, 0)
    assert alike.best.iterations([16]) == pytest.approx([50])


def test_there_is_no_knee_below_four_batch_sizes_and_missing_times_are_no_points() -> None:
    assert knee([1, 2, 4], [100, 60, 40]) is None
    assert knee([1, 2, 4, 8, 16], [100, np.nan, 60, np.inf, 40]) is None
    assert knee([2, 2, 4, 8], [100, 99, 60, 40]) is None


def test_a_regime_is_told_only_where_both_ends_of_the_interval_agree() -> None:
    rng = np.random.default_rng(0)
    sizes = 4.0 ** np.arange(8)
    found = knee(sizes, law(sizes, at=100.0) * np.exp(rng.normal(0, 0.05, 8)))
    assert found is not None
    low, high = found.slopes(100.0)
    assert low <= -0.5 <= high
    assert found.regime(1.0) == "perfect"
    assert found.regime(100.0) == "diminishing"
    assert found.regime(16384.0) == "saturated"
    edge = found.low / 9 * 1.0001  # perfect by the upper end, no more by the lower one
    assert found.regime(edge) == ""


@pytest.mark.parametrize("power", [0.7, 1.4, 2.0])
def test_a_curve_of_another_power_is_told_no_wrong_regime(power: float) -> None:
    rng = np.random.default_rng(5)
    sizes, wrong, told = 16 * 4.0 ** np.arange(7), 0, 0
    for _ in range(40):
        found = knee(sizes, simulated(rng, at=300.0, sizes=sizes, spread=0.1, sharpness=0.2, power=power))
        assert found is not None
        regimes = {size: found.regime(size) for size in sizes if found.regime(size)}
        told += len(regimes) > 1
        wrong += any(regime != regime_of(-1 / (1 + (size / 300) ** power)) for size, regime in regimes.items())
    assert wrong <= 4  # of 40; with slopes of power 1 alone, 11 where the power is 0.7
    assert told >= 36


def test_the_interval_of_the_power_holds_a_power_between_those_scanned() -> None:
    sizes = 4.0 ** np.arange(8)
    found = knee(sizes, law(sizes, at=100.0, power=1.3) * np.exp(np.random.default_rng(0).normal(0, 1e-4, 8)))
    assert found is not None
    assert 1.25 < found.power_low <= 1.3 <= found.power_high < 1.35


def test_of_two_batch_sizes_the_smaller_is_the_reference() -> None:
    assert overhead_rule([1, 2], [100, 130]).reference == 100
    assert (regime_of(-0.9), regime_of(-0.1)) == ("perfect", "saturated")


def test_the_reading_of_looks_widens_an_interval_that_is_straight_by_chance() -> None:
    sizes = 4.0 ** np.arange(6)
    exact, read = (knee(sizes, law(sizes, at=50.0), resolution=step) for step in (0.0, 0.2))
    assert exact is not None
    assert read is not None
    assert read.low < 0.95 * exact.low
    assert read.high > 1.05 * exact.high


def test_a_knee_of_another_power_widens_the_interval_to_the_union_over_the_powers_that_fit() -> None:
    sizes = 4.0 ** np.arange(8)
    rng = np.random.default_rng(1)
    sharp = knee(sizes, law(sizes, at=100.0, power=3.0) * np.exp(rng.normal(0, 0.02, 8)))
    assert sharp is not None
    assert sharp.is_widened
    assert sharp.power_low > 1
    assert sharp.low <= 100 <= sharp.high
    plain = knee(sizes, law(sizes, at=100.0) * np.exp(rng.normal(0, 0.02, 8)))
    assert plain is not None
    assert not plain.is_widened


@pytest.mark.parametrize("overhead", [0.2, 0.5])
def test_the_rule_lies_between_grid_points_and_never_beyond_the_largest(overhead: float) -> None:
    sizes = np.array([10.0, 20, 40, 80, 160])
    found = overhead_rule(sizes, sizes * law(sizes, at=100.0), reference=100_000.0, overhead=overhead)
    assert found.batch_size == pytest.approx(overhead * 100, rel=0.05)
    assert overhead_rule(sizes, [5.0, 5, 5, 5, 5.5]) == (160, True, 5)
    assert np.isnan(overhead_rule(sizes, [5.0] * 5, reference=1.0).batch_size)
    assert np.isnan(overhead_rule([], []).batch_size)


def test_the_reference_is_no_lucky_cell() -> None:
    """One of the three smallest is too cheap by chance: the median does not follow it."""
    assert overhead_rule([1, 2, 4, 8], [100, 50, 100, 130]).reference == 100


def simulated(
    rng: np.random.Generator, *, at: float, sizes: np.ndarray, spread: float, sharpness: float, power: float = 1.0
) -> list[float]:
    """Iterations of a study: medians of three seeds at the best of lrs a factor of 2 apart, about the true best."""
    octaves = np.arange(-4, 5) + rng.random((len(sizes), 1))
    logs = np.log(law(sizes, at=at, power=power))[:, None, None] + sharpness * octaves[..., None] ** 2
    seeds = logs + spread * rng.standard_normal((*octaves.shape, 3))
    return [float(size) for size in np.exp(np.median(seeds, axis=2).min(axis=1))]


@pytest.mark.parametrize(("at", "spread", "sharpness"), [(300.0, 0.1, 0.2), (2000.0, 0.2, 0.35)])
def test_the_interval_holds_the_truth_in_95_of_100_studies(at: float, spread: float, sharpness: float) -> None:
    rng = np.random.default_rng(3)
    sizes = 16 * 4.0 ** np.arange(7)
    held = 0
    for _ in range(400):
        found = knee(sizes, simulated(rng, at=at, sizes=sizes, spread=spread, sharpness=sharpness))
        held += found is not None and found.low <= at <= found.high
    assert 0.92 <= held / 400 <= 0.97 + 0.01  # of 400, not of 1,000: a standard deviation more
