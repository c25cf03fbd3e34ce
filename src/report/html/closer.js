// The part of the report that needs a script: a timeline to zoom into and a search over pods, nodes
// and events. Everything it shows was put into the page as JSON; text goes in as text only.
(() => {
"use strict";
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("windtunnel-details").textContent);
const section = byId("closer");
if (!data.variants.length) return;
const ROWS = 200, SINGLE = 300, WIDTH = 1000, HEIGHT = 320;
const [variantBox, searchBox, kindBox, windowBox] =
  ["closer-variant", "closer-search", "closer-kind", "closer-window"].map(byId);
const [plot, state, ticks, found, body] =
  ["closer-plot", "closer-state", "closer-ticks", "closer-found", "closer-rows"].map(byId);
let variant = data.variants[0], from = 0, to = 1;

const UNITS = data.steps ? [[0, 1, "steps"]] :
  [[172800, 86400, "d"], [7200, 3600, "h"], [120, 60, "min"], [1, 1, "s"], [1e-3, 1e-3, "ms"], [0, 1e-6, "µs"]];
const time = (seconds) => {
  if (seconds === null || seconds === undefined) return "–";
  if (Math.abs(seconds) < 5e-7) return data.steps ? "0 steps" : "0 s";
  const [, scale, name] = UNITS.find(([least]) => Math.abs(seconds) >= least);
  return (seconds / scale).toLocaleString("en", { maximumSignificantDigits: 4 }) + " " + name;
};
const count = (number) => number.toLocaleString("en");
const plural = (number, word) => count(number) + " " + word + (number === 1 ? "" : "s");
const nodeOf = (pod) => typeof pod[5] === "number" ? variant.nodes[pod[5]][0] : pod[5];
const element = (name, attributes, parent) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  parent.appendChild(made);
  return made;
};

// A bar: [label, pods, placed, submit, bound, end]; a pod: [name, submit, bound, started, ended, node, outcome].
const singles = () => {
  if (variant.pods.length < variant.podsTotal) return null;
  const inside = variant.pods.filter((pod) => pod[1] <= to && (pod[4] ?? variant.end) >= from);
  if (inside.length > SINGLE) return null;
  return inside.map((pod) => [
    pod[0] + (nodeOf(pod) ? " on " + nodeOf(pod) : "") + ", " + data.outcomes[pod[6]],
    1, pod[2] === null ? 0 : 1, pod[1], pod[2], pod[4]]);
};

function draw() {
  const one = singles();
  const bars = (one || variant.bars).filter((bar) => bar[3] <= to && (bar[5] ?? variant.end) >= from);
  plot.replaceChildren();
  const x = (at) => (Math.min(Math.max(at, from), to) - from) / (to - from) * WIDTH;
  const pitch = HEIGHT / Math.max(bars.length, 12);
  bars.forEach((bar, row) => {
    const end = bar[5] ?? variant.end, begin = bar[4] ?? end, y = row * pitch;
    const group = element("g", {}, plot);
    element("title", {}, group).textContent = bar[0] +
      (bar[1] > 1 ? " and " + count(bar[1] - 1) + " after it, " + count(bar[2]) + " got a node" : "") +
      ": created " + time(bar[3]) + ", node " + time(bar[4]) + ", end " + time(bar[5]);
    const free = pitch < 4 ? 0 : pitch * .1;
    const waits = bar[2] < bar[1] ? end : begin;
    if (waits > bar[3]) {
      element("rect", { class: "wait", x: x(bar[3]), width: Math.max(x(waits) - x(bar[3]), .5), y: y + pitch * .4, height: pitch * .2 }, group);
    }
    if (bar[4] !== null) {
      const height = (pitch - 2 * free) * bar[2] / bar[1];
      element("rect", { class: "hold", x: x(begin), width: Math.max(x(end) - x(begin), 1), y: y + pitch - free - height, height }, group);
    }
  });
  ticks.replaceChildren();
  const [, scale, unit] = UNITS.find(([least]) => to >= least);
  const digits = Math.min(Math.max(Math.ceil(2 - Math.log10((to - from) / scale)), 0), 9);
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  for (let part = 0; part <= 4; part += 1) {
    const label = document.createElement("span");
    label.textContent = ((from + (to - from) * part / 4) / scale).toLocaleString("en", fraction) + " " + unit;
    ticks.appendChild(label);
  }
  const pods = bars.reduce((sum, bar) => sum + bar[1], 0);
  state.textContent = "Shown: " + time(from) + " to " + time(to) + ", " + plural(pods, "pod") +
    (one || variant.podsPerBar === 1 ? ", a bar each." : " in " + plural(bars.length, "bar") + " of " + count(variant.podsPerBar) + ".");
}

function search() {
  const text = searchBox.value.trim().toLowerCase(), kind = kindBox.value;
  const inside = (a, b) => !windowBox.checked || (a <= to && b >= from);
  const has = (...words) => !text || words.some((word) => word && String(word).toLowerCase().includes(text));
  const rows = [];
  if (kind !== "nodes" && kind !== "events") for (const pod of variant.pods) {
    const node = nodeOf(pod), outcome = data.outcomes[pod[6]];
    if (inside(pod[1], pod[4] ?? variant.end) && has(pod[0], node, outcome)) {
      const waited = (pod[2] ?? pod[4] ?? variant.end) - pod[1];
      rows.push(["pod", pod[0], pod[1], "waited " + time(waited) + "; " + (node ? "on " + node : "no node") + "; " + outcome + (pod[4] === null ? "" : " at " + time(pod[4]))]);
    }
  }
  if (kind !== "pods" && kind !== "events") for (const node of variant.nodes) {
    const share = (value) => value === null ? "–" : value + " %";
    if (has(node[0])) rows.push(["node", node[0], null, plural(node[1], "pod") + " in all; " + variant.resource + " allocated " + share(node[2]) + " on average, " + share(node[3]) + " at the end"]);
  }
  if (kind !== "pods" && kind !== "nodes") for (const event of variant.events) {
    if (inside(event[0], event[0]) && has(event[1], event[2])) rows.push(["event", event[1], event[0], "node " + event[2]]);
  }
  body.replaceChildren();
  for (const row of rows.slice(0, ROWS)) {
    const line = document.createElement("tr");
    [row[0], row[1], time(row[2]), row[3]].forEach((value, at) => {
      const cell = document.createElement(at === 1 ? "th" : "td");
      if (at === 1) cell.scope = "row";
      cell.textContent = value;
      line.appendChild(cell);
    });
    body.appendChild(line);
  }
  found.textContent = plural(rows.length, "match").replace("matchs", "matches") + " among what is listed" +
    (rows.length > ROWS ? "; the first " + ROWS + " are shown: search more closely to see the others." : ".");
}

function view(a, b) {
  const least = variant.end / 1e6;
  const length = Math.min(Math.max(b - a, least), variant.end);
  from = Math.min(Math.max(a, 0), variant.end - length);
  to = from + length;
  draw();
  if (windowBox.checked) search();
}
const zoom = (factor, at = (from + to) / 2) => view(at - (at - from) * factor, at + (to - at) * factor);
const move = (share) => view(from + (to - from) * share, to + (to - from) * share);
const actions = {
  in: () => zoom(.5), out: () => zoom(2), earlier: () => move(-.5), later: () => move(.5), all: () => view(0, variant.end),
};
for (const button of section.querySelectorAll("button[data-do]")) {
  button.addEventListener("click", actions[button.dataset.do]);
}
const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "earlier", ArrowRight: "later", "0": "all" };
byId("closer-zoom").addEventListener("keydown", (event) => {
  const action = keys[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  actions[action]();
});
const at = (event) => {
  const box = plot.getBoundingClientRect();
  return from + (event.clientX - box.left) / box.width * (to - from);
};
let start = null;
plot.addEventListener("pointerdown", (event) => { start = at(event); });
plot.addEventListener("pointerup", (event) => {
  const end = at(event);
  if (start !== null && Math.abs(end - start) > (to - from) / 100) view(Math.min(start, end), Math.max(start, end));
  start = null;
});
plot.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoom(event.deltaY > 0 ? 1.25 : .8, at(event));
}, { passive: false });
let waiting = 0;
searchBox.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 150); });
kindBox.addEventListener("change", search);
windowBox.addEventListener("change", search);

function choose() {
  variant = data.variants[variantBox.selectedIndex];
  plot.style.setProperty("--hold", "var(--series-" + variant.series + ")");
  view(0, variant.end);
  search();
}
data.variants.forEach((one) => {
  const option = document.createElement("option");
  option.textContent = one.name;
  variantBox.appendChild(option);
});
variantBox.addEventListener("change", choose);
section.hidden = false;
choose();
})();
