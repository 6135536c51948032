"""How a search is typed: in files and flags, which override them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bs_study import StudyConfig
from bs_study.cli.asked import what_is_asked
from bs_study.cli.flags import parse_flags
from bs_study.config.shipped import shipped_studies


def typed(*flags: str, file: Path | None = None) -> StudyConfig:
    arguments = [*(["--config", str(file)] if file else []), *flags]
    return what_is_asked(parse_flags(arguments)).config


def refusal(*flags: str, file: Path | None = None) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        typed(*flags, file=file)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "study.yaml"


def test_a_search_and_seeds_auto_are_read_from_a_file_and_from_flags_alike(file: Path) -> None:
    file.write_text("{batch_sizes: [4], lrs: [0.1, 0.4], max_epochs: 1, search: race, seeds: auto, race_margin: 1.5}")
    flags = ("--batch-sizes", "4", "--lrs", "0.1", "0.4", "--max-epochs", "1")
    empty = file.with_name("empty.yaml")
    empty.write_text("")
    by_flags = typed(*flags, "--search", "race", "--seeds", "auto", "--race-margin", "1.5", file=empty)
    assert typed(file=file) == by_flags
    assert by_flags.seeds == "auto"
    assert typed("--seeds", "0", "1", file=file).seeds == (0, 1)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--seeds", "auto", "1"), "--seeds: 'auto 1' can't be read as whole numbers, or auto alone. See --help"),
        (("--seeds", "autos"), "--seeds: 'autos' can't be read as whole numbers, or auto alone. See --help"),
        (("--search", "races"), "--search: 'races' can't be read as one of grid, race, bracket. See --help"),
        (("--race-margin", "wide"), "--race-margin: 'wide' can't be read as a number. See --help"),
        (("--max-seeds", "few"), "--max-seeds: 'few' can't be read as a whole number. See --help"),
    ],
)
def test_a_flag_of_a_search_that_can_not_be_read_is_told_with_what_it_takes(flags: tuple[str, ...], told: str) -> None:
    assert refusal(*flags) == told


FULL = (
    "{batch_sizes: [4], lrs: [0.01, 0.04, 0.16], max_epochs: 1, search: bracket, race_margin: 1.5, lr_factor: 3, "
    "refine: true, seeds: auto, max_seeds: 12}"
)


def test_a_search_that_is_typed_leaves_out_what_the_file_says_for_another(file: Path) -> None:
    file.write_text(FULL)
    grid = typed("--search", "grid", "--seeds", "0", file=file)
    assert (grid.lrs, grid.seeds, grid.settings.min_iterations) == ((0.01, 0.04, 0.16), (0,), 1000)
    race = typed("--search", "race", file=file)
    assert (race.lrs, race.race_margin, race.refine, race.max_seeds) == ((0.01, 0.04, 0.16), 1.5, False, 12)
    file.write_text("{batch_sizes: [4], lrs: [0.1], max_epochs: 1, min_iterations: 500, stop_at_target: false}")
    race = typed("--search", "race", file=file)
    assert (race.settings.min_iterations, race.settings.stop_at_target) == (0, True)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--search", "grid", "--race-margin", "2"), "race_margin: 2 is for search race or bracket"),
        (("--search", "race", "--refine"), "refine: true is for search bracket"),
        (("--search", "race", "--min-iterations", "500"), "min_iterations: 500 needs search grid"),
        (("--no-stop-at-target",), "stop_at_target: false needs search grid"),
        (("--seeds", "0", "--max-seeds", "4"), "max_seeds: 4 is for seeds auto"),
    ],
)
def test_what_is_typed_without_effect_is_refused(file: Path, flags: tuple[str, ...], told: str) -> None:
    file.write_text(FULL)
    assert refusal(*flags, file=file).startswith(told)


def test_what_is_idle_in_a_file_by_itself_is_refused(file: Path) -> None:
    file.write_text("{batch_sizes: [4], lrs: [0.1], max_epochs: 1, race_margin: 1.5}")
    assert refusal(file=file).startswith("race_margin: 1.5 is for search race or bracket")
    assert typed("--search", "race", file=file).race_margin == 1.5


def test_where_a_bracket_begins_is_typed_in_place_of_the_files_lrs(file: Path) -> None:
    file.write_text("{batch_sizes: [4], lrs: [0.01, 0.04, 0.16], max_epochs: 1}")
    config = typed("--search", "bracket", "--lr-start", "0.5", file=file)
    assert (config.lrs, config.lr_start, config.lr_factor) == ((0.5,), 0.5, 4)
    config = typed("--search", "bracket", "--lr-factor", "2", file=file)
    assert (config.lrs, config.lr_start, config.lr_factor) == ((0.04,), 0.04, 2)
    config = typed("--search", "bracket", "--lrs", "0.1", "0.2", file=file)
    assert (config.lrs, config.lr_start, config.lr_factor) == ((0.1,), 0.1, 2)


@pytest.mark.parametrize("name", shipped_studies())
@pytest.mark.parametrize("search", ["race", "bracket"])
def test_each_study_that_ships_takes_another_search_in_one_flag_unless_its_lr_ends_with_the_budget(
    name: str, search: str
) -> None:
    file = shipped_studies()[name]
    if "cosine" in file.read_text():
        assert refusal("--search", search, file=file).startswith(f"search: {search} can't be had with lr_decay cosine")
    else:
        assert typed("--search", search, file=file).search == search
    assert typed("--search", "grid", "--seeds", "0", file=file).seeds == (0,)
