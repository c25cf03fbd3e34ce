//! Text to tree: the only file that knows the YAML library.
//!
//! YAML 1.2 with strict booleans (`no` and `on` are texts), merge keys and aliases within a
//! budget; JSON is read as the subset it is. Everything wrong with the text becomes a finding, and
//! all duplicate keys are reported, not only the first.

use std::cell::RefCell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::Serialize;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Budget, Location, NonFiniteFloatPolicy, Options, Spanned};

use super::diagnostic::{Code, Finding, Findings};
use super::tree::{Entry, SourceId, Sources, Span, Tree, Value};
use units::plural;

/// Longest experiment file, in bytes: a hand-written one has a few thousand.
const MAX_BYTES: usize = 16 << 20;
/// Most values after aliases are expanded.
const MAX_NODES: usize = 1_000_000;
/// Most values that aliases stand for: anchors that multiply are refused before they are many.
const MAX_REPLAYED: usize = 100_000;
/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 128;

/// Reads one document. With a finding of [`Code::Syntax`] there is no tree; duplicate keys leave
/// one, in which the last of them stands.
pub(super) fn parse(sources: &Sources, source: SourceId, findings: &mut Findings) -> Option<Tree> {
    let text = &sources.get(source).text;
    if text.len() > MAX_BYTES {
        let message = format!(
            "the file has {}, more than {MAX_BYTES}",
            plural::count(text.len(), "byte")
        );
        findings.push(Finding::new(
            Code::TooLarge,
            message,
            Span::start_of(source),
        ));
        return None;
    }
    parse_padded(text, source, findings)
}

/// Reads the value of a `PATH=VALUE` of which the path takes the first `skip` bytes; spans point
/// into the whole text.
pub(super) fn parse_from(
    sources: &Sources,
    source: SourceId,
    skip: usize,
    findings: &mut Findings,
) -> Option<Tree> {
    let text = &sources.get(source).text;
    // Blanks keep every offset; YAML allows a document to be indented.
    let padded = format!("{}{}", " ".repeat(skip), &text[skip..]);
    parse_padded(&padded, source, findings)
}

fn parse_padded(text: &str, source: SourceId, findings: &mut Findings) -> Option<Tree> {
    let parsed = match read(text, DuplicateKeyPolicy::LastWins) {
        Ok(parsed) => parsed,
        Err(error) => {
            findings.push(finding_of(&error, text, source));
            return None;
        }
    };
    let before = findings.len();
    let builder = Builder {
        text,
        source,
        commas: RefCell::default(),
    };
    let tree = builder.tree(parsed, findings);
    if findings.len() == before {
        // Keys that are equal as integers (`1` and `0x1`) are joined by the library itself. The ends of
        // two calls may be equal keys to it (`0.5)`), which their commas alone make them.
        let mut plain = text.to_owned();
        for comma in builder.commas.into_inner() {
            plain.replace_range(comma..=comma, ";");
        }
        if let Err(error) = read(&plain, DuplicateKeyPolicy::Error) {
            findings.push(finding_of(&error, text, source));
        }
    }
    Some(tree)
}

fn read(text: &str, duplicates: DuplicateKeyPolicy) -> Result<Spanned<Node>, serde_saphyr::Error> {
    let mut budget = Budget::default();
    budget.max_nodes = MAX_NODES;
    budget.max_depth = MAX_DEPTH;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.alias_limits.max_total_replayed_events = MAX_REPLAYED;
    options.duplicate_keys = duplicates;
    options.strict_booleans = true;
    options.with_snippet = false;
    options.non_finite_float_policy = NonFiniteFloatPolicy::AsString;
    serde_saphyr::from_str_with_options(text, options)
}

/// Writes a value as YAML.
pub(super) fn write<T: Serialize>(value: &T) -> Result<String, serde_saphyr::SerializeError> {
    let mut options = serde_saphyr::SerializerOptions::default();
    options.compact_list_indent = false;
    options.prefer_block_scalars = false;
    serde_saphyr::to_string_with_options(value, options)
}

/// Node as the library hands it over before spans are resolved.
enum Node {
    Null,
    Bool(bool),
    /// As the library read it, for the rare case that the text cannot be sliced.
    Number(String),
    String(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

struct Builder<'text> {
    text: &'text str,
    source: SourceId,
    /// Places of commas that are parts of values, not between entries.
    commas: RefCell<Vec<usize>>,
}

impl Builder<'_> {
    fn tree(&self, node: Spanned<Node>, findings: &mut Findings) -> Tree {
        // For a value behind an alias the place to change is where it was defined.
        let span = span_of(node.defined, self.text, self.source);
        let value = match node.value {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            Node::Number(read) => {
                let written = self.text.get(span.bytes()).unwrap_or("").trim();
                // A tagged scalar (`!!int "5"`) is not its own text.
                let plain = written.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
                Value::Number(if plain { written.to_owned() } else { read })
            }
            Node::String(text) => Value::String(text),
            Node::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| self.tree(item, findings))
                    .collect(),
            ),
            Node::Map(entries) => Value::Map(self.entries(entries, findings)),
        };
        Tree { span, value }
    }

    fn entries(
        &self,
        nodes: Vec<(Spanned<String>, Spanned<Node>)>,
        findings: &mut Findings,
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(nodes.len());
        for (key, node) in nodes {
            let key_span = span_of(key.defined, self.text, self.source);
            let value = self.tree(node, findings);
            if value.value == Value::Null
                && let Some(call) = entries.last_mut()
                && self.continues_call(call, key_span)
            {
                continue;
            }
            let entry = Entry {
                key: key.value,
                key_span,
                value,
            };
            match entries.iter_mut().find(|earlier| earlier.key == entry.key) {
                Some(earlier) => {
                    let message = format!("`{}` is given twice", entry.key);
                    findings.push(
                        Finding::new(Code::DuplicateKey, message, entry.key_span)
                            .label("given again here")
                            .context(earlier.key_span, "first given here")
                            .help("keep one of the two"),
                    );
                    *earlier = entry;
                }
                None => entries.push(entry),
            }
        }
        entries
    }
}

impl Builder<'_> {
    /// Takes a comma within parentheses as part of the value: in `{start: lognormal(400ms, 0.5)}`
    /// YAML ends the value at the comma and sees a key without a value behind it.
    fn continues_call(&self, call: &mut Entry, more: Span) -> bool {
        let Value::String(text) = &mut call.value.value else {
            return false;
        };
        let (opened, closed) = (text.matches('(').count(), text.matches(')').count());
        let span = Span {
            end: more.end,
            ..call.value.span
        };
        match self.text.get(span.bytes()) {
            Some(whole) if opened > closed && whole.starts_with(text.as_str()) => {
                if let Some(comma) = whole[text.len()..].find(',') {
                    let comma = span.bytes().start + text.len() + comma;
                    self.commas.borrow_mut().push(comma);
                }
                whole.clone_into(text);
                call.value.span = span;
                true
            }
            _ => false,
        }
    }
}

fn span_of(location: Location, text: &str, source: SourceId) -> Span {
    let span = location.span();
    let (start, end) = if let (Some(start), Some(length)) = (span.byte_offset(), span.byte_len()) {
        (start as usize, (start + length) as usize)
    } else {
        let start = offset_of(text, location.line(), location.column());
        (start, start)
    };
    let end = end.min(text.len());
    let start = start.min(end);
    // A block scalar or map ends with the line break after it.
    let trimmed = text
        .get(start..end)
        .map_or(end, |slice| start + slice.trim_end().len());
    Span {
        source,
        start: start as u32,
        end: trimmed as u32,
    }
}

/// The byte at a line and a column in characters, both from 1.
fn offset_of(text: &str, line: u64, column: u64) -> usize {
    let (line, column) = (
        line.saturating_sub(1) as usize,
        column.saturating_sub(1) as usize,
    );
    let line_start = match line {
        0 => 0,
        _ => match text.match_indices('\n').nth(line - 1) {
            Some((newline, _)) => newline + 1,
            None => return text.len(),
        },
    };
    let rest = text[line_start..].lines().next().unwrap_or_default();
    let within = rest
        .char_indices()
        .nth(column)
        .map_or(rest.len(), |(offset, _)| offset);
    line_start + within
}

fn finding_of(error: &serde_saphyr::Error, text: &str, source: SourceId) -> Finding {
    use serde_saphyr::Error;
    let span = error.location().map_or(Span::start_of(source), |location| {
        span_of(location, text, source)
    });
    let message = plain(error);
    match error.without_snippet() {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            Finding::new(Code::DuplicateKey, format!("`{key}` is given twice"), span)
                .label("given again here")
                .help("keep one of the two")
        }
        Error::MultipleDocuments { .. } => {
            Finding::new(Code::Syntax, "more than one YAML document", span)
                .label("the second document starts here")
                .help("an experiment is one document; write one file for each")
        }
        // The parser reports limits of its own kinds as texts.
        _ if message.contains("budget breached") || message.contains("limit exceeded") => {
            let what = if message.contains("epth") {
                format!("nested deeper than {MAX_DEPTH} levels")
            } else if message.contains("lias") {
                format!("aliases stand for more than {MAX_REPLAYED} values")
            } else {
                format!("more than {MAX_NODES} values, aliases counted each time")
            };
            Finding::new(
                Code::TooLarge,
                format!("the file is too large: {what}"),
                span,
            )
            .help("an experiment file is small; large inputs belong in traces and manifests")
        }
        _ => Finding::new(Code::Syntax, format!("this is not YAML: {message}"), span),
    }
}

/// The library's message without its own position, which the finding carries.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    match text.find(" at line ") {
        Some(position) => text[..position].to_owned(),
        None => text.to_owned(),
    }
}
