// The heat map of nodes: a canvas with a cell a node, by place, for mouse and keyboard.
import { html, useEffect, useMemo, useRef, useState } from "/vendor/preact.js";

const LEAST = 4;
const MOST = 96;
const NAMED = 56;
const LABEL = 20;
const LIGHT = ["#e7eff5", "#b5d3e6", "#6aa9d0", "#2478b0", "#004a7a"];
const DARK = ["#20303d", "#27536f", "#3281ab", "#63b3e4", "#c3e6ff"];
const OVER = { light: "#b3400a", dark: "#ff9d5c" };
const DOWN = { light: "#a33c00", dark: "#ff9d5c" };

export const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

function mix(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const part = at - low;
  const of = (text, from) => parseInt(text.slice(from, from + 2), 16);
  const channel = (from) => Math.round(of(stops[low], from) * (1 - part) + of(stops[low + 1], from) * part);
  return `rgb(${channel(1)},${channel(3)},${channel(5)})`;
}

const palettes = new Map();
function palette(dark) {
  if (!palettes.has(dark)) {
    palettes.set(dark, Array.from({ length: 101 }, (_, share) => mix(dark ? DARK : LIGHT, share / 100)));
  }
  return palettes.get(dark);
}

export function useDark() {
  const [dark, setDark] = useState(isDark);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setDark(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return dark;
}

// Nodes by place, in the order of their names.
export function order(nodes, places) {
  const groups = new Map();
  nodes.forEach((name, node) => {
    const place = (places[node] ?? "").match(/zone ([^,]+)/)?.[1] ?? "";
    if (!groups.has(place)) groups.set(place, []);
    groups.get(place).push(node);
  });
  const byName = new Intl.Collator("en", { numeric: true });
  return [...groups].sort((one, other) => byName.compare(one[0], other[0]))
    .map(([place, own]) => ({ place, nodes: own.sort((one, other) => byName.compare(nodes[one], nodes[other])) }));
}

function layout(groups, count, width, height) {
  const hasLabels = groups.length > 1;
  const room = Math.max(height - (hasLabels ? groups.length * LABEL : 0), 60);
  let size = Math.min(MOST, Math.max(LEAST, Math.floor(Math.sqrt((width * room) / Math.max(count, 1)))));
  const rows = (own) => groups.reduce((sum, group) => sum + Math.ceil(group.nodes.length / Math.max(1, Math.floor(width / own))), 0);
  while (size > LEAST && rows(size) * size > room) size -= 1;
  const columns = Math.max(1, Math.floor(width / size));
  let top = 0;
  const blocks = groups.map((group) => {
    const own = { ...group, label: hasLabels ? top + 14 : null, top: top + (hasLabels ? LABEL : 0) };
    own.rows = Math.ceil(group.nodes.length / columns);
    top = own.top + own.rows * size + (hasLabels ? 4 : 0);
    return own;
  });
  return { size, columns, blocks, height: Math.max(top, size) };
}

const words = (value) => (value < 0 ? "not there" : `${(value / 10).toFixed(1)} %`);

export function Heat({ nodes, places, heat, resource, selected, onSelect, label, height = 330 }) {
  const canvas = useRef(null);
  const frame = useRef(null);
  const [width, setWidth] = useState(0);
  const [hover, setHover] = useState(null);
  const dark = useDark();
  const groups = useMemo(() => order(nodes, places), [nodes, places]);
  const flat = useMemo(() => groups.flatMap((group) => group.nodes), [groups]);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const plan = useMemo(() => layout(groups, nodes.length, Math.max(width, 50), height), [groups, nodes.length, width, height]);
  const down = useMemo(() => new Set(heat?.down ?? []), [heat]);
  const place = useMemo(() => {
    const found = new Map();
    plan.blocks.forEach((block) => block.nodes.forEach((node, at) => found.set(node, {
      x: (at % plan.columns) * plan.size, y: block.top + Math.floor(at / plan.columns) * plan.size,
    })));
    return found;
  }, [plan]);
  useEffect(() => {
    const own = canvas.current;
    if (!own || !width) return;
    const scale = devicePixelRatio || 1;
    own.width = width * scale; own.height = plan.height * scale;
    const pen = own.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink"); const quiet = style.getPropertyValue("--quiet");
    pen.font = "12px system-ui, sans-serif";
    const colors = palette(dark);
    const gap = plan.size > 6 ? 1 : 0.5;
    for (const block of plan.blocks) {
      if (block.label !== null) { pen.fillStyle = quiet; pen.fillText(block.place || "no zone", 0, block.label); }
    }
    for (const [node, { x, y }] of place) {
      const value = heat?.values[node] ?? -1;
      const side = plan.size - gap;
      if (value < 0) {
        pen.strokeStyle = quiet; pen.globalAlpha = 0.25; pen.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1); pen.globalAlpha = 1;
        continue;
      }
      pen.fillStyle = value > 1000 ? OVER[dark ? "dark" : "light"] : colors[Math.round(value / 10)];
      pen.fillRect(x, y, side, side);
      if (plan.size >= NAMED) {
        pen.fillStyle = (value > 500) === dark ? "#101418" : "#ffffff";
        if (value <= 350) pen.fillStyle = dark ? "#ffffff" : "#101418";
        pen.fillText(nodes[node], x + 6, y + 18, side - 12);
        pen.fillText(`${(value / 10).toFixed(0)} %`, x + 6, y + 36, side - 12);
      }
      if (down.has(node)) {
        pen.strokeStyle = DOWN[dark ? "dark" : "light"]; pen.lineWidth = Math.max(1.5, plan.size / 8);
        pen.beginPath(); pen.moveTo(x, y); pen.lineTo(x + side, y + side); pen.moveTo(x + side, y); pen.lineTo(x, y + side); pen.stroke();
      }
    }
    const chosen = place.get(selected);
    if (chosen) {
      pen.strokeStyle = dark ? "#000" : "#fff"; pen.lineWidth = 4;
      pen.strokeRect(chosen.x - 1, chosen.y - 1, plan.size + 1, plan.size + 1);
      pen.strokeStyle = ink; pen.lineWidth = 2;
      pen.strokeRect(chosen.x - 1, chosen.y - 1, plan.size + 1, plan.size + 1);
    }
  }, [heat, plan, place, selected, dark, width, down]);
  const find = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const x = event.clientX - box.left; const y = event.clientY - box.top;
    const block = plan.blocks.find((own) => y >= own.top && y < own.top + own.rows * plan.size);
    if (!block || x >= plan.columns * plan.size || x < 0) return null;
    const at = Math.floor((y - block.top) / plan.size) * plan.columns + Math.floor(x / plan.size);
    return block.nodes[at] ?? null;
  };
  const key = (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -plan.columns, ArrowDown: plan.columns, PageUp: -10 * plan.columns, PageDown: 10 * plan.columns };
    const now = flat.indexOf(selected);
    let next = null;
    if (event.key in steps) next = now < 0 ? 0 : Math.min(Math.max(now + steps[event.key], 0), flat.length - 1);
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = flat.length - 1;
    if (next === null) return;
    event.preventDefault();
    onSelect(flat[next]);
  };
  const told = selected !== null && selected !== undefined && nodes[selected] !== undefined
    ? `${nodes[selected]}: ${words(heat?.values[selected] ?? -1)} of ${resource}${down.has(selected) ? ", down" : ""}` : "";
  return html`
    <div class="heat" ref=${frame}>
      <canvas ref=${canvas} tabindex="0" role="application" aria-roledescription="heat map" aria-label=${`${label}: ${nodes.length} nodes by ${resource}. Arrow keys choose a node.`}
        style=${{ width: `${width}px`, height: `${plan.height}px` }}
        onMouseMove=${(event) => { const node = find(event); setHover(node === null ? null : { node, x: event.offsetX, y: event.offsetY }); }}
        onMouseLeave=${() => setHover(null)} onKeyDown=${key}
        onClick=${(event) => { const node = find(event); if (node !== null) onSelect(node); }}></canvas>
      ${hover && html`<div class="tip" style=${{ left: `${Math.min(hover.x + 12, Math.max(width - 190, 0))}px`, top: `${hover.y + 14}px` }}>
        <strong>${nodes[hover.node]}</strong><br />${words(heat?.values[hover.node] ?? -1)} of ${resource}${down.has(hover.node) ? " · down" : ""}</div>`}
      <span class="hidden" aria-live="polite">${told}</span>
    </div>`;
}

// What the colours mean.
export function Scale({ resource, hasCapacity }) {
  const dark = useDark();
  const stops = (dark ? DARK : LIGHT).join(", ");
  return html`<div class="scale"><span>0 %</span><span class="ramp" style=${{ background: `linear-gradient(to right, ${stops})` }}></span><span>100 %</span>
    <span class="quiet">of ${hasCapacity === false ? `the most ${resource} of a node` : `each node's ${resource}`}</span>
    <span class="key over"></span><span class="quiet">over</span><span class="key cross">✕</span><span class="quiet">down</span></div>`;
}
