// The course of a run above the slider: pods that wait and run, and the share of a resource.
import { html, useEffect, useRef, useState } from "/vendor/preact.js";
import { uPlot } from "/vendor/uplot.js";
import { useDark } from "/heat.js";
import { count, time } from "/format.js";

const HEIGHT = 128;

export function CoursePlot({ course, resource, time: now, onTime }) {
  const box = useRef(null);
  const plot = useRef(null);
  const nowRef = useRef(now);
  nowRef.current = now;
  const onTimeRef = useRef(onTime);
  onTimeRef.current = onTime;
  const line = useRef(null);
  if (!line.current) { line.current = document.createElement("div"); line.current.className = "now"; }
  // The instant is a line above the plot, so that moving it draws nothing again.
  const show = (own) => { line.current.style.transform = `translateX(${own.valToPos(nowRef.current / 1e6, "x") - 1}px)`; };
  const [width, setWidth] = useState(0);
  const dark = useDark();
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!width) return undefined;
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const seconds = course.times.map((ns) => ns / 1e9);
    const share = (course.shares[resource] ?? course.times.map(() => null)).map((own) => (own === null ? null : own / 10));
    const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "11px system-ui, sans-serif" };
    const own = new uPlot({
      width, height: HEIGHT, cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } }, legend: { show: false },
      scales: { x: { time: false }, pods: { range: (_, low, high) => [0, Math.max(high * 1.05, 1)] }, share: { range: [0, 100] } },
      axes: [
        { ...axis, size: 24, values: (_, marks) => marks.map((own) => time(own * 1e9)) },
        { ...axis, scale: "pods", size: 66, values: (_, marks) => marks.map((own) => (Number.isInteger(own) ? count(own) : "")) },
        { ...axis, scale: "share", side: 1, size: 54, grid: { show: false }, values: (_, marks) => marks.map((own) => `${own} %`) },
      ],
      series: [
        {},
        { scale: "pods", stroke: color("--series-1"), width: 2 },
        { scale: "pods", stroke: color("--series-2"), width: 2, fill: `${color("--series-2")}22` },
        { scale: "share", stroke: color("--series-3"), width: 1.5, dash: [5, 3] },
      ],
      hooks: { setSize: [(self) => show(self)], ready: [(self) => show(self)] },
    }, [seconds, course.running, course.pending, share], box.current);
    own.over.append(line.current);
    show(own);
    own.over.addEventListener("click", () => {
      const { left } = own.cursor;
      if (left >= 0) onTimeRef.current(Math.round(own.posToVal(left, "x") * 1e6));
    });
    plot.current = own;
    return () => { plot.current = null; own.destroy(); };
  }, [course, resource, width > 0, dark]);
  useEffect(() => { if (width) plot.current?.setSize({ width, height: HEIGHT }); }, [width]);
  useEffect(() => { if (plot.current) show(plot.current); }, [now]);
  return html`
    <div class="course">
      <div class="legend" aria-hidden="true"><span class="s1">running</span><span class="s2">pending</span>${course.shares[resource] && html`<span class="s3">share of ${resource} in use</span>`}</div>
      <div ref=${box} class="plot" role="img" aria-label="Pods that run and wait over time, and the share of the resource in use"></div>
    </div>`;
}
