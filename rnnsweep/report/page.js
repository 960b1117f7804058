"use strict";
for (const box of document.querySelectorAll(".table")) {
  const table = box.querySelector("table"), body = table.tBodies[0], rows = [...body.rows];
  if (rows.length < 2) continue;
  const key = (row, column) => { const text = row.cells[column].dataset.sort, value = Number(text); return text !== "" && !Number.isNaN(value) ? value : text; };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : typeof a === "number" ? -1 : typeof b === "number" ? 1 : a.localeCompare(b, undefined, { numeric: true });
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button"; button.textContent = head.textContent; head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const sorted = rows.map((row, place) => [key(row, column), place, row]).sort((a, b) => {
        const [x, y] = [a[0], b[0]], known = (typeof x === "number") - (typeof y === "number");
        return known ? -known : (up ? 1 : -1) * compare(x, y) || a[1] - b[1];
      });
      body.append(...sorted.map(entry => entry[2]));
    });
  });
  if (rows.length < 6) continue;
  const filter = document.createElement("input");
  filter.type = "search"; filter.className = "filter"; filter.placeholder = `filter ${rows.length} rows`; filter.setAttribute("aria-label", "filter rows");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) { const text = row.textContent.toLowerCase(); row.hidden = !words.every(word => text.includes(word)); }
  });
  box.querySelector(".scroll").before(filter);
  const reveal = () => { const row = location.hash && document.getElementById(location.hash.slice(1)); if (row && box.contains(row) && row.hidden) { filter.value = ""; filter.dispatchEvent(new Event("input")); row.scrollIntoView(); } };
  addEventListener("hashchange", reveal);
}
if (matchMedia("(max-width:40rem)").matches) document.querySelector("nav details").open = false;
