// Bundles the libraries of the page: `npm ci && node build.mjs`.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const BUNDLES = {
  preact: `
    export { h, render } from "preact";
    export { useState, useEffect, useRef, useMemo, useCallback } from "preact/hooks";
    export { html } from "htm/preact";`,
  uplot: `export { default as uPlot } from "uplot";`,
  codemirror: `
    export { EditorState } from "@codemirror/state";
    export { EditorView, keymap, lineNumbers } from "@codemirror/view";
    export { standardKeymap, history, historyKeymap } from "@codemirror/commands";
    export { syntaxHighlighting, HighlightStyle, StreamLanguage } from "@codemirror/language";
    export { autocompletion, completionKeymap, startCompletion } from "@codemirror/autocomplete";
    export { setDiagnostics, lintGutter } from "@codemirror/lint";
    export { yaml } from "@codemirror/legacy-modes/mode/yaml";
    export { tags } from "@lezer/highlight";`,
};

const inputs = new Set();
for (const [name, contents] of Object.entries(BUNDLES)) {
  const made = await build({
    stdin: { contents, resolveDir: "." },
    bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none",
    metafile: true, outfile: `${name}.js`,
  });
  Object.keys(made.metafile.inputs).forEach((path) => inputs.add(path));
}
const packages = new Set();
for (const path of inputs) {
  const found = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/);
  if (found) packages.add(found[1]);
}
const texts = [...packages].sort().map((name) => {
  const own = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  const license = ["LICENSE", "LICENSE.md", "license", "LICENSE.txt"]
    .map((file) => { try { return readFileSync(`node_modules/${name}/${file}`, "utf8"); } catch { return null; } })
    .find(Boolean);
  return `${name} ${own.version} (${own.license})\n\n${license ?? ""}`;
});
const same = new Map();
for (const text of texts) {
  const [head, ...rest] = text.split("\n\n");
  const body = rest.join("\n\n").trim();
  same.set(body, [...(same.get(body) ?? []), head]);
}
const blocks = [...same].map(([body, heads]) => `${heads.join("\n")}\n\n${body}\n`);
writeFileSync("licenses.txt", blocks.join(`\n${"-".repeat(78)}\n\n`));
