"""Labels of edits by a second reader, which does not use `check`."""

import itertools
import json
import math
import random
import statistics
import sys
from pathlib import Path

import yaml

from draw import SCENARIO
from program import Program, each, folders


def share(text):
    text = str(text)
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def verdict(objective, base, head, facts, pick):
    """What an objective has to come to: a word and the reason; `base` and `head` are values by seed."""
    sign = -1 if facts["better"] == "higher" else 1
    if "unread" in base or "unread" in head:
        return "unread", "the second reader can't tell"
    had, has = [each for each in base if each is not None], [each for each in head if each is not None]
    if had and not has and objective["metric"].startswith("blast_radius."):
        return "must pass", "no failure took a ready pod, which is no lost subject"
    if had and not has:
        return "must fail", f"vanished: had a value with {len(had)} seeds"
    if not has:
        return "must pass", "no value on either side"
    if "max" in objective or "min" in objective:
        limit = objective.get("max", objective.get("min"))
        side = 1 if "max" in objective else -1
        excess = [side * (each - limit) for each in has]
        return decide(excess, False, pick) + (f"mean {statistics.fmean(has):.6g}, bound {limit}",)
    pairs = [(b, h) for b, h in zip(base, head) if b is not None and h is not None]
    if not pairs:
        return "either", "no pair of values"
    before, after = statistics.fmean(b for b, _ in pairs), statistics.fmean(h for _, h in pairs)
    floor = facts["smallestRelevant"]
    if "tolerance" in objective and share(objective["tolerance"]) * abs(before) >= floor:
        excess = [sign * (h - b) - share(objective["tolerance"]) * abs(b) for b, h in pairs]
    else:
        excess = [sign * (h - b) - max(floor, share(objective.get("threshold", 0))) for b, h in pairs]
    found = decide(excess, objective.get("test", False), pick)
    if len(pairs) < len(had) / 2:
        found = ("either",)
    return found + (f"{before:.6g} → {after:.6g} ({len(pairs)} pairs)",)


def decide(excess, tested, pick):
    """Whether the mean of what lies beyond the limit is positive: clearly, clearly not, or by chance."""
    n, mean = len(excess), statistics.fmean(excess)
    if all(each <= 1e-12 for each in excess):
        return ("must pass",)
    means = sorted(statistics.fmean(pick.choices(excess, k=n)) for _ in range(1000))
    low, high = means[4], means[-5]
    if not tested:
        return ("must fail" if low > 1e-12 else "must pass" if high < 0 else "either",)
    chance = flips(excess, mean, pick)
    spread = statistics.stdev(excess) / math.sqrt(n) if n > 1 else math.inf
    if chance <= max(0.005, 2.0**-n) and low > 0 and mean > 3 * spread and n >= 6:
        return ("must fail",)
    return ("must pass" if chance >= 0.2 and mean < 0 else "either",)


def flips(excess, mean, pick):
    """One-sided p of a sign-flip test: exact for few pairs."""
    n = len(excess)
    if n <= 12:
        signs = itertools.product((1, -1), repeat=n)
    else:
        signs = [pick.choices((1, -1), k=n) for _ in range(2000)]
    drawn = [sum(sign * each for sign, each in zip(row, excess)) / n >= mean - 1e-12 for row in signs]
    return (sum(drawn) + (n > 12)) / (len(drawn) + (n > 12))


def label(arguments):
    program, base = Program(arguments), Path(arguments.edits) / "base"
    scenario = yaml.safe_load((base / SCENARIO).read_text())
    objectives, first = scenario["objectives"], scenario.get("seed", 42)
    _, text, _, _ = program.call(base, "schema", "metrics")
    facts = {metric["id"]: metric for metric in json.loads(text)}
    seeds = range(first, first + arguments.seeds)
    work = [(folder, seed) for folder in [base] + [path / "head" for path in folders(arguments)] for seed in seeds]
    runs = dict(zip(work, each(arguments, lambda item: program.run(*item, objectives), work)))
    if any(runs[base, seed]["code"] for seed in seeds):
        sys.exit(f"the base can't be run: {runs[base, first]['error']}")
    path = Path(arguments.edits) / "labels.json"
    labels = json.loads(path.read_text()) if path.exists() and arguments.only else {}
    for folder in folders(arguments):
        head = [runs[folder / "head", seed] for seed in seeds]
        labels[folder.name] = of_edit(objectives, [runs[base, seed] for seed in seeds], head, facts)
        found = labels[folder.name]
        edit = json.loads((folder / "edit.json").read_text())
        if edit.get("path", "").startswith("metrics.") and found.get("same"):
            # Both sides are measured by the base's rules of counting.
            found |= {"label": "must pass", "gates": []}
    path.write_text(json.dumps(labels, indent=1, ensure_ascii=False) + "\n")
    for folder in folders(arguments):
        edit, found = json.loads((folder / "edit.json").read_text()), labels[folder.name]
        odd = odd_label(edit, found)
        print(f"{folder.name}  {edit['fate']:7}  {found['label']:9}  {edit['object']}: {edit['field']} {short(edit['before'])} → {short(edit['after'])}")
        for gate in found["gates"][:3]:
            print(f"      {gate['label']}: {gate['entry']} {gate['metric']} {gate['why']}")
        if odd:
            print(f"      odd: {odd} {found.get('error', '')[:300]}")
    unread = {gate["metric"] for found in labels.values() for gate in found["gates"] if gate["label"] == "unread"}
    spent = statistics.median(run["cpu"] for run in runs.values())
    print(f"{len(runs)} runs; CPU of one: median {spent:.2f} s, of an edit: {spent * len(seeds):.1f} s")
    if unread:
        print("not read by the second reader:", ", ".join(sorted(unread)))


def of_edit(objectives, base, head, facts):
    """Label of an edit: the worst of its gates."""
    failed = [run for run in head if run["code"]]
    if failed:
        word = "refused" if failed[0]["code"] == 2 and len(failed) == len(head) else "crashed"
        return {"label": word, "code": failed[0]["code"], "error": failed[0]["error"], "gates": []}
    gates = []
    for variant in base[0]["values"]:
        for at, objective in enumerate(objectives):
            sides = [[run["values"].get(variant, [None] * len(objectives))[at] for run in side] for side in (base, head)]
            pick = random.Random(f"{variant} {at}")
            word, *why = verdict(objective, *sides, facts[objective["metric"]], pick)
            gates.append({"entry": variant, "metric": objective["metric"], "label": word, "why": why[-1]})
    words = [gate["label"] for gate in gates]
    worst = next((word for word in ("must fail", "either") if word in words), "must pass")
    same = [run["digest"] for run in base] == [run["digest"] for run in head]
    return {"label": worst, "same": same, "gates": [gate for gate in gates if gate["label"] != "must pass"]}


def odd_label(edit, found):
    """What rule and run disagree on."""
    if found["label"] == "crashed":
        return f"the run ended with {found['code']}:"
    if (found["label"] == "refused") != (edit["server"] == "refuses"):
        return f"the API server {edit['server']} it by rule, the label is `{found['label']}`"
    if edit["fate"] == "neutral" and found["label"] != "must pass":
        return "neutral by rule, but a gate moves"
    if edit["fate"] == "neutral" and not found.get("same"):
        return "neutral by rule, but decisions differ (digests)"
    return None


def short(plain):
    text = "–" if plain is None else plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"
