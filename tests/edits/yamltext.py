"""Edits of YAML as text: one value is set, put in or removed, and all other bytes stay as they are."""

import json

import yaml

REMOVED = object()


def documents(text):
    """Documents of a file, as nodes with their places."""
    return [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]


def value(node):
    """A node as plain values; all scalars as YAML reads them."""
    loader = yaml.SafeLoader("")
    return loader.construct_document(node)


def child(node, key):
    """The pair (place of the entry, node) of a field or an item; `None` if there is none."""
    if isinstance(node, yaml.MappingNode):
        for name, inner in node.value:
            if name.value == str(key):
                return name, inner
    elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    return None


def find(node, path):
    """The node at a path; `None` if there is none."""
    for key in path:
        entry = child(node, key)
        if entry is None:
            return None
        node = entry[1]
    return node


def line(text, document, path):
    """Line of the entry at a path, or of the nearest one above it that is there."""
    node, place = document, document
    for key in path:
        entry = child(node, key)
        if entry is None:
            break
        place, node = entry
    return text.count("\n", 0, place.start_mark.index) + 1


def last(text, node):
    """Where a node ends, without the space that follows it."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        entry = node.value[-1]
        return last(text, entry[1] if isinstance(entry, tuple) else entry)
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())


def flow(plain):
    """A value on one line; text that would end it early in braces stands in quotes."""
    if isinstance(plain, str) and any(mark in plain for mark in ",[]{}"):
        return json.dumps(plain)
    made = yaml.safe_dump(plain, default_flow_style=True, width=10**9, allow_unicode=True)
    return made.removesuffix("\n").removesuffix("\n...")


def entries(node):
    """First and last node of each entry."""
    pairs = node.value
    return pairs if isinstance(node, yaml.MappingNode) else [(item, item) for item in pairs]


def remove(text, document, path):
    """The text without an entry; what it was alone in goes with it."""
    parent = find(document, path[:-1])
    names = [name.value for name, _ in entries(parent)]
    at = path[-1] if isinstance(parent, yaml.SequenceNode) else names.index(str(path[-1]))
    pairs = entries(parent)
    if len(pairs) == 1:
        return remove(text, document, path[:-1])
    if at:
        start, end = last(text, pairs[at - 1][1]), last(text, pairs[at][1])
    else:
        start, end = pairs[0][0].start_mark.index, pairs[1][0].start_mark.index
    return text[:start] + text[end:]


def put(text, parent, key, plain):
    """The text with a new entry at the end of a mapping, or a new item at the end of a list."""
    listed = isinstance(parent, yaml.SequenceNode)
    if parent.flow_style or not parent.value:
        close = last(text, parent) - 1
        new = flow(plain) if listed else f"{key}: {flow(plain)}"
        return text[:close] + (", " if parent.value else "") + new + text[close:]
    column = parent.start_mark.column
    block = yaml.safe_dump([plain] if listed else {key: plain}, default_flow_style=False, width=10**9)
    block = "".join("\n" + " " * column + each for each in block.rstrip("\n").split("\n"))
    end = last(text, parent)
    rest = text[end:].split("\n", 1)[0]  # a comment behind the last entry stays there
    return text[: end + len(rest)] + block + text[end + len(rest) :]


def edit(text, index, path, new):
    """The text with a value of document `index` set, put in with all that is missing above it, or removed."""
    document = documents(text)[index]
    node = find(document, path)
    if new is REMOVED:
        return remove(text, document, path)
    if node is not None and isinstance(node, yaml.ScalarNode) and not isinstance(new, (dict, list)):
        start = node.start_mark.index
        space = "" if text[start - 1 : start] in (" ", "") else " "
        return text[:start] + space + flow(new) + text[max(start, last(text, node)) :]
    if node is not None:
        start, end = node.start_mark.index, last(text, node)
        if node.flow_style or isinstance(node, yaml.ScalarNode):
            return text[:start] + flow(new) + text[end:]
        before = text[:start].rstrip()
        if before.endswith(":"):
            return before + " " + flow(new) + text[end:]
        return text[:start] + flow(new) + text[end:]
    depth = len(path)
    while find(document, path[: depth - 1]) is None:
        depth -= 1
    for key in reversed(path[depth:]):
        new = {key: new} if not isinstance(key, int) else [new]
    return put(text, find(document, path[: depth - 1]), path[depth - 1], new)


def place(plain, path, new):
    """The same edit of plain values: what the text has to read as afterwards."""
    key, rest = path[0], path[1:]
    if rest and new is REMOVED and isinstance(plain[key], (dict, list)):
        place(plain[key], rest, new)
        if not plain[key]:
            del plain[key]
    elif rest:
        if isinstance(plain, dict) and key not in plain:
            plain[key] = [] if isinstance(rest[0], int) else {}
        place(plain[key], rest, new)
    elif new is REMOVED:
        del plain[key]
    elif isinstance(plain, list) and key >= len(plain):
        plain.append(new)
    else:
        plain[key] = new
