"""Measures decisions a second of foreign policies beside windtunnel's own, on the openb fill-up.

usage: external.py [--windtunnel PROGRAM] [--traces DIR] [--runs N]

Each row is the fastest of N whole commands, from the program's start to its end; `run` records every answer, `sweep`
none. Needs Python, `cc` and the traces of openb. The library is what `windtunnel new policy --lang c --library` prints, and
decides as `best-fit` does; the programs prefer the node with the lowest number, one in MessagePack, one in JSON.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

EXPERIMENT = {
    "windtunnel": "v1",
    "name": "openb",
    "seed": 42,
    "cluster": {"nodes": [{"trace": {"format": "openb-nodes", "path": "openb/openb_node_list_gpu_node.csv.gz"}}]},
    "workload": [
        {
            "trace": {
                "format": "openb-pods",
                "path": "openb/openb_pod_list_default.csv.gz",
                "arrivals": {"order": "published", "until": 1.3, "depart": "never"},
            }
        }
    ],
    "stop": {"when": "idle"},
}

# Name of a row, and what its scheduler has beside the profile `best-fit`.
ROWS = {
    "best-fit of windtunnel": {},
    "best-fit as a library of C": {"external": {"library": "./policy.so"}, "plugins": {"best-fit": None}},
    "program, MessagePack": {"external": {"command": ["./program"]}, "plugins": {"best-fit": None}},
    "program, JSON": {"external": {"command": ["./policy"]}, "plugins": {"best-fit": None}},
}


def prepare(folder, program):
    """Builds what the rows run."""

    def printed(*words):
        return subprocess.run([program, "new", "policy", "--lang", "c", *words], check=True, capture_output=True).stdout

    (folder / "library.c").write_bytes(printed("--library"))
    (folder / "policy.c").write_bytes(printed())
    cc = ["cc", "-O2", "-o"]
    subprocess.run([*cc, "policy.so", "-shared", "-fPIC", "library.c"], cwd=folder, check=True)
    subprocess.run([*cc, "policy", "policy.c"], cwd=folder, check=True)
    subprocess.run([*cc, "program", str(ROOT / "benches/support/program.c")], cwd=folder, check=True)


def least(folder, program, command, runs):
    """Least time of a command on `own.yaml` by the clock, and least time of processors, of programs that it starts, too."""
    words = [program, command, "own.yaml", "--out", "out", "--quiet", "--threads", "1", "--allow-external"]
    clock, processors = [], []
    for _ in range(runs):
        subprocess.run(["rm", "-rf", "out"], cwd=folder, check=True)
        begun, used = time.perf_counter(), os.times()
        subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        clock.append(time.perf_counter() - begun)
        now = os.times()
        processors.append(now.children_user - used.children_user + now.children_system - used.children_system)
    return min(clock), min(processors)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windtunnel", default=str(ROOT / "target/release/windtunnel"))
    parser.add_argument("--traces", default=os.environ.get("WINDTUNNEL_TRACES", ""))
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    os.environ["WINDTUNNEL_TRACES"] = str(Path(given.traces).resolve())
    program = str(Path(given.windtunnel).resolve())
    print("| policy | command | decisions/s | of windtunnel's | of processor time | of windtunnel's | digest |")
    print("|---|---|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        prepare(folder, program)
        first = {}
        for name, scheduler in ROWS.items():
            system = {"name": "pipeline", "scheduler": {"profile": "best-fit", **scheduler}}
            (folder / "own.yaml").write_text(json.dumps({**EXPERIMENT, "system": system}))
            took = {command: least(folder, program, command, given.runs) for command in ("sweep", "run")}
            variant = json.loads((folder / "out/summary.json").read_text())["variants"][0]
            for command, own in took.items():
                beside = first.setdefault(command, own)
                rates = [f"{variant['decisions'] / time:,.0f} | {other / time:.0%}" for time, other in zip(own, beside)]
                print(f"| {name} | `{command}` | {' | '.join(rates)} | {variant['digest'][:8]} |", flush=True)


if __name__ == "__main__":
    main()
