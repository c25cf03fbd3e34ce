"""Draw of edits: rows of the catalogue, and edits of whole files, as folders with `edit.json`."""

import copy
import itertools
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import yaml

import catalogue
import yamltext
from yamltext import REMOVED

SCENARIO = "shop.yaml"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
POD = {kind: ("spec", "template") for kind in WORKLOADS} | {"CronJob": ("spec", "jobTemplate", "spec", "template")}
# Steps of a path that a user leaves out.
SILENT = {"spec", "template", "jobTemplate", "containers", "resources", "metadata", "0"}


def filled(new, app):
    """A value of the catalogue with the label of the pods, and nothing for `NULL`."""
    text = json.dumps(new).replace('"APP"', json.dumps(app)).replace('"NULL"', "null")
    return json.loads(text)


def title(plain):
    """Kind, namespace and name of an object as a user says them."""
    meta = plain.get("metadata", {})
    name = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta.get("name", "")
    return f"{plain['kind']} {name}"


class Shop:
    """Files of a shop, and their documents."""

    def __init__(self, folder):
        self.files = {path.name: path.read_text() for path in sorted(folder.glob("*.yaml"))}
        self.manifests = next(name for name in self.files if name != SCENARIO)
        self.nodes = {name: yamltext.documents(text) for name, text in self.files.items()}
        self.plain = {name: [yamltext.value(node) for node in nodes] for name, nodes in self.nodes.items()}

    def targets(self, where):
        """Files, numbers of documents and paths that a row is about."""
        if where == "scenario":
            return [(SCENARIO, 0, ())]
        found = []
        for index, plain in enumerate(self.plain[self.manifests]):
            kind = plain["kind"]
            if where in ("template", "container") and kind in POD:
                inner = ("spec", "containers", 0) if where == "container" else ()
                found.append((self.manifests, index, POD[kind] + inner))
            elif kind in where.split():
                found.append((self.manifests, index, ()))
        return found


def candidates(shop):
    """All edits of single values, by row of the catalogue."""
    for fate, where, steps, values in catalogue.ROWS:
        row = []
        for (file, index, above), new in itertools.product(shop.targets(where), values):
            path = above + tuple(int(step) if step.isdigit() else step for step in steps.split())
            row.append((fate, file, index, path, new))
        if row:
            yield lambda files, pick, row=row: field_edit(shop, row, pick)


def field_edit(shop, row, pick):
    """An edit of a row that changes something; `None` if no more is left."""
    while row:
        fate, file, index, path, new = row.pop(pick.randrange(len(row)))
        plain, node = shop.plain[file][index], shop.nodes[file][index]
        app = yamltext.find(node, ("spec", "selector", "matchLabels", "app"))
        app = app.value if app is not None else plain.get("metadata", {}).get("name")
        if not path:
            return removal(shop, file, index)
        found = yamltext.find(node, path)
        old = yamltext.value(found) if found is not None else None
        if new is REMOVED:
            if old is None:
                continue
        else:
            new = new(old) if callable(new) else new
            if new is None or new == old:
                continue
            new = filled(new, app)
        if found is None and reaches_scalar(plain, path):
            continue
        expected = copy.deepcopy(shop.plain[file])
        try:
            yamltext.place(expected[index], path, new)
            text = yamltext.edit(shop.files[file], index, path, new)
        except (KeyError, IndexError):
            continue
        assert list(yaml.safe_load_all(text)) == expected, (path, new, text)
        short = [str(step) for step in path if str(step) not in SILENT]
        words = short[-2:] + inner_names(old) + inner_names(new)
        words += ["added"] if old is None else ["removed"] if new is REMOVED else []
        return fate, {file: text}, {
            "kind": "field",
            "object": title(plain) if file != SCENARIO else scenario_part(plain, path),
            "field": ".".join(short) or ".".join(map(str, path)),
            "path": ".".join(map(str, path)),
            "before": old,
            "after": None if new is REMOVED else new,
            "file": file,
            "line": yamltext.line(text, yamltext.documents(text)[index], path),
            "words": words,
        }
    return None


def inner_names(plain):
    """Names of the first fields inside a value."""
    plain = plain[0] if isinstance(plain, list) and plain else plain
    return list(plain) if isinstance(plain, dict) else []


def reaches_scalar(plain, path):
    """Whether a path leads through a plain value, or through an item that a list has not."""
    for step in path[:-1]:
        if isinstance(plain, list) and (not isinstance(step, int) or step >= len(plain)):
            return True
        if not isinstance(plain, (dict, list)):
            return True
        if isinstance(plain, dict) and step not in plain:
            return step.endswith("Probe") or any(isinstance(each, int) for each in path[path.index(step) :])
        plain = plain[step]
    return not isinstance(plain, (dict, list))


def scenario_part(plain, path):
    """The part of a scenario that a path is in, as a user says it."""
    names = {"nodes": "nodes pool-{}", "images": "models images", "scheduler": "scheduler", "autoscaling": "autoscaling"}
    for at, step in enumerate(path):
        if step == "groups" and len(path) > at + 1:
            return f"group {plain['cluster']['provider']['groups'][path[at + 1]]['name']}"
        if step in names:
            return names[step]
    return str(path[0])


def chunks(text):
    """Documents of a file as texts."""
    return re.split(r"(?m)^---\n", text)


def removal(shop, file, index):
    parts = chunks(shop.files[file])
    plain = shop.plain[file][index]
    what = {"kind": "object removed", "object": title(plain), "field": "", "before": "present", "after": None, "words": ["removed", "-", "−"]}
    line = shop.files[file][: shop.nodes[file][index].start_mark.index].count("\n") + 1
    return "real", {file: "---\n".join(parts[:index] + parts[index + 1 :])}, what | {"file": file, "line": line}


def additions(shop):
    """New objects, at the end of the manifests."""
    for fate, plain in catalogue.NEW:
        text = shop.files[shop.manifests]
        what = {"kind": "object added", "object": title(plain), "field": "", "before": None, "after": plain, "words": ["added", "+"]}
        what |= {"file": shop.manifests, "line": text.count("\n") + 2}
        new = {shop.manifests: text + "---\n" + yaml.safe_dump(plain)}
        yield once(fate, new, what)


def once(fate, files, what):
    left = [(fate, files, what)]
    return lambda *_: left.pop() if left else None


def turned(plain):
    """A value with the keys of all mappings in the other order."""
    if isinstance(plain, dict):
        return {key: turned(plain[key]) for key in reversed(plain)}
    return [turned(item) for item in plain] if isinstance(plain, list) else plain


class Quoted(yaml.SafeDumper):
    """Text in double quotes, wherever it stands."""


Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def texts(shop):
    """Edits of whole files, all neutral."""
    dump = lambda plain, **options: yaml.dump_all(plain, Dumper=yaml.SafeDumper, sort_keys=False, width=200, **options)
    m = shop.manifests
    text, plain, parts = shop.files[m], shop.plain[m], chunks(shop.files[m])
    workload = [f"  - {{manifests: {m}}}", "  - {manifests: more.yaml}"]
    split = {m: "---\n".join(parts[: len(parts) // 2]), "more.yaml": "---\n".join(parts[len(parts) // 2 :])}
    split[SCENARIO] = shop.files[SCENARIO].replace(workload[0], "\n".join(workload))
    renamed = {m: None, "objects.yaml": text, SCENARIO: shop.files[SCENARIO].replace(m, "objects.yaml")}
    yield "reformatted: flow style", {m: dump(plain, default_flow_style=True)}
    yield "reformatted: four spaces", {m: dump(plain, indent=4)}
    yield "reformatted: JSON", {m: "---\n".join(json.dumps(each) + "\n" for each in plain)}
    yield "reformatted: scenario in block style", {SCENARIO: dump(shop.plain[SCENARIO], default_flow_style=False)}
    yield "line ends of Windows", {m: text.replace("\n", "\r\n")}
    yield "key order", {m: dump([turned(each) for each in plain])}
    yield "key order of the scenario", {SCENARIO: dump([turned_top(each) for each in shop.plain[SCENARIO]])}
    yield "comments", {m: re.sub(r"(?m)^(spec:)$", r"# what it is to be\n\1  # here", text)}
    yield "comments of the scenario", {SCENARIO: "# The shop.\n" + shop.files[SCENARIO].replace("\nstop:", "\n# two hours\nstop:")}
    yield "quoted scalars", {m: yaml.dump_all(plain, Dumper=Quoted, sort_keys=False)}
    yield "documents in another order", {m: "---\n".join([p.rstrip("\n") + "\n" for p in reversed(parts)])}
    yield "a file in two", split
    yield "a file by another name", renamed
    yield "a list of all objects", {m: yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": plain}, sort_keys=False)}
    yield "empty documents", {m: "---\n" + text.replace("---\n", "---\n---\n# Source: shop/templates\n")}
    for image in sorted(set(re.findall(r"image: (\S+)", text))):
        tag = image + ".1"
        yield f"image tag of {image}", {m: text.replace(f"image: {image}\n", f"image: {tag}\n"), SCENARIO: shop.files[SCENARIO].replace(f'"{image}"', f'"{tag}"')}


def turned_top(plain):
    """A scenario with the keys of its mappings in the other order; variants keep theirs, which is theirs to see."""
    kept = {"variants": plain.get("variants", {})}
    return {key: kept.get(key) or turned(plain[key]) for key in reversed(plain)}


def whole_files(shop):
    for name, files in texts(shop):
        file = next(file for file in files if files[file] is not None)
        what = {"kind": name.split(":")[0].split(" of registry")[0], "object": file, "field": "", "before": None, "after": name, "words": []}
        yield once("neutral", files, what | {"file": file, "line": 1})


def draw(arguments):
    source, out = Path(arguments.shop), Path(arguments.out)
    base = out / "base"
    if out.exists() and any(out.iterdir()):
        sys.exit(f"{out}: the folder is not empty")
    base.mkdir(parents=True)
    for path in source.glob("*.yaml"):
        (base / path.name).write_text(path.read_text())
    if arguments.windtunnel:
        (base / SCENARIO).write_text(more_objectives(Shop(base), arguments.windtunnel))
    shop, pick = Shop(base), random.Random(arguments.seed)
    rows = [*candidates(shop), *additions(shop), *whole_files(shop)]
    wanted = {"neutral": (arguments.count + 1) // 2, "real": arguments.count // 2}
    fates = [("neutral", "neutral"), ("real", "real"), ("refused", "real")]
    pools = {fate: [] for fate, _ in fates}
    for row in rows:
        probe = row(shop.files, pick)
        if probe is not None:
            pools[probe[0]].append([probe, row])
    drawn = {"neutral": [], "real": []}
    refused = max(1, wanted["real"] // 12)
    for fate, side in fates:
        most = refused if fate == "refused" else wanted[side] - (refused if side == "real" else 0)
        drawn[side] += rounds(pools[fate], most, pick, shop)
    chosen = [edit for pair in itertools.zip_longest(drawn["neutral"], drawn["real"]) for edit in pair if edit]
    for number, (fate, files, what) in enumerate(chosen, 1):
        name = f"e{number:03}"
        head = out / name / "head"
        head.mkdir(parents=True)
        for file, text in (shop.files | files).items():
            if text is not None:
                (head / file).write_text(text, newline="")
        side = "neutral" if fate == "neutral" else "real"
        record = {"id": name, "seed": arguments.seed, "fate": side, "server": "refuses" if fate == "refused" else "takes"}
        (out / name / "edit.json").write_text(json.dumps(record | what, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(chosen)} edits of {len(rows)} rows in {out}: " + ", ".join(f"{len(drawn[side])} {side}" for side in drawn))


def rounds(pool, most, pick, shop):
    """Edits of a pool: one of each row, then a second of each, and so on."""
    found, waiting = [], pool[:]
    pick.shuffle(waiting)
    while waiting and len(found) < most:
        probe, row = waiting.pop(0)
        found.append(probe)
        again = row(shop.files, pick)
        if again is not None:
            waiting.append([again, row])
    return found


def more_objectives(shop, program):
    """The scenario with objectives on spread and exposure of each workload, where the program has such metrics."""
    made = subprocess.run([program, "schema", "metrics"], capture_output=True, text=True, check=True)
    known = [each for each in json.loads(made.stdout) if re.match(r"(spread|exposure)\.", each["id"]) and each["better"] != "none"]
    text = shop.files[SCENARIO]
    whom = [title(plain) for plain in shop.plain[shop.manifests] if plain["kind"] in ("Deployment", "StatefulSet")]
    lines = []
    for metric, workload in itertools.product(known, whom):
        amount = "0.1" if metric["unit"] == "ratio" else "1"
        lines.append(f'  - {{metric: {metric["id"]}, threshold: {amount}, selector: {{workload: "{workload}"}}}}\n')
    return text.replace("variants:\n", "".join(lines) + "variants:\n", 1)
