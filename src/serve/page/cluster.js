// A cluster at any instant: slider, heat map, and what is chosen in it.
import { html, useState, useEffect, useMemo, useRef, useCallback } from "/vendor/preact.js";
import { ask, latest, tell } from "/api.js";
import { count, plural, time } from "/format.js";
import { CoursePlot } from "/course.js";
import { Heat, Scale } from "/heat.js";
import { Panel } from "/panels.js";

const STEPS = 2000;
const READING = 400;
const LIVE = 2000;
const PLAY_FRAME = 80;
const PLAY_FRAMES = 150;

// The log of a run, asked for again while it is read or grows.
export function useLog(run, variant, isGrowing) {
  const [log, setLog] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    if (!run) return undefined;
    let timer;
    let isOver = false;
    setLog(null); setError("");
    const again = async () => {
      let wait = isGrowing ? LIVE : 0;
      try {
        const found = await ask("log", { run, variant });
        if (isOver) return;
        setLog({ ...found, run }); setError("");
        if (found.isReading) wait = READING;
        if (found.isLive) wait = LIVE;
      } catch (own) {
        if (isOver) return;
        setError(own.message);
      }
      if (wait) timer = setTimeout(again, wait);
    };
    again();
    return () => { isOver = true; clearTimeout(timer); };
  }, [run, variant, isGrowing]);
  return [log?.run === run ? log : null, error];
}

// The nodes at an instant, the latest wish first.
export function useHeat(run, variant, micros, resource, version) {
  const [heat, setHeat] = useState(null);
  const wish = useRef(null);
  if (!wish.current) {
    wish.current = latest((own) => ask("at", own), (found, _, own) => { if (found) setHeat({ ...found, run: own.run, variant: own.variant }); });
  }
  useEffect(() => {
    if (run && variant && resource && micros !== null) wish.current({ run, variant, t: micros, resource });
  }, [run, variant, micros, resource, version]);
  return heat?.run === run && heat.variant === variant ? heat : null;
}

export function TimeBar({ start, end, micros, setMicros, run, variant, isLive, follow, setFollow }) {
  const [isPlaying, setPlaying] = useState(false);
  const at = useRef(micros);
  at.current = micros;
  const span = Math.max(end - start, 1);
  useEffect(() => {
    if (!isPlaying) return undefined;
    const timer = setInterval(() => {
      const next = at.current + span / PLAY_FRAMES;
      setMicros(Math.round(Math.min(next, end)));
      if (next >= end) setPlaying(false);
    }, PLAY_FRAME);
    return () => clearInterval(timer);
  }, [isPlaying, span, end]);
  const step = async (forward) => {
    setPlaying(false);
    try {
      const { timeNs } = await ask("step", { run, variant, t: micros, forward });
      if (timeNs !== null) setMicros(Math.floor(timeNs / 1000));
    } catch { /* there is no further event */ }
  };
  const play = () => { if (!isPlaying && micros >= end) setMicros(start); setPlaying(!isPlaying); };
  return html`
    <div class="timebar">
      <button onClick=${play} aria-pressed=${isPlaying} title="Play the run">${isPlaying ? "❚❚" : "▶"}<span class="hidden">${isPlaying ? "Pause" : "Play"}</span></button>
      <button onClick=${() => step(false)} title="Event before">◂<span class="hidden">Event before</span></button>
      <input id="slider" type="range" aria-label="Instant of the run" aria-valuetext=${time(micros * 1000, true)}
        min=${start} max=${Math.max(end, start + 1)} step=${Math.max(1, Math.round(span / STEPS))} value=${micros}
        onInput=${(event) => { setPlaying(false); setFollow?.(false); setMicros(Number(event.target.value)); }} />
      <button onClick=${() => step(true)} title="Next event">▸<span class="hidden">Next event</span></button>
      <output class="clock" for="slider">${time(micros * 1000, true)}</output>
      <span class="quiet ofall">of ${time(end * 1000)}</span>
      ${isLive && html`<button aria-pressed=${follow} onClick=${() => setFollow(!follow)}>Follow</button>`}
    </div>`;
}

function Counts({ heat, resource, onPhase }) {
  if (!heat) return html`<p class="counts quiet">…</p>`;
  const own = heat.phases;
  const share = heat.capacity > 0 ? `${((heat.used / heat.capacity) * 100).toFixed(1)} %` : "–";
  const up = heat.values.filter((value) => value >= 0).length - heat.down.length;
  return html`<div class="counts">
    <div><b>${count(up)}</b><span>nodes up</span></div>
    ${heat.down.length > 0 && html`<div class="bad"><b>${count(heat.down.length)}</b><span>down</span></div>`}
    <div><b>${count(own.running)}</b><span>running</span></div>
    ${own.starting + own.terminating > 0 && html`<div><b>${count(own.starting + own.terminating)}</b><span>starting or ending</span></div>`}
    <button class=${`count${own.pending ? " bad" : ""}`} onClick=${() => onPhase("pending")} title="List the pods that wait"><b>${count(own.pending)}</b><span>pending</span></button>
    <div><b>${share}</b><span>${resource} in use</span></div>
  </div>`;
}

function Without({ run, look, go }) {
  const [error, setError] = useState("");
  const again = async () => {
    try { await tell("reproduce", { run }); await look(); go("runs"); } catch (own) { setError(own.message); }
  };
  return html`<section class="card"><h1>${run}</h1>
    <p>This run did not record what happened in its cluster. <code>windtunnel run --events</code> does; it can be run again from here:</p>
    <button class="main" onClick=${again}>Run it again with its log</button>
    ${error && html`<p class="alarm" role="alert">${error}</p>`}</section>`;
}

// What the address says of a place, as one text.
const FIELDS = ["run", "variant", "t", "resource", "object"];
const textOf = (fields) => JSON.stringify(FIELDS.map((name) => String(fields[name] ?? "")));
const objectOf = (name) => (name ? (name.startsWith("Node/") ? { kind: "node", name: name.slice(5) } : { kind: "object", name }) : null);

export function Cluster({ state, fields, go, put, look }) {
  const withLog = state.results.filter((own) => own.hasEvents);
  const run = fields.run || state.first || (state.live ? "@live" : withLog[0]?.path) || "";
  const entry = state.results.find((own) => own.path === run);
  const [log, error] = useLog(entry && !entry.hasEvents ? "" : run, fields.variant ?? "", entry ? !entry.isComplete : false);
  // A run that was shown while it went on has its own name once it is complete.
  const complete = !entry && run.endsWith(".partial") ? run.slice(0, -".partial".length) : "";
  const isComplete = state.results.some((one) => one.path === complete);
  useEffect(() => { if (isComplete) put("cluster", { ...fields, run: complete }); }, [isComplete]);
  const own = log?.variant;
  const variant = own?.name ?? "";
  const start = Math.floor((own?.startNs ?? 0) / 1000);
  const end = Math.ceil((own?.endNs ?? 0) / 1000);
  const [follow, setFollow] = useState(!fields.t);
  const [micros, setTime] = useState(fields.t ? Number(fields.t) : null);
  const [resource, setResource] = useState(fields.resource ?? "");
  const [chosen, setChosen] = useState(() => objectOf(fields.object));
  const [tab, setTab] = useState("chosen");
  const [phase, setPhase] = useState("");
  const [marked, setMarked] = useState(null);
  const known = useRef(textOf(fields));
  useEffect(() => {
    if (textOf(fields) === known.current) return;
    known.current = textOf(fields);
    setTime(fields.t ? Number(fields.t) : null); setFollow(!fields.t);
    setChosen(objectOf(fields.object));
    if (fields.object) setTab("chosen");
    if (fields.resource) setResource(fields.resource);
  }, [fields]);
  useEffect(() => { if (own && !own.resources.includes(resource)) setResource(own.resources.includes("cpu") ? "cpu" : own.resources[0]); }, [own, resource]);
  const isOpen = micros === null || (follow && (log?.isLive || log?.isReading));
  const now = own ? (isOpen ? end : Math.min(Math.max(micros, start), end)) : null;
  const setMicros = useCallback((value) => { setFollow(false); setTime(value); }, []);
  const heat = useHeat(run, variant, now, resource, own?.events);
  useEffect(() => {
    if (!own || micros === null) return undefined;
    const timer = setTimeout(() => {
      const object = chosen && (chosen.kind === "node" ? `Node/${chosen.name}` : chosen.name);
      const next = { run, variant: fields.variant, t: micros, resource, object };
      if (known.current !== textOf(next)) { known.current = textOf(next); put("cluster", next); }
    }, 400);
    return () => clearTimeout(timer);
  }, [micros, resource, chosen, own]);
  const byName = useMemo(() => new Map((own?.nodes ?? []).map((name, node) => [name, node])), [own?.nodes]);
  const selected = chosen?.kind === "node" ? byName.get(chosen.name) ?? null
    : byName.get(marked) ?? null;
  const choose = useCallback((next) => {
    setChosen(next?.kind === "object" ? objectOf(next.name) : next); setTab("chosen");
  }, []);
  if (!run) return html`<section class="card"><h1>No log yet</h1><p>Run an experiment with its log on the page <a href="#/experiment">Experiment</a>, or with <code>windtunnel run --events</code>.</p></section>`;
  const runs = html`<label>Run <select value=${run} onChange=${(event) => put("cluster", { run: event.target.value })}>
    ${state.live && html`<option value="@live">live cluster</option>`}
    ${state.results.map((one) => html`<option value=${one.path}>${one.path}${one.hasEvents ? "" : " (without log)"}</option>`)}</select></label>`;
  if (entry && !entry.hasEvents) return html`<div class="toolbar">${runs}</div><${Without} run=${run} look=${look} go=${go} />`;
  return html`
    <h1 class="hidden">Cluster of ${run} at ${time((now ?? 0) * 1000)}</h1>
    <div class="toolbar">
      ${runs}
      ${(log?.variants.length ?? 0) > 1 && html`<label>Variant <select value=${variant} onChange=${(event) => put("cluster", { run, variant: event.target.value, t: micros })}>
        ${log.variants.map((name) => html`<option>${name}</option>`)}</select></label>`}
      ${own && html`<label>Resource <select value=${resource} onChange=${(event) => setResource(event.target.value)}>
        ${own.resources.map((name) => html`<option>${name}</option>`)}</select></label>`}
      ${own && html`<span class="quiet">${plural(own.nodes.length, "node")} · ${plural(own.events, "event")}</span>`}
      ${log?.isReading && html`<span class="quiet"><progress max="1" value=${log.share} aria-label="Reading the log"></progress> reading the log</span>`}
      ${log?.isLive && html`<span class="state running">live</span>`}
      ${entry && !entry.isComplete && html`<span class="state running">goes on</span>`}
    </div>
    ${(error || log?.error) && html`<p class="alarm" role="alert">${error || log.error}</p>`}
    ${log?.isCut && html`<p class="alarm">The log is longer than what fits; its end is not shown.</p>`}
    ${log?.badLines > 0 && html`<p class="alarm">${plural(log.badLines, "line")} of the log can't be read.</p>`}
    ${!own && !error && html`<p class="quiet wait">Reading the log…</p>`}
    ${own && now !== null && html`
      <section class="card stage" aria-label="Instant">
        <${Counts} heat=${heat} resource=${resource} onPhase=${(name) => { setPhase(name); setTab("pods"); }} />
        <${CoursePlot} course=${own.course} resource=${resource} time=${now} onTime=${setMicros} />
        <${TimeBar} start=${start} end=${end} micros=${now} setMicros=${setMicros} run=${run} variant=${variant} isLive=${log.isLive} follow=${follow}
          setFollow=${(isOn) => { setFollow(isOn); if (isOn) setTime(null); }} />
      </section>
      <div class="columns">
        <section class="card" aria-label="Nodes">
          <${Heat} nodes=${own.nodes} places=${own.places} heat=${heat} resource=${resource} selected=${selected} label=${`Cluster at ${time(now * 1000)}`}
            onSelect=${(node) => choose({ kind: "node", name: own.nodes[node] })} />
          <${Scale} resource=${resource} hasCapacity=${heat?.hasCapacity} />
        </section>
        <${Panel} run=${run} variant=${variant} micros=${now} version=${own.events} log=${own} isLive=${log.isLive} chosen=${chosen} choose=${choose} tab=${tab} setTab=${setTab}
          phase=${phase} setPhase=${setPhase} setMicros=${setMicros} mark=${setMarked} />
      </div>`}`;
}
