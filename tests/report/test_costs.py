"""Costs as a person asks for them and reads them: flags, sentence, figure, tables and answer.json."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

import bs_study
from bs_study.analysis.study import Analysis
from bs_study.cli.main import main
from bs_study.grid import study_trials
from bs_study.report.figures import time_by_machine
from bs_study.report.sentences.costs import cost_notes, costs
from bs_study.store.timings import timing_id, write_timing
from tests.report.demo_store import timing, write_demo_study
from tests.report.test_page import text_of, words

OWN = "NVIDIA H100 (a model of one: this store is made up)"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose trials ran on one machine, which was also timed on a loom, twice as slow; it has two seeds."""
    place = tmp_path_factory.mktemp("costs") / "two"
    paths = write_demo_study(
        str(place),
        batch_sizes=(64, 256, 1024),
        lrs=(0.04, 0.08, 0.16, 0.32),
        seeds=(0, 1),
        max_epochs=20,
        is_timed=True,
    )
    timed = {trial.batch_size: trial for trial in study_trials(bs_study.open_study(place).config)}
    for trial in timed.values():
        row = timing(trial)
        slow = {
            name: 2 * float(str(row[name])) for name in row if re.fullmatch(r"iteration_seconds(_low|_high)?", name)
        }
        loom = {"device_name": "loom", "energy_joules": 0.5}
        write_timing(paths, timing_id(trial, loom), trial, row | slow | loom)
    return place


def asked(study: Path, **settings: object) -> Analysis:
    return bs_study.analyse(study, **settings)  # type: ignore[arg-type]


def test_machines_stand_side_by_side_and_the_sentence_says_that_updates_are_taken_over(study: Path) -> None:
    found = asked(study)
    seconds = found.tables.costs.pivot_table(index="batch_size", columns="device_name", values="seconds")
    assert (seconds["loom"] / seconds[OWN]).tolist() == pytest.approx([2, 2, 2])
    assert found.tables.machines["device_name"].tolist() == [OWN, "loom"]
    said = costs(found)
    best = found.tables.machines.iloc[0]
    assert said.startswith(f"Fastest by medians: batch size {best['batch_size']} on {OWN} takes")
    assert "Cheapest" not in said
    assert "updates are taken over" in said
    assert "measured on loom" in said


def test_prices_and_a_deadline_are_answered(study: Path) -> None:
    cheap = asked(study, price_per_hour={"h100": 4, "loom": 1}, deadline=1e6)
    assert re.search(r"Cheapest by medians: batch size \d+ on loom takes .* dollars\.", costs(cheap))
    assert re.search(r"Cheapest within 277 h 47 min: batch size \d+ on loom", costs(cheap))
    late = asked(study, price_per_hour=4, deadline=1e-3)
    assert costs(late).startswith("Fastest and cheapest by medians: ")
    assert "No batch size is known to reach the target within 1 ms." in costs(late)


def test_gpus_are_said_to_be_modelled_wherever_they_are_named(study: Path) -> None:
    found = asked(study, gpus=4)
    assert "over 4 GPUs (modelled)" in costs(found)
    figure = time_by_machine(found.tables.costs)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [OWN, f"{OWN}, 4 GPUs (modelled)", "loom", "loom, 4 GPUs (modelled)"]
    dashes = {
        line.get_label(): line.get_linestyle() for line in figure.axes[0].get_lines() if line.get_label() in names
    }
    assert [dashes[name] for name in names] == ["-", "--", "-", "--"]


def test_gpus_of_which_nothing_can_be_modelled_are_told_so(study: Path) -> None:
    found = asked(study, gpus=64)
    assert not found.tables.costs["is_modelled"].any()
    assert "Nothing is told of several GPUs" in costs(found)


def test_without_a_timing_pass_the_sentence_says_whose_clocks_these_are(reported: Path) -> None:
    found = asked(reported)
    assert cost_notes(found) == ["There was no whole timing pass, so seconds are by the clocks of the trials."]
    assert " on NVIDIA" not in costs(found)  # there is one machine


def test_where_nothing_reached_the_target_no_cost_is_known(reported: Path) -> None:
    found = asked(reported, target="accuracy>=0.9999")
    assert len(found.tables.costs) == 0
    assert costs(found).startswith("Not known yet")


def test_the_command_writes_what_python_says_to_page_csv_and_json(study: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(study, tmp_path / "two"))
    flags = ["--price-per-hour", "2", "loom=1", "--deadline", "45min", "--gpus", "2", "--bandwidth", "50"]
    assert main(["report", str(copy), *flags]) == 0
    found = asked(copy, price_per_hour=[2, "loom=1"], deadline="45min", gpus=[2], bandwidth=50)
    page = (copy / "report/report.html").read_text()
    assert words(costs(found)) in text_of(page)
    assert page.index('id="updates"') < page.index('id="costs"') < page.index('id="lr"')
    for name in ("machines", "pareto", "costs"):
        assert f'id="table-{name}"' in page
    rows = pd.read_csv(copy / "report/tables/costs.csv")
    assert rows["dollars"].tolist() == pytest.approx(found.tables.costs["dollars"].tolist())
    told = json.loads((copy / "report/answer.json").read_text())["costs"]
    assert told["asked"]["prices"] == {"loom": 1.0}
    assert (told["asked"]["deadline_seconds"], told["asked"]["bandwidth_bytes_per_second"]) == (2700, 5e10)
    assert len(told["rows"]) == len(rows)
    assert told["cheapest"]["dollars"] == pytest.approx(rows["dollars"].min())
    assert told["fastest"]["seconds"] == pytest.approx(rows["seconds"].min())
    assert told["cheapest_in_time"] == told["cheapest"]
    assert [one["device_name"] for one in told["machines"]] == [OWN, "loom"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--price-per-hour 0", "price_per_hour: '0' is not above 0"),
        ("--price-per-hour nan", "price_per_hour: 'nan' is no number"),
        ("--price-per-hour loom=-1", "price_per_hour: '-1' is not above 0"),
        ("--price-per-hour 1 2", "price_per_hour: there are two prices"),
        ("--price-per-hour =2", "price_per_hour: '=2' names no machine"),
        ("--price-per-hour abacus=2", "price_per_hour: 'abacus' is no machine of this store. It knows"),
        ("--deadline 0s", "deadline: '0s' is no time above 0"),
        ("--deadline 90", "deadline: '90' is no time. Give a time above 0 with its unit"),
        ("--deadline -2h", "--deadline: expected one argument"),
        ("--deadline 2weeks", "deadline: '2weeks' is no time"),
        ("--gpus 1.5", "gpus: '1.5' is no number of GPUs"),
        ("--gpus 0", "gpus: '0' is no number of GPUs"),
        ("--bandwidth 0", "bandwidth: '0' is not above 0"),
        ("--latency -1", "latency: '-1' is below 0"),
        ("--latency inf", "latency: 'inf' is no number"),
    ],
)
def test_a_cost_that_can_not_be_is_refused_in_one_line(
    flags: str, told: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(study), *flags.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {told}")
    assert not (study / "report").exists()


@pytest.mark.parametrize("wrong", [{"price_per_hour": True}, {"deadline": float("inf")}, {"gpus": [None]}])
def test_python_refuses_the_same(wrong: dict[str, object], study: Path) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))}: "):
        asked(study, **wrong)
