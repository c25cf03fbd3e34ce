// Completion of an experiment from its schema: which fields and values may stand at a place of a YAML text.

const LINE = /^(\s*)((?:- +)*)(?:"?([\w.$/-]+)"?\s*:)?(.*)$/;

// Keys from the root to a line, by indentation; `[]` is an item of a list.
export function pathAt(lines, number, indent) {
  const path = [];
  let below = indent;
  for (let at = number - 1; at >= 0 && below > 0; at -= 1) {
    const text = lines[at];
    if (!text.trim() || text.trim().startsWith("#")) continue;
    const [, space, dashes, key] = text.match(LINE);
    const column = space.length + dashes.length;
    if (key && column < below) {
      path.unshift(key);
      below = column;
    }
    // What holds a list may be as far left as its dashes.
    if (dashes && column <= below) below = Math.min(below, space.length + 1);
  }
  return path;
}

export class Schema {
  constructor(root) { this.root = root; }

  // Every form that a schema may take.
  forms(schema, depth = 0) {
    if (!schema || schema === true || depth > 12) return [];
    const own = [schema];
    if (schema.$ref) {
      const name = schema.$ref.replace("#/$defs/", "");
      own.push(...this.forms(this.root.$defs?.[name], depth + 1));
    }
    for (const other of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]) own.push(...this.forms(other, depth + 1));
    return own;
  }

  // Schemas of what a list or a map holds, or the schema itself.
  inside(schemas) {
    const forms = schemas.flatMap((own) => this.forms(own));
    const items = forms.filter((own) => own.items).flatMap((own) => this.inside([own.items]));
    return [...forms, ...items];
  }

  at(path) {
    let schemas = this.inside([this.root]);
    for (const key of path) {
      const next = schemas.flatMap((own) => {
        if (own.properties?.[key]) return [own.properties[key]];
        return typeof own.additionalProperties === "object" ? [own.additionalProperties] : [];
      });
      schemas = this.inside(next);
    }
    return schemas;
  }

  fields(path) {
    const found = new Map();
    for (const own of this.at(path)) {
      for (const [name, value] of Object.entries(own.properties ?? {})) {
        if (!found.has(name)) found.set(name, { name, info: value.description ?? this.forms(value).find((one) => one.description)?.description ?? "", isBlock: this.isBlock(value) });
      }
    }
    return [...found.values()];
  }

  isBlock(schema) {
    return this.forms(schema).some((own) => own.properties || own.items || typeof own.additionalProperties === "object");
  }

  values(path) {
    const found = new Map();
    for (const own of this.at(path)) {
      for (const value of own.enum ?? []) if (value !== null) found.set(String(value), own.description ?? "");
      for (const value of own.examples ?? []) if (typeof value !== "object") found.set(String(value), "example");
      if (own.const !== undefined && own.const !== null) found.set(String(own.const), own.description ?? "");
      if (own.type === "boolean" || own.type?.includes?.("boolean")) { found.set("true", ""); found.set("false", ""); }
    }
    return [...found].map(([name, info]) => ({ name, info }));
  }

  // What may stand where the cursor is, as CodeMirror asks for it.
  complete(context) {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    if (/^\s*#/.test(before)) return null;
    const word = context.matchBefore(/[\w.-]*/);
    const [, space, dashes] = before.match(LINE);
    const lines = context.state.doc.toString().split("\n");
    const path = pathAt(lines, line.number - 1, space.length + dashes.length);
    const value = before.slice(space.length + dashes.length).match(/^"?([\w.$/-]+)"?\s*:\s+(.*)$/);
    const from = word.from;
    if (value) {
      const flow = value[2].match(/\{(?:.*[{,])?\s*(?:([\w.-]+)\s*:\s*)?[\w.-]*$/);
      const own = [...path, value[1]];
      if (flow && !flow[1]) return this.fieldsFrom(own, from, true);
      const options = this.values(flow ? [...own, flow[1]] : own);
      return options.length ? { from, options: options.map((one) => ({ label: one.name, info: one.info, type: "enum" })), validFor: /^[\w.-]*$/ } : null;
    }
    if (!context.explicit && word.from === word.to) return null;
    return this.fieldsFrom(path, from, false);
  }

  fieldsFrom(path, from, isFlow) {
    const options = this.fields(path).map((own) => ({ label: own.name, info: own.info, type: "property", apply: own.isBlock && !isFlow ? `${own.name}:` : `${own.name}: ` }));
    return options.length ? { from, options, validFor: /^[\w.-]*$/ } : null;
  }
}
