"use strict";
// What the other scripts share: the data, words for numbers, colours of the page, nodes without markup.
const DATA = JSON.parse(document.getElementById("report-data").textContent);
const DARK = matchMedia("(prefers-color-scheme: dark)");
const MANY = 3000; // points of a figure: more would make it slow

const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function figures(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 10 ** digits && size < 1e15) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(digits)));
}

// Plotly reads a little markup in every text: what comes from data must arrive as it is.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const PLOTLY = { // nothing ever leaves the page
  responsive: true, displaylogo: false, showSendToCloud: false, displayModeBar: "hover",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};
const PLOTTED = new Map(); // figure as given, by id of its place: drawn anew when light turns dark

function thinned(trace, stride) {
  const some = (values) => (Array.isArray(values) ? values.filter((_, i) => i % stride === 0) : values);
  const marker = { ...trace.marker, symbol: some(trace.marker.symbol) };
  return { ...trace, marker, ...Object.fromEntries(["x", "y", "text", "customdata"].map((name) => [name, some(trace[name])])) };
}

function draw(id, data, layout) {
  PLOTTED.set(id, [data, layout]);
  const place = byId(id);
  const axis = (own) => ({ automargin: true, gridcolor: colour("grid"), linecolor: colour("line"), zerolinecolor: colour("line"), ...own });
  const points = data.reduce((sum, trace) => sum + (trace.visible === "legendonly" ? 0 : trace.count ?? 0), 0);
  const stride = Math.ceil(points / MANY);
  const traces = data.map(({ count, ...trace }) => (count && stride > 1 ? thinned(trace, stride) : trace));
  const note = byId(`${id}-note`);
  if (note) note.textContent = stride > 1 ? `Only one in ${stride} of the ${points.toLocaleString("en")} points is drawn.` : "";
  return Plotly.react(place, traces, {
    ...layout,
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
    hoverlabel: { bgcolor: colour("page"), bordercolor: colour("line"), font: { color: colour("ink") }, align: "left", namelength: -1 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("soft"), activecolor: colour("accent") },
    margin: { l: 56, r: 12, t: 26, b: 50 },
  }, PLOTLY);
}

DARK.addEventListener("change", () => PLOTTED.forEach(([data, layout], id) => byId(id) && draw(id, data, layout)));
