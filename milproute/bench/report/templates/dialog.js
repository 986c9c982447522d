"use strict";
// The dialog of one cell. Its details are deflated by the hundred: unpacked when first asked for.
const UNPACKED = new Map();

async function detailsOf(row) {
  const chunk = Math.floor(row / DATA.chunk);
  if (!UNPACKED.has(chunk)) {
    const packed = JSON.parse(byId("detail-data").textContent)[chunk];
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    UNPACKED.set(chunk, JSON.parse(await new Response(stream).text()));
  }
  return UNPACKED.get(chunk)[row % DATA.chunk];
}

function list(entries) {
  const items = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { class: "pairs-list" }, ...items.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]));
}

const seconds = (value) => (value === null ? null : `${figures(value)} s`);
const word = (value) => (value === null ? "none" : typeof value === "object" ? JSON.stringify(value) : String(value));

function ending(row, cell) {
  const { size } = cell;
  return list([
    ["status", CELLS.status[row] + (cell.claimed === CELLS.status[row] ? "" : ` (reported as ${cell.claimed})`)],
    ["solver's own word", cell.native],
    ["message", cell.message],
    ["objective", figures(CELLS.objective[row], 10)],
    ["proven bound", figures(CELLS.bound[row], 10)],
    ["gap", percent(GAPS[row])],
    ["time", seconds(CELLS.time[row])],
    ["of it", Object.entries(cell.seconds).map(([phase, value]) => `${phase} ${seconds(value)}`).join(", ")],
    ["whole process", seconds(cell.wall)],
    ["search", `${CELLS.nodes[row].toLocaleString("en")} nodes, ${cell.iterations.toLocaleString("en")} iterations`],
    ["model", size && Object.entries(size).map(([name, value]) => `${value.toLocaleString("en")} ${name}`).join(", ")],
    ["peak memory", cell.peak === null ? null : `${figures(cell.peak)} MiB`],
    ["machine", `${DATA.hosts[cell.machine]}${cell.load[0] === null ? "" : `, load ${figures(cell.load[0], 3)} before and ${figures(cell.load[1], 3)} after`}`],
    ["started", cell.started],
    ["tries", cell.tries],
  ]);
}

function fill(row, cell) {
  const close = make("button", { type: "button", id: "close" }, "close");
  close.addEventListener("click", () => byId("cell").close());
  const title = make("h2", { id: "cell-title" }, `${CELLS.instance[row]} · ${CELLS.model[row]} · ${CELLS.solver[row]} · seed ${seed(row)}`);
  const parts = [make("header", {}, title, close), make("p", { class: "settings" }, `cell ${CELLS.key[row]}`)];
  const wrong = [cell.contradiction && `Contradiction: ${cell.contradiction}.`, ...cell.breaches].filter(Boolean);
  if (wrong.length) parts.push(make("div", { class: "alarm" }, ...wrong.map((text) => make("p", {}, text))));
  parts.push(ending(row, cell), make("h3", {}, "Incumbent and bound over time"), make("div", { class: "plot", id: "plot-cell" }));
  parts.push(make("h3", {}, "Options"), list(Object.entries(cell.options).map(([name, value]) => [name, word(value)])));
  const cut = cell.cut ? `, without its first ${cell.cut.toLocaleString("en")} characters` : "";
  parts.push(make("h3", {}, `Log${cut}`), make("pre", { id: "log" }, cell.log || "The solver wrote none."));
  byId("cell-body").replaceChildren(...parts);
}

function drawHistory([times, incumbents, bounds]) {
  const line = (y, name, index, dash) => ({
    type: "scatter", mode: "lines+markers", x: times, y, name, marker: { size: 4 },
    line: { shape: "hv", color: DATA_COLOURS[index], dash, width: 2 }, hovertemplate: `${name} %{y:.6g} after %{x:.3g} s<extra></extra>`,
  });
  draw("plot-cell", [line(bounds, "bound", 1, "dash"), line(incumbents, "incumbent", 0, "solid")], {
    xaxis: { title: { text: "time of the solver (s)" }, rangemode: "tozero" }, yaxis: { title: { text: "objective" } },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" }, showlegend: true, hovermode: "closest",
  });
}

const DATA_COLOURS = ["#0072b2", "#d55e00"];

async function openCell(row) {
  const cell = await detailsOf(row);
  fill(row, cell);
  byId("cell").showModal();
  byId("cell").scrollTop = 0;
  drawHistory(cell.trace);
}

byId("cell").addEventListener("close", () => { Plotly.purge("plot-cell"); PLOTTED.delete("plot-cell"); });
