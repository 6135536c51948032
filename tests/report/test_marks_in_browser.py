"""A pointer in the middle of a mark meets that mark, whatever is drawn over it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from bs_study.analysis.best import best_cells
from bs_study.analysis.study import analyse_rows
from bs_study.report import figures
from bs_study.report.inline import inline_svg
from tests.analysis.hand_rows import TARGET, hand_rows

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")

ASK = """<script>onload = () => {
  const marks = [...document.querySelectorAll(".mark")];
  const missed = marks.filter((mark) => {
    const box = mark.getBoundingClientRect();
    const met = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return !met || met.closest(".mark") !== mark;
  });
  document.title = `${marks.length} marks, missed: ${missed.map((mark) => mark.id)}`;
}</script>"""


def pointed_at(figure: Figure, folder: Path) -> str:
    """Return how many marks a figure has, and which of them a pointer in their middle does not meet."""
    page = folder / "page.html"
    svg = inline_svg(figure, "f", label="").svg
    page.write_text(f"<!doctype html><meta charset=utf-8><body style='margin:0;width:800px'>{svg}{ASK}")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=900,1200", "--dump-dom"]
    profile = f"--user-data-dir={folder / 'profile'}"
    found = subprocess.run([*command, profile, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    (title,) = re.findall("<title>(.*)</title>", found.stdout)
    return str(title)


def test_a_pointer_meets_every_cell_of_the_heatmap_and_of_the_main_figure(tmp_path: Path) -> None:
    cells = {(32, 0.1): [4.0, 5.0], (32, 0.2): ["missed"], (64, 0.1): [2.0, 3.0], (64, 0.2): ["diverged"]}
    found = analyse_rows(hand_rows(cells), target=TARGET)  # type: ignore[arg-type]
    tables, clock = found.tables, found.tables.clock
    heatmap = figures.target_heatmap(tables.convergence, tables.best, clock=clock)
    assert pointed_at(heatmap, tmp_path) == "4 marks, missed: "
    best, told = best_cells(tables.best, clock), found.recommendation.best
    main = figures.time_by_batch_size(tables.convergence, best, clock=clock, recommended=told)
    assert pointed_at(main, tmp_path) == "4 marks, missed: "
