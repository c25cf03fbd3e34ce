//! Walks the JSON Schema of the experiment file beside the tree and reports everything that does
//! not fit, at once and with positions: unknown and missing fields, wrong types, words that are
//! not allowed, values out of range.
//!
//! It understands what schemars makes of our types, and the `x-` keywords that
//! `schema` lists. Which fields go together is in `check_fields`, rules between
//! distant fields are in `validate`.

use serde_json::Value as Json;

use super::diagnostic::{Code, Finding, Findings};
use super::grammar::{self, Least, Scalar};
use super::names::{NameKind, Names};
use super::tree::{Span, Tree, Value};
use units::nearest::nearest;

/// Reports all that is wrong in `tree` after `schema`; `span` is where to point when something
/// is missing at the top.
pub(super) fn check(
    schema: &Json,
    tree: &Tree,
    names: &dyn Names,
    span: Span,
    findings: &mut Findings,
) {
    let place = Place {
        name: "the experiment",
        span,
    };
    Checker {
        root: schema,
        names,
        findings,
    }
    .value(schema, tree, place);
}

/// Holder of the value under check.
#[derive(Clone, Copy)]
pub(super) struct Place<'tree> {
    /// The nearest key above it; how messages call it.
    pub(super) name: &'tree str,
    /// Position to point at when a key is missing below.
    pub(super) span: Span,
}

pub(super) struct Checker<'run> {
    pub(super) root: &'run Json,
    pub(super) names: &'run dyn Names,
    pub(super) findings: &'run mut Findings,
}

impl<'run> Checker<'run> {
    /// Follows `$ref`s to the schema that says something.
    pub(super) fn resolve(&self, mut schema: &'run Json) -> &'run Json {
        while let Some(pointer) = schema["$ref"]
            .as_str()
            .and_then(|text| text.strip_prefix('#'))
        {
            match self.root.pointer(pointer) {
                Some(target) => schema = target,
                None => return schema,
            }
        }
        schema
    }

    pub(super) fn value(&mut self, outer: &'run Json, tree: &Tree, place: Place<'_>) {
        let schema = self.resolve(outer);
        if schema.is_boolean() {
            return;
        }
        let help = outer["x-help"].as_str().or(schema["x-help"].as_str());
        let before = self.findings.len();
        if let Some(branches) = alternatives(schema) {
            self.one_of(branches, tree, place);
        } else if let Some(expected) = wrong_kind(schema, tree) {
            self.findings
                .push(nested(schema, tree, wrong_type(&expected, tree, place)));
        } else {
            match &tree.value {
                Value::Map(_) => self.fields(schema, tree, place),
                Value::List(items) => self.list(schema, items, place),
                Value::String(text) | Value::Number(text) => {
                    self.scalar(outer, schema, text, tree, place);
                }
                Value::Null | Value::Bool(_) => {}
            }
        }
        if let Some(help) = help
            && tree.entries().is_empty()
        {
            self.findings.add_help(before, help);
        }
    }

    /// A value that can be of several types: chooses the type by the shape of the value.
    fn one_of(&mut self, branches: &'run [Json], tree: &Tree, place: Place<'_>) {
        let words = words(branches.iter().map(|branch| self.resolve(branch)));
        let fitting: Vec<&Json> = branches
            .iter()
            .filter(|branch| wrong_kind(self.resolve(branch), tree).is_none())
            .collect();
        let is_former = |text: &str| {
            let mut branches = branches.iter();
            branches.any(|branch| is_former(self.resolve(branch), text))
        };
        let mut numbers = fitting.iter().filter(|own| is_number(self.resolve(own)));
        if let (Some(only), true) = (numbers.next(), words.is_some()) {
            return self.value(only, tree, place);
        }
        match (fitting.as_slice(), words) {
            (_, Some(_)) if tree.text().is_some_and(is_former) => {}
            (_, Some(words)) if tree.text().is_some() => {
                let other = |branch: &Json| match types(self.resolve(branch)).as_slice() {
                    ["object"] => Some(", or a map"),
                    ["integer"] => Some(", or a whole number"),
                    _ => None,
                };
                let others = branches.iter().find_map(other).unwrap_or_default();
                self.word(&words, others, tree, place);
            }
            ([only], _) => self.value(only, tree, place),
            ([first, ..], _) => self.value(first, tree, place),
            ([], _) => {
                let kinds: Vec<String> = branches
                    .iter()
                    .filter_map(|branch| kind_of(self.resolve(branch)))
                    .filter(|kind| kind != "nothing")
                    .collect();
                self.findings
                    .push(wrong_type(&kinds.join(" or "), tree, place));
            }
        }
    }

    fn list(&mut self, schema: &'run Json, items: &[Tree], place: Place<'_>) {
        if items.is_empty() && schema["minItems"].as_u64().is_some_and(|least| least > 0) {
            let message = format!("`{}` is empty", place.name);
            let finding = Finding::new(Code::Impossible, message, place.span);
            self.findings
                .push(finding.label("expected at least one item"));
        }
        if schema["items"].is_null() {
            return;
        }
        for item in items {
            let span = item
                .entries()
                .first()
                .map_or(item.span, |entry| entry.key_span);
            self.value(&schema["items"], item, Place { span, ..place });
        }
    }

    fn scalar(
        &mut self,
        outer: &'run Json,
        schema: &'run Json,
        text: &str,
        tree: &Tree,
        place: Place<'_>,
    ) {
        if let Some(words) = words([schema].into_iter()) {
            if !is_former(schema, text) {
                self.word(&words, "", tree, place);
            }
            return;
        }
        for schema in [outer, schema] {
            if let Some(kind) = schema["x-names"].as_str().and_then(NameKind::from_keyword) {
                return self.name(kind, text, tree.span);
            }
        }
        let positive = [outer, schema]
            .iter()
            .any(|schema| schema["x-positive"] == true);
        let least = if positive {
            Least::AboveZero
        } else {
            Least::Zero
        };
        let format = schema["format"].as_str().unwrap_or_default();
        let scalar = Scalar {
            written: text,
            name: place.name,
            least,
            span: tree.span,
        };
        let finding = if grammar::noun(format).is_some() {
            grammar::check(format, scalar)
        } else if is_number(schema) {
            wrong_number(schema, scalar)
        } else if scalar.written.is_empty() && schema["minLength"].as_u64() > Some(0) {
            let message = format!("`{}` is empty", place.name);
            let finding = Finding::new(Code::Impossible, message, tree.span);
            Some(finding.label("expected a text"))
        } else {
            None
        };
        if let Some(finding) = finding {
            self.findings.push(finding);
        }
    }

    /// One of a few words; `others` says what else would be right.
    fn word(&mut self, words: &[&str], others: &str, tree: &Tree, place: Place<'_>) {
        let text = tree.text().unwrap_or_default();
        if words.contains(&text) {
            return;
        }
        let message = format!("`{text}` is not a value of `{}`", place.name);
        let finding = Finding::new(Code::UnknownWord, message, tree.span);
        let finding = finding.label(format!("expected {}{others}", choices(words)));
        self.findings.push(suggest(finding, text, words, tree.span));
    }

    /// A name that a registry must know.
    pub(super) fn name(&mut self, kind: NameKind, text: &str, span: Span) {
        let known = self.names.names(kind);
        if known.is_empty() || known.contains(&text) {
            return;
        }
        // A switch that is listed may still not be for experiments to set.
        let is_listed = || model::releases::CHANGES.iter().any(|own| own.name == text);
        if kind == NameKind::Change && is_listed() {
            let why = model::ChangeEntry::find(text).err().unwrap_or_default();
            let finding = Finding::new(Code::UnknownName, why, span);
            let finding = finding.label("leave it out");
            self.findings.push(finding);
            return;
        }
        let message = format!("unknown {} `{text}`", kind.noun());
        let finding = Finding::new(Code::UnknownName, message, span);
        // A long registry would drown the rest; the nearest name is shown in any case.
        let finding = match known.len() {
            0..=12 => finding.label(format!("expected {}", choices(&known))),
            n => finding.label(format!("not one of the {n} {}", kind.nouns())),
        };
        let finding = suggest(finding, text, &known, span);
        let finding = match (&finding.help, known.len()) {
            (None, 13..=NAMES_MAX) => {
                finding.help(format!("the {} are {}", kind.nouns(), known.join(", ")))
            }
            _ => finding,
        };
        self.findings.push(finding);
    }
}

/// Maximum number of names of a registry that are listed.
const NAMES_MAX: usize = 30;

/// Adds the nearest of the right words as a change.
pub(super) fn suggest(finding: Finding, wrong: &str, right: &[&str], span: Span) -> Finding {
    match nearest(wrong, right.iter().copied()) {
        Some(near) => finding
            .help(format!("did you mean `{near}`?"))
            .replace_at(span, near),
        None => finding,
    }
}

/// `a`, `b` or `c`, each in back quotes.
pub(super) fn choices(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The types a value can have, if there are several; groups of `required` alone are not types.
fn alternatives(schema: &Json) -> Option<&[Json]> {
    ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|keyword| schema[keyword].as_array())
        .map(Vec::as_slice)
        .find(|branches| branches.iter().any(|branch| branch["required"].is_null()))
        .filter(|_| schema["properties"].is_null())
}

/// The words of schemas that are all words (or null).
fn words<'run>(schemas: impl Iterator<Item = &'run Json>) -> Option<Vec<&'run str>> {
    let mut words = Vec::new();
    for schema in schemas {
        if let Some(word) = schema["const"].as_str() {
            words.push(word);
        } else if let Some(listed) = schema["enum"].as_array() {
            words.extend(listed.iter().filter_map(Json::as_str));
        } else if let Some(branches) = schema["oneOf"].as_array() {
            words.extend(
                branches
                    .iter()
                    .filter_map(|branch| branch["const"].as_str()),
            );
        }
    }
    (!words.is_empty()).then_some(words)
}

/// Returns whether a word is the other name of one of the words, which is read too.
fn is_former(schema: &Json, word: &str) -> bool {
    let branches = schema["oneOf"].as_array().into_iter().flatten();
    branches
        .chain([schema])
        .any(|branch| branch["x-formerly"] == word)
}

/// The names of the JSON types a schema takes.
fn types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(one) => vec![one],
        Json::Array(several) => several.iter().filter_map(Json::as_str).collect(),
        _ if schema["const"].is_string() || words([schema].into_iter()).is_some() => {
            vec!["string"]
        }
        _ => Vec::new(),
    }
}

fn is_number(schema: &Json) -> bool {
    types(schema)
        .iter()
        .any(|kind| matches!(*kind, "integer" | "number"))
}

/// Kind of value that a schema takes, for messages.
fn kind_of(schema: &Json) -> Option<String> {
    let format = schema["format"].as_str().unwrap_or_default();
    if let Some(noun) = grammar::noun(format) {
        return Some(noun.to_owned());
    }
    if let Some(words) = words([schema].into_iter()) {
        return Some(choices(&words));
    }
    let kinds: Vec<&str> = types(schema)
        .into_iter()
        .filter_map(|kind| match kind {
            "string" => Some("a text"),
            "integer" => Some("a whole number"),
            "number" => Some("a number"),
            "boolean" => Some("true or false"),
            "array" => Some("a list"),
            "object" => Some("a map"),
            _ => None,
        })
        .collect();
    (!kinds.is_empty()).then(|| kinds.join(" or "))
}

/// Expected type, if the value is of another type.
fn wrong_kind(schema: &Json, tree: &Tree) -> Option<String> {
    if let Some(branches) = alternatives(schema) {
        let wrong: Option<Vec<String>> = branches
            .iter()
            .map(|branch| wrong_kind(branch, tree))
            .collect();
        return wrong.map(|kinds| kinds.join(" or "));
    }
    let types = types(schema);
    let fits = types.is_empty()
        || types.iter().any(|kind| match &tree.value {
            Value::Null => *kind == "null",
            Value::Bool(_) => *kind == "boolean",
            Value::Number(_) => matches!(*kind, "integer" | "number"),
            Value::String(_) => *kind == "string",
            Value::List(_) => *kind == "array",
            Value::Map(_) => *kind == "object",
        });
    if fits { None } else { kind_of(schema) }
}

fn wrong_type(expected: &str, tree: &Tree, place: Place<'_>) -> Finding {
    // A map or a list is shown by what holds it, its own extent may be the whole file.
    let span = match tree.value {
        Value::List(_) | Value::Map(_) | Value::Null => place.span,
        _ => tree.span,
    };
    let message = format!("`{}` is {}", place.name, tree.value.kind());
    let finding =
        Finding::new(Code::WrongType, message, span).label(format!("expected {expected}"));
    match &tree.value {
        Value::Number(text) if expected.contains("a text") => finding
            .help("put it in quotes")
            .replace(format!("\"{text}\"")),
        Value::Bool(value) if expected.contains("a text") => finding
            .help("put it in quotes")
            .replace(format!("\"{value}\"")),
        _ => finding,
    }
}

/// Adds how to say it to a value that stands one level too high: a name where a map with a name was expected, or the
/// one entry of a list.
fn nested(schema: &Json, tree: &Tree, finding: Finding) -> Finding {
    match &tree.value {
        Value::String(text) if !schema["properties"]["name"].is_null() => {
            let map = format!("{{name: {text}}}");
            finding.help(format!("write `{map}`")).replace(map)
        }
        Value::Map(_) if schema["type"] == "array" => {
            finding.help("put `- ` before its first field: a list with one entry")
        }
        _ => finding,
    }
}

/// Returns the problems of a number by type and bounds of its schema.
fn wrong_number(
    schema: &Json,
    Scalar {
        written: text,
        name,
        span,
        ..
    }: Scalar<'_>,
) -> Option<Finding> {
    let whole = types(schema).contains(&"integer");
    let expected = if whole {
        wrong_integer(schema, text)
    } else {
        wrong_float(schema, text).or_else(|| too_fine(schema, text))
    }?;
    let finding = Finding::new(Code::Impossible, format!("`{name}` cannot be {text}"), span);
    Some(finding.label(format!("expected {expected}")))
}

/// Expected value in place of a whole number.
fn wrong_integer(schema: &Json, text: &str) -> Option<String> {
    let digits = text.trim_start_matches(['+', '-']);
    if digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") {
        return Some("a decimal number without leading zeros".to_owned());
    }
    let value = match (text.parse::<i128>(), text.parse::<f64>()) {
        (Ok(value), _) => value,
        // Whole numbers in other forms (`1e3`) are exact up to 2^53.
        (_, Ok(value)) if libm::trunc(value).total_cmp(&value).is_eq() && value.abs() < 9e15 => {
            value as i128
        }
        _ => return Some("a whole decimal number".to_owned()),
    };
    let (least, most) = match schema["format"].as_str() {
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("uint64") => (0, i128::from(u64::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let bound = |keyword: &str| schema[keyword].as_i64().map(i128::from);
    let least = bound("minimum").map_or(least, |bound| bound.max(least));
    let most = bound("maximum").map_or(most, |bound| bound.min(most));
    if value < least {
        Some(format!("at least {least}"))
    } else if value > most {
        Some(format!("at most {most}"))
    } else {
        None
    }
}

/// Expected value in place of a number with too many decimal places.
fn too_fine(schema: &Json, text: &str) -> Option<String> {
    let places = schema["x-places"].as_u64()?;
    let (_, part) = text.split_once('.')?;
    let is_fine = part.trim_end_matches('0').len() as u64 > places;
    is_fine.then(|| format!("at most {places} decimal places"))
}

/// Expected value in place of a number.
fn wrong_float(schema: &Json, text: &str) -> Option<String> {
    let Some(value) = text.parse::<f64>().ok().filter(|value| value.is_finite()) else {
        return Some("a finite decimal number".to_owned());
    };
    let bound = |keyword: &str| schema[keyword].as_f64();
    if let Some(least) = bound("minimum").filter(|least| value < *least) {
        return Some(format!("at least {least}"));
    }
    if let Some(least) = bound("exclusiveMinimum").filter(|least| value <= *least) {
        return Some(format!("more than {least}"));
    }
    bound("maximum")
        .filter(|most| value > *most)
        .map(|most| format!("at most {most}"))
}
