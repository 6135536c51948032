"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// A mark of a figure tells its values where it is pointed at or has the focus.
const tip = document.getElementById("tip");
function tell(event) {
  const mark = event.target.closest(".mark");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.getAttribute("aria-label");
  const box = mark.getBoundingClientRect();
  const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(left, 4) + scrollX}px`;
  tip.style.top = `${box.bottom + scrollY + 6}px`;
}
for (const name of ["mouseover", "focusin"]) document.addEventListener(name, tell);
document.addEventListener("focusout", () => { tip.hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });

// The page is of one target at a time.
document.getElementById("target").addEventListener("change", (event) => {
  for (const part of all("[data-target]")) part.hidden = part.dataset.target !== event.target.value;
});

// What a link leads to is unfolded, and all is on paper.
function unfold(element) {
  for (let at = element; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
}
function follow() {
  const aim = document.getElementById(location.hash.slice(1));
  if (!aim) return;
  unfold(aim);
  aim.scrollIntoView();
}
addEventListener("hashchange", follow);
follow();
let opened = [];
addEventListener("beforeprint", () => {
  opened = all("details:not([open])");
  for (const one of opened) one.open = true;
});
addEventListener("afterprint", () => { for (const one of opened) one.open = false; });

function copies(button, text) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const before = button.textContent;
    const done = await Promise.resolve(navigator.clipboard).then((board) => board.writeText(text())).then(() => "Copied", () => "Not allowed here");
    button.textContent = done;
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}
for (const button of all("button.copy")) copies(button, () => button.previousElementSibling.textContent);

// A click on a heading sorts by its column, a second click turns the order; missing values stay last.
function sortBy(table, column, heading) {
  const isAscending = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of all("th", table)) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
  const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();
  const order = (a, b) => {
    if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
    const by = heading.classList.contains("number") ? key(a) - key(b) : key(a).localeCompare(key(b));
    return isAscending ? by : -by;
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
}

// A row stays if it has every word of the filter; "batch size=64" asks for one column's value.
function matches(row, headings, word) {
  const [name, value] = word.split("=");
  if (value === undefined) return row.textContent.toLowerCase().includes(word);
  const column = headings.findIndex((heading) => heading.replaceAll(" ", "_") === name);
  return column >= 0 && row.cells[column].firstChild.textContent.trim().toLowerCase() === value;
}

const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
// Numbers as they are, not as they are shown; of a text without its spread.
const plain = (cell) => (cell.classList.contains("number") && cell.dataset.key) || cell.firstChild?.textContent.trim() || "";
const csv = (table) => [...table.rows].filter((row) => !row.hidden).map((row) => [...row.cells].map((cell) => quoted(plain(cell))).join(",")).join("\n");

for (const section of all("details.table")) {
  const table = section.querySelector("table");
  const headings = all("thead th", table);
  const names = headings.map((heading) => heading.textContent.trim());
  headings.forEach((heading, column) => heading.firstChild.addEventListener("click", () => sortBy(table, column, heading)));
  section.querySelector("input[type=search]").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) row.hidden = !words.every((word) => matches(row, names, word));
    section.querySelector("output").textContent = words.length ? `${rows.filter((row) => !row.hidden).length} rows` : "";
  });
  section.querySelector("input.more")?.addEventListener("change", (event) => section.classList.toggle("all", event.target.checked));
  copies(section.querySelector("button.csv"), () => csv(table));
}
