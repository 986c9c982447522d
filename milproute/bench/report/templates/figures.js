"use strict";
// The figures: one ranking at a time, one legend for all of them, any configuration against any other.
const KINDS = ["solved", "profile", "gap", "primal", "size"];
let ranking = DATA.rankings[0];
let shown = []; // by configuration

function swatch(index) {
  const [shade, dash] = DATA.looks[index];
  const strokes = { solid: "", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3" };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [name, value] of [["width", 26], ["height", 8]]) svg.setAttribute(name, value);
  const attributes = { x1: 0, y1: 4, x2: 26, y2: 4, stroke: shade, "stroke-width": 3, "stroke-dasharray": strokes[dash] };
  for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value);
  svg.append(line);
  return svg;
}

function drawFigures() {
  for (const kind of KINDS) {
    const { data, layout } = ranking[kind];
    const traces = data.map((trace) => ({
      ...trace,
      visible: shown[trace.meta] ? true : "legendonly",
      count: trace.text ? trace.text.length : 0,
    }));
    draw(`plot-${kind}`, traces, layout);
  }
}

function drawLegend() {
  const buttons = ranking.labels.map((label, index) => {
    const button = make("button", { type: "button", "aria-pressed": shown[index] }, swatch(index), `${index + 1}  ${label}`);
    button.addEventListener("click", () => {
      shown[index] = !shown[index];
      button.setAttribute("aria-pressed", shown[index]);
      drawFigures();
    });
    return button;
  });
  byId("legend").replaceChildren(...buttons);
  const hidden = shown.filter((on) => !on).length;
  byId("hidden-note").textContent = hidden ? ` ${hidden} more than can be told apart at once are hidden at first.` : "";
}

function pairPoints(x, y, both) {
  const { tasks, columns } = ranking.pairs;
  const chosen = tasks.map((_, i) => i).filter((i) => {
    const present = columns[x].times[i] !== null && columns[y].times[i] !== null;
    return present && both === Boolean(columns[x].solved[i] && columns[y].solved[i]);
  });
  return {
    type: "scatter", mode: "markers", count: chosen.length, showlegend: false,
    x: chosen.map((i) => columns[x].times[i]), y: chosen.map((i) => columns[y].times[i]),
    text: chosen.map((i) => tasks[i]), customdata: chosen.map((i) => columns[y].rows[i]),
    marker: { color: DATA.looks[0][0], size: 8, opacity: 0.75, symbol: both ? "circle" : "circle-open" },
    hovertemplate: "<b>%{text}</b><br>horizontal %{x:.3g} s<br>vertical %{y:.3g} s<extra></extra>",
  };
}

function drawPair() {
  const [x, y] = ["pair-x", "pair-y"].map((id) => Number(byId(id).value));
  const traces = [pairPoints(x, y, true), pairPoints(x, y, false)];
  const all = traces.flatMap((trace) => trace.x.concat(trace.y));
  const [low, high] = all.length ? [all.reduce((a, b) => Math.min(a, b)) / 1.5, all.reduce((a, b) => Math.max(a, b)) * 1.5] : [0.1, 10];
  const range = [Math.log10(low), Math.log10(high)];
  const span = range[1] - range[0];
  const axis = (index) => ({ title: { text: `time of ${index + 1} (s)` }, type: "log", tickformat: "~g", dtick: span < 2.3 ? "D2" : Math.ceil(span / 5), range });
  const diagonal = { type: "line", x0: low, x1: high, y0: low, y1: high, line: { color: colour("soft"), width: 1, dash: "dot" }, layer: "below" };
  draw("plot-pair", traces, { xaxis: axis(x), yaxis: axis(y), shapes: [diagonal], hovermode: "closest" });
  const pairs = traces.flatMap((trace) => trace.x.map((time, i) => [time, trace.y[i]]));
  const [first, second] = [pairs.filter(([a, b]) => a < b).length, pairs.filter(([a, b]) => a > b).length];
  const [both, ...faster] = [pairs.length, first, second].map((number) => number.toLocaleString("en"));
  byId("pair-count").textContent = `Tasks that both ran: ${both}; ${x + 1} is faster on ${faster[0]}, ${y + 1} on ${faster[1]}.`;
}

// The best two configurations that have a task in common.
function firstPair() {
  const { columns } = ranking.pairs;
  const meet = (a, b) => columns[a].times.some((time, i) => time !== null && columns[b].times[i] !== null);
  for (let y = 1; y < columns.length; y += 1) {
    for (let x = 0; x < y; x += 1) if (meet(x, y)) return [x, y];
  }
  return [0, columns.length - 1];
}

function chooseRanking() {
  ranking = DATA.rankings[Number(byId("ranking").value)];
  shown = ranking.labels.map((_, index) => ranking.solved.data[index].visible === true);
  const first = firstPair();
  for (const [id, index] of [["pair-x", first[0]], ["pair-y", first[1]]]) {
    byId(id).replaceChildren(...ranking.labels.map((label, i) => make("option", { value: i }, `${i + 1}  ${label}`)));
    byId(id).value = index;
  }
  for (const node of document.querySelectorAll(".figure-settings")) node.textContent = ranking.settings;
  drawLegend();
  drawFigures();
  drawPair();
}

byId("ranking").replaceChildren(...DATA.rankings.map(({ title }, i) => make("option", { value: i }, title)));
byId("ranking-choice").hidden = DATA.rankings.length < 2;
byId("ranking").addEventListener("change", chooseRanking);
for (const id of ["pair-x", "pair-y"]) byId(id).addEventListener("change", drawPair);
chooseRanking();
for (const id of ["plot-size", "plot-pair"]) {
  byId(id).on("plotly_click", ({ points }) => openCell(points[0].customdata));
}
