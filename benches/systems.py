"""Runs the comparisons of docs/systems.md and writes their tables.

usage: systems.py [--windtunnel PROGRAM] [--traces DIR] [--seeds N] [--only NAME]... [--keep DIR] [--write]

Every table is printed as Markdown. --write replaces it in docs/systems.md, between its `<!-- table NAME -->`
and the next `<!-- end -->`. Results stay in DIR with --keep, and a table whose results are there is not run
again. Needs nothing but Python; all tables take about an hour on two cores.
"""

import argparse
import csv
import json
import math
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "systems.md"

# Quantiles of Student's t at 97.5 %, by degrees of freedom.
STUDENT = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045,
]

WAITS = [
    ("bounded slowdown, mean", "bounded_slowdown.mean"),
    ("waiting, mean", "pending_time.mean"),
    ("waiting, p99", "pending_time.p99"),
]

SERVICES = [
    ("time with all containers ready", "availability.time"),
    ("wanted containers that were ready", "availability.replicas"),
    ("time below strength, mean", "time_to_recover.mean"),
    ("waiting for a node, mean", "pending_time.mean"),
    ("moves", "churn.moves"),
    ("processors allocated, mean", "allocation.cpu.mean"),
]

BATCH = WAITS + [("processors allocated, mean", "allocation.cpu.mean"), ("makespan", "makespan.total")]

JOBS = WAITS + [
    ("makespan", "makespan.total"),
    ("processors allocated, mean", "allocation.cpu.mean"),
    ("cost", "cost.total"),
]

FILL_UP = [
    ("GPUs allocated, end", "allocation.gpu.end"),
    ("GPUs fragmented, end", "fragmentation.gpu.amount.end"),
    ("pods never placed", "pods.never_placed"),
]

GPU_SYSTEMS = FILL_UP + [
    ("queue length, mean", "queue_length.mean"),
    ("processors allocated, end", "allocation.cpu.end"),
]

GPU_MONTH = WAITS + [
    ("turnaround, mean", "turnaround.mean"),
    ("makespan", "makespan.total"),
    ("GPUs allocated, mean", "allocation.gpu.mean"),
]

# The first seed of `windtunnel compare`.
FIRST_SEED = 42

# A policy that takes too long on a queue of thousands of jobs, so that one log goes without it.
SLOW = ["variants.conservative-hosts={system.scheduler.backfill: conservative-hosts}"]

LOGS = [
    ("lublin", "../traces/lublin-256.swf.gz", 256, 0.6, SLOW),
    ("lublin-dir-lab", "swf/lublin_256.swf.gz", 256, 0.6, SLOW),
    ("hpc2n", "swf/HPC2N-2002-2.2-first3170.swf.gz", 240, 1, SLOW),
    ("lcg", "swf/LCG-2005-1.swf.gz", 2000, 1, []),
]

# Name, kind of command, scenario, further arguments, metrics, headings of candidates that differ from their names.
TABLES = [
    ("services", "compare", "four-managers-large", [], SERVICES,
     {"swarm-moves": "swarm, moving", "mesos": "mesos, Marathon", "patient-30s": "kubernetes, 30 s"}),
    *[
        (name, "run", "batch-policies", [
            f"workload.0.trace.path={path}", f"cluster.nodes.0.count={nodes}",
            f"workload.0.trace.arrivals.scale={scale}", *slow,
        ], BATCH, {})
        for name, path, nodes, scale, slow in LOGS
    ],
    ("jobs", "compare", "lcg-systems", ["workload.0.trace.arrivals={window: {from: 0s, to: 5d}}"], JOBS,
     {"batch": "batch (FCFS)"}),
    ("gpu-systems", "compare", "openb-systems", [], GPU_SYSTEMS,
     {"kubernetes": "kubernetes with an add-on for shares", "kubernetes-whole": "kubernetes without",
      "fgd": "pipeline, FGD", "flow": "flow, Octopus"}),
    ("fill-up", "run", "openb-fill-up", [], FILL_UP,
     {"dot-product": "dot product", "gpu-clustering": "clustering", "gpu-packing": "packing",
      "best-fit": "best fit", "fgd": "FGD"}),
    ("gpu-month", "run", "gavel-trace", [], GPU_MONTH,
     {"fcfs": "FCFS", "easy": "EASY", "tiresias": "Tiresias",
      "tiresias-promote": "Tiresias, promotion", "time-slice": "Gandiva, time slices",
      "max-min": "Gavel, max-min", "finish-time": "Gavel, finish-time fairness"}),
]


def run(program, kind, scenario, overrides, arguments, out, seed=None):
    """Runs an experiment, with a seed of its own if one is given; its folder is there afterwards."""
    command = [program, kind, str(ROOT / "scenarios" / f"{scenario}.yaml"), "--quiet", "--no-progress"]
    command += ["--out", str(out)]
    for field in overrides:
        command += ["--set", field]
    for folder in arguments.traces:
        command += ["--traces", folder]
    if kind == "compare":
        command += ["--seeds", str(arguments.seeds)]
    if seed is not None:
        command += ["--seed", str(seed)]
    print(" ".join(command), file=sys.stderr)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        sys.exit(f"systems.py: exit code {done.returncode}")


def compared(folder):
    """The values of a comparison: candidate, then metric, to unit and values."""
    found = {}
    with open(folder / "values.csv", newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    shaken = {row["candidate"] for row in rows if row["shake"]}
    for row in rows:
        # A candidate without draws of its own has intervals over perturbations of its log.
        if row["candidate"] in shaken and not row["shake"]:
            continue
        metrics = found.setdefault(row["candidate"], defaultdict(lambda: (None, [])))
        unit, values = metrics[row["metric"]]
        metrics[row["metric"]] = (row["unit"], values + [float(row["value"])])
    return found


def measured(folder):
    """The values of one run of each variant, as `compared` has them."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    found = {}
    for variant in summary["variants"]:
        found[variant["name"]] = {
            metric: (value["unit"], [value["value"]])
            for metric, value in variant["metrics"].items()
            if value["value"] is not None
        }
    return found


def scaled(unit, mean):
    """Factor and text of the unit in which a value is written."""
    if unit == "ratio":
        return 100, " %"
    if unit != "s":
        return 1, ""
    for seconds, text in ((172_800, " d"), (7_200, " h"), (120, " min")):
        if abs(mean) >= seconds:
            return {" d": 1 / 86_400, " h": 1 / 3_600, " min": 1 / 60}[text], text
    return 1, " s"


def written(unit, values):
    """A mean with the half-width of its interval, or a single value."""
    mean = math.fsum(values) / len(values)
    factor, text = scaled(unit, mean)
    half = 0.0
    if len(values) > 1:
        variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
        degrees = min(len(values) - 1, len(STUDENT))
        half = STUDENT[degrees - 1] * math.sqrt(variance / len(values)) * factor
    mean *= factor
    if half > 0 and half >= abs(mean) * 1e-6:
        # The half-width has one digit.
        decimals = max(0, -math.floor(math.log10(half)))
        return f"{mean:,.{decimals}f} ± {half:,.{decimals}f}{text}"
    decimals = 0 if abs(mean) >= 100 or mean == int(mean) else 2 if abs(mean) < 10 else 1
    if text == " %" and 99.9 <= mean < 100:
        # The part that is missing is what is of interest.
        decimals = 3
    return f"{mean:,.{decimals}f}{text}"


def cell(metrics, metric):
    """A cell of a table: a run without the metric has a dash."""
    unit, values = metrics.get(metric, (None, []))
    return written(unit, values) if values else "–"


def across(found, metrics, headings):
    """A table with a column for each candidate, as compared systems have it."""
    names = [headings.get(name, name) for name in found]
    yield "|  | " + " | ".join(names) + " |"
    yield "| --- |" + " ---: |" * len(names)
    for title, metric in metrics:
        yield f"| {title} | " + " | ".join(cell(values, metric) for values in found.values()) + " |"


def down(found, metrics, headings):
    """A table with a row for each candidate, as policies have it."""
    yield "| policy | " + " | ".join(title for title, _ in metrics) + " |"
    yield "| --- |" + " ---: |" * len(metrics)
    for name, values in found.items():
        cells = " | ".join(cell(values, metric) for _, metric in metrics)
        yield f"| {headings.get(name, name)} | {cells} |"


def table(entry, arguments, folder):
    """The lines of a table, after its runs."""
    name, kind, scenario, overrides, metrics, headings = entry
    out = folder / name
    if not out.is_dir():
        run(arguments.windtunnel, kind, scenario, overrides, arguments, out)
    if kind == "run":
        return list(down(measured(out), metrics, headings))
    found = compared(out)
    if name == "services":
        # Pods of other tolerations are a workload of its own, so its column comes from runs of its own.
        other = defaultdict(lambda: (None, []))
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
            patient = folder / f"services-30s-{seed}"
            if not patient.is_dir():
                run(arguments.windtunnel, "run", f"{scenario}-30s", [], arguments, patient, seed)
            for metric, (unit, values) in next(iter(measured(patient).values())).items():
                other[metric] = (unit, other[metric][1] + values)
        first, *rest = found
        found = {first: found[first], "patient-30s": other, **{key: found[key] for key in rest}}
    return list(across(found, metrics, headings))


def replaced(page, name, lines):
    """The page with a table replaced."""
    pattern = re.compile(rf"(<!-- table {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(page):
        sys.exit(f"systems.py: {PAGE.name} has no `<!-- table {name} -->`")
    return pattern.sub(lambda found: found[1] + "\n".join(lines) + "\n" + found[2], page)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    names = [entry[0] for entry in TABLES]
    parser.add_argument("--windtunnel", default=str(ROOT / "target" / "release" / "windtunnel"), metavar="PROGRAM")
    parser.add_argument("--traces", action="append", default=[], metavar="DIR")
    parser.add_argument("--seeds", type=int, default=10, metavar="N")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for entry in TABLES:
            if arguments.only and entry[0] not in arguments.only:
                continue
            lines = table(entry, arguments, folder)
            print(f"<!-- table {entry[0]} -->", *lines, "<!-- end -->", "", sep="\n", flush=True)
            if arguments.write:
                page = PAGE.read_text(encoding="utf-8")
                PAGE.write_text(replaced(page, entry[0], lines), encoding="utf-8")


if __name__ == "__main__":
    main()
