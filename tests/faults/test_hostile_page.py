"""Hostile text in a study: the page shows it, runs nothing of it and holds nothing from elsewhere."""

from __future__ import annotations

import json
import warnings
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bs_study import open_study
from bs_study.report.page import write_report
from bs_study.store.paths import StudyPaths
from tests.faults.small_studies import small_study

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}{% raw %}'\"]]>&"


class Elements(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_nothing_foreign(page: str, *, own: str) -> None:
    """The page holds the tags that a harmless study's page holds, and no handler, source or link from elsewhere."""
    scripts = [tag for tag, _ in Elements(page).found if tag == "script"]
    assert len(scripts) == len([tag for tag, _ in Elements(own).found if tag == "script"])
    assert "<script>alert" not in page
    for tag, attributes in Elements(page).found:
        assert [name for name in attributes if name.startswith("on")] == []
        assert (attributes.get("src") or "data:").startswith("data:"), tag
        assert (attributes.get("href") or "#").startswith(("#", "data:", "tables/", "figures/")), attributes


def report(paths: StudyPaths) -> str:
    write_report(open_study(paths.root))
    return Path(paths.root, "report", "report.html").read_text()


@pytest.fixture(scope="module")
def own_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(small_study(tmp_path_factory.mktemp("own") / "study"))


def everything_in(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if "report" not in file.relative_to(folder).parts}


@pytest.mark.parametrize(
    ("name", "message", "metrics"),
    [
        ("study", SCRIPT, ["accuracy", "loss"]),
        (SCRIPT.replace("/", ""), None, ["accuracy", "loss"]),
        ("study", None, [SCRIPT, "../../../outside", "accuracy", "loss"]),
        ("study", "\x00\x1b[31m\u202e\n\n" * 50, ["loss", "a\nb", "", " ", "ü" * 300]),
    ],
)
def test_script_in_a_studys_name_a_message_or_a_metric_is_shown_and_not_run(
    tmp_path: Path, own_page: str, name: str, message: str | None, metrics: list[str]
) -> None:
    paths = small_study(tmp_path / "store" / name, metrics=metrics, message=message)
    before = everything_in(tmp_path)
    assert_nothing_foreign(report(paths), own=own_page)
    assert everything_in(tmp_path) == before


def test_script_in_study_json_is_shown_and_not_run(tmp_path: Path, own_page: str) -> None:
    paths = small_study(tmp_path / "study")
    asked = json.loads(paths.read(paths.study_json))
    config = dict.fromkeys(asked["config"], SCRIPT)
    Path(paths.study_json).write_text(json.dumps(dict.fromkeys(asked, SCRIPT) | {"config": config}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_nothing_foreign(report(paths), own=own_page)
