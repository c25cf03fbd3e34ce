"""A whole scheduler of your own: first fit, with the standard library alone.

Each question says what changed; the answer says what to do. Pods are taken in the order in which they
came, and each goes to the first node with room; one that fits nowhere waits, and others pass it. A binding
that was refused, as others were faster, is tried again once something has changed.
"""

import json
import sys

RESOURCES = ("cpu_milli", "memory_bytes", "storage_bytes", "gpu_milli", "pods")
nodes, classes, waiting, refused = {}, {}, {}, set()

for line in sys.stdin:
    question = json.loads(line)
    if question["call"] == "hello":
        answer = {"protocol": question["protocol"]}
    else:
        for node in question["nodes"]:
            nodes.setdefault(node["id"], {}).update(node)
        for node in question["gone"]:
            del nodes[node]
        for pod in question["pods"]:
            classes.setdefault(pod["class"]["id"], pod["class"])
            if "node" not in pod:
                waiting[pod["id"]] = classes[pod["class"]["id"]]["requests"]
        for bound in question["bound"]:
            waiting.pop(bound["pod"], None)
        for pod in question["ended"]:
            waiting.pop(pod, None)
        if any(question[own] for own in ("nodes", "gone", "pods", "bound", "ended")):
            refused.clear()
        refused.update((own["pod"], own.get("node")) for own in question["refused"])
        binds = []
        for pod, wanted in sorted(waiting.items()):
            for node in sorted(nodes):
                free = nodes[node]["free"]
                if (pod, node) in refused:
                    continue
                if nodes[node]["schedulable"] and all(free[own] >= wanted[own] for own in RESOURCES):
                    # What is free is told anew once the binding is seen.
                    for own in RESOURCES:
                        free[own] -= wanted[own]
                    binds.append({"pod": pod, "node": node})
                    break
        answer = {"binds": binds}
    print(json.dumps(answer), flush=True)
