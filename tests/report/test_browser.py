"""The page in a real browser: what is seen at once, what is cut off, what marks tell, contrast, paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.browser import CHROMIUM, observe, pages_on_paper

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")

UNFOLD = "all('details').forEach((one) => { one.open = true; });"
CUT_OFF = """
const wide = page.documentElement.clientWidth;
const inScroller = (one) => one.closest(".scroll, .drawing") !== null;
const outside = all("body *").filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width > 0 && !inScroller(one) && !one.closest("defs") && (box.left < -1 || box.right > wide + 1);
});
const overflow = page.documentElement.scrollWidth - wide;
return { outside: outside.map((one) => one.outerHTML.slice(0, 120)), overflow };
"""
CONTRAST = """
const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
const light = (rgb) => 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
const parts = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const isClear = (text) => !text.startsWith("rgb") || parts(text)[3] === 0;
const shape = (one) => ["path", "rect", "use"].includes(one.tagName);
function under(element) {
  const box = element.getBoundingClientRect();
  const stack = page.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  for (const one of stack) {
    const style = view.getComputedStyle(one);
    if (shape(one) && !isClear(style.fill) && Number(style.fillOpacity) > 0.5) return style.fill;
    if (!isClear(style.backgroundColor)) return style.backgroundColor;
  }
  return view.getComputedStyle(page.body).backgroundColor;
}
const poor = [];
let looked = 0;
for (const one of all("body *")) {
  const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const box = one.getBoundingClientRect();
  if (!own || !box.width || one.closest("script, option") || one.disabled) continue;
  one.scrollIntoView({ block: "center" });
  const style = view.getComputedStyle(one);
  const ink = one.closest("svg") ? style.fill : style.color;
  const [a, b] = [light(parts(ink)), light(parts(under(one)))].sort((x, y) => y - x);
  looked += 1;
  if ((a + 0.05) / (b + 0.05) < 4.5) poor.push([one.textContent.slice(0, 40), ink, under(one)]);
}
return { poor, looked };
"""


@pytest.fixture(scope="module")
def page(reported: Path) -> Path:
    return reported / "report/report.html"


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_is_cut_off_folded_or_not_and_the_browser_reports_no_error(
    page: Path, tmp_path: Path, width: int
) -> None:
    for script in (CUT_OFF, UNFOLD + CUT_OFF):
        seen, log = observe(page, script, tmp_path, width=width)
        assert seen == {"outside": [], "overflow": 0}
        assert "CONSOLE" not in log


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_recommendation_its_grade_and_what_is_next_are_seen_at_once(
    page: Path, tmp_path: Path, width: int, height: int
) -> None:
    script = """
    const bottom = (one) => one.getBoundingClientRect().bottom;
    const first = page.querySelector(".first:not([hidden])");
    const [use, grade, card] = [".use", ".grade", ".card"].map((name) => bottom(first.querySelector(name)));
    return { use, grade, card, figure: first.querySelector("svg").getBoundingClientRect().top };
    """
    seen, _ = observe(page, script, tmp_path, width=width, height=height)
    assert max(seen["use"], seen["grade"]) < height / 2
    assert seen["card"] < height
    assert seen["figure"] < height


def test_at_most_600_words_are_unfolded(page: Path, tmp_path: Path) -> None:
    words, _ = observe(page, "return page.body.innerText.split(/\\s+/).length;", tmp_path)
    assert 100 < words <= 600


@pytest.mark.parametrize("is_dark", [False, True])
def test_all_text_has_a_contrast_of_4_5_by_day_and_by_night(page: Path, tmp_path: Path, *, is_dark: bool) -> None:
    seen, _ = observe(page, UNFOLD + CONTRAST, tmp_path, is_dark=is_dark)
    assert seen["poor"] == []
    assert seen["looked"] > 200


def test_dark_is_dark(page: Path, tmp_path: Path) -> None:
    script = "return view.getComputedStyle(page.body).backgroundColor;"
    assert [observe(page, script, tmp_path, is_dark=dark)[0] for dark in (False, True)] == [
        "rgb(255, 255, 255)", "rgb(22, 24, 28)"
    ]  # fmt: skip


def test_a_mark_tells_its_values_where_it_is_pointed_at_or_focused_and_leads_to_its_curves(
    page: Path, tmp_path: Path
) -> None:
    script = """
    const tip = page.getElementById("tip"), told = [];
    const marks = all(".first:not([hidden]) a.mark");
    for (const mark of marks) {
      mark.dispatchEvent(new view.MouseEvent("mouseover", { bubbles: true }));
      told.push([tip.hidden, tip.textContent, page.getElementById(mark.getAttribute("href").slice(1)) !== null]);
    }
    page.body.dispatchEvent(new view.MouseEvent("mouseover", { bubbles: true }));
    const gone = tip.hidden;
    marks[0].focus();
    const focused = tip.textContent;
    view.location.hash = marks[0].getAttribute("href");
    await new Promise((done) => setTimeout(done, 300));
    const aim = page.getElementById(marks[0].getAttribute("href").slice(1));
    return { told, gone, focused, shown: aim.getBoundingClientRect().width > 0 };
    """
    seen, _ = observe(page, script, tmp_path)
    assert len(seen["told"]) == 12  # 3 batch sizes × 4 lrs
    assert all(not hidden and text.startswith("batch size") and leads for hidden, text, leads in seen["told"])
    assert seen["gone"]
    assert seen["focused"] == seen["told"][0][1]
    assert seen["shown"]


def test_another_target_changes_the_card_and_the_figure(page: Path, tmp_path: Path) -> None:
    script = """
    const select = page.getElementById("target");
    const isSeen = (one) => one.getBoundingClientRect().height > 0;
    const shown = () => all(".first").filter(isSeen).map((one) => one.innerText);
    const told = [];
    for (const option of select.options) {
      select.value = option.value;
      select.dispatchEvent(new view.Event("change"));
      told.push([option.textContent, shown()]);
    }
    return told;
    """
    seen, _ = observe(page, script, tmp_path)
    assert len(seen) >= 3
    for label, (text,) in seen:
        assert label in text


def test_a_table_sorts_filters_folds_its_columns_and_is_copied_as_csv(page: Path, tmp_path: Path) -> None:
    script = """
    all("details").forEach((one) => { one.open = true; });
    const section = page.querySelector("#table-cells"), table = section.querySelector("table");
    const column = () => [...table.tBodies[0].rows].map((row) => row.cells[0].dataset.key);
    const button = table.querySelector("th button");
    button.click();
    const ascending = column();
    button.click();
    const descending = column();
    const filter = section.querySelector("input[type=search]");
    filter.value = "batch_size=64";
    filter.dispatchEvent(new view.Event("input"));
    const filtered = [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].dataset.key);
    const seenColumns = () => all("thead th", table).filter((one) => one.getBoundingClientRect().width > 0).length;
    const few = seenColumns();
    section.querySelector("input.more").click();
    let copied = "";
    Object.defineProperty(view.navigator, "clipboard", { value: { writeText: async (text) => { copied = text; } } });
    section.querySelector("button.csv").click();
    await new Promise((done) => setTimeout(done, 100));
    return { ascending, descending, filtered, few, many: seenColumns(), copied, scopes: all("th:not([scope])").length,
             uncaptioned: all("table").filter((one) => !one.caption || !one.caption.textContent.trim()).length,
             scrollers: all(".scroll").every((one) => one.tabIndex === 0 && one.getAttribute("aria-label")) };
    """
    seen, _ = observe(page, script, tmp_path)
    ascending = [float(key) for key in seen["ascending"]]
    assert ascending == sorted(ascending)
    assert [float(key) for key in seen["descending"]] == sorted(ascending, reverse=True)
    assert [float(key) for key in seen["filtered"]] == [64.0] * 4
    assert seen["few"] < seen["many"]
    heading, *rows = seen["copied"].splitlines()
    assert heading.startswith("batch size,lr,")
    assert len(rows) == 4  # what the filter left
    assert (seen["scopes"], seen["uncaptioned"], seen["scrollers"]) == (0, 0, True)


def test_on_paper_it_takes_at_most_12_pages(page: Path, tmp_path: Path) -> None:
    assert 2 <= pages_on_paper(page, tmp_path) <= 12


def test_it_is_small(page: Path) -> None:
    assert page.stat().st_size < 1.5e6
