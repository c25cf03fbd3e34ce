//! Findings: what is wrong with the user's input, where, and what to write instead.
//!
//! The whole layer collects findings and never stops at the first. This is the only file that
//! knows the library that draws carets.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};

use super::tree::{Sources, Span};

/// The kinds of findings, each with a stable number that is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The text is not YAML.
    Syntax,
    /// A key is given twice in one map.
    DuplicateKey,
    /// Too many bytes, values or levels.
    TooLarge,
    /// A field that does not exist here.
    UnknownField,
    /// A value of another type than the field takes.
    WrongType,
    /// A required field is missing.
    MissingField,
    /// A word that is none of those allowed.
    UnknownWord,
    /// None or several of fields of which exactly one is needed.
    OneOf,
    /// A value outside what is possible.
    Impossible,
    /// Not a duration.
    Duration,
    /// Not a distribution.
    Distribution,
    /// Not a quantity.
    Quantity,
    /// A policy, system, format or metric that is not registered.
    UnknownName,
    /// A file that is not there.
    MissingFile,
    /// Two things of one name.
    DuplicateName,
    /// A variant that extends itself, or one that does not exist.
    VariantChain,
    /// An override whose path leads nowhere.
    OverridePath,
    /// A pattern over the index that cannot be read.
    Pattern,
    /// A run that would never stop.
    NeverStops,
    /// Settings that contradict each other.
    Conflict,
}

impl Code {
    /// All codes, in the order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::Syntax,
        Self::DuplicateKey,
        Self::TooLarge,
        Self::UnknownField,
        Self::WrongType,
        Self::MissingField,
        Self::UnknownWord,
        Self::OneOf,
        Self::Impossible,
        Self::Duration,
        Self::Distribution,
        Self::Quantity,
        Self::UnknownName,
        Self::MissingFile,
        Self::DuplicateName,
        Self::VariantChain,
        Self::OverridePath,
        Self::Pattern,
        Self::NeverStops,
        Self::Conflict,
    ];

    /// The stable code, such as `WT012`.
    pub fn id(self) -> String {
        format!("WT{:03}", self as u32 + 1)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What was expected there.
    pub label: String,
    /// Other places that matter, each with a label.
    pub context: Vec<(Span, String)>,
    /// How to put it right.
    pub help: Option<String>,
    /// Text that would be right at a place.
    pub replacement: Option<(Span, String)>,
}

impl Finding {
    /// A finding without label and help.
    pub fn new(code: Code, message: impl Into<String>, span: Span) -> Self {
        Self {
            code,
            message: message.into(),
            span,
            label: String::new(),
            context: Vec::new(),
            help: None,
            replacement: None,
        }
    }

    /// With what was expected at the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place.
    pub fn context(mut self, span: Span, label: impl Into<String>) -> Self {
        self.context.push((span, label.into()));
        self
    }

    /// With how to put it right.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With text that would be right at the place, shown as a change.
    pub fn replace(self, with: impl Into<String>) -> Self {
        let span = self.span;
        self.replace_at(span, with)
    }

    /// With text that would be right at another place, shown as a change.
    pub fn replace_at(mut self, span: Span, with: impl Into<String>) -> Self {
        self.replacement = Some((span, with.into()));
        self
    }
}

/// Whether to print with escape codes of terminal colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    Off,
    /// Colors of the terminal.
    On,
}

/// A collection of findings, each kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one, unless the same was found before (by another variant, say).
    pub fn push(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Adds all of another collection.
    pub fn append(&mut self, other: Self) {
        for finding in other.0 {
            self.push(finding);
        }
    }

    /// Adds a help text to all findings from position `from` on that have none. What is no
    /// quantity at all is told by its grammar; the help is about amounts.
    pub(super) fn add_help(&mut self, from: usize, help: &str) {
        for finding in self
            .0
            .iter_mut()
            .skip(from)
            .filter(|finding| finding.help.is_none() && finding.code != Code::Quantity)
        {
            finding.help = Some(help.to_owned());
        }
    }

    /// Number of findings.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings in the order of their places.
    pub fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<&Finding> = self.0.iter().collect();
        sorted.sort_by_key(|finding| (finding.span, finding.code));
        sorted
    }
}

/// An input that was refused: the findings and the texts they point into.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// What is wrong.
    pub findings: Findings,
    /// The texts.
    pub sources: Sources,
}

impl Rejected {
    /// All findings as text with carets, separated by blank lines, with a line break at the end.
    pub fn render(&self, color: Color) -> String {
        let renderer = match color {
            Color::Off => Renderer::plain(),
            Color::On => Renderer::styled(),
        };
        let mut text = String::new();
        for finding in self.findings.sorted() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&self.render_one(finding, &renderer));
            text.push('\n');
        }
        text
    }

    fn render_one(&self, finding: &Finding, renderer: &Renderer) -> String {
        let source = self.sources.get(finding.span.source);
        let id = finding.code.id();
        let mut snippet = Snippet::source(&source.text).path(&source.name).annotation(
            AnnotationKind::Primary
                .span(self.sources.range(finding.span))
                .label(non_empty(&finding.label)),
        );
        for (span, label) in &finding.context {
            if span.source == finding.span.source {
                let label = non_empty(label);
                snippet = snippet.annotation(
                    AnnotationKind::Context
                        .span(self.sources.range(*span))
                        .label(label),
                );
            }
        }
        let title = Level::ERROR.primary_title(&finding.message).id(&id);
        let mut report = vec![title.element(snippet)];
        let help = finding.help.as_deref();
        match &finding.replacement {
            Some((span, with)) => {
                let source = self.sources.get(span.source);
                let title = Level::HELP.secondary_title(help.unwrap_or("write instead:"));
                let patch = Patch::new(self.sources.range(*span), with.as_str());
                report.push(title.element(Snippet::source(&source.text).patch(patch)));
            }
            None => {
                if let Some(help) = help {
                    report.push(Group::with_title(Level::HELP.secondary_title(help)));
                }
            }
        }
        renderer.render(&report)
    }

    /// All findings as an array of objects: `code`, `message`, `file`, `line`, `column`, `endLine`,
    /// `endColumn` (all from 1), and where there are any `label`, `help`, `replacement`.
    pub fn to_json(&self) -> Value {
        let object = |finding: &&Finding| {
            let mut object = self.place(finding.span);
            object["code"] = json!(finding.code.id());
            object["message"] = json!(finding.message);
            if !finding.label.is_empty() {
                object["label"] = json!(finding.label);
            }
            if let Some(help) = &finding.help {
                object["help"] = json!(help);
            }
            if let Some((span, with)) = &finding.replacement {
                object["replacement"] = self.place(*span);
                object["replacement"]["text"] = json!(with);
            }
            object
        };
        Value::Array(self.findings.sorted().iter().map(object).collect())
    }

    fn place(&self, span: Span) -> Value {
        let (line, column) = self.sources.position(span);
        let end = Span {
            start: span.end,
            ..span
        };
        let (end_line, end_column) = self.sources.position(end);
        json!({
            "file": self.sources.get(span.source).name,
            "line": line,
            "column": column,
            "endLine": end_line,
            "endColumn": end_column,
        })
    }
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
