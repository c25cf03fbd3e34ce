//! The description of a trace format: every reader in `formats` states one, and the registry lists
//! them.

use super::ledger::Ledger;
use super::options::ReadOptions;
use super::stream::ArrivalSource;
use intake::Input;
use intake::TraceError;
use model::{Node, ResourceList};
use units::Instant;

/// A trace format in the registry.
#[derive(Clone, Copy, Debug)]
pub struct FormatEntry {
    /// The name that users write.
    pub name: &'static str,
    /// The description, in one line.
    pub summary: &'static str,
    /// The columns or fields.
    pub columns: &'static [ColumnDoc],
    /// The columns of names and those that no run reads, which mean nothing unless something refers
    /// to them (see [`super::nameless`]).
    pub names: &'static [&'static str],
    /// The function that shows the cells of a file beside those of names.
    pub cells: Cells,
    /// The reading options that have an effect on the format (see [`ReadOptions`]).
    pub options: &'static [&'static str],
    /// The test whether a text that begins with these bytes is of the format.
    pub sniff: fn(&[u8]) -> Confidence,
    /// The function that opens a file of the format.
    pub open: Constructor,
}

impl FormatEntry {
    /// Returns the kind of content of the format's files.
    pub fn kind(&self) -> FormatKind {
        match self.open {
            Constructor::Nodes(_) => FormatKind::Nodes,
            Constructor::Workload(_) => FormatKind::Workload,
        }
    }
}

/// The content of a format's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatKind {
    /// Machines.
    Nodes,
    /// Arrivals of jobs or pods.
    Workload,
}

/// One column or field of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnDoc {
    /// The name in the header, or the number.
    pub name: &'static str,
    /// The meaning, with the unit.
    pub meaning: &'static str,
    /// Whether a file without the column is refused.
    pub required: bool,
}

impl ColumnDoc {
    /// A column that must be there.
    pub const fn required(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            required: true,
        }
    }

    /// A column that may be missing.
    pub const fn optional(name: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            required: false,
        }
    }
}

/// The confidence of a format that a text is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The text is of another format.
    No,
    /// The text may be of this format.
    Maybe,
    /// The text is of this format.
    Certain,
}

/// Nodes as read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeList {
    /// The nodes in the file's order.
    pub nodes: Vec<Node>,
    /// The ledger of irregularities in the file.
    pub ledger: Ledger,
    /// The events after the beginning, in order of time.
    pub events: Vec<NodeEvent>,
}

/// An event of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEvent {
    /// The instant, from the zero of the trace.
    pub at: Instant,
    /// The place of the node in its list.
    pub node: usize,
    /// The event.
    pub kind: NodeEventKind,
}

/// The kind of a machine's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEventKind {
    /// The machine comes, for the first time or again.
    Comes,
    /// The machine goes, with what runs on it.
    Goes,
    /// The machine has other resources to offer.
    Resized(ResourceList),
    /// The machine takes no new pods.
    Refuses,
    /// The machine takes new pods again.
    Accepts,
}

/// The formats of nodes whose files have events.
pub const FORMATS_WITH_EVENTS: &[&str] = &[
    "google-2011-machines",
    "google-2019-machines",
    "alibaba-2017-machines",
    "alibaba-2018-machines",
    "helios-machines",
    "openb-nodes",
];

/// A function that reads a file of nodes.
pub type OpenNodes = fn(&Input, &ReadOptions) -> Result<NodeList, TraceError>;
/// A function that opens a file of arrivals.
pub type OpenWorkload = fn(&Input, &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError>;

/// A function that shows each cell of a file, row by row, but for those of names
/// ([`FormatEntry::names`]).
pub type Cells = fn(&FormatEntry, &Input, show: &mut dyn FnMut(&[u8])) -> Result<(), TraceError>;

/// The function that opens a format's files, by the kind of their content.
#[derive(Clone, Copy, Debug)]
pub enum Constructor {
    /// A file of nodes.
    Nodes(OpenNodes),
    /// A file of arrivals.
    Workload(OpenWorkload),
}

/// Returns `Certain` if the first line that is not blank is a comma-separated header with all of these columns.
pub fn header_has(first: &[u8], columns: &[&str]) -> Confidence {
    let has = |header: &[&str]| columns.iter().all(|column| header.contains(column));
    match separator_of_header(first, b",", has) {
        Some(_) => Confidence::Certain,
        None => Confidence::No,
    }
}

/// Returns the first separator by which the first line that is not blank is a header whose names pass a test; blanks and
/// quotes about a name are no part of it.
pub(crate) fn separator_of_header(
    first: &[u8],
    separators: &[u8],
    is_own: impl Fn(&[&str]) -> bool,
) -> Option<u8> {
    let mut lines = first.split(|&byte| byte == b'\n');
    let line = lines.find(|line| !line.trim_ascii().is_empty())?;
    let line = std::str::from_utf8(line).ok()?;
    { separators.iter().copied() }.find(|&separator| {
        let names = line.split(char::from(separator));
        let names: Vec<&str> = names.map(|name| name.trim().trim_matches('"')).collect();
        is_own(&names)
    })
}

/// A test of the field at a place of a row.
pub type FieldTest = (usize, fn(&str) -> bool);

/// The most rows by which a table without a header is recognized: a row with a fault hides none of the others.
const SHOWN_ROWS: usize = 16;

/// Returns `Certain` if the first line that is no remark has this number of fields, and those at some places pass a test,
/// and half of the first lines or more do; `Maybe` if any of them does.
pub fn row_has(first: &[u8], separator: u8, fields: usize, tests: &[FieldTest]) -> Confidence {
    let passes = |line: &[u8]| {
        let Ok(line) = str::from_utf8(line) else {
            return false;
        };
        let found = line.split(char::from(separator)).map(str::trim);
        let found: Vec<&str> = found.map(without_quotes).collect();
        found.len() == fields && tests.iter().all(|&(place, test)| test(found[place]))
    };
    // What comes last may be cut off.
    let end = first.iter().rposition(|&byte| byte == b'\n');
    let whole = end.map_or(first, |end| &first[..end]);
    let rows = whole
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
    let passed: Vec<bool> = rows.take(SHOWN_ROWS).map(passes).collect();
    let own = passed.iter().filter(|&&passes| passes).count();
    match passed.first() {
        _ if own == 0 => Confidence::No,
        Some(true) if 2 * own >= passed.len() => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// The text of a field that may stand in quotes.
fn without_quotes(field: &str) -> &str {
    let inner = field
        .strip_prefix('"')
        .and_then(|own| own.strip_suffix('"'));
    inner.unwrap_or(field)
}

/// Whether a field is a whole number.
pub fn is_whole(field: &str) -> bool {
    field.parse::<i64>().is_ok()
}

/// Whether a field is empty or a number.
pub fn is_number_or_empty(field: &str) -> bool {
    field.is_empty() || field.parse::<f64>().is_ok()
}
