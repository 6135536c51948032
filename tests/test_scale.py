"""Studies of 100,000 trials: read, named, shown and followed in time that grows as they do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bs_study import StudyConfig, TrialConfig
from bs_study.config.growth import grown
from bs_study.config.size import MOST_TRIALS
from bs_study.config.values import repeated
from bs_study.grid import study_trials
from bs_study.launch.course import Course
from bs_study.store.paths import study_paths
from bs_study.store.reader import Study
from bs_study.workloads import load_workload
from bs_study.workloads.built_in import BUILT_IN, KNOWN
from tests.grid_command import GRID, command_in_this_process

MANY = 100_000
RECIPES = 2000
SIZES = [str(size) for size in range(1, 101)]
LRS = [f"{lr / 10000:g}" for lr in range(1, 1001)]
CELLS = ("--batch-sizes", *SIZES, "--lrs", *LRS)
SECONDS, MEBIBYTES = 5, 500
BUSY = 4
"""How many times longer this machine may take, when others have it too."""
MEASURED = """
import re, runpy, sys, time
from pathlib import Path
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
    print(time.process_time(), peak and peak[1], "torch" in sys.modules, file=sys.stderr)
"""
"""Runs a script, and tells its seconds, the most memory that it held (KiB), and whether it loaded torch."""


def study(**more: object) -> StudyConfig:
    return StudyConfig.model_validate({"batch_sizes": [16], "lrs": [0.1], "max_epochs": 1} | more)


class Compared(int):
    """A number that counts how often it is compared."""

    count = 0

    def __eq__(self, other: object) -> bool:
        Compared.count += 1
        return int(self) == other

    __hash__ = int.__hash__


def test_a_repeated_value_is_found_without_comparing_each_with_each() -> None:
    assert repeated([*map(Compared, range(MANY)), Compared(7)]) == [7]
    assert Compared.count < 10


@pytest.mark.parametrize(
    "lists",
    [
        {"seeds": range(MANY)},
        {"lrs": [lr / MANY for lr in range(1, MANY + 1)]},
        {"batch_sizes": range(1, MANY + 1)},
        {"weight_decay": [decay / MANY for decay in range(RECIPES)]},
        {"recipes": [{"momentum": momentum / MANY} for momentum in range(RECIPES)]},
    ],
    ids=lambda lists: next(iter(lists)),
)
def test_long_lists_are_read_and_added_to_a_study_in_seconds(lists: dict[str, Sequence[float]]) -> None:
    name, values = next(iter(lists.items()))
    start = time.process_time()
    config = study(**lists)
    begun = study(**{name: values[:-1]})
    assert grown(begun, config, uri="results/x").each_recipe() == config.each_recipe()
    assert time.process_time() - start < SECONDS * BUSY  # to compare each with each takes minutes


@pytest.mark.parametrize("settings", [
    {}, {"momentum": 0.9, "weight_decay": 1e-05}, {"target": "loss<=0.1", "eval_spacing": None},
    {"optimizer": "adam", "lr_rule": "sqrt", "base_batch_size": 32}, {"workload": "my_task:Nét", "max_epochs": 0.5},
])  # fmt: skip
def test_an_id_is_made_of_what_the_whole_config_differs_in(settings: dict[str, object]) -> None:
    for trial in study_trials(study(**settings, lrs=[1e-7, 0.1, 3.0], batch_sizes=[16, 256], seeds=[0, 2**31 - 1])):
        unknown = {"settings": {"eval_spacing"}} if trial.settings.eval_spacing is None else None
        assert trial.distinction() == trial.model_dump_json(exclude_defaults=True, exclude=unknown)
        assert TrialConfig.model_validate(trial.model_dump()) == trial  # it was built without a look at each value
    one, other = (trial.settings.model_copy(update={"momentum": momentum}) for momentum in (0.0, 0.25))
    cell = {"batch_size": 16, "lr": 0.1, "seed": 0}
    assert TrialConfig(settings=one, **cell).trial_id != TrialConfig(settings=other, **cell).trial_id


@pytest.mark.parametrize(("flags", "told"), [
    (["--search", "grid", "--batch-sizes", "16", "--lrs", "0.1", "--seeds", *map(str, range(MANY))],
     "seeds: 100,000, from 0 to 99999"),
    (["--search", "grid", "--seeds", "0", *CELLS], "batch sizes: 100, from 1 to 100"),
    (["--search", "grid", "--seeds", "0", "--batch-sizes", "8", "16", "--lrs", *LRS[:167],
      "--recipes", *(f"{{weight_decay: {i / 1000:g}}}" for i in range(300))], "recipes: 300, from no weight decay to"),
    (["--search", "race", "--seeds", "auto", *CELLS], "lrs: 1,000, from 0.0001 to 0.1"),
    (["--search", "bracket", "--lr-start", "0.01", "--lr-factor", "2", "--seeds", "0", *CELLS],
     "1,000 trials to begin with"),
], ids=["seeds", "cells", "recipes", "race", "bracket"])  # fmt: skip
def test_a_dry_run_of_100_000_trials_takes_seconds_and_little_memory_and_prints_a_summary(
    flags: list[str], told: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, str(GRID), "--dry-run", *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert told in ended.stdout
    assert len(ended.stdout.splitlines()) < 20
    seconds, kibibytes, has_torch = ended.stderr.split()
    assert float(seconds) < SECONDS * BUSY
    assert int(kibibytes) < MEBIBYTES * 1024
    assert has_torch == "False"
    assert list(tmp_path.iterdir()) == []


def test_a_summary_says_how_many_which_and_how_to_see_all_and_all_shows_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = command_in_this_process()
    asked = ["--dry-run", "--store", str(tmp_path), "--search", "grid", "--batch-sizes", "16", "32", "--lrs", "0.1"]

    def printed(*flags: str) -> list[str]:
        assert grid([*asked, *flags]) == 0
        return capsys.readouterr().out.splitlines()

    listed = printed("--all", "--seeds", *map(str, range(51)))
    assert len(listed) == 103
    summary = printed("--seeds", *map(str, range(51)))
    assert summary[:4] == ["102 trials:", "  batch sizes: 16 and 32", "  lrs: 0.1", "  seeds: 51, from 0 to 50"]
    assert [line.strip() for line in summary[4:-1]] == [*listed[:3], "... 96 more (--all lists each)", *listed[-4:-1]]
    assert summary[-1] == listed[-1]
    assert len(printed("--seeds", *map(str, range(50)))) == 101  # as many as can be looked through
    assert grid(["--all"]) == 2
    assert capsys.readouterr().err.startswith("error: all: only a dry run lists trials. ")


def test_what_is_known_of_built_in_workloads_is_what_they_say() -> None:
    for name in BUILT_IN:
        workload = load_workload(name)
        known = KNOWN.get(name)
        assert (known is None) == (workload.train_examples is None)
        for field in ("name", "target", "train_examples", "fetches_data") if known else ():
            assert getattr(known, field) == getattr(workload, field)


def calls_in(action: Callable[[], object]) -> int:
    """Return how many calls of Python functions an action makes."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def test_a_course_takes_no_longer_to_give_out_a_trial_where_more_are_wanted(tmp_path: Path) -> None:
    def end_of_one(trials: int) -> int:
        course = Course(study(seeds=range(trials)), Study(study_paths(str(tmp_path / "x"), patience_seconds=0)))
        given = [course.next() for _ in range(trials // 2)]

        def turn() -> None:
            assert given[0] is not None
            course.ended(given[0])
            assert course.next() is not None
            assert course.left == trials - 1
            assert not course.is_over

        return calls_in(turn)

    assert end_of_one(2000) == end_of_one(20)


@pytest.mark.parametrize(("settings", "told"), [
    ({"seeds": range(10**7)}, "seeds: 10,000,000 values are too many. Give at most 1,000,000"),
    ({"seeds": [5] * 10**7}, "seeds: 10,000,000 values are too many. Give at most 1,000,000"),
    ({"seeds": range(MOST_TRIALS), "lrs": [0.1, 0.2]}, "seeds: 2 lrs × 1,000,000 seeds are 2,000,000 trials. "),
    ({name: [i / 1000 for i in range(1000)] for name in ("momentum", "weight_decay")}, "1,000,000 recipes are too"),
])  # fmt: skip
def test_more_than_a_million_trials_are_refused_before_they_are_built(settings: dict[str, object], told: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=r"\S") as caught:
        study(**settings)
    assert told in str(caught.value)
    assert time.process_time() - start < SECONDS * BUSY


@pytest.mark.parametrize("text", ["1" * 10**6, ",".join(map(str, range(150_000))), "auto" * 250_000])
def test_a_value_of_a_megabyte_is_refused_in_one_short_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    start = time.process_time()
    assert command_in_this_process()(["--dry-run", "--seeds", text]) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: --seeds: '")
    assert line.endswith("is one value of more than 100,000 characters. Give values apart, with spaces and no quotes\n")
    assert len(line) < 400
    assert time.process_time() - start < SECONDS


def test_a_race_looks_at_the_batch_size_of_the_trial_that_has_ended_and_counts_the_others(tmp_path: Path) -> None:
    def end_of_one(sizes: int) -> int:
        paths = study_paths(str(tmp_path / "x"), patience_seconds=0)
        race = study(search="race", target="loss<=0.1", batch_sizes=range(1, sizes + 1), lrs=[*range(1, 51)])
        course = Course(race, Study(paths))
        given = [course.next() for _ in range(3)]
        for trial in given[:2]:
            assert trial is not None
            course.ended(trial)  # no row came of it, so it counts as failed
        trial = given[2]
        assert trial is not None
        return calls_in(lambda: course.ended(trial))

    few, many = end_of_one(10), end_of_one(40)
    assert (many - few) / (30 * 50) < 5  # calls for each trial more; to look at each again takes 25
