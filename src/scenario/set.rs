//! Overrides: `--set path=value` of the command line and `path: value` of variants.
//!
//! A path is keys and list positions joined by dots (`workload.0.trace.path`); a key that has
//! dots itself stands in double quotes (`labels."kubernetes.io/os"`). Maps that are missing on
//! the way are made; a value replaces whatever was there, it is not merged.

use super::diagnostic::{Code, Finding, Findings};
use super::tree::{Entry, Sources, Span, Tree, Value};
use super::yaml;

/// One override, ready to be applied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Override {
    /// The steps of the path, each with where it was written.
    path: Vec<(String, Span)>,
    /// Value to put there.
    value: Tree,
}

impl Override {
    /// An override from a path that was written at `span` and a value.
    pub(super) fn new(
        path: &str,
        span: Span,
        value: Tree,
        findings: &mut Findings,
    ) -> Option<Self> {
        if let Some(path) = steps(path, span) {
            Some(Self { path, value })
        } else {
            findings.push(
                Finding::new(Code::OverridePath, format!("`{path}` is not a path"), span)
                    .label("expected keys and positions joined by dots")
                    .help("for example `workload.0.trace.path` or `labels.\"a.b/c\"`"),
            );
            None
        }
    }

    /// Reads `PATH=VALUE`; the value is YAML.
    pub(super) fn parse(
        text: &str,
        sources: &mut Sources,
        findings: &mut Findings,
    ) -> Option<Self> {
        let source = sources.add("--set", text);
        let whole = Span {
            source,
            start: 0,
            end: text.len() as u32,
        };
        let Some(equals) = equals_sign(text) else {
            findings.push(
                Finding::new(Code::OverridePath, "`--set` needs PATH=VALUE", whole)
                    .label("no `=` here")
                    .help("for example `--set seed=7`"),
            );
            return None;
        };
        let value = yaml::parse_from(sources, source, equals + 1, findings)?;
        let span = Span {
            end: equals as u32,
            ..whole
        };
        Self::new(&text[..equals], span, value, findings)
    }

    /// The field of the experiment that the value replaces, if the path has one step.
    pub(super) fn of_top(&self) -> Option<(&str, &Tree)> {
        match &self.path[..] {
            [(name, _)] => Some((name, &self.value)),
            _ => None,
        }
    }

    /// Puts the value into the tree, or says why its path leads nowhere.
    pub(super) fn apply(&self, tree: &mut Tree, findings: &mut Findings) {
        if let Err(finding) = put(tree, &self.path, &self.value) {
            findings.push(*finding);
        }
    }
}

fn equals_sign(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'=' && !quoted
    })
}

/// The steps of a path with their places, or `None` if a step is empty or a quote is open.
fn steps(path: &str, span: Span) -> Option<Vec<(String, Span)>> {
    let mut steps = Vec::new();
    let mut start = 0;
    loop {
        let rest = &path[start..];
        let (step, length) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"')?;
            (&quoted[..end], end + 2)
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            (&rest[..end], end)
        };
        let blank = step.is_empty() || step.trim() != step;
        let followed = matches!(rest.as_bytes().get(length), None | Some(b'.'));
        if blank || !followed {
            return None;
        }
        // In a file the path may stand in quotes of its own, which are part of the span.
        let shift = span.start as usize + usize::from(span.end - span.start > path.len() as u32);
        let place = |offset: usize| ((shift + offset) as u32).min(span.end);
        let step_span = Span {
            start: place(start),
            end: place(start + length),
            ..span
        };
        steps.push((step.to_owned(), step_span));
        start += length;
        if start == path.len() {
            return Some(steps);
        }
        start += 1;
    }
}

fn put(tree: &mut Tree, path: &[(String, Span)], value: &Tree) -> Result<(), Box<Finding>> {
    let Some(((step, span), rest)) = path.split_first() else {
        *tree = value.clone();
        return Ok(());
    };
    if tree.value == Value::Null {
        tree.value = Value::Map(Vec::new());
    }
    let tree_span = tree.span;
    match &mut tree.value {
        Value::Map(entries) => {
            let position = entries.iter().position(|entry| entry.key == *step);
            let position = position.unwrap_or_else(|| {
                let value = Tree {
                    span: *span,
                    value: Value::Null,
                };
                entries.push(Entry {
                    key: step.clone(),
                    key_span: *span,
                    value,
                });
                entries.len() - 1
            });
            put(&mut entries[position].value, rest, value)
        }
        Value::List(items) => {
            let n_items = items.len();
            match step
                .parse()
                .ok()
                .and_then(|position: usize| items.get_mut(position))
            {
                Some(item) => put(item, rest, value),
                None => Err(Box::new(no_such_item(step, *span, n_items, tree_span))),
            }
        }
        other => {
            let message = format!("the path goes through {}", other.kind());
            Err(Box::new(
                Finding::new(Code::OverridePath, message, *span)
                    .label(format!("there is no `{step}` in it"))
                    .context(tree_span, "this value")
                    .help("set the value above it as a whole, or a field that exists"),
            ))
        }
    }
}

fn no_such_item(step: &str, span: Span, n_items: usize, list: Span) -> Finding {
    let label = match n_items {
        0 => "the list is empty".to_owned(),
        1 => "expected 0, the position of its only item".to_owned(),
        _ => format!("expected a position from 0 to {}", n_items - 1),
    };
    Finding::new(
        Code::OverridePath,
        format!("the list has no item `{step}`"),
        span,
    )
    .label(label)
    .context(list, "this list")
}

/// The path of a key below another path, quoted where the key needs it; `None` if a path cannot
/// say it.
pub(super) fn join(path: &str, key: &str) -> Option<String> {
    if key.is_empty() || key.trim() != key || key.contains('"') {
        return None;
    }
    let quoted = if key.contains(['.', '=']) {
        format!("\"{key}\"")
    } else {
        key.to_owned()
    };
    Some(if path.is_empty() {
        quoted
    } else {
        format!("{path}.{quoted}")
    })
}
