"""The page in a real browser: no error, no broken image, tables that sort and filter, nothing wider than a phone."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.report.test_page import FIGURES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=3000", "--allow-file-access-from-files"),
]
# The page runs no script but its own, so another page looks at it through a frame.
OBSERVER = """<!DOCTYPE html><meta charset="utf-8">
<iframe id="frame" src="{page}" width="{width}" height="800"></iframe>
<pre id="seen"></pre><script>
document.getElementById("frame").addEventListener("load", (event) => {{
  const page = event.target.contentDocument;
  const table = page.querySelector("#table-convergence table");
  const column = () => [...table.tBodies[0].rows].map((row) => row.cells[0].dataset.key);
  const button = table.querySelector("th button");
  button.click();
  const ascending = column();
  button.click();
  const descending = column();
  const filter = page.querySelector("#table-convergence input");
  filter.value = "batch_size=64";
  filter.dispatchEvent(new Event("input"));
  const images = [...page.images];
  document.getElementById("seen").textContent = JSON.stringify({{
    images: images.map((image) => [image.complete, image.naturalWidth, image.alt.length]),
    headings: [...page.querySelectorAll("figure h3")].map((heading) => heading.textContent),
    ascending, descending,
    filtered: [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].dataset.key),
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    title: page.title,
  }});
}});
</script>"""


def observe(reported: Path, tmp_path: Path, *, width: int) -> tuple[dict[str, Any], str]:
    """Return what a script saw of the page at a width in pixels, and the browser's log."""
    page = (reported / "report/report.html").as_uri()
    observer = tmp_path / "observer.html"
    observer.write_text(OBSERVER.format(page=page, width=width))
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", observer.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    (seen,) = re.findall(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert seen, done.stderr
    return json.loads(html.unescape(seen)), done.stderr


@pytest.fixture(scope="module")
def desktop(reported: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    return observe(reported, tmp_path_factory.mktemp("desktop"), width=1200)


def test_the_browser_reports_no_error(desktop: tuple[dict[str, Any], str]) -> None:
    assert "CONSOLE" not in desktop[1]


def test_every_figure_is_shown_and_none_is_broken(desktop: tuple[dict[str, Any], str]) -> None:
    images = desktop[0]["images"]
    assert len(images) == len(FIGURES)
    assert all(complete and width > 0 and alt > 0 for complete, width, alt in images)


def test_a_click_sorts_a_table_by_number_and_a_second_one_turns_it(desktop: tuple[dict[str, Any], str]) -> None:
    ascending = [float(key) for key in desktop[0]["ascending"]]
    assert ascending == sorted(ascending)
    assert [float(key) for key in desktop[0]["descending"]] == sorted(ascending, reverse=True)


def test_a_filter_on_a_column_keeps_its_rows_only(desktop: tuple[dict[str, Any], str]) -> None:
    assert [float(key) for key in desktop[0]["filtered"]] == [64.0] * 4


def test_a_phone_needs_no_sideways_scrolling(reported: Path, tmp_path: Path) -> None:
    seen, log = observe(reported, tmp_path, width=390)
    assert seen["overflow"] <= 0
    assert "CONSOLE" not in log
