// The page of `windtunnel serve` in a headless Chromium: `node serve.mjs ADDRESS MANUAL`. Takes the walk of the manual,
// uses every view by mouse and keyboard, and has axe look at each in light, dark and narrow. Ends with 1 on any
// finding, on an error of the page, and if the page loads anything from elsewhere.
// CHROMIUM names the browser [/usr/bin/chromium]; SHOTS a folder for screenshots.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const [address, manual] = process.argv.slice(2);
const base = address.split("?")[0];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;
const PATIENCE = 30000;
const VIEWS = [
  { name: "light", width: 1400, scheme: "light" },
  { name: "dark", width: 1400, scheme: "dark" },
  { name: "narrow", width: 390, scheme: "light" },
];
let wrong = 0;
const complain = (text) => { wrong += 1; console.log(`WRONG ${text}`); };
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function newPage(view = VIEWS[0]) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => complain(`${view.name}: ${error.message}`));
  page.on("console", (message) => { if (message.type() === "error") complain(`${view.name}: ${message.text()}`); });
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) complain(`loads ${request.url()}`);
  });
  await page.setViewport({ width: view.width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: view.scheme }]);
  return page;
}

const text = (page) => page.evaluate(() => document.querySelector("#app").innerText);
const plain = (own) => own.replace(/\s+/g, " ").toLowerCase();

async function see(page, wanted) {
  try {
    await page.waitForFunction((own) => document.querySelector("#app").innerText.replace(/\s+/g, " ").toLowerCase().includes(own),
      { timeout: PATIENCE }, plain(wanted));
  } catch {
    throw new Error(`does not show “${wanted}” but: ${plain(await text(page)).slice(0, 1500)}`);
  }
}

// What is drawn again in the meantime is looked for again.
async function patiently(work) {
  for (let more = 5; ; more -= 1) {
    try { return await work(); } catch (error) { if (!more || !/detached|not clickable/.test(error.message)) throw error; }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// Something to press, by what a reader of the screen hears, or by its title.
async function press(page, name) {
  await patiently(async () => (await page.waitForFunction((own) => {
    const words = (element) => (element.innerText || element.getAttribute("aria-label") || "").replace(/\s+/g, " ").trim();
    const all = [...document.querySelectorAll("button, a, [role=tab], input[type=checkbox]")];
    const shown = all.filter((element) => element.getClientRects().length && !element.disabled);
    return shown.find((element) => words(element) === own || element.title === own || element.getAttribute("aria-label") === own) ?? null;
  }, {}, name)).asElement().click());
}

async function choose(page, value, name) {
  const chosen = await page.waitForFunction((wanted, own) => {
    const words = (label) => [...(label?.childNodes ?? [])].filter((node) => node.nodeName !== "SELECT").map((node) => node.textContent).join("").trim();
    const select = [...document.querySelectorAll("select")].find((element) => words(element.closest("label")) === own);
    return select && [...select.options].some((option) => option.value === wanted) ? select : null;
  }, {}, value, name);
  await chosen.asElement().select(value);
}

async function walk() {
  const rows = readFileSync(manual, "utf8").split("| you do | you see |")[1].split("\n\n")[0].split("\n").slice(2);
  const page = await newPage();
  let steps = 0;
  for (const row of rows) {
    const [, act, shown] = row.split(/(?<!\\)\|/);
    const quoted = [...act.matchAll(/`([^`]+)`/g)].map((own) => own[1]);
    const verb = act.trim().split(" ")[0];
    try {
      if (verb === "open") await page.goto(address);
      else if (verb === "press") await press(page, quoted[0]);
      else if (verb === "choose") await choose(page, quoted[0], quoted[1]);
      else throw new Error("no such step");
      for (const own of shown.matchAll(/`([^`]+)`/g)) await see(page, own[1]);
    } catch (error) { complain(`walk: ${act.trim()}: ${error.message}`); break; }
    steps += 1;
  }
  console.log(`walk of the manual: ${steps} of ${rows.length} steps`);
  if ((await page.evaluate(() => location.search)) !== "") complain("the token stays in the address");
  const cookies = await page.evaluate(() => document.cookie);
  if (cookies !== "") complain("a script reads the cookie");
  await page.close();
}

async function test(name, work, view) {
  const begun = Date.now();
  const page = await newPage(view);
  try { await work(page); console.log(`ok ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`); } catch (error) { complain(`${name}: ${error.message}`); }
  await page.close();
}

const value = (page, selector) => page.$eval(selector, (element) => element.value);
const clock = (page) => page.$eval(".clock", (element) => element.textContent);
const go = (page, hash) => page.goto(`${base}${hash}`);

await walk();

await test("the slider moves by mouse, keys and steps", async (page) => {
  await go(page, "#/cluster?run=kubernetes&variant=grace&t=0");
  await see(page, "4 nodes");
  await page.focus("#slider");
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector(".clock").textContent === "10m");
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.querySelector(".clock").textContent === "0s");
  await press(page, "Next event");
  await page.waitForFunction(() => document.querySelector(".clock").textContent === "10s");
  await press(page, "Event before");
  await page.waitForFunction(() => document.querySelector(".clock").textContent === "0s");
  const box = await (await page.$(".u-over")).boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForFunction(() => /^(4m 5|5m)/.test(document.querySelector(".clock").textContent));
  const before = await clock(page);
  await press(page, "Play the run");
  await page.waitForFunction((own) => document.querySelector(".clock").textContent !== own, {}, before);
});

await test("arrow keys choose nodes in the map", async (page) => {
  await go(page, "#/cluster?run=kubernetes&variant=grace&t=100000000");
  await see(page, "4 nodes");
  await page.waitForSelector(".heat canvas");
  await page.focus(".heat canvas");
  for (const [key, node] of [["Home", "a1"], ["ArrowRight", "a2"], ["ArrowRight", "b1"], ["End", "b2"], ["ArrowLeft", "b1"]]) {
    await page.keyboard.press(key);
    await page.waitForFunction((own) => document.querySelector("#panel h2")?.textContent.startsWith(own), {}, node);
  }
  const told = await page.$eval(".heat [aria-live]", (element) => element.textContent);
  if (!told.startsWith("b1: 75.0 % of cpu")) throw new Error(told);
  await page.click(".heat canvas", { offset: { x: 5, y: 30 } });
  await page.waitForFunction(() => document.querySelector("#panel h2")?.textContent.startsWith("a1"));
  await choose(page, "memory", "Resource");
  await page.waitForFunction(() => document.querySelector(".heat [aria-live]").textContent.includes("of memory"));
});

await test("tabs, objects and their controllers, events with search", async (page) => {
  await go(page, "#/cluster?run=rolling-update&variant=default&t=600000000");
  await see(page, "6 nodes");
  await page.focus("#tab-chosen");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await see(page, "Deployment/default/shop");
  await press(page, "Deployment/default/shop");
  await see(page, "Owns");
  await page.waitForFunction(() => document.querySelector("#panel h2")?.textContent.includes("default/shop"));
  await press(page, "Events");
  await page.type("#panel input[type=search]", "surely nothing");
  await see(page, "0 events up to this instant");
  await patiently(() => page.click("#panel input[type=search]", { count: 3 }));
  await page.keyboard.type("node-0");
  await choose(page, "bound", "Kind");
  await see(page, "to node-0");
  await press(page, "Pods");
  await page.type("#panel input[type=search]", "shop-");
  await choose(page, "running", "Phase");
  await page.waitForFunction(() => document.querySelectorAll("#panel tbody tr").length >= 20);
  await patiently(() => page.click("#panel tbody th button"));
  await see(page, "Made by");
  const hash = await page.waitForFunction(() => (location.hash.includes("object=Pod") ? location.hash : null));
  await page.goto(`${base}${await hash.jsonValue()}`);
  await see(page, "Made by");
});

await test("fields and values are completed at their places", async (page) => {
  await go(page, "#/experiment");
  const found = await page.evaluate(async () => {
    const { Schema, pathAt } = await import("/schema.js");
    const schema = new Schema(await (await fetch("/api/schema")).json());
    const fields = (text) => {
      const lines = text.split("\n");
      const [own] = lines.at(-1).match(/^\s*(?:- +)*/);
      const path = pathAt(lines, lines.length - 1, own.length);
      return `${path.join(".")}: ${schema.fields(path).map((field) => field.name).join(" ")} `;
    };
    return [
      fields("windtunnel: v1\ncluster:\n  nodes:\n    - count: 3\n      "),
      fields("cluster:\n  nodes:\n  - count: 3\n    template:\n      "),
      fields("workload:\n  - trace: {format: swf}\n  - "),
      fields("workload:\n  - trace:\n      "),
      fields("system:\n  scheduler:\n    tieBreak: first\n  "),
      fields("system:\n  name: kubernetes\n"),
      schema.values(["system", "name"]).map((value) => value.name).join(" "),
      schema.values(["stop", "when"]).map((value) => value.name).join(" "),
    ];
  });
  const wanted = [/^cluster\.nodes: .*\btemplate /, /^cluster\.nodes\.template: .*\ballocatable /, /^workload: .*\bgenerate /, /^workload\.trace: .*\bformat /,
    /^system: .*\bcontrollers /, /^: .*\bworkload /, /kubernetes .*swarm/, /drained/];
  wanted.forEach((own, at) => { if (!own.test(found[at])) throw new Error(`${own}: ${found[at]}`); });
});

await test("an experiment is completed, found wrong, repaired, run and compared", async (page) => {
  await go(page, "#/experiment?path=scenarios%2Fkubernetes.yaml");
  await see(page, "Nothing is wrong");
  await page.waitForSelector(".cm-content");
  await page.focus(".cm-content");
  await page.keyboard.down("Control"); await page.keyboard.press("End"); await page.keyboard.up("Control");
  await page.keyboard.type("obj");
  await page.waitForSelector(".cm-tooltip-autocomplete");
  await page.waitForFunction(() => document.querySelector(".cm-tooltip-autocomplete").textContent.includes("objectives"));
  await page.keyboard.press("Escape");
  for (let at = 0; at < 3; at += 1) await page.keyboard.press("Backspace");
  await page.keyboard.type("sead: 7");
  await see(page, "has no field `sead`");
  await press(page, "line 24");
  for (let at = 0; at < 4; at += 1) await page.keyboard.press("Delete");
  await page.evaluate(() => document.querySelector(".cm-content").focus());
  await page.keyboard.down("Control"); await page.keyboard.press("a"); await page.keyboard.up("Control");
  await page.keyboard.type("windtunnel: v1\nname: typed\ncluster: {nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 8Gi, pods: 9}}}]}\nworkload: [{generate: {model: lublin99, jobs: 5, processors: 8}}]\nsystm: {name: kubernetes}\nstop: {at: 1h}\n");
  await see(page, "did you mean `system`?");
  await press(page, "Write system");
  await see(page, "Nothing is wrong");
  await page.$eval("input[type=text]", (element) => { element.value = "typed.yaml"; element.dispatchEvent(new Event("input", { bubbles: true })); });
  await press(page, "Run");
  await see(page, "done");
  await see(page, "Open typed");
  await choose(page, "kubernetes", "Compare typed with");
  await page.waitForFunction(() => location.hash.startsWith("#/sides"));
  await see(page, "Metrics");
  await go(page, "#/runs");
  await press(page, "Mark typed");
  await press(page, "Mark kubernetes");
  await press(page, "Compare the two that are marked");
  await page.waitForFunction(() => location.hash.startsWith("#/sides"));
});

await test("a result without its log is run again", async (page) => {
  await go(page, "#/cluster?run=without-log");
  await see(page, "did not record");
  await press(page, "Run it again with its log");
  await see(page, "Open without-log-events");
  await press(page, "Open without-log-events");
  await see(page, "4 nodes");
  await go(page, "#/runs");
  await press(page, "Metrics of rolling-update");
  await see(page, "less is better");
});

await test("a page without the token is refused", async (page) => {
  const own = await browser.createBrowserContext();
  const stranger = await own.newPage();
  const answer = await stranger.goto(base);
  if (answer.status() !== 403) throw new Error(`it answers ${answer.status()}`);
  await own.close();
  await go(page, "#/runs");
  await see(page, "Results");
});

// A pause until the page asks for nothing more and its canvas is drawn.
const calm = async (page) => {
  await page.waitForNetworkIdle({ idleTime: 300, concurrency: 0 }).catch(() => {});
};
const PAGES = [
  ["runs", "#/runs?run=kubernetes", "pods never placed"],
  ["cluster", "#/cluster?run=kubernetes&variant=grace&t=200000000&object=Node%2Fa2", "Events of the node"],
  ["pod", "#/cluster?run=kubernetes&variant=grace&t=200000000&object=Pod%2Fshop%2Fbatch-2", "Why does it wait?", "Why does it wait?"],
  ["objects", "#/cluster?run=rolling-update&variant=default&t=600000000&object=Deployment%2Fdefault%2Fshop", "Owns"],
  ["events", "#/cluster?run=kubernetes&variant=grace&t=200000000", "4 nodes", "Events"],
  ["sides", "#/sides?a=kubernetes%3Agrace&b=kubernetes%3Ano-preemption", "queue length, mean", "Find where they part"],
  ["experiment", "#/experiment?path=scenarios%2Fkubernetes.yaml", "Nothing is wrong"],
];
for (const view of VIEWS) {
  for (const [name, hash, shown, pressed] of PAGES) {
    await test(`${name}, ${view.name}: axe`, async (page) => {
      await go(page, hash);
      await see(page, shown);
      if (pressed) { await press(page, pressed); await see(page, name === "sides" ? "The first decision" : name === "pod" ? "Attempt" : "created"); }
      await calm(page);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (sideways > 0) throw new Error(`the page is ${sideways} pixels wider than the window`);
      if (shots) await page.screenshot({ path: `${shots}/${name}-${view.name}.png`, fullPage: true });
      await page.evaluate(axe);
      const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      for (const own of result.violations) complain(`${name}, ${view.name}: ${own.impact}: ${own.id}: ${own.help} (${own.nodes.length}; ${own.nodes[0].target}: ${own.nodes[0].failureSummary})`);
    }, view);
  }
}
await browser.close();
console.log(wrong === 0 ? "the page holds" : `${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
