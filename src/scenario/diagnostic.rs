//! Findings: errors in the user's input, with their location and a correction.
//!
//! The whole layer collects findings and never stops at the first. This is the only file that knows
//! the library that draws carets.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};

use super::tree::{Sources, Span};
use units::line::{QUOTED_MAX, brief, one_line};

/// The most bytes of a line that is shown as a whole.
const LINE_MAX: usize = 120;
/// Characters that are shown before the place, of a longer line.
const LEAD: usize = 8;

/// Kinds of findings, each with a stable number that is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Text that is not YAML.
    Syntax,
    /// Key that occurs twice in one map.
    DuplicateKey,
    /// Text with too many bytes, values or levels.
    TooLarge,
    /// Field that does not exist here.
    UnknownField,
    /// Value of another type than the field takes.
    WrongType,
    /// Required field that is missing.
    MissingField,
    /// Word that is not among the allowed ones.
    UnknownWord,
    /// Fields of which exactly one is required, with none or several given.
    OneOf,
    /// Value outside the possible range.
    Impossible,
    /// Text that is not a duration.
    Duration,
    /// Text that is not a distribution.
    Distribution,
    /// Text that is not a quantity.
    Quantity,
    /// Policy, system, format or metric that is not registered.
    UnknownName,
    /// File that does not exist.
    MissingFile,
    /// Name that is used twice.
    DuplicateName,
    /// Variant that extends itself, or one that does not exist.
    VariantChain,
    /// Override whose path leads nowhere.
    OverridePath,
    /// Pattern over the index that cannot be parsed.
    Pattern,
    /// Run that would never stop.
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

    /// Stable code, such as `WT012`.
    pub fn id(self) -> String {
        format!("WT{:03}", self as u32 + 1)
    }
}

/// One finding: an error in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Kind of the finding.
    pub code: Code,
    /// Error message in one line.
    pub message: String,
    /// Location of the error.
    pub span: Span,
    /// Expectation at the location.
    pub label: String,
    /// Related locations, each with a label.
    pub context: Vec<(Span, String)>,
    /// Advice for the correction.
    pub help: Option<String>,
    /// Replacement text for a location.
    pub replacement: Option<(Span, String)>,
}

impl Finding {
    /// Creates a finding without label and help.
    pub fn new(code: Code, message: impl Into<String>, span: Span) -> Self {
        Self {
            code,
            message: one_line(&message.into()),
            span,
            label: String::new(),
            context: Vec::new(),
            help: None,
            replacement: None,
        }
    }

    /// Sets the expectation at the location.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = one_line(&label.into());
        self
    }

    /// Adds a related location.
    pub fn context(mut self, span: Span, label: impl Into<String>) -> Self {
        self.context.push((span, label.into()));
        self
    }

    /// Sets the advice for the correction.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the replacement text at the location, shown as a change.
    pub fn replace(self, with: impl Into<String>) -> Self {
        let span = self.span;
        self.replace_at(span, with)
    }

    /// Sets the replacement text at another location, shown as a change.
    pub fn replace_at(mut self, span: Span, with: impl Into<String>) -> Self {
        self.replacement = Some((span, with.into()));
        self
    }
}

/// Use of terminal color codes in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Plain text without colors.
    Off,
    /// Colors of the terminal.
    On,
}

/// Collection of findings, each kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding, unless an equal one exists (from another variant, for example).
    pub fn push(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Adds all findings of another collection.
    pub fn append(&mut self, other: Self) {
        for finding in other.0 {
            self.push(finding);
        }
    }

    /// Adds a help text to all findings from position `from` on that have none. Invalid quantities
    /// are excluded: their grammar explains them, and the help is about amounts.
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

    /// Adds a help text to all findings from position `from` on, behind that which they have.
    pub(super) fn extend_help(&mut self, from: usize, help: &str) {
        for finding in self.0.iter_mut().skip(from) {
            finding.help = Some(match finding.help.take() {
                Some(own) => format!("{own}; {help}"),
                None => help.to_owned(),
            });
        }
    }

    /// Number of findings.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no findings.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Findings in the order of their locations.
    pub fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<&Finding> = self.0.iter().collect();
        sorted.sort_by_key(|finding| (finding.span, finding.code));
        sorted
    }
}

/// Rejected input: the findings and the texts they point into.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Findings in the input.
    pub findings: Findings,
    /// Texts that the findings point into.
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
        let spans = finding.context.iter().map(|(span, _)| *span);
        let spans = spans.chain([finding.span]);
        let text = self.shown(finding.span, spans);
        let (message, label) = (
            briefed(&finding.message, &source.text),
            briefed(&finding.label, &source.text),
        );
        let mut snippet = Snippet::source(&text).path(&source.name).annotation(
            AnnotationKind::Primary
                .span(self.sources.range(finding.span))
                .label(non_empty(&label)),
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
        let title = Level::ERROR.primary_title(&message).id(&id);
        let mut report = vec![title.element(snippet)];
        let help = finding.help.as_deref();
        let replacement = finding.replacement.as_ref();
        let replaced = replacement.map(|(span, _)| self.shown(*span, [*span].into_iter()));
        match replacement.zip(replaced.as_ref()) {
            Some(((span, with), text)) => {
                let title = Level::HELP.secondary_title(help.unwrap_or("write instead:"));
                let patch = Patch::new(self.sources.range(*span), with.as_str());
                report.push(title.element(Snippet::source(text).patch(patch)));
            }
            None => {
                if let Some(help) = help {
                    report.push(Group::with_title(Level::HELP.secondary_title(help)));
                }
            }
        }
        renderer.render(&report)
    }

    /// The text around some places: of long lines the part around the first of them, of a hidden text none,
    /// with as many bytes as it has.
    fn shown(&self, of: Span, spans: impl Iterator<Item = Span>) -> String {
        let source = self.sources.get(of.source);
        let spans = spans.filter(|span| span.source == of.source);
        let starts: Vec<usize> = spans.map(|span| self.sources.range(span).start).collect();
        let mut shown = String::with_capacity(source.text.len());
        for line in source.text.split_inclusive('\n') {
            let begin = shown.len();
            let body = line.trim_end_matches(['\r', '\n']);
            let window = if source.is_hidden {
                0..0
            // What an option says is in no file.
            } else if body.len() <= LINE_MAX || source.name.starts_with("--") {
                0..body.len()
            } else {
                let inside = starts.iter().filter_map(|start| start.checked_sub(begin));
                let first = inside.filter(|at| *at <= body.len()).min().unwrap_or(0);
                let lead = body[..first].chars().rev().take(LEAD);
                let start = first - lead.map(char::len_utf8).sum::<usize>();
                let part = body[start..].chars().take(QUOTED_MAX);
                start..start + part.map(char::len_utf8).sum::<usize>()
            };
            let letters = body.char_indices().map(|(at, letter)| {
                if window.contains(&at) {
                    letter
                } else {
                    MASKS[letter.len_utf8() - 1]
                }
            });
            shown.extend(letters);
            shown.push_str(&line[body.len()..]);
        }
        shown
    }

    /// All findings as an array of objects: `code`, `message`, `file`, `line`, `column`, `endLine`,
    /// `endColumn` (all from 1), and, if present, `label`, `help`, `replacement`.
    pub fn to_json(&self) -> Value {
        let object = |finding: &&Finding| {
            let mut object = self.place(finding.span);
            object["code"] = json!(finding.code.id());
            let text = &self.sources.get(finding.span.source).text;
            object["message"] = json!(briefed(&finding.message, text));
            if !finding.label.is_empty() {
                object["label"] = json!(briefed(&finding.label, text));
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

/// Letters in the place of those that are not shown, by their bytes.
const MASKS: [char; 4] = ['.', '·', '…', '𝇇'];

/// The words of a finding with what they quote of a text cut.
fn briefed(words: &str, text: &str) -> String {
    let pieces = words.split('`').map(|piece| {
        let is_quoted = piece.len() > QUOTED_MAX && text.contains(piece);
        if is_quoted {
            brief(piece)
        } else {
            piece.to_owned()
        }
    });
    let pieces: Vec<String> = pieces.collect();
    pieces.join("`")
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
