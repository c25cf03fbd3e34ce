// What is chosen, pods, objects and events, each a tab.
import { html, useState, useEffect, useRef } from "/vendor/preact.js";
import { ask, latest } from "/api.js";
import { amount, amounts, count, kindOf, plural, short, time } from "/format.js";
import { Why } from "/explain.js";

const TABS = [["chosen", "Chosen"], ["pods", "Pods"], ["objects", "Objects"], ["events", "Events"]];

function useFound(path, fields, isWanted = true) {
  const [found, setFound] = useState({ own: null, error: "" });
  const wish = useRef(null);
  if (!wish.current) {
    wish.current = latest((own) => ask(own.path, own.fields), (own, error) => setFound((before) => ({ own: own ?? (error ? null : before.own), error: error?.message ?? "" })));
  }
  const key = JSON.stringify([path, fields]);
  useEffect(() => { if (isWanted) wish.current({ path, fields }); }, [key, isWanted]);
  return found;
}

const Ref = ({ name, choose }) => (name
  ? html`<button class="link" onClick=${() => choose({ kind: "object", name })}>${name.startsWith("Pod/") || name.startsWith("Node/") ? short(name) : name}</button>` : "–");

function Events({ rows, choose, setMicros, hasObject = true }) {
  if (!rows.length) return html`<p class="quiet">No events so far.</p>`;
  return html`<div class="scroll tall" role="region" aria-label="Events" tabindex="0"><table class="events">
    <thead><tr><th scope="col">Time</th><th scope="col">Event</th>${hasObject && html`<th scope="col">Object</th>`}<th scope="col">Details</th></tr></thead>
    <tbody>${rows.map((own) => html`<tr key=${own.number}>
      <td class="number"><button class="link" title="Go to this instant" onClick=${() => setMicros(Math.floor(own.timeNs / 1000))}>${time(own.timeNs)}</button></td>
      <td><span class=${`event ${own.kind}`}>${own.kind}</span></td>
      ${hasObject && html`<td><${Ref} name=${own.object} choose=${choose} /></td>`}
      <td>${own.what}</td></tr>`)}</tbody></table></div>`;
}

function Pods({ rows, choose, hasNode = true, label }) {
  return html`<div class="scroll tall" role="region" aria-label=${label} tabindex="0"><table>
    <thead><tr><th scope="col">Pod</th><th scope="col">Phase</th>${hasNode && html`<th scope="col">Node</th>`}<th scope="col">Asks for</th><th scope="col">Since</th></tr></thead>
    <tbody>${rows.map((own) => html`<tr key=${own.name}>
      <th scope="row"><${Ref} name=${own.name} choose=${choose} /></th>
      <td><span class=${`phase ${own.phase}`}>${own.phase}</span>${own.restarts > 0 ? html` <small class="quiet">${plural(own.restarts, "restart")}</small>` : ""}</td>
      ${hasNode && html`<td>${own.node ? html`<${Ref} name=${`Node/${own.node}`} choose=${choose} />` : "–"}</td>`}
      <td>${amounts(own.asks) || html`<span class="quiet">–</span>`}</td>
      <td class="number quiet">${time(own.sinceNs)}</td></tr>`)}</tbody></table></div>`;
}

function NodeView({ name, place, choose, setMicros }) {
  const { own, error } = useFound("node", { ...place, name });
  if (error) return html`<p class="quiet">${error}</p>`;
  if (!own || own.name !== name) return html`<p class="quiet wait">Looking…</p>`;
  return html`
    <h2>${own.name} <span class=${`state ${own.condition === "up" ? "done" : "failed"}`}>${own.condition}</span></h2>
    <p class="quiet">${own.place.replace(/zone (?=zone)/, "") || "no zone"}</p>
    <dl class="meters">${own.uses.filter((use) => use.used > 0 || use.capacity > 0).map((use) => {
      const share = use.capacity > 0 ? use.used / use.capacity : null;
      return html`<div key=${use.resource}><dt>${use.resource}</dt><dd>
        ${share !== null && html`<meter min="0" max="1" high="0.9" value=${Math.min(share, 1)} aria-label=${`${use.resource} in use`}></meter>`}
        <span class="number">${amount(use.resource, use.used)}${use.capacity > 0 ? ` of ${amount(use.resource, use.capacity)}` : ""}${share === null ? "" : ` · ${(share * 100).toFixed(0)} %`}</span></dd></div>`;
    })}</dl>
    <h3>${plural(own.count, "pod")}${own.count > own.pods.length ? ` (${own.pods.length} shown)` : ""}</h3>
    ${own.count > 0 && html`<${Pods} rows=${own.pods} choose=${choose} hasNode=${false} label=${`Pods of ${own.name}`} />`}
    <h3>Events of the node</h3>
    <${Events} rows=${own.events.rows} choose=${choose} setMicros=${setMicros} hasObject=${false} />`;
}

function ObjectView({ name, place, choose, setMicros, isLive, mark }) {
  const { own, error } = useFound("object", { ...place, name });
  const node = own?.name === name ? own.pod?.node : undefined;
  useEffect(() => { mark(node ?? null); return () => mark(null); }, [node]);
  if (error) return html`<p class="quiet">${error}</p>`;
  if (!own || own.name !== name) return html`<p class="quiet wait">Looking…</p>`;
  const pod = own.pod;
  return html`
    <h2>${short(own.name)} ${pod ? html`<span class=${`phase ${pod.phase}`}>${own.events.before ? pod.phase : "not there yet"}</span>`
      : html`<small class="quiet">${kindOf(own.name)}${own.isThere ? "" : " · not there"}</small>`}</h2>
    ${pod && html`<dl class="facts">
      <div><dt>Node</dt><dd>${pod.node ? html`<${Ref} name=${`Node/${pod.node}`} choose=${choose} />` : "none"}</dd></div>
      <div><dt>Asks for</dt><dd>${amounts(pod.asks) || "nothing"}</dd></div>
      <div><dt>Since</dt><dd>${time(pod.sinceNs)}</dd></div></dl>`}
    ${own.owners.length > 0 && html`<p>Made by ${own.owners.map((owner, at) => html`${at ? " ← " : ""}<${Ref} name=${owner} choose=${choose} />`)}</p>`}
    ${pod && own.events.before > 0 && html`<${Why} key=${own.name} place=${place} pod=${pod} events=${own.events.rows} isLive=${isLive} choose=${choose} setMicros=${setMicros} />`}
    ${own.count > 0 && html`<h3>Owns ${plural(own.count, "object")}</h3>
      ${own.owned[0].phase ? html`<${Pods} rows=${own.owned} choose=${choose} label=${`Pods of ${own.name}`} />`
        : html`<ul class="plain">${own.owned.map((one) => html`<li><${Ref} name=${one.name} choose=${choose} /></li>`)}</ul>`}`}
    <h3>Its events</h3>
    <${Events} rows=${own.events.rows} choose=${choose} setMicros=${setMicros} hasObject=${false} />`;
}

function PodsTab({ place, choose, phase, setPhase }) {
  const [q, setQ] = useState("");
  const { own, error } = useFound("pods", { ...place, phase, q, limit: 200 });
  return html`
    <div class="tools">
      <label>Phase <select value=${phase} onChange=${(event) => setPhase(event.target.value)}>
        <option value="">all</option>${["pending", "starting", "running", "terminating", "ended"].map((name) => html`<option>${name}</option>`)}</select></label>
      <label><span class="hidden">Search pods</span><input type="search" placeholder="Search pods" value=${q} onInput=${(event) => setQ(event.target.value)} /></label>
      <span class="quiet" role="status">${own ? `${plural(own.count, "pod")}${own.count > own.rows.length ? `, the first ${own.rows.length} shown` : ""}` : ""}</span>
    </div>
    ${error && html`<p class="alarm">${error}</p>`}
    ${own && (own.count ? html`<${Pods} rows=${own.rows} choose=${choose} label="Pods" />` : html`<p class="quiet">No such pod at this instant.</p>`)}`;
}

function ObjectsTab({ place, choose }) {
  const [q, setQ] = useState("");
  const [of, setOf] = useState("");
  const { own, error } = useFound("objects", { ...place, q, of });
  return html`
    <div class="tools">
      <label>Kind <select value=${of} onChange=${(event) => setOf(event.target.value)}>
        <option value="">all</option>${own?.kinds.map((kind) => html`<option value=${kind.kind}>${kind.kind} (${count(kind.count)})</option>`)}</select></label>
      <label><span class="hidden">Search objects</span><input type="search" placeholder="Search objects" value=${q} onInput=${(event) => setQ(event.target.value)} /></label>
      <span class="quiet" role="status">${own ? `${plural(own.count, "object")}${own.count > own.rows.length ? `, the first ${own.rows.length} shown` : ""}` : ""}</span>
    </div>
    ${error && html`<p class="alarm">${error}</p>`}
    ${own && (own.count ? html`<div class="scroll tall" role="region" aria-label="Objects" tabindex="0"><table>
      <thead><tr><th scope="col">Object</th><th scope="col">Made by</th><th scope="col" class="number">Pods</th><th scope="col" class="number">Running</th></tr></thead>
      <tbody>${own.rows.map((row) => html`<tr key=${row.name}><th scope="row"><${Ref} name=${row.name} choose=${choose} /></th>
        <td>${row.owner ? html`<${Ref} name=${row.owner} choose=${choose} />` : html`<span class="quiet">–</span>`}</td>
        <td class="number">${count(row.pods)}</td><td class=${`number${row.running < row.pods ? " bad" : ""}`}>${count(row.running)}</td></tr>`)}</tbody></table></div>`
      : html`<p class="quiet">No such object at this instant; pods of traces have none.</p>`)}`;
}

function EventsTab({ place, log, choose, setMicros }) {
  const [q, setQ] = useState("");
  const [kind, setKind] = useState("");
  const [more, setMore] = useState({ key: "", rows: [] });
  const key = JSON.stringify([place, q, kind]);
  const { own, error } = useFound("events", { ...place, q, kind, limit: 100 });
  const rows = [...(own?.rows ?? []), ...(more.key === key ? more.rows : [])];
  const further = async () => {
    const found = await ask("events", { ...place, q, kind, limit: 200, before: rows.at(-1).number });
    setMore({ key, rows: [...(more.key === key ? more.rows : []), ...found.rows] });
  };
  return html`
    <div class="tools">
      <label>Kind <select value=${kind} onChange=${(event) => setKind(event.target.value)}>
        <option value="">all</option>${[...log.kinds].sort().map((name) => html`<option>${name}</option>`)}</select></label>
      <label><span class="hidden">Search events</span><input type="search" placeholder="Search events" value=${q} onInput=${(event) => setQ(event.target.value)} /></label>
      <span class="quiet" role="status">${own ? `${plural(own.count, "event")} up to this instant` : ""}</span>
    </div>
    ${error && html`<p class="alarm">${error}</p>`}
    ${own && html`<${Events} rows=${rows} choose=${choose} setMicros=${setMicros} />`}
    ${own && rows.length < own.count && html`<button onClick=${further}>Older events</button>`}`;
}

export function Panel({ run, variant, micros, version, log, isLive, chosen, choose, tab, setTab, phase, setPhase, setMicros, mark }) {
  const place = { run, variant, t: micros, v: version };
  const key = (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (!(event.key in steps)) return;
    const now = TABS.findIndex(([id]) => id === tab);
    const next = TABS[(now + steps[event.key] + TABS.length) % TABS.length][0];
    setTab(next);
    event.currentTarget.querySelector(`#tab-${next}`).focus();
    event.preventDefault();
  };
  return html`<section class="card panel" aria-label="Details">
    <div role="tablist" aria-label="Details" class="tabs" onKeyDown=${key}>
      ${TABS.map(([id, name]) => html`<button role="tab" id=${`tab-${id}`} aria-controls="panel" aria-selected=${id === tab} tabindex=${id === tab ? 0 : -1} onClick=${() => setTab(id)}>${name}</button>`)}
    </div>
    <div role="tabpanel" id="panel" aria-labelledby=${`tab-${tab}`}>
      ${tab === "chosen" && !chosen && html`<p class="quiet">Choose a node in the map, or a pod, an object or an event in a list.</p>`}
      ${tab === "chosen" && chosen?.kind === "node" && html`<${NodeView} name=${chosen.name} place=${place} choose=${choose} setMicros=${setMicros} />`}
      ${tab === "chosen" && chosen?.kind === "object" && html`<${ObjectView} name=${chosen.name} place=${place} choose=${choose} setMicros=${setMicros} isLive=${isLive} mark=${mark} />`}
      ${tab === "pods" && html`<${PodsTab} place=${place} choose=${choose} phase=${phase} setPhase=${setPhase} />`}
      ${tab === "objects" && html`<${ObjectsTab} place=${place} choose=${choose} />`}
      ${tab === "events" && html`<${EventsTab} place=${place} log=${log} choose=${choose} setMicros=${setMicros} />`}
    </div>
  </section>`;
}
