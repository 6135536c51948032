"""`bs-study docs`: the pages that come with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from bs_study.cli.main import main
from tests.grid_command import is_one_line_that_tells


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("bs_study.cli.docs.files", lambda _: tmp_path)
    return tmp_path / "docs"


def test_pages_are_listed_with_their_titles_and_printed_without_comments(
    pages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages.mkdir()
    (pages / "workloads.md").write_text("<!-- generated -->\n# Your own model\n\nA class. <!-- kept -->\n")
    (pages / "aws.md").write_text("# On AWS\n")
    assert main(["docs"]) == 0
    assert capsys.readouterr().out == "aws        On AWS\nworkloads  Your own model\n"
    assert main(["docs", "workloads"]) == 0
    assert capsys.readouterr().out == "# Your own model\n\nA class. <!-- kept -->\n"
    assert main(["docs", "Workloads"]) == 0
    assert capsys.readouterr().out == "# Your own model\n\nA class. <!-- kept -->\n"
    assert main(["docs", "workload"]) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("'workload'", "workloads"))


def test_an_installation_without_pages_says_so(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs"]) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("no pages",))
