"""Shortest job first as a program of your own, with the standard library alone.

It orders the jobs of the system `batch`, or the pods in the queue of the system `pipeline`: the smallest
key goes first, equal ones in the order in which they came.
"""

import json
import sys

jobs = {}

for line in sys.stdin:
    question = json.loads(line)
    if question["call"] == "hello":
        answer = {"protocol": question["protocol"]}
    else:
        keys = []
        for job in question["jobs"]:
            known = jobs.setdefault(job["id"], job)
            keys.append(known.get("requested", 2**63 - 1))
        answer = {"keys": keys}
    print(json.dumps(answer), flush=True)
