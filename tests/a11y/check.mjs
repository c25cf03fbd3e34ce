// Accessibility of reports, by axe in a headless Chromium: `node check.mjs REPORT.html...`.
// Light, dark and narrow; with the search used and the details open. Ends with 1 on any finding
// that is serious or critical, and with 1 if the page loads anything or its script fails.
// CHROMIUM names the browser [/usr/bin/chromium]; SHOTS a folder for screenshots and PDFs.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const VIEWS = [
  { name: "light", width: 1280, scheme: "light" },
  { name: "dark", width: 1280, scheme: "dark" },
  { name: "narrow", width: 400, scheme: "light" },
];
let serious = 0;
const complain = (text) => { serious += 1; console.log(text); };

async function use(page, file, view) {
  if (!(await page.$("#closer:not([hidden])"))) return "no script part";
  await page.click("button[data-do=in]");
  await page.focus("button[data-do=in]");
  await page.keyboard.press("ArrowLeft");
  await page.type("#closer-search", "1");
  await new Promise((done) => setTimeout(done, 400));
  const found = await page.$eval("#closer-found", (element) => element.textContent);
  const rows = await page.$$eval("#closer-rows tr", (all) => all.length);
  const bars = await page.$$eval("#closer-plot rect", (all) => all.length);
  if (!/\d+ match/.test(found) || rows === 0 || bars === 0) {
    complain(`${file} ${view.name}: the search or the timeline shows nothing (${found}, ${rows} rows, ${bars} bars)`);
  }
  return found;
}

for (const file of process.argv.slice(2)) {
  const name = basename(dirname(resolve(file)));
  for (const view of VIEWS) {
    const page = await browser.newPage();
    await page.setBypassCSP(false);
    page.on("pageerror", (error) => complain(`${file} ${view.name}: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") complain(`${file} ${view.name}: ${message.text()}`);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith("file:") && !url.startsWith("data:")) complain(`${file} loads ${url}`);
    });
    await page.setViewport({ width: view.width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: view.scheme }]);
    await page.goto(pathToFileURL(resolve(file)).href);
    if (shots) await page.screenshot({ path: `${shots}/${name}-${view.name}.png`, fullPage: true });
    if (shots && view.name === "light") await page.pdf({ path: `${shots}/${name}.pdf`, format: "A4", margin: { top: "14mm", bottom: "14mm", left: "14mm", right: "14mm" } });
    const found = await use(page, file, view);
    await page.$$eval("details", (all) => all.forEach((one) => { one.open = true; }));
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (sideways > 0) complain(`${file} ${view.name}: the page is ${sideways} pixels wider than the window`);
    await page.evaluate(axe);
    const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    for (const finding of result.violations) {
      const text = `${file} ${view.name}: ${finding.impact}: ${finding.id}: ${finding.help} (${finding.nodes.length}; ${finding.nodes[0].target})`;
      if (["serious", "critical"].includes(finding.impact)) complain(text);
      else console.log(text);
    }
    console.log(`${file} ${view.name}: ${result.passes.length} rules pass, ${result.violations.length} findings; ${found}`);
    await page.close();
  }
}
await browser.close();
process.exit(serious === 0 ? 0 : 1);
