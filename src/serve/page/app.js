// The page: which view is shown, by the address, and what the server has.
import { html, render, useState, useEffect, useCallback } from "/vendor/preact.js";
import { ask } from "/api.js";
import { Runs } from "/runs.js";
import { Cluster } from "/cluster.js";
import { Sides } from "/sides.js";
import { Experiment } from "/experiment.js";

// The token is a cookie by now and need not stand in the address.
if (location.search) history.replaceState(null, "", `/${location.hash}`);

const VIEWS = [["runs", "Runs"], ["cluster", "Cluster"], ["sides", "Side by side"], ["experiment", "Experiment"]];

function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { view: VIEWS.some(([id]) => id === path) ? path : "", fields: Object.fromEntries(new URLSearchParams(query)) };
}

export function address(view, fields = {}) {
  const own = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(own).toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

const BUSY = 700;
const IDLE = 4000;

function App() {
  const [at, setAt] = useState(place);
  const [state, setState] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    const moved = () => setAt(place());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  const look = useCallback(async () => {
    try { const found = await ask("state"); setState(found); setError(""); return found; }
    catch (own) { setError(own.status ? own.message : "the server is gone; start `windtunnel serve` again"); return null; }
  }, []);
  useEffect(() => {
    let timer;
    let isOver = false;
    const again = async () => {
      const found = await look();
      const isBusy = found?.jobs.some((job) => job.state === "running");
      if (!isOver) timer = setTimeout(again, document.hidden ? IDLE * 4 : isBusy ? BUSY : IDLE);
    };
    again();
    return () => { isOver = true; clearTimeout(timer); };
  }, [look]);
  const go = useCallback((view, fields) => { location.hash = address(view, fields); }, []);
  const put = useCallback((view, fields) => {
    history.replaceState(null, "", address(view, fields));
    setAt(place());
  }, []);
  let view = at.view;
  if (!view && state) {
    const first = state.results.find((own) => own.hasEvents);
    view = state.live || first ? "cluster" : "runs";
  }
  const shared = { state, fields: at.fields, go, put, look };
  const title = VIEWS.find(([id]) => id === view)?.[1] ?? "windtunnel";
  useEffect(() => { document.title = `${title} · windtunnel`; }, [title]);
  const going = state?.jobs.filter((job) => job.state === "running").length ?? 0;
  return html`
    <header class="top">
      <a class="brand" href="#/runs"><img src="/icon.svg" alt="" width="22" height="22" />windtunnel</a>
      <nav aria-label="Views">
        ${VIEWS.map(([id, name]) => html`
          <a href=${address(id)} aria-current=${id === view ? "page" : null}>${name}${id === "runs" && going
            ? html` <span class="badge" title="runs that go on">${going}</span>` : ""}</a>`)}
      </nav>
      ${state?.allowsExternal && html`<span class="warn" title="serve --allow-external">runs foreign programs</span>`}
    </header>
    ${error && html`<p class="alarm" role="alert">${error}</p>`}
    <main id="main" tabindex="-1">
      ${!state && !error && html`<p class="quiet wait">Looking…</p>`}
      ${state && view === "runs" && html`<${Runs} ...${shared} />`}
      ${state && view === "cluster" && html`<${Cluster} ...${shared} />`}
      ${state && view === "sides" && html`<${Sides} ...${shared} />`}
      ${state && view === "experiment" && html`<${Experiment} ...${shared} />`}
    </main>`;
}

render(html`<${App} />`, document.getElementById("app"));
