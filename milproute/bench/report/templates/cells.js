"use strict";
// The table of cells, a page at a time, and the dialog of one cell.
const CELLS = DATA.cells;
const VERDICTS = { "": "", suspect: "contradiction", witness: "refutes a cell" };
const ROWS = 50; // a page
const SHADES = {
  optimal: "solved", gap_limit: "stopped", time_limit: "stopped", no_solution: "stopped", infeasible: "none", unbounded: "none",
  wrong_solution: "wrong", memory_limit: "failed", licence: "failed", crash: "failed", error: "failed",
};
const GAPS = CELLS.objective.map((value, i) => {
  const bound = CELLS.bound[i];
  if (value === null || bound === null) return null;
  if (value === bound) return 0;
  // Any bound is infinitely far from an objective of 0, relatively.
  return Math.abs(value) < 1e-9 ? null : Math.abs(bound - value) / Math.abs(value);
});
const percent = (gap) => (gap === null ? "–" : gap > 10 ? "> 1000 %" : `${figures(100 * gap, 3)} %`);
const words = (name) => (i) => CELLS[name][i];
const numbers = (name) => (i) => figures(CELLS[name][i]);
const seed = (i) => CELLS.seed[i] + (CELLS.permutation[i] ? ` / ${CELLS.permutation[i]}` : "");
const COLUMNS = [
  { title: "status", of: CELLS.status, text: words("status"), left: true },
  { title: "instance", of: CELLS.instance, text: words("instance"), left: true },
  { title: "model", of: CELLS.model, text: words("model"), left: true },
  { title: "solver", of: CELLS.solver, text: words("solver"), left: true },
  { title: "seed", of: CELLS.seed, text: seed },
  { title: "objective", of: CELLS.objective, text: numbers("objective") },
  { title: "bound", of: CELLS.bound, text: numbers("bound") },
  { title: "gap", of: GAPS, text: (i) => percent(GAPS[i]) },
  { title: "time, s", of: CELLS.time, text: numbers("time") },
  { title: "nodes", of: CELLS.nodes, text: (i) => CELLS.nodes[i].toLocaleString("en") },
];
if (new Set(CELLS.machine).size > 1) COLUMNS.push({ title: "machine", of: CELLS.machine, text: words("machine"), left: true });

const HAY = CELLS.key.map((key, i) =>
  [key, CELLS.status[i], CELLS.instance[i], CELLS.model[i], CELLS.solver[i], CELLS.machine[i], VERDICTS[CELLS.verdict[i]]]
    .join(" ").toLowerCase());
const view = { rows: HAY.map((_, i) => i), page: 0, column: null, down: false };

function statusCell(i) {
  const cell = make("td", { class: "text" }, make("span", { class: "dot", style: `--shade: var(--${SHADES[CELLS.status[i]]})` }, CELLS.status[i].replaceAll("_", " ")));
  if (CELLS.verdict[i]) cell.append(make("span", { class: `contradicts ${CELLS.verdict[i]}` }, VERDICTS[CELLS.verdict[i]]));
  return cell;
}

function showPage() {
  const pages = Math.max(1, Math.ceil(view.rows.length / ROWS));
  view.page = Math.min(view.page, pages - 1);
  const rows = view.rows.slice(view.page * ROWS, (view.page + 1) * ROWS).map((i) => {
    const rest = COLUMNS.slice(1).map(({ text, left }) => {
      const shownText = String(text(i));
      return make("td", left ? { class: "text", title: shownText } : {}, shownText);
    });
    const row = make("tr", { tabindex: 0, "data-row": i, "data-key": CELLS.key[i] }, statusCell(i), ...rest);
    return row;
  });
  document.querySelector("#cell-table tbody").replaceChildren(...rows);
  byId("count").textContent = `${view.rows.length.toLocaleString("en")} of ${HAY.length.toLocaleString("en")} cells`;
  byId("page").textContent = `page ${view.page + 1} of ${pages}`;
  byId("previous").disabled = view.page === 0;
  byId("next").disabled = view.page === pages - 1;
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  return view.down ? -order : order;
}

function refresh() {
  const wanted = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const status = byId("status").value;
  view.rows = HAY.map((_, i) => i).filter((i) => (!status || CELLS.status[i] === status) && wanted.every((word) => HAY[i].includes(word)));
  if (view.column !== null) {
    const { of } = COLUMNS[view.column];
    view.rows.sort((i, j) => compare(of[i], of[j]) || i - j);
  }
  showPage();
}

function sortBy(column, heads) {
  view.down = view.column === column && !view.down;
  view.column = column;
  heads.forEach((head, i) => {
    head.toggleAttribute("aria-sort", i === column);
    if (i === column) head.setAttribute("aria-sort", view.down ? "descending" : "ascending");
    head.firstChild.textContent = COLUMNS[i].title + (i !== column ? "" : view.down ? " ↓" : " ↑");
  });
  view.page = 0;
  refresh();
}

const heads = COLUMNS.map(({ title, left }, column) => {
  const button = make("button", { type: "button" }, title);
  button.addEventListener("click", () => sortBy(column, heads));
  return make("th", { class: left ? "text" : "", scope: "col" }, button);
});
document.querySelector("#cell-table thead tr").replaceChildren(...heads);
for (const status of [...new Set(CELLS.status)].sort()) byId("status").append(make("option", { value: status }, status.replaceAll("_", " ")));
for (const id of ["filter", "status"]) byId(id).addEventListener("input", () => { view.page = 0; refresh(); });
byId("previous").addEventListener("click", () => { view.page -= 1; showPage(); });
byId("next").addEventListener("click", () => { view.page += 1; showPage(); });
document.querySelector("#cell-table tbody").addEventListener("click", ({ target }) => openCell(Number(target.closest("tr").dataset.row)));
document.querySelector("#cell-table tbody").addEventListener("keydown", ({ key, target }) => key === "Enter" && openCell(Number(target.dataset.row)));
for (const button of document.querySelectorAll("button[data-row]")) button.addEventListener("click", () => openCell(Number(button.dataset.row)));
showPage();
