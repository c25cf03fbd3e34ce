// Why a pod is where it is, or waits: the program simulates the run again up to that decision.
import { html, useState, useEffect, useRef } from "/vendor/preact.js";
import { tell } from "/api.js";
import { plural, short, time } from "/format.js";

const MOST_NODES = 8;

// Parts of a pod's score on the nodes that could take it.
export function Scores({ feasible, best, choose }) {
  if (!feasible?.length) return "";
  const rows = [...feasible].sort((one, other) => other.total - one.total);
  const plugins = [...new Set(rows.flatMap((row) => (row.points ?? []).map((own) => own.plugin)))]
    .filter((name) => rows.some((row) => row.points.some((own) => own.plugin === name && own.weighted !== 0)));
  return html`<div class="scroll tall" role="region" aria-label="Scores" tabindex="0"><table>
    <thead><tr><th scope="col">Node</th><th scope="col" class="number">Score</th>${plugins.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
    <tbody>${rows.slice(0, 50).map((row) => html`<tr key=${row.node} class=${best?.includes(row.node) ? "chosen" : ""}>
      <th scope="row"><button class="link" onClick=${() => choose({ kind: "node", name: row.node })}>${row.node}</button></th>
      <td class="number"><b>${row.total}</b></td>
      ${plugins.map((name) => html`<td class="number">${row.points.find((own) => own.plugin === name)?.weighted ?? ""}</td>`)}</tr>`)}</tbody></table></div>
    ${rows.length > 50 && html`<p class="quiet">The best 50 of ${plural(rows.length, "node")}.</p>`}`;
}

export function Explanation({ own, choose, setMicros }) {
  const rejected = own.rejected ?? [];
  return html`<div class="explanation">
    <p class="sentence">${own.run?.node ? html`It went to <b>${own.run.node}</b>: ${own.best?.length > 1
      ? `${plural(own.best.length, "node")} had the best score, and ${own.ties}.` : "no other node had a better score."}`
      : own.message || `It ${own.outcome}.`}</p>
    ${own.run && html`<p class="quiet">Attempt ${own.run.attempt} of ${own.run.attempts}, at ${" "}<button class="link" onClick=${() => setMicros(Math.floor(own.run.timeNs / 1000))}>${time(own.run.timeNs)}</button> · ${plural(own.nodes, "node")} looked at</p>`}
    ${own.enough?.length > 0 && html`<h3>What would be enough</h3><ul>${own.enough.map((text) => html`<li>${text}</li>`)}</ul>`}
    ${rejected.length > 0 && html`<h3>Nodes that can't take it</h3><ul>${rejected.map((one) => html`<li><b>${one.count}</b> ${one.reason} <small class="quiet">${one.plugin}</small>${" "}
      <span class="quiet">${one.nodes.slice(0, MOST_NODES).join(", ")}${one.nodes.length > MOST_NODES ? ", …" : ""}</span></li>`)}</ul>`}
    ${own.feasible?.length > 0 && html`<h3>Nodes that could</h3><${Scores} feasible=${own.feasible} best=${own.best} choose=${choose} />`}
    ${own.preemption?.message && !own.message?.includes(own.preemption.message) && html`<p class="quiet">Preemption: ${own.preemption.message}</p>`}
    ${own.warnings?.map((text) => html`<p class="quiet">${text}</p>`)}
  </div>`;
}

export function Why({ place, pod, events, isLive, choose, setMicros }) {
  const [own, setOwn] = useState(null);
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const aborter = useRef(null);
  useEffect(() => () => aborter.current?.abort(), []);
  const isPending = pod.phase === "pending";
  if (isLive) {
    const told = events.find((event) => event.kind === "unschedulable");
    return isPending && told ? html`<div class="explanation"><p class="sentence">${told.what}</p><p class="quiet">In the words of the control plane, at ${time(told.timeNs)}.</p></div>` : "";
  }
  const find = async () => {
    aborter.current?.abort();
    aborter.current = new AbortController();
    setBusy(true); setError(""); setOwn(null);
    try {
      setOwn(await tell("explain", { run: place.run, variant: place.variant, pod: short(pod.name), t: place.t }, aborter.current.signal));
    } catch (problem) { if (problem.name !== "AbortError") setError(problem.message); }
    setBusy(false);
  };
  return html`<div class="why">
    <button class="main" disabled=${isBusy} onClick=${find}>${isPending ? "Why does it wait?" : pod.node ? "Why here?" : "Why did it go there?"}</button>
    ${isBusy && html` <span class="quiet wait" role="status">Simulating the run up to that decision…</span> <button onClick=${() => aborter.current.abort()}>Cancel</button>`}
    ${error && html`<p class="alarm" role="alert">${error}</p>`}
    <div aria-live="polite">${own && html`<${Explanation} own=${own} choose=${choose} setMicros=${setMicros} />`}</div>
  </div>`;
}
