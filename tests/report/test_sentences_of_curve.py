"""What a page says of the scaling curve: no more than the batch sizes tried and the interval of the knee allow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np
import pytest

from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.config.asked import asked
from bs_study.config.growth import grown
from bs_study.report import figures
from bs_study.report.card import card
from bs_study.report.sentences.curve import curve_line, definitions, rule_line
from bs_study.report.targets import config_targets, critical_by_target, other_targets
from bs_study.target import Target
from tests.analysis.hand_rows import TARGET, Outcome, hand_rows

SIZES = (4, 16, 64, 256, 1024, 4096, 16384)


def study(
    law: Callable[[float], float], sizes: Sequence[int] = SIZES, *, missed: Collection[int] = (), spread: float = 0.05
) -> Analysis:
    rng = np.random.default_rng(0)
    cells: dict[tuple[int, float], Sequence[Outcome]] = {
        (size, lr): ["missed"] * 3
        if size in missed
        else [5 * law(size) * far * float(np.exp(rng.normal(0, spread))) for _ in range(3)]
        for size in sizes
        for lr, far in zip((0.1, 0.2, 0.4), (1.5, 1.0, 1.5), strict=True)
    }
    return analyse_rows(hand_rows(cells, budget=10_000), target=TARGET)


def knee_at(size: float) -> Callable[[float], float]:
    return lambda batch_size: 1 + size / batch_size


def test_a_knee_within_the_batch_sizes_tried_has_both_ends_told_and_the_card_has_the_line() -> None:
    found = study(knee_at(200))
    line = curve_line(found, "")
    assert line.startswith("Up to about batch size 2")
    assert "a doubling saves 46 % of the updates or more. From about 1," in line
    assert "a doubling saves 7 % or less" in line
    assert card(found).curve == line


@pytest.mark.parametrize(
    ("law", "sizes", "said"),
    [
        (
            lambda size: 1e6 / size,
            SIZES[:5],
            " or further, a doubling saves 46 % of the updates or more.",
        ),
        (lambda size: 100.0, SIZES[2:], "No doubling from the batch sizes tried saves 47 % of the updates. From "),
        (knee_at(10), SIZES[1:6], "No doubling from the batch sizes tried saves 47 % of the updates. From about "),
        (knee_at(2000), SIZES[:5], "Up to the largest that reached the target, 1024, a doubling saves more than 6 %."),
    ],
)
def test_nothing_is_told_beyond_the_batch_sizes_tried(
    law: Callable[[float], float], sizes: Sequence[int], said: str
) -> None:
    assert said in curve_line(study(law, sizes, spread=0.002), "")


def test_a_knee_that_may_lie_anywhere_is_told_so() -> None:
    assert "Where a doubling stops paying can't be told yet." in curve_line(
        study(knee_at(200), SIZES[1:6], spread=0.5), ""
    )


def test_below_four_batch_sizes_there_is_the_rule_and_why_there_is_no_knee() -> None:
    found = study(knee_at(200), SIZES[:4], missed=[256])
    assert curve_line(found, "") == ""
    assert rule_line(found, "").startswith("The 20 % rule: ")
    said = definitions(found, "")
    assert said[0] == "The knee needs 4 batch sizes that reached the target, and 3 did."
    assert said[1].startswith("1 batch size is in no definition")


def test_where_all_missed_there_is_one_sentence_and_no_number() -> None:
    missed = study(knee_at(200), missed=SIZES)
    assert rule_line(missed, "") == ""
    said = definitions(missed, "")
    assert said[0] == "The knee needs 4 batch sizes that reached the target, and none did."
    assert len(said) == 2


def test_ends_without_a_bound_are_printed_as_such() -> None:
    falling = study(lambda size: 1e6 / size, SIZES[:5], spread=0.1)
    assert "to ∞) in S = S_min (1 + B_c/B), by 5 batch sizes." in " ".join(definitions(falling, ""))
    at_least = "The 20 % rule: at least 1024, the largest that reached the target (95 %: from "
    assert rule_line(falling, "").startswith(at_least)
    level = study(lambda size: 100.0, SIZES[2:], spread=0.03)
    assert "(95 %: 0 to" in " ".join(definitions(level, ""))
    assert " on, or before, a doubling saves 7 % or less." in curve_line(level, "")


def test_a_target_that_the_initial_weights_meet_tells_nothing_of_the_curve() -> None:
    rows = hand_rows({(size, 0.2): [5 * knee_at(200)(size)] for size in SIZES}, budget=10_000)
    rows.trials["initial_metric"] = 0.99
    found = analyse_rows(rows, target=TARGET)
    assert (curve_line(found, ""), definitions(found, "")) == ("", [])


def test_the_targets_that_are_asked_for_are_compared_and_each_has_its_critical_batch_size() -> None:
    found = study(knee_at(200))
    analyses = other_targets(found, asked=[Target("accuracy", 0.85), Target("accuracy", 0.99)])
    table = critical_by_target(analyses)
    assert list(table["value"]) == [0.85, 0.9, 0.99]
    assert list(table["batch_sizes"]) == [0, 7, 0]  # the first is met at the first look, the last never
    figure = figures.critical_by_target(table[table["batch_sizes"] > 0])
    marks = {line.get_gid(): float(line.get_ydata()[0]) for line in figure.axes[0].lines if line.get_gid()}
    assert marks == pytest.approx({"knee-t0": table["knee_batch_size"][1], "rule-t0": table["rule_batch_size"][1]})


def test_the_further_targets_of_a_config_are_those_of_its_report() -> None:
    settings = {"workload": "digits", "batch_sizes": SIZES, "lrs": [0.1], "max_epochs": 3, "target": str(TARGET)}
    config = asked({**settings, "targets": ["accuracy>=0.8", "accuracy>=0.87"]}).config
    found = replace(study(knee_at(200)), config=config)
    assert [one.typed for one in config_targets(found)] == ["accuracy>=0.8", "accuracy>=0.87"]
    assert asked(config.model_dump(mode="json")).config == config
    more = asked({**settings, "targets": ["accuracy>=0.85"]}).config
    assert [one.value for one in grown(config, more, uri="results/digits").targets] == [0.8, 0.87, 0.85]


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["accuracy>=0.99"], "is harder than the target, accuracy>=0.9, where a trial ends. Make it the target"),
        (["loss<=0.3"], "are not of one metric"),
        (["soon"], "'soon' is no target"),
    ],
)
def test_a_further_target_that_no_trial_can_answer_is_refused(targets: list[str], said: str) -> None:
    settings = {"workload": "digits", "batch_sizes": [8], "lrs": [0.1], "max_epochs": 3, "target": "accuracy>=0.9"}
    with pytest.raises(ValueError, match="targets: ") as refused:
        asked({**settings, "targets": targets})
    assert said in str(refused.value)


def test_the_figure_draws_the_curve_within_the_batch_sizes_fitted_and_the_knee_with_its_interval() -> None:
    found = study(knee_at(200), (*SIZES, 65536), missed=[65536], spread=0.02)
    axes = figures.iterations_to_target(found.tables.scaling_curve, found.tables.convergence).axes[0]
    curve = next(line for line in axes.lines if len(line.get_xdata()) == 400)
    x, y = np.array(curve.get_data(), float)
    assert (x[0], x[-1]) == (4, 16384)
    (told,) = found.tables.critical_batch.to_dict("records")
    assert y == pytest.approx(told["min_iterations"] * (1 + told["knee_batch_size"] / x))
    bars = [np.array(line.get_xdata(), float) for line in axes.lines if line.get_linewidth() == 3]
    assert bars[0] == pytest.approx([told["knee_low"], told["knee_high"]])
    regimes = [text.get_text() for text in axes.texts]
    assert {"diminishing", "saturated"} <= set(regimes)


def test_the_trade_has_its_knee_where_both_are_twice_their_least() -> None:
    found = study(knee_at(200))
    axes = figures.examples_by_iterations(found.tables.scaling_curve).axes[0]
    (diamond,) = [line for line in axes.lines if line.get_marker() == "D"]
    (told,) = found.tables.critical_batch.to_dict("records")
    assert diamond.get_xdata()[0] == pytest.approx(2 * told["min_iterations"])
    assert diamond.get_ydata()[0] == pytest.approx(2 * told["min_examples"])
    assert len([line for line in axes.lines if line.get_gid()]) == len(SIZES)


def test_a_batch_size_below_the_rule_that_takes_more_is_named_and_what_may_change_is_told() -> None:
    examples = {4: 100, 16: 100, 64: 100, 256: 140, 1024: 110, 4096: 300}
    found = study(lambda size: 4 * examples[int(size)] / size, tuple(examples), spread=0.002)
    line = rule_line(found, "")
    assert "There the target took at most 20 % more examples than the median of the three smallest." in line
    assert line.endswith("Batch size 256, below it, took more than that.")
    cells: dict[tuple[int, float], Sequence[Outcome]] = {(size, 0.2): [5 * knee_at(200)(size)] for size in SIZES}
    asked_for = [(size, lr, 0) for size in SIZES for lr in (0.1, 0.2, 0.4)]
    running = analyse_rows(hand_rows(cells, budget=10_000, asked=asked_for), target=TARGET)
    assert definitions(running, "")[-1] == "14 trials have not ended: all this may change."


def test_four_batch_sizes_have_a_knee_and_no_regimes_and_edges_take_an_lr_for_granted() -> None:
    four = study(knee_at(200), SIZES[1:5], spread=0.01)
    assert curve_line(four, "") == "It takes 5 batch sizes to tell where doubling stops paying: 4 leave it open."
    assert definitions(four, "")[0].startswith("The knee: B_c = ")
    assert set(four.tables.scaling_curve["regime"]) == {""}
    cells: dict[tuple[int, float], Sequence[Outcome]] = {
        (size, lr): [5 * knee_at(200)(size) * far] for size in SIZES for lr, far in ((0.1, 1.5), (0.2, 1.0))
    }
    edge = analyse_rows(hand_rows(cells, budget=10_000), target=TARGET)
    assert curve_line(edge, "").endswith("at 95 %, if no lr beyond those tried is better.")
