"""How the pages are written: short sentences, links that lead somewhere, flags that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bs_study.analysis.costs import COSTS
from bs_study.analysis.machines import MACHINES
from bs_study.analysis.noise_scale_table import NOISE_SCALE
from bs_study.analysis.sharpness import SHARPNESS
from bs_study.cli.costs import FLAGS as COST_FLAGS
from bs_study.config.asked import FIELDS
from bs_study.store.row_columns import GRADIENTS
from tests.docs.made import without_made
from tests.docs.pages import DOCS, README, ROOT, code_spans, pages, prose

MOST_WORDS = 25
MOST_LINES = 170
ACTIONS = {"--config", "--resume", "--accept-changes", "--dry-run", "--all", "--check", "--help", "--open", "--png"}
ACTIONS |= {"--map", "--runs", "--json", "--pool", *(f"--{name.replace('_', '-')}" for name in COST_FLAGS)}
EACH = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


def lines(page: Path) -> list[str]:
    """Return the lines of a page that a person wrote. Code is one word."""
    text = without_made(page.read_text(encoding="utf-8"))
    text = re.sub(r"\A---\n.*?^---\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^( *)```.*?^ *```$|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]+`", "code", text)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text).splitlines()


def sentences(of: list[str]) -> list[str]:
    """Return the sentences of lines; of a table, those of each cell."""
    parts = [part for line in of for part in (line.split("|") if line.startswith("|") else [line])]
    plain = [re.sub(r"^\s*(?:[-#>]+|\d+\.)\s+|\*\*", "", part).strip() for part in parts]
    return [sentence for part in plain for sentence in re.split(r"(?<=[.?!])\s+", part) if sentence]


@EACH
def test_a_sentence_has_at_most_25_words(page: Path) -> None:
    found = sentences(lines(page))
    assert len(found) > 5
    words = {sentence: len(re.findall(r"\S*\w\S*", sentence)) for sentence in found}
    assert [sentence for sentence, count in words.items() if count > MOST_WORDS] == []


@EACH
def test_no_sentence_is_a_list_with_semicolons(page: Path) -> None:
    assert [sentence for sentence in sentences(lines(page)) if sentence.count("; ") > 1] == []


@EACH
def test_no_bullet_ends_with_a_semicolon(page: Path) -> None:
    assert [line for line in lines(page) if re.match(r"\s*(-|\d+\.) .*;\s*$", line)] == []


@EACH
def test_no_sentence_begins_with_a_clause_of_what(page: Path) -> None:
    running = [line for line in lines(page) if not line.startswith(("#", "|"))]
    assert [said for said in sentences(running) if said.startswith("What ") and not said.endswith("?")] == []


def test_the_readme_can_be_read_in_one_go() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@EACH
def test_a_link_leads_to_a_file_that_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", prose(page))
    assert [link for link in links if "://" not in link and not (page.parent / link).is_file()] == []


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {(ROOT / link).resolve() for link in re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8"))}
    assert {page.resolve() for page in pages()} - {README.resolve()} <= linked


@EACH
def test_a_flag_that_is_named_is_there(page: Path) -> None:
    flags = {flag for span in code_spans(page) if span.startswith("--") for flag in re.findall(r"--[a-z-]+", span)}
    known = ACTIONS | {f"--{no}{name.replace('_', '-')}" for name in FIELDS for no in ("", "no-")}
    assert flags - known == set()


def test_the_page_of_costs_names_each_column_of_its_tables() -> None:
    assert {*COSTS, *MACHINES} <= set(code_spans(DOCS / "costs.md"))


def test_the_page_of_gradients_names_each_column_of_its_tables() -> None:
    keys = {"epoch", "iteration", "examples"}
    names = {*NOISE_SCALE, *SHARPNESS, *(column.name for column in GRADIENTS)} - keys
    middles = {name for name in names if not name.endswith(("_low", "_high"))}
    assert middles <= set(code_spans(DOCS / "gradients.md"))


def test_the_page_for_developers_names_each_folder_of_the_package() -> None:
    folders = {file.parent.relative_to(ROOT).parts[:2] for file in (ROOT / "bs_study").rglob("*.py")} - {("bs_study",)}
    assert {f"{'/'.join(parts)}/" for parts in folders} <= set(code_spans(DOCS / "development.md"))
