"""A policy of your own: points for the nodes that can take a pod. The node with the most gets it.

    windtunnel run --policy-command 'python3 policy.py'

Each line of standard input is a question, each line of standard output its answer; docs/manual/external.md
has the protocol.
"""

import json
import sys

nodes, classes = {}, {}


def points(wanted, node):
    """Whole points of a node for a pod that asks for `wanted`. Here: the fuller, the better."""
    return -node["free"]["cpu_milli"]


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
