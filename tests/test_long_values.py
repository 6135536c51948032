"""A value of any length is quoted in at most 200 characters, also one of many words and of both kinds of quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bs_study.cli.asked import read_yaml, what_is_asked
from bs_study.cli.flags import parse_flags
from bs_study.config import StudyConfig
from bs_study.config.asked import asked
from bs_study.store.paths import study_paths
from bs_study.store.uris import study_uri
from bs_study.words import one_line

LONG = 'it\'s a "value" of words ' * 30
GRID: dict[str, Any] = {"batch_sizes": [8], "lrs": [0.1], "max_epochs": 1}


@pytest.mark.parametrize(
    "settings",
    [
        {"recipes": [{"optimizer": LONG}]},
        {"recipes": [{}, {"momentum": LONG}]},
        {"recipes": [{LONG: 1}]},
        {"momentum": [0.5, LONG]},
        {"optimizer": ["sgd", LONG, LONG]},
        {"optimizer": ["sgd", [LONG], [LONG]]},
        {"optimizer": LONG},
        {"name": LONG},
        {"target": LONG},
        {"store": " " * 600},
        {LONG: 1},
    ],
)
def test_a_message_holds_at_most_200_characters_of_a_value(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        asked(GRID | settings)
    assert len(str(caught.value)) < 700
    assert LONG[:201] not in str(caught.value)
    assert LONG[-201:].strip() not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [["--resume", LONG], ["--config", LONG], ["--optimizer", LONG], [f"--optimizer={LONG}"], ["--workload", LONG]],
)
def test_so_does_one_of_a_flag(words: list[str]) -> None:
    with pytest.raises((ValueError, OSError), match=r"\S") as caught:
        what_is_asked(parse_flags(words))
    assert len(one_line(caught.value)) < 700  # as the command prints it


def test_an_invalid_value_is_still_told_where_the_recipe_is_named() -> None:
    with pytest.raises(ValueError, match=r"\(in the recipe \{momentum: it's a \"value\" .*…"):
        StudyConfig(**GRID, recipes=[{"momentum": LONG}])


@pytest.mark.parametrize("store", [" s3:/bucket", "\ts3:/bucket", "s3:/bucket ", " s3://bucket/x", "s3://bucket/x "])
def test_a_uri_with_blanks_around_it_makes_no_folder(store: str) -> None:
    for opened in (lambda: study_uri(store, "digits"), lambda: study_paths(store)):
        with pytest.raises(ValueError, match=r"^store: .*(Write s3://bucket|Leave the blank out)"):
            opened()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("max_epochs: 1\n".encode("utf-16"), "Save it as UTF-8"),
        ("max_epochs: 1\n".encode("utf-16-le"), "Save it as UTF-8"),
        (b"lrs:\n\t- 0.1\n", "Indent line 2 with spaces, not with a tab"),
        (b"lrs: 1\n \tmomentum: 3\n", "Indent line 2 with spaces, not with a tab"),
    ],
)
def test_a_file_that_an_editor_saved_in_another_way_is_told_with_what_to_do(
    tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        read_yaml(file)
