import numpy as np
import pandas as pd

from bs_study.analysis.loss_findings import large_batch_wants_large_lr, noise_falls, small_batch_needs_small_lr
from bs_study.analysis.scaling import lr_fit

NAN = np.nan


def slopes(*rows, window="first_1000"):
    names = ["slope", "slope_low", "slope_high"]
    return pd.DataFrame(rows, columns=names).assign(lr=range(len(rows)), window=window)


def test_noise_that_falls_at_most_lrs_and_rises_at_none_supports_the_claim():
    assert noise_falls(slopes((-0.5, -0.6, -0.4), (-0.4, -0.7, -0.1), (-0.3, -0.7, 0.1))).verdict == "supported"
    assert noise_falls(slopes((0.5, 0.4, 0.6))).verdict == "contradicted"


def test_slopes_none_of_which_is_sure_alone_can_be_so_together():
    rows = [(-0.5, -1.2, 0.2), (-0.45, -1.1, 0.2), (-0.55, -1.2, 0.1), (-0.5, -1.1, 0.1)]
    assert noise_falls(slopes(*rows)).verdict == "supported"


def test_noise_that_rises_at_an_lr_leaves_it_undecided():
    assert noise_falls(slopes((-0.5, -0.6, -0.4), (-0.5, -0.6, -0.4), (0.5, 0.4, 0.6))).verdict == "undecided"


def test_noise_that_rises_at_an_equal_loss_level_leaves_it_undecided():
    first, level = slopes((-0.5, -0.6, -0.4)), slopes((0.5, 0.4, 0.6), window="equal_loss")
    assert noise_falls(pd.concat([first, level])).verdict == "undecided"


def test_without_an_interval_noise_is_undecided():
    assert noise_falls(slopes((-0.5, NAN, NAN))).reason == "no lr has the noise of 3 batch sizes"
    assert noise_falls(slopes()).verdict == "undecided"


def stable_lrs(rows):
    table = pd.DataFrame(rows, columns=["batch_size", "largest_stable_lr", "smallest_unstable_lr"])
    cells = pd.DataFrame({"batch_size": 1, "lr": [0.01 * 2**k for k in range(9)]})
    return small_batch_needs_small_lr(table, cells)


def test_a_stable_lr_that_rises_with_the_batch_supports_the_claim():
    rows = [(size, 0.01 * size**0.5, 0.02 * size**0.5) for size in (1, 4, 16, 64)]
    assert stable_lrs(rows).verdict == "supported"
    falling = [(size, 0.64 / size**0.5, 1.28 / size**0.5) for size in (1, 4, 16, 64)]
    assert stable_lrs(falling).verdict == "contradicted"


def test_a_smallest_batch_that_no_lr_disturbed_leaves_it_undecided():
    rows = [(size, 0.01 * size**0.5, NAN) for size in (1, 4, 16, 64)]
    assert "batch size 1 was stable up to the largest lr" in stable_lrs(rows).reason


def test_the_same_stable_lr_for_all_or_too_few_batch_sizes_leave_it_undecided():
    assert stable_lrs([(size, 0.08, 0.16) for size in (1, 4, 16, 64)]).verdict == "undecided"
    assert stable_lrs([(1, 0.01, 0.02), (4, 0.02, 0.04)]).verdict == "undecided"
    assert stable_lrs([]).verdict == "undecided"
    assert stable_lrs([(1, NAN, 0.01), (4, NAN, 0.01), (16, NAN, 0.01)]).verdict == "undecided"


def best_lrs(rows):
    table = pd.DataFrame(rows, columns=["batch_size", "best_lr", "best_lr_on_edge"]).assign(lr_step=2.0)
    return large_batch_wants_large_lr(table, lr_fit(table))


def test_a_best_lr_that_rises_with_the_batch_supports_the_claim():
    assert best_lrs([(4**k, 0.01 * 2**k, "") for k in range(5)]).verdict == "supported"
    assert best_lrs([(4**k, 0.01 / 2**k, "") for k in range(5)]).verdict == "contradicted"
    assert best_lrs([(4**k, 0.01, "") for k in range(5)]).verdict == "undecided"


def test_best_lrs_on_the_edge_support_nothing():
    finding = best_lrs([(4**k, 0.01 * 2**k, "high") for k in range(5)])
    assert finding.verdict == "undecided"
    assert "5 on its edge" in finding.reason
    assert best_lrs([]).verdict == "undecided"
