"""The program, its answers by the digest of what they are from, and the values of metrics in a run."""

import concurrent.futures
import csv
import hashlib
import json
import math
import os
import random
import re
import subprocess
import tempfile
from pathlib import Path

from draw import SCENARIO


def digest(*parts):
    """Digest of texts and of folders."""
    made = hashlib.sha256()
    for part in parts:
        files = sorted(part.iterdir()) if isinstance(part, Path) and part.is_dir() else []
        for path in files:
            made.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
        if not files:
            made.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
        made.update(b"\0")
    return made.hexdigest()[:32]


class Program:
    """The program, and a cache of what it has answered."""

    def __init__(self, arguments):
        self.path = str(Path(arguments.windtunnel).resolve())
        self.id = digest(Path(self.path))
        self.cache = Path(arguments.edits) / "cache"
        self.cache.mkdir(exist_ok=True)

    def kept(self, key, make):
        """An answer from the cache, or made now; answers are plain values."""
        path = self.cache / f"{key}.json"
        if not path.exists():
            part = path.with_suffix(f".{os.getpid()}-{random.random()}")
            part.write_text(json.dumps(make()))
            part.replace(path)
        return json.loads(path.read_text())

    def call(self, folder, *arguments):
        """Exit code, output, errors and seconds of CPU of a command in a folder."""
        environment = {**os.environ, "CI": "false", "NO_COLOR": "1"}
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            child = subprocess.Popen([self.path, *arguments], cwd=folder, env=environment, stdout=out, stderr=errors)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            texts = [file.seek(0) or file.read() for file in (out, errors)]
        return child.returncode, *texts, usage.ru_utime + usage.ru_stime

    def run(self, folder, seed, objectives):
        """Values of the objectives' metrics, by variant, in one run of a shop."""

        def make():
            with tempfile.TemporaryDirectory() as scratch:
                out = Path(scratch) / "out"
                options = ("--out", str(out), "--tables", "csv", "--format", "json", "--threads", "1", "--no-progress")
                code, _, errors, spent = self.call(folder, "run", SCENARIO, "--seed", str(seed), *options)
                if code:
                    return {"code": code, "error": errors.strip()[:500], "cpu": spent}
                summary = json.loads((out / "summary.json").read_text())
                pods = subprocess.run(["zstd", "-dcq", str(out / "pods.csv.zst")], capture_output=True, text=True, check=True)
                rows = list(csv.DictReader(pods.stdout.splitlines()))
            values = {}
            for variant in summary["variants"]:
                own = [row for row in rows if row["variant"] == variant["name"]]
                values[variant["name"]] = [metric(variant, own, objective) for objective in objectives]
            return {"code": 0, "values": values, "cpu": spent, "digest": [each["digest"] for each in summary["variants"]]}

        return self.kept(digest("run", self.id, folder, seed, json.dumps(objectives)), make)


def metric(variant, rows, objective):
    """The value of an objective's metric in a run; `unread` where the second reader can't tell."""
    name, selector = objective["metric"], objective.get("selector")
    if selector is None:
        return variant["metrics"].get(name, {"value": None})["value"]
    if set(selector) == {"workload"}:
        kind, whole = selector["workload"].split(" ")
        names = [name, name.split(".")[-1], "".join(part.capitalize() for part in re.split(r"[._]", name))]
        names += ["".join(part.capitalize() if at else part for at, part in enumerate(re.split(r"[._]", text))) for text in names[:2]]
        for each in variant["workloads"]:
            if (each["kind"], f"{each['namespace']}/{each['name']}") == (kind, whole):
                # Where pods stand is in no table of workloads; `run` measures it for the objective.
                own = variant["metrics"].get(f"{name}{{workload={selector['workload']}}}", {"value": "unread"})
                return next((each[key] for key in names if key in each), own["value"])
        return None
    if not name.startswith("pending_time.p") or set(selector) - {"minPriority", "maxPriority", "namespace"}:
        return "unread"
    low, high = selector.get("minPriority", -math.inf), selector.get("maxPriority", math.inf)
    rows = [row for row in rows if low <= int(row["priority"]) <= high]
    rows = [row for row in rows if row["namespace"] == selector.get("namespace", row["namespace"])]
    return percentile(*waits(rows, variant["endNs"]), int(name.split(".p")[1]) / 100)


def waits(rows, end):
    """Waits of jobs until all their pods are bound, in seconds, and the ages of those that wait at the end."""
    jobs = {}
    for number, row in enumerate(rows):
        jobs.setdefault(row["job"] if row["job"].startswith("Job/") else number, []).append(row)
    bound, still = [], []
    for pods in jobs.values():
        submitted = min(int(pod["submit_ns"]) for pod in pods)
        if all(pod["bound_ns"] for pod in pods):
            bound.append((max(int(pod["bound_ns"]) for pod in pods) - submitted) / 1e9)
        elif any(not pod["ended_ns"] for pod in pods):
            still.append((end - submitted) / 1e9)
    return sorted(bound), sorted(still)


def percentile(bound, still, share):
    """A percentile: of type 7, or by Kaplan and Meier where some still wait."""
    if not still:
        if not bound:
            return None
        at = share * (len(bound) - 1)
        low = math.floor(at)
        return bound[low] + (at - low) * (bound[min(low + 1, len(bound) - 1)] - bound[low])
    alive = 1.0
    for value in sorted(set(bound)):
        risk = sum(each >= value for each in bound) + sum(each >= value for each in still)
        alive *= 1 - bound.count(value) / risk
        if 1 - alive >= share:
            return value
    return None


def folders(arguments):
    found = [path.parent for path in sorted(Path(arguments.edits).glob("*/edit.json"))]
    return [path for path in found if not arguments.only or path.name in arguments.only]


def each(arguments, work, items):
    """Answers for items, by several threads; each waits for a program of its own."""
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        return list(pool.map(work, items))
