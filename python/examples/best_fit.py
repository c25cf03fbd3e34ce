"""Best fit as a program of your own, with the standard library alone.

    windtunnel run --policy-command 'python3 best_fit.py'

Each line of standard input is a question, each line of standard output its answer. `nodes` is kept up to
date between two questions: a node is declared once, and told again whenever what is free on it changes.
"""

import json
import sys

WHOLE = 10_000
nodes = {}
classes = {}


def points(wanted, node):
    """Whole points of a node, more is better: those with the smallest share left."""
    shares = []
    for resource in ("cpu_milli", "memory_bytes", "gpu_milli"):
        offered = node["allocatable"][resource]
        if offered:
            left = node["free"][resource] - wanted["requests"][resource]
            shares.append(min(max(WHOLE * left // offered, 0), WHOLE))
    return WHOLE - sum(shares) // len(shares) if shares else 0


for line in sys.stdin:
    question = json.loads(line)
    if question["call"] == "hello":
        answer = {"protocol": question["protocol"]}
    else:
        for node in question.get("nodes", []):
            nodes.setdefault(node["id"], {}).update(node)
        for node in question.get("gone", []):
            del nodes[node]
        wanted = classes.setdefault(question["class"]["id"], question["class"])
        answer = {"points": [points(wanted, nodes[node]) for node in question["candidates"]]}
    print(json.dumps(answer), flush=True)
