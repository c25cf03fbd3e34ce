// Two runs side by side, from the first decision that differs.
import { html, useState, useEffect, useRef } from "/vendor/preact.js";
import { ask, tell } from "/api.js";
import { count, plural, time } from "/format.js";
import { TimeBar, useHeat, useLog } from "/cluster.js";
import { Heat, Scale } from "/heat.js";
import { Metrics } from "/runs.js";

const split = (text) => { const at = (text ?? "").lastIndexOf(":"); return at < 0 ? [text ?? "", ""] : [text.slice(0, at), text.slice(at + 1)]; };
const join = (run, variant) => (variant ? `${run}:${variant}` : run);

function Chooser({ name, value, options, setValue }) {
  const [run, variant] = split(value);
  const [log] = useLog(options.find((own) => own.path === run)?.hasEvents ? run : "", variant, false);
  return html`<span class="chooser"><label>${name} <select value=${run} onChange=${(event) => setValue(event.target.value)}>
      <option value="">choose a run</option>${options.map((own) => html`<option value=${own.path}>${own.path}</option>`)}</select></label>
    ${(log?.variants.length ?? 0) > 1 && html`<label><span class="hidden">Variant of ${name}</span><select value=${variant || log.variants[0]} onChange=${(event) => setValue(join(run, event.target.value))}>
      ${log.variants.map((own) => html`<option>${own}</option>`)}</select></label>`}</span>`;
}

function Decision({ own, side }) {
  const s = own?.situation;
  if (!own) return html`<div class="decision"><h3>${side}</h3><p class="quiet">No further decision.</p></div>`;
  const why = s?.explanation;
  return html`<div class="decision"><h3>${side}</h3>
    <p class="sentence">At ${time(own.timeNs)}: <b>${own.pod}</b> → ${own.node ?? own.outcome}</p>
    ${s && html`<p class="quiet">asks for ${s.asksFor} · ${count(s.placed)} placed, ${count(s.pending)} pending, ${plural(s.nodesUp, "node")} up</p>`}
    ${why?.best && html`<p>${plural(why.feasible, "node")} could take it; best: <b>${why.best.node ?? why.best}</b></p>`}
    ${why?.rejected?.length > 0 && html`<ul>${why.rejected.map(([reason, nodes]) => html`<li><b>${nodes}</b> ${reason}</li>`)}</ul>`}
    ${why?.tieBreak && html`<p class="quiet">Ties: ${why.tieBreak}</p>`}</div>`;
}

function Side({ run, variant, log, micros, resource, chosen, setChosen, name }) {
  const own = log.variant;
  const heat = useHeat(run, own.name, micros, resource, own.events);
  const selected = own.nodes.indexOf(chosen);
  return html`<section class="card" aria-label=${name}>
    <h3>${name}: ${run}${log.variants.length > 1 ? ` · ${own.name}` : ""}</h3>
    <p class="quiet">${heat ? `${count(heat.phases.running)} running, ${count(heat.phases.pending)} pending${heat.capacity ? `, ${((heat.used / heat.capacity) * 100).toFixed(1)} % of ${resource}` : ""}` : "…"}</p>
    <${Heat} nodes=${own.nodes} places=${own.places} heat=${heat} resource=${resource} selected=${selected < 0 ? null : selected} label=${`${name} at ${time(micros * 1000)}`}
      onSelect=${(node) => setChosen(own.nodes[node])} height=${260} />
    ${chosen && html`<p><a href=${`#/cluster?${new URLSearchParams({ run, variant: own.name, t: micros, resource, object: `Node/${chosen}` })}`}>Open ${chosen} of ${name}</a></p>`}
  </section>`;
}

export function Sides({ state, fields, put }) {
  const options = state.results.filter((own) => own.isComplete);
  const [runA, variantA] = split(fields.a);
  const [runB, variantB] = split(fields.b);
  const isWith = (run) => state.results.find((own) => own.path === run)?.hasEvents;
  const [logA] = useLog(isWith(runA) ? runA : "", variantA, false);
  const [logB] = useLog(isWith(runB) ? runB : "", variantB, false);
  const [found, setFound] = useState(null);
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [micros, setMicros] = useState(null);
  const [resource, setResource] = useState("cpu");
  const [chosen, setChosen] = useState(null);
  const aborter = useRef(null);
  useEffect(() => { setFound(null); setError(""); aborter.current?.abort(); }, [fields.a, fields.b]);
  const set = (side) => (value) => put("sides", { ...fields, [side]: value });
  const part = async () => {
    aborter.current = new AbortController();
    setBusy(true); setError("");
    const side = (run, variant, log) => ({ run, variant: variant || ((log?.variants.length ?? 0) > 1 ? log.variants[0] : "") });
    try {
      const own = await tell("diff", { sides: [side(runA, variantA, logA), side(runB, variantB, logB)] }, aborter.current.signal);
      setFound(own);
      const times = (own.parting?.decisions ?? []).filter(Boolean).map((one) => one.timeNs);
      if (times.length) setMicros(Math.floor(Math.min(...times) / 1000));
    } catch (problem) { if (problem.name !== "AbortError") setError(problem.message); }
    setBusy(false);
  };
  const a = logA?.variant; const b = logB?.variant;
  const start = Math.floor(Math.min(a?.startNs ?? 0, b?.startNs ?? 0) / 1000);
  const end = Math.ceil(Math.max(a?.endNs ?? 0, b?.endNs ?? 0) / 1000);
  const now = Math.min(Math.max(micros ?? end, start), end);
  const isChosen = runA && runB && fields.a !== fields.b;
  const resources = [...new Set([...(a?.resources ?? []), ...(b?.resources ?? [])])];
  return html`
    <h1 class="hidden">Two runs side by side</h1>
    <div class="toolbar">
      <${Chooser} name="A" value=${fields.a} options=${options} setValue=${set("a")} />
      <${Chooser} name="B" value=${fields.b} options=${options} setValue=${set("b")} />
      ${resources.length > 0 && html`<label>Resource <select value=${resource} onChange=${(event) => setResource(event.target.value)}>${resources.map((own) => html`<option>${own}</option>`)}</select></label>`}
      <button class="main" disabled=${!isChosen || isBusy} onClick=${part}>Find where they part</button>
      ${isBusy && html`<span class="quiet wait" role="status">Simulating both…</span><button onClick=${() => aborter.current.abort()}>Cancel</button>`}
    </div>
    ${!isChosen && html`<p class="quiet">Choose two runs, or two variants of one.</p>`}
    ${error && html`<p class="alarm" role="alert">${error}</p>`}
    ${found && html`<section class="card" aria-label="First decision that differs">
      ${found.parting ? html`<h2>The first decision that differs, after ${plural(found.parting.equalBefore, "equal one")}</h2>
        <div class="pair"><${Decision} own=${found.parting.decisions[0]} side="A" /><${Decision} own=${found.parting.decisions[1]} side="B" /></div>
        ${found.growth?.length > 0 && html`<p class="quiet">At the end ${plural(found.growth.at(-1).pods, "pod")} on ${plural(found.growth.at(-1).nodes, "node")} differ; ${plural(found.growth.at(-1).podsEver, "pod")} ever did.</p>`}`
        : html`<h2>They take the same decisions</h2>`}</section>`}
    ${isChosen && a && b && html`
      <section class="card stage" aria-label="Instant"><${TimeBar} start=${start} end=${end} micros=${now} setMicros=${setMicros} run=${runA} variant=${a.name} /></section>
      <div class="pair">
        <${Side} name="A" run=${runA} log=${logA} micros=${now} resource=${resource} chosen=${chosen} setChosen=${setChosen} />
        <${Side} name="B" run=${runB} log=${logB} micros=${now} resource=${resource} chosen=${chosen} setChosen=${setChosen} />
      </div>
      <${Scale} resource=${resource} hasCapacity=${true} />`}
    ${isChosen && (!isWith(runA) || !isWith(runB)) && html`<p class="quiet">Clusters are shown side by side where both runs have their logs.</p>`}
    ${isChosen && html`<section class="card" aria-labelledby="metrics-title"><h2 id="metrics-title">Metrics</h2>
      <${Metrics} runs=${[...new Set([runA, runB])]} label="Metrics of both runs" /></section>`}`;
}
