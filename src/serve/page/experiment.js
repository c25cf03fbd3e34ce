// An experiment: its text with completion and findings, its run, and the comparison with another result.
import { html, useState, useEffect, useRef } from "/vendor/preact.js";
import { ask, tell } from "/api.js";
import { plural } from "/format.js";
import { Schema } from "/schema.js";
import { Jobs } from "/runs.js";

const PAUSE = 500;
const BEGIN = `windtunnel: v1
name: mine
description: What do I want to know?
cluster:
  nodes:
    - {count: 3, template: {allocatable: {cpu: 4, memory: 16Gi, pods: 110}}}
workload:
  - generate: {model: lublin99, jobs: 100, processors: 12}
system:
  name: kubernetes
stop: {when: drained}
`;

let schema = null;
const schemaOf = () => { schema ??= ask("schema").then((own) => new Schema(own), (error) => { schema = null; throw error; }); return schema; };

async function makeEditor(parent, text, onChange) {
  const c = await import("/vendor/codemirror.js");
  const look = c.EditorView.theme({
    "&": { fontSize: "13px", height: "100%" },
    ".cm-content": { caretColor: "var(--ink)", fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" },
    ".cm-gutters": { background: "var(--panel)", color: "var(--quiet)", border: "none" },
    ".cm-tooltip": { background: "var(--paper)", color: "var(--ink)", border: "1px solid var(--line)" },
    ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--good)", color: "var(--paper)" },
    ".cm-completionInfo": { maxWidth: "24rem", whiteSpace: "pre-wrap" },
    ".cm-cursor": { borderLeftColor: "var(--ink)" },
  });
  const colors = c.HighlightStyle.define([
    { tag: c.tags.comment, color: "var(--quiet)", fontStyle: "italic" },
    { tag: [c.tags.atom, c.tags.propertyName, c.tags.definition(c.tags.propertyName)], color: "var(--good)" },
    { tag: c.tags.number, color: "var(--series-3)" },
    { tag: [c.tags.string, c.tags.keyword], color: "var(--series-2)" },
    { tag: c.tags.meta, color: "var(--quiet)" },
  ]);
  const complete = async (context) => { try { return (await schemaOf()).complete(context); } catch { return null; } };
  const view = new c.EditorView({
    parent,
    state: c.EditorState.create({
      doc: text,
      extensions: [
        c.lineNumbers(), c.history(), c.StreamLanguage.define(c.yaml), c.syntaxHighlighting(colors), c.lintGutter(),
        c.autocompletion({ override: [complete], icons: false }),
        c.keymap.of([...c.completionKeymap, ...c.historyKeymap, ...c.standardKeymap]),
        c.EditorState.tabSize.of(2), c.EditorView.lineWrapping, look,
        c.EditorView.contentAttributes.of({ "aria-label": "Text of the experiment" }),
        c.EditorView.updateListener.of((update) => { if (update.docChanged) onChange(update.state.doc.toString()); }),
      ],
    }),
  });
  // It scrolls where lines don't fit, also by keys.
  view.scrollDOM.tabIndex = 0;
  return { view, c };
}

// Place of a finding in the text; columns count characters.
function span(doc, own) {
  const line = doc.line(Math.min(Math.max(own.line ?? 1, 1), doc.lines));
  const last = doc.line(Math.min(Math.max(own.endLine ?? own.line ?? 1, 1), doc.lines));
  const from = Math.min(line.from + (own.column ?? 1) - 1, line.to);
  return { from, to: Math.max(from, Math.min(last.from + (own.endColumn ?? 1) - 1, last.to)) };
}

export function Experiment({ state, fields, put, go, look }) {
  const path = fields.path ?? (fields.run ? "" : state.experiment ?? "");
  const [source, setSource] = useState(null);
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const [checked, setChecked] = useState(null);
  const [error, setError] = useState("");
  const [note, setNote] = useState("");
  const [seed, setSeed] = useState("");
  const [started, setStarted] = useState(null);
  const [loaded, setLoaded] = useState(null);
  const box = useRef(null);
  const editor = useRef(null);
  useEffect(() => {
    let isOver = false;
    setError(""); setNote(""); setStarted(null);
    const read = path ? ask("experiment", { name: path }) : fields.run ? ask("experiment", { run: fields.run }) : Promise.resolve({ text: BEGIN });
    read.then((own) => {
      if (isOver) return;
      setSource(path ? own.text : null); setText(own.text); setLoaded(own);
      setName(path || (fields.run ? `${fields.run.replace(/[^\w.-]/g, "-")}-copy.yaml` : "mine.yaml"));
    }, (own) => !isOver && setError(own.message));
    return () => { isOver = true; };
  }, [path, fields.run]);
  useEffect(() => {
    if (!loaded) return undefined;
    let isOver = false;
    makeEditor(box.current, loaded.text, setText).then((own) => {
      if (isOver) own.view.destroy(); else editor.current = own;
    }, (own) => setError(own.message));
    return () => { isOver = true; editor.current?.view.destroy(); editor.current = null; };
  }, [loaded]);
  useEffect(() => {
    if (!text) return undefined;
    const aborter = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const found = await tell("check", { path, text }, aborter.signal);
        setChecked(found);
        const own = editor.current;
        if (!own) return;
        const { doc } = own.view.state;
        own.view.dispatch(own.c.setDiagnostics(own.view.state, found.findings.map((one) => ({
          ...span(doc, one), severity: "error", message: [one.message, one.label, one.help].filter(Boolean).join("\n"),
        }))));
      } catch (problem) { if (problem.name !== "AbortError") setChecked({ findings: [], failed: true, words: problem.message }); }
    }, PAUSE);
    return () => { clearTimeout(timer); aborter.abort(); };
  }, [text, path]);
  const save = async () => {
    setError("");
    try {
      const isSame = name === path;
      await tell("experiment", { path: name, text, known: isSame ? source : null });
      setSource(text); setNote(`Saved ${name}.`);
      if (!isSame) put("experiment", { path: name });
      await look();
      return true;
    } catch (own) { setError(own.message); return false; }
  };
  const run = async () => {
    if ((text !== source || name !== path) && !(await save())) return;
    try {
      const sets = seed.trim() ? [`seed=${seed.trim()}`] : [];
      setStarted((await tell("run", { path: name, sets })).result); setNote(""); look();
    } catch (own) { setError(own.message); }
  };
  const show = (one) => {
    const own = editor.current?.view;
    if (!own) return;
    const { from, to } = span(own.state.doc, one);
    own.dispatch({ selection: { anchor: from, head: to }, scrollIntoView: true });
    own.focus();
  };
  const repair = (one) => {
    const own = editor.current?.view;
    own?.dispatch({ changes: { ...span(own.state.doc, one.replacement), insert: one.replacement.text } });
  };
  const findings = checked?.findings ?? [];
  const job = state.jobs.find((own) => own.result === started);
  const others = state.results.filter((own) => own.isComplete && own.path !== started);
  return html`
    <h1 class="hidden">Experiment</h1>
    <div class="toolbar">
      <label>Experiment <select value=${path} onChange=${(event) => put("experiment", { path: event.target.value })}>
        <option value="">${fields.run ? `as run in ${fields.run}` : "a new one"}</option>
        ${state.experiments.map((own) => html`<option value=${own.path}>${own.path}</option>`)}</select></label>
      <label>File <input type="text" value=${name} spellcheck="false" onInput=${(event) => setName(event.target.value)} /></label>
      <button disabled=${!text || (text === source && name === path)} onClick=${save}>Save</button>
      <label>Seed <input type="text" class="narrow" inputmode="numeric" placeholder="as written" value=${seed} onInput=${(event) => setSeed(event.target.value)} /></label>
      <button class="main" disabled=${!text || findings.length > 0} onClick=${run}>Run</button>
      <span class="quiet" role="status">${note}</span>
    </div>
    ${error && html`<p class="alarm" role="alert">${error}</p>`}
    ${started && html`<${Jobs} jobs=${state.jobs.filter((own) => own.result === started)} go=${go} look=${look} />`}
    ${job?.state === "done" && others.length > 0 && html`<p class="toolbar"><label>Compare ${started} with <select value="" onChange=${(event) => go("sides", { a: event.target.value, b: started })}>
      <option value="">choose a result</option>${others.map((own) => html`<option>${own.path}</option>`)}</select></label></p>`}
    <div class="columns editor-columns">
      <section class="card editor" aria-label="Text"><div ref=${box}></div></section>
      <section class="card" aria-labelledby="findings-title">
        <h2 id="findings-title"><span role="status">${!checked ? "Checking…" : findings.length ? plural(findings.length, "finding") : checked.failed ? "It can't run" : "Nothing is wrong"}</span></h2>
        ${checked?.words && html`<pre class="words">${checked.words}</pre>`}
        <ul class="findings">${findings.map((one) => html`<li>
          <button class="link" onClick=${() => show(one)}>line ${one.line}</button> ${one.message}
          ${one.label && html`<br /><span class="quiet">${one.label}</span>`}
          ${one.help && html`<br />${one.help}`}
          ${one.replacement && html` <button onClick=${() => repair(one)}>Write <code>${one.replacement.text}</code></button>`}</li>`)}</ul>
        <p class="quiet">Ctrl-Space completes fields and values. Files that the experiment names lie below the folder of <code>serve --root</code> or in folders of traces.
          ${!state.allowsExternal && html` Programs, libraries and sockets of experiments run only with <code>serve --allow-external</code>.`}</p>
      </section>
    </div>`;
}
