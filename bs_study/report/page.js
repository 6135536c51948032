"use strict";

// A click on a heading sorts by its column, a second click turns the order; missing values stay last.
function sortBy(table, column, button) {
  const heading = button.closest("th");
  const isAscending = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
  const isNumber = heading.classList.contains("number");
  const key = (row) => row.cells[column].dataset.key;
  const order = (a, b) => {
    if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
    const difference = isNumber ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b));
    return isAscending ? difference : -difference;
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(order));
}

// A row stays if it has every word of the filter; "batch size=64" asks for one column's value.
function matches(row, headings, word) {
  const [name, value] = word.split("=");
  if (value === undefined) return row.textContent.toLowerCase().includes(word);
  const column = headings.findIndex((heading) => heading.replaceAll(" ", "_") === name);
  return column >= 0 && row.cells[column].firstChild.textContent.trim().toLowerCase() === value;
}

function filterRows(section, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const headings = [...section.querySelectorAll("th")].map((heading) => heading.textContent.trim());
  let shown = 0;
  for (const row of section.querySelector("tbody").rows) {
    row.hidden = !words.every((word) => matches(row, headings, word));
    shown += row.hidden ? 0 : 1;
  }
  section.querySelector("output").textContent = words.length ? `${shown} rows` : "";
}

for (const section of document.querySelectorAll("details.table")) {
  const table = section.querySelector("table");
  table.querySelectorAll("th button").forEach((button, column) => {
    button.addEventListener("click", () => sortBy(table, column, button));
  });
  section.querySelector("input").addEventListener("input", (event) => filterRows(section, event.target.value));
}
