"""Judgement of `check`: its answers on the edits beside their labels."""

import json
import re
import statistics
import sys
import tempfile
from pathlib import Path

from draw import SCENARIO
from label import short
from program import Program, digest, each, folders


def check(program, arguments, edit, mode):
    """What `check` answers on an edit: code, output and the JSON file."""
    edits = Path(arguments.edits).resolve()
    head, base = edits / edit / "head", edits / "base"

    def make():
        with tempfile.TemporaryDirectory() as scratch:
            result = Path(scratch) / "check.json"
            options = ["--seeds", str(arguments.seeds), "--threads", "1", "--no-progress", "--write", f"json={result}"]
            if mode == "base":
                options += ["--base", str(base)]
            else:
                options += ["--baseline", str(edits / "cache" / baseline(program, arguments))]
                options += ["--despite-inputs"] if mode == "despite" else []
            code, out, errors, spent = program.call(head, "check", SCENARIO, *options)
            whole = json.loads(result.read_text()) if result.exists() else None
            return {"code": code, "out": out, "errors": errors, "json": whole, "cpu": spent}

    return program.kept(digest("check", program.id, mode, base, head, arguments.seeds), make)


def baseline(program, arguments):
    """Name of the base's baseline in the cache; accepted once."""
    base = Path(arguments.edits).resolve() / "base"
    name = digest("accept", program.id, base, arguments.seeds) + ".baseline.json"
    if not (program.cache / name).exists():
        part = (program.cache / name).resolve().with_suffix(".part")
        code, out, errors, _ = program.call(base, "check", SCENARIO, "--accept", "--baseline", str(part), "--seeds", str(arguments.seeds))
        if code:
            sys.exit(f"the base can't be accepted:\n{out}{errors}")
        part.replace(program.cache / name)
    return name


def is_named(edit, answer):
    """Whether one line of the output has both the object and the field."""
    name = re.escape(edit["object"].split(" ")[-1].split("/")[-1].replace("pool-{}", "pool-"))
    whom = re.compile(rf"(?<![\w-]){name}" if name.endswith("\\-") else rf"(?<![\w-]){name}(?![\w-])")
    fields = [re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])" if word[:1].isalpha() else re.escape(word)) for word in edit["words"]]
    lines = [line for line in (answer["out"] + answer["errors"]).splitlines() if not LEFT_OUT.search(line)]
    return any(whom.search(line) and any(field.search(line) for field in fields) for line in lines)


# What the base leaves out as well.
LEFT_OUT = re.compile(r"^note: .*(can't express|left out|is ignored|are ignored|read, but)")
ANSWERS = {0: "passed", 10: "passed", 4: "passed", 100: "caught", 3: "refused", 2: "input"}


def is_miss(row, mode):
    """Why an answer is wrong; `None` if it isn't."""
    answer, truth = row["answer"], row["truth"]
    if answer == "other":
        return f"exit {row['code']}"
    if answer == "refused" and mode != "plain":
        return "refused"
    if truth.startswith("neutral"):
        return None if answer == "passed" else {"caught": "false alarm"}.get(answer, answer)
    if truth == "must fail":
        return "missed" if answer == "passed" else "unreadable" if answer == "input" else None if row["named"] else "not named"
    if truth == "must pass":
        return "false alarm" if answer == "caught" else None
    if truth == "refused":
        return None if answer == "input" else "taken"
    return None


def judge(arguments):
    labels = json.loads((Path(arguments.edits) / "labels.json").read_text())
    program, failed, report = Program(arguments), False, {}
    modes = ["base"] if arguments.mode == "base" else ["plain", "despite"]
    if arguments.mode == "stored":
        baseline(program, arguments)
    names = [folder.name for folder in folders(arguments) if folder.name in labels]
    for mode in modes:
        answers = each(arguments, lambda name: check(program, arguments, name, mode), names)
        rows = []
        for name, answer in zip(names, answers):
            edit = json.loads((Path(arguments.edits) / name / "edit.json").read_text())
            truth = labels[name]["label"] if edit["fate"] == "real" else "neutral"
            row = {"id": name, "truth": truth, "code": answer["code"], "answer": ANSWERS.get(answer["code"], "other")}
            row |= {"label": labels[name]["label"], "named": is_named(edit, answer), "edit": edit}
            row["miss"] = is_miss(row, mode)
            lines = (answer["out"] or answer["errors"]).splitlines()
            row["output"] = next((line for line in lines[1:] if line.strip()), lines[0] if lines else "")
            rows.append(row)
        print({"base": "check --base", "plain": "stored baseline", "despite": "stored baseline, --despite-inputs"}[mode])
        matrix(rows)
        misses(rows)
        spent = [answer["cpu"] for answer in answers]
        print(f"{len(rows)} checks of {arguments.seeds} seeds; CPU of one: median {statistics.median(spent):.2f} s\n")
        report[mode] = rows
        failed = failed or any(row["miss"] for row in rows if row["truth"] in ("neutral", "must fail"))
    (Path(arguments.edits) / f"judge-{arguments.mode}.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    sys.exit(1 if failed else 0)


def matrix(rows):
    columns = ("passed", "caught", "refused", "input", "other")
    print(f"  {'':10} {'edits':>6} " + " ".join(f"{column:>8}" for column in columns) + f" {'named':>8} {'wrong':>8}")
    for truth in ("neutral", "must fail", "must pass", "either", "refused", "crashed"):
        own = [row for row in rows if row["truth"] == truth]
        if own:
            counts = [sum(row["answer"] == column for row in own) for column in columns]
            counts += [sum(row["named"] for row in own), sum(row["miss"] is not None for row in own)]
            print(f"  {truth:10} {len(own):6} " + " ".join(f"{count:8}" for count in counts))


def misses(rows):
    for row in (row for row in rows if row["miss"]):
        edit = row["edit"]
        what = f"{edit['object']}: {edit['field'] or edit['kind']} {short(edit['before'])} → {short(edit['after'])}"
        print(f"  {row['id']}  {row['miss']}  {row['truth']} ({row['label']})  {what}\n        exit {row['code']}: {row['output'][:200]}")
