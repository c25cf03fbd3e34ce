//! Experiment files as generic trees in which every value knows its source position.
//!
//! Checks point at text, so values keep their source and byte range. Numbers and quantities keep
//! the characters the user typed (`010`, `1e3`, `8Gi`), because the field decides their meaning,
//! not YAML. A tree can be mixed from several sources: the file itself and each `--set` of the
//! command line.

use std::ops::Range;

use options::Plain;

/// Id of the text that a span points into: an index into [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(super) u32);

/// Byte range of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Text that the span points into.
    pub source: SourceId,
    /// First byte of the span.
    pub start: u32,
    /// End of the span, one past the last byte.
    pub end: u32,
}

impl Span {
    /// First byte of a source, for findings about the whole of it.
    pub const fn start_of(source: SourceId) -> Self {
        Self {
            source,
            start: 0,
            end: 0,
        }
    }

    /// Byte range of the span.
    pub(super) const fn bytes(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One text that takes part in an experiment.
#[derive(Clone, Debug)]
pub struct Source {
    /// File name as the user gave it, or `--set`.
    pub name: String,
    /// Content of the text.
    pub text: String,
    /// `true` if no line of it is shown.
    pub is_hidden: bool,
}

/// All texts of an experiment; spans index into it.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a text.
    pub fn add(&mut self, name: &str, text: &str) -> SourceId {
        self.0.push(Source {
            name: name.to_owned(),
            text: text.to_owned(),
            is_hidden: false,
        });
        SourceId(self.0.len() as u32 - 1)
    }

    /// Text of an id that [`Sources::add`] returned.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.0[id.0 as usize]
    }

    /// Has no line shown of texts by their names.
    pub fn hide(&mut self, is_hidden: impl Fn(&str) -> bool) {
        for source in &mut self.0 {
            source.is_hidden = is_hidden(&source.name);
        }
    }

    /// Byte range of a span, extended to whole characters of its text.
    pub fn range(&self, span: Span) -> Range<usize> {
        let text = &self.get(span.source).text;
        let start = text.floor_char_boundary(span.start as usize);
        start..text.ceil_char_boundary((span.end as usize).max(start))
    }

    /// Line and column (both from 1, the column in characters) of the start of a span.
    pub fn position(&self, span: Span) -> (usize, usize) {
        let text = &self.get(span.source).text;
        let before = &text[..self.range(span).start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// Value with its source position.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Position of the value; for a list or map only its first token is certain.
    pub span: Span,
    /// Content of the value.
    pub value: Value,
}

/// Values that an experiment file can contain.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Null: `null`, `~` or nothing.
    Null,
    /// Boolean: `true` or `false`; `yes` and `no` are texts.
    Bool(bool),
    /// Number as recognized by YAML, in the user's characters.
    Number(String),
    /// Text, quoted or plain.
    String(String),
    /// List such as `[a, b]`.
    List(Vec<Tree>),
    /// Map such as `{a: 1}`, in written order.
    Map(Vec<Entry>),
}

/// Entry of a map, `key: value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Key of the entry.
    pub key: String,
    /// Position of the key.
    pub key_span: Span,
    /// Value of the entry.
    pub value: Tree,
}

impl Value {
    /// Kind of the value in messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Tree {
    /// The entries of a map; of anything else none.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Items of a list; empty for any other value.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// Entry of a key, if this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Characters of a text or number.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// Removes an entry from a map.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let Value::Map(entries) = &mut self.value else {
            return None;
        };
        let position = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(position))
    }

    /// Position at which the user would look for a path in this tree: the deepest part of the path
    /// that was written. List indices are written as numbers.
    pub fn locate<'path>(&self, path: impl IntoIterator<Item = &'path str>) -> Span {
        let mut tree = self;
        let mut span = self.span;
        for step in path {
            match &tree.value {
                Value::Map(entries) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == step) else {
                        return span;
                    };
                    // A map or list is shown by the key that holds it.
                    span = match entry.value.value {
                        Value::Map(_) | Value::List(_) | Value::Null => entry.key_span,
                        _ => entry.value.span,
                    };
                    tree = &entry.value;
                }
                Value::List(items) => {
                    let Some(item) = step.parse().ok().and_then(|at: usize| items.get(at)) else {
                        return span;
                    };
                    span = match item.entries() {
                        [first, ..] => first.key_span,
                        [] => item.span,
                    };
                    tree = item;
                }
                _ => return span,
            }
        }
        span
    }
}

impl From<&Tree> for Plain {
    fn from(tree: &Tree) -> Self {
        match &tree.value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(text) => Self::Number(text.clone()),
            Value::String(text) => Self::String(text.clone()),
            Value::List(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), Self::from(&entry.value)))
                    .collect(),
            ),
        }
    }
}
