//! The part of `check` about the fields of a map: unknown ones, missing ones, and which
//! of them go together.

use serde_json::{Map, Value as Json};

use super::check::{Checker, Place, choices, suggest};
use super::diagnostic::{Code, Finding};
use super::names::NameKind;
use super::tree::{Entry, Tree, Value};
use units::{nearest::nearest, plural};

/// Most fields listed beside an unknown one.
const MAX_LISTED: usize = 14;

impl<'run> Checker<'run> {
    /// The one field that has a field of this name.
    fn field_within(&self, properties: &'run Map<String, Json>, key: &str) -> Option<&'run str> {
        let mut having = properties.iter().filter(|(_, property)| {
            let branches = property["anyOf"].as_array().map_or(&[][..], Vec::as_slice);
            let mut schemas = std::iter::once(*property).chain(branches);
            schemas.any(|schema| {
                let schema = self.resolve(schema);
                schema["properties"].get(key).is_some() || pattern_property(schema, key).is_some()
            })
        });
        let (first, second) = (having.next(), having.next());
        let is_only = second.is_none();
        first.filter(|_| is_only).map(|(name, _)| name.as_str())
    }

    pub(super) fn fields(&mut self, schema: &'run Json, tree: &Tree, place: Place<'_>) {
        let none = Map::new();
        let properties = schema["properties"].as_object();
        let key_names = schema["x-key-names"]
            .as_str()
            .and_then(NameKind::from_keyword);
        for entry in tree.entries() {
            let below = Place {
                name: &entry.key,
                span: entry.key_span,
            };
            if let Some(kind) = key_names {
                self.name(kind, &entry.key, entry.key_span);
            }
            if let Some(property) = properties.and_then(|properties| properties.get(&entry.key)) {
                self.value(property, &entry.value, below);
            } else if let Some(other) = pattern_property(schema, &entry.key) {
                self.value(other, &entry.value, below);
            } else if let Some(rest) = properties.and_then(|properties| properties.get("$rest")) {
                // Arguments of a name: one map of them is checked below.
                debug_assert!(rest.is_object());
            } else {
                match &schema["additionalProperties"] {
                    Json::Bool(false) => {
                        let properties = properties.unwrap_or(&none);
                        let finding = match self.field_within(properties, &entry.key) {
                            Some(within) => misplaced(entry, within, place),
                            None => unknown_field(properties, entry, tree, place),
                        };
                        self.findings
                            .push(match (&finding.help, schema["x-help"].as_str()) {
                                (None, Some(help)) => finding.help(help),
                                _ => finding,
                            });
                    }
                    Json::Object(_) => {
                        self.value(&schema["additionalProperties"], &entry.value, below);
                    }
                    _ => {}
                }
            }
        }
        self.required(schema, tree, place);
        self.groups(schema, tree, place);
        self.together(schema, tree);
        self.arguments(schema, tree, place);
    }

    fn required(&mut self, schema: &'run Json, tree: &Tree, place: Place<'_>) {
        let known = |key: &str| schema["properties"].get(key).is_some();
        for field in names_in(&schema["required"]) {
            // One that is only mistyped is reported as that.
            let mistyped = |key: &str| !known(key) && nearest(key, [field]).is_some();
            if tree
                .entries()
                .iter()
                .any(|entry| entry.key == field || mistyped(&entry.key))
            {
                continue;
            }
            let message = format!("{} lacks `{field}`", quoted(place.name));
            let finding = Finding::new(Code::MissingField, message, place.span);
            let finding = finding.label(format!("`{field}` is missing here"));
            let meaning = schema["properties"][field]["description"].as_str();
            self.findings.push(match meaning.map(first_sentence) {
                Some(meaning) => finding.help(format!("`{field}`: {meaning}")),
                None => finding,
            });
        }
    }

    /// Exactly one (`oneOf`) or at least one (`anyOf`, `minProperties`) of several fields.
    fn groups(&mut self, schema: &'run Json, tree: &Tree, place: Place<'_>) {
        for keyword in ["oneOf", "anyOf"] {
            let Some(groups) = schema[keyword].as_array() else {
                continue;
            };
            let fields: Vec<&str> = groups
                .iter()
                .flat_map(|group| names_in(&group["required"]))
                .collect();
            let given: Vec<&Entry> = given(tree).filter(|e| fields.contains(&&*e.key)).collect();
            match given.as_slice() {
                [] => {
                    let message = format!("{} lacks one of its fields", quoted(place.name));
                    let finding = Finding::new(Code::OneOf, message, place.span);
                    self.findings
                        .push(finding.label(format!("expected {}", choices(&fields))));
                }
                [first, second, ..] if keyword == "oneOf" => {
                    let message =
                        format!("`{}` and `{}` exclude each other", first.key, second.key);
                    self.findings.push(
                        Finding::new(Code::OneOf, message, second.key_span)
                            .label(format!("expected only one of {}", choices(&fields)))
                            .context(first.key_span, "given here"),
                    );
                }
                _ => {}
            }
        }
        let least = schema["minProperties"].as_u64().unwrap_or(0);
        if (given(tree).count() as u64) < least {
            let properties = schema["properties"].as_object();
            let fields: Vec<&str> = properties
                .into_iter()
                .flat_map(Map::keys)
                .map(|k| &**k)
                .collect();
            let message = format!("{} is empty", quoted(place.name));
            let finding = Finding::new(Code::OneOf, message, place.span);
            self.findings
                .push(finding.label(format!("expected {}", choices(&fields))));
        }
    }

    /// Fields that need or exclude one another.
    fn together(&mut self, schema: &'run Json, tree: &Tree) {
        for (field, others) in schema["dependentRequired"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let Some(entry) = given(tree).find(|entry| entry.key == *field) else {
                continue;
            };
            for other in names_in(others).filter(|&other| !given(tree).any(|e| e.key == other)) {
                let message = format!("`{field}` needs `{other}`, which is missing");
                let finding = Finding::new(Code::MissingField, message, entry.key_span);
                self.findings
                    .push(finding.label(format!("needs `{other}` beside it")));
            }
        }
        for (field, others) in schema["x-excludes"].as_object().into_iter().flatten() {
            let Some(entry) = given(tree).find(|entry| entry.key == *field) else {
                continue;
            };
            for other in given(tree).filter(|e| names_in(others).any(|other| other == e.key)) {
                let message = format!("`{field}` and `{}` exclude each other", other.key);
                let finding = Finding::new(Code::Conflict, message, entry.key_span);
                self.findings
                    .push(finding.context(other.key_span, "given here"));
            }
        }
    }

    /// The fields that a struct does not name: arguments of a policy, options of a format.
    fn arguments(&mut self, schema: &'run Json, tree: &Tree, place: Place<'_>) {
        let properties = &schema["properties"];
        let Some(of) = properties["$rest"]["x-parameters"].as_str() else {
            return;
        };
        let Some((keyword, field)) = of.split_once(':') else {
            return;
        };
        let Some(kind) = NameKind::from_keyword(keyword) else {
            return;
        };
        let name = match field {
            "" => Some(place.name),
            _ => tree.get(field).and_then(Tree::text),
        };
        let known = self.names.names(kind);
        // Of an unknown name nothing is known about its arguments.
        let Some(name) = name.filter(|name| known.is_empty() || known.contains(name)) else {
            return;
        };
        let own = |key: &str| properties.get(key).is_some();
        let rest = tree
            .entries()
            .iter()
            .filter(|entry| !own(&entry.key))
            .cloned()
            .collect();
        let rest = Tree {
            span: tree.span,
            value: Value::Map(rest),
        };
        match self.names.parameters(kind, name) {
            Some(parameters) => {
                let mut parameters = parameters;
                list_own_fields(&mut parameters, properties);
                let findings = &mut *self.findings;
                let mut inner = Checker {
                    root: &parameters,
                    names: self.names,
                    findings,
                };
                inner.value(&parameters, &rest, Place { name, ..place });
            }
            None => {
                for entry in rest.entries() {
                    let message = format!("{} `{name}` takes no `{}`", kind.noun(), entry.key);
                    let finding = Finding::new(Code::UnknownField, message, entry.key_span);
                    let own: Vec<&str> = properties
                        .as_object()
                        .into_iter()
                        .flat_map(Map::keys)
                        .map(String::as_str)
                        .filter(|field| *field != "$rest")
                        .collect();
                    let finding = finding.label(format!("expected only {}", choices(&own)));
                    self.findings
                        .push(suggest(finding, &entry.key, &own, entry.key_span));
                }
            }
        }
    }
}

/// Adds the fields beside the arguments to the schema of the arguments, so that a mistyped one
/// finds its nearest name; none of them is required of the arguments.
fn list_own_fields(parameters: &mut Json, own: &Json) {
    let Some(object) = parameters.as_object_mut() else {
        return;
    };
    let fields = object
        .entry("properties")
        .or_insert_with(|| Json::Object(Map::new()));
    let Some(fields) = fields.as_object_mut() else {
        return;
    };
    for (field, _) in own
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, _)| *field != "$rest")
    {
        fields.entry(field.clone()).or_insert(Json::Bool(true));
    }
}

/// A field that stands beside the one that it belongs under; a name that is near to it would mean something else.
fn misplaced(entry: &Entry, within: &str, place: Place<'_>) -> Finding {
    let message = format!("{} has no field `{}`", quoted(place.name), entry.key);
    let finding = Finding::new(Code::UnknownField, message, entry.key_span);
    let finding = finding.label(format!("belongs under `{within}`"));
    finding.help(format!("write `{within}: {{{}: …}}`", entry.key))
}

fn unknown_field(
    properties: &Map<String, Json>,
    entry: &Entry,
    tree: &Tree,
    place: Place<'_>,
) -> Finding {
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    let free: Vec<&str> = known
        .iter()
        .copied()
        .filter(|field| tree.get(field).is_none())
        .collect();
    let message = format!("{} has no field `{}`", quoted(place.name), entry.key);
    let finding = Finding::new(Code::UnknownField, message, entry.key_span);
    let finding = match known.len() {
        0 => finding.label("takes no fields"),
        1..=MAX_LISTED => finding.label(format!("expected {}", choices(&known))),
        n => finding.label(format!("not one of its {}", plural::count(n, "field"))),
    };
    if entry.key == "usage" && known.contains(&"onBadRow") {
        return finding.help("write `models: {usage: trace}` for what the tasks of traces used");
    }
    let names = properties
        .get("name")
        .and_then(|name| name["enum"].as_array());
    if names.is_some_and(|names| names.iter().any(|name| *name == entry.key)) {
        return finding.help(format!("write `name: {}`, its fields beside it", entry.key));
    }
    let finding = suggest(finding, &entry.key, &free, entry.key_span);
    if known.len() > MAX_LISTED && finding.help.is_none() {
        return finding.help(format!("its fields are {}", known.join(", ")));
    }
    finding
}

fn pattern_property<'schema>(schema: &'schema Json, key: &str) -> Option<&'schema Json> {
    // The two patterns our types use; a full expression engine would serve nothing else.
    schema["patternProperties"]
        .as_object()?
        .iter()
        .find_map(|(pattern, property)| {
            let matches = match pattern.as_str() {
                "^[^/]+/[^/]+$" => key
                    .split_once('/')
                    .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty() && !b.contains('/')),
                "^attachable-volumes-.+$" => key
                    .strip_prefix("attachable-volumes-")
                    .is_some_and(|of| !of.is_empty()),
                "^hugepages-.+$" => key
                    .strip_prefix("hugepages-")
                    .is_some_and(|size| !size.is_empty()),
                _ => false,
            };
            matches.then_some(property)
        })
}

/// The entries of a map that say something; `null` is as good as not given.
fn given(tree: &Tree) -> impl Iterator<Item = &Entry> {
    tree.entries()
        .iter()
        .filter(|entry| entry.value.value != Value::Null)
}

fn names_in(list: &Json) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
}

fn quoted(name: &str) -> String {
    if name.contains(' ') {
        name.to_owned()
    } else {
        format!("`{name}`")
    }
}

fn first_sentence(text: &str) -> String {
    let end = text
        .find(". ")
        .or_else(|| text.find(".\n"))
        .unwrap_or(text.len());
    text[..end].trim_end_matches('.').replace('\n', " ")
}
