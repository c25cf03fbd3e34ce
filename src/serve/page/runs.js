// Runs that go on, and results.
import { html, useState, useEffect } from "/vendor/preact.js";
import { ask, tell } from "/api.js";
import { count, metric, time, when } from "/format.js";

const STATES = { running: "runs", done: "done", failed: "failed", stopped: "stopped" };

export function Jobs({ jobs, go, look }) {
  const [error, setError] = useState("");
  if (!jobs.length) return "";
  const stop = async (id) => {
    try { await tell("stop", { id }); setError(""); } catch (own) { setError(own.message); }
    look();
  };
  return html`
    <section aria-labelledby="jobs-title" class="card">
      <h2 id="jobs-title">Runs of this page</h2>
      ${error && html`<p class="alarm" role="alert">${error}</p>`}
      <ul class="jobs">
        ${jobs.map((job) => html`
          <li key=${job.id} class=${`job ${job.state}`}>
            <div class="job-head">
              <strong>${job.result}</strong>
              <span class="quiet">${job.experiment}</span>
              <span class=${`state ${job.state}`}>${STATES[job.state]}</span>
              ${job.state === "running" && html`
                <progress max="1" value=${job.progress} aria-label=${`Progress of ${job.result}`}></progress>
                <span class="number">${Math.floor(job.progress * 100)} %</span>
                <span class="quiet number">${time(job.simulatedNs)} simulated · ${count(job.events)} events</span>
                <button onClick=${() => stop(job.id)}>Stop<span class="hidden"> ${job.result}</span></button>`}
              ${job.state === "done" && html`
                <button class="main" onClick=${() => go("cluster", { run: job.result })}>Open<span class="hidden"> ${job.result}</span></button>`}
            </div>
            ${job.state === "failed" && html`<pre class="words" tabindex="0" aria-label=${`What ${job.result} said`}>${job.lines.join("\n")}</pre>`}
          </li>`)}
      </ul>
    </section>`;
}

// Metrics of results, the headline ones or all.
export function Metrics({ runs, label }) {
  const [found, setFound] = useState(null);
  const [error, setError] = useState("");
  const [isAll, setAll] = useState(false);
  const [q, setQ] = useState("");
  const key = runs.join("\n");
  useEffect(() => {
    const aborter = new AbortController();
    setError("");
    ask("metrics", { runs: key, all: isAll || undefined }, aborter.signal)
      .then(setFound, (own) => own.name !== "AbortError" && setError(own.message));
    return () => aborter.abort();
  }, [key, isAll]);
  if (error) return html`<p class="alarm" role="alert">${error}</p>`;
  if (!found) return html`<p class="quiet wait">Reading metrics…</p>`;
  const columns = found.metrics[0]?.values.map((own) => own.variant) ?? [];
  const wanted = q.toLowerCase();
  const rows = found.metrics.filter((own) => `${own.label} ${own.metric}`.toLowerCase().includes(wanted));
  return html`
    <div class="tools">
      <label class="check"><input type="checkbox" checked=${isAll} onChange=${(event) => setAll(event.target.checked)} /> all metrics</label>
      <label><span class="hidden">Search metrics</span>
        <input type="search" placeholder="Search metrics" value=${q} onInput=${(event) => setQ(event.target.value)} /></label>
      <span class="quiet">${rows.length} of ${found.metrics.length}</span>
    </div>
    <div class="scroll" role="region" aria-label=${label} tabindex="0">
      <table>
        <thead><tr><th scope="col">Metric</th>${columns.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
        <tbody>${rows.map((own) => html`
          <tr key=${own.metric} title=${own.metric}>
            <th scope="row">${own.label} <small class="quiet">${own.better === "lower" ? "less is better" : own.better === "higher" ? "more is better" : ""}</small></th>
            ${own.values.map((value) => html`<td class=${`number${value.best ? " good" : ""}`}>${metric(value.value, own.unit)}${value.best
              ? html`<span aria-hidden="true"> ◀</span><span class="hidden">, best</span>` : ""}</td>`)}
          </tr>`)}
        </tbody>
      </table>
    </div>`;
}

export function Runs({ state, go, look, fields, put }) {
  const [error, setError] = useState("");
  const [q, setQ] = useState("");
  const [marked, setMarked] = useState([]);
  const open = fields.run;
  const reproduce = async (run) => {
    try { await tell("reproduce", { run }); setError(""); } catch (own) { setError(own.message); }
    look();
  };
  const rows = state.results.filter((own) => own.path.toLowerCase().includes(q.toLowerCase()));
  const mark = (path, isOn) => setMarked((own) => (isOn ? [...own, path].slice(-2) : own.filter((other) => other !== path)));
  return html`
    <h1 class="hidden">Runs</h1>
    <${Jobs} jobs=${state.jobs} go=${go} look=${look} />
    <section aria-labelledby="results-title" class="card">
      <h2 id="results-title">Results</h2>
      <div class="tools">
        <label><span class="hidden">Search results</span>
          <input type="search" placeholder="Search results" value=${q} onInput=${(event) => setQ(event.target.value)} /></label>
        <button disabled=${marked.length !== 2} onClick=${() => go("sides", { a: marked[0], b: marked[1] })}>Compare the two that are marked</button>
        <button onClick=${() => go("experiment")}>New run</button>
      </div>
      ${error && html`<p class="alarm" role="alert">${error}</p>`}
      ${state.live && html`<p><a href="#/cluster?run=%40live">The live cluster</a> <span class="quiet">as its control server tells it</span></p>`}
      ${!rows.length && html`<p class="quiet">${state.results.length ? "No result of that name." : html`No results yet: run an experiment on the page “Experiment”, or with <code>windtunnel run --events</code>.`}</p>`}
      ${rows.length > 0 && html`
        <div class="scroll" role="region" aria-label="List of results" tabindex="0"><table class="results">
          <thead><tr><th scope="col"><span class="hidden">Marked</span></th><th scope="col">Result</th><th scope="col">Changed</th><th scope="col">State</th><th scope="col">Actions</th></tr></thead>
          <tbody>${rows.map((own) => html`
            <tr key=${own.path} class=${own.path === open ? "chosen" : ""}>
              <td><input type="checkbox" aria-label=${`Mark ${own.path}`} checked=${marked.includes(own.path)} disabled=${!own.isComplete}
                onChange=${(event) => mark(own.path, event.target.checked)} /></td>
              <th scope="row">${own.path}</th>
              <td class="quiet">${when(own.changed)}</td>
              <td>${own.isComplete ? (own.hasEvents ? "with its log" : "without its log") : "unfinished"}</td>
              <td class="actions">
                ${own.hasEvents
                  ? html`<button class="main" onClick=${() => go("cluster", { run: own.path })}>Cluster<span class="hidden"> of ${own.path}</span></button>`
                  : own.isComplete && html`<button title="Runs it again with --events" onClick=${() => reproduce(own.path)}>Run with log<span class="hidden">: ${own.path}</span></button>`}
                ${own.isComplete && html`<button aria-expanded=${own.path === open} onClick=${() => put("runs", { run: own.path === open ? "" : own.path })}>Metrics<span class="hidden"> of ${own.path}</span></button>`}
                ${own.isComplete && html`<button onClick=${() => go("experiment", { run: own.path })}>Edit<span class="hidden"> a copy of ${own.path}</span></button>`}
                ${own.hasReport && own.isComplete && html`<a class="button" href=${`/api/report?run=${encodeURIComponent(own.path)}`} target="_blank" rel="noopener">Report<span class="hidden"> of ${own.path}</span></a>`}
              </td>
            </tr>
            ${own.path === open && html`<tr class="inset"><td colspan="5"><${Metrics} runs=${[own.path]} label=${`Metrics of ${own.path}`} /></td></tr>`}`)}
          </tbody>
        </table></div>`}
    </section>`;
}
