//! Faults of a trace and how the reader handled them. Dirt that a format's page documents is
//! handled as documented and counted in the [`Ledger`]; anything else is a bad row, and the
//! [`RowPolicy`] says whether it stops the reading (spec: traces.md, section 0).

mod conditions;

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::TraceError;
use crate::origin::{Files, Origin};
use units::{line, plural};

/// Number of bad rows kept word for word; all are counted.
pub const MAX_LISTED_BAD_ROWS: usize = 1_000;

/// The kind of a last line that may not be whole.
const OPEN_END: &str = "last line without an end of line; it is cut off if the file is";

/// Treatment of a kind of irregularity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The row was left out.
    Drop,
    /// A value was replaced.
    Repair,
    /// The row was taken as it stands.
    Keep,
    /// The row was taken without something that it demands of its placement, such as a constraint or a
    /// deadline: the simulated cluster is freer than that of the trace.
    Waive,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Drop => "drop",
            Self::Repair => "repair",
            Self::Keep => "keep",
            Self::Waive => "waive",
        })
    }
}

/// Kinds of rows that are kept and say that a job ran longer than it asked for.
pub const ESTIMATES: [&str; 2] = [
    "time limit below the run time",
    "ran beyond its requested time",
];

/// Part of the kinds of rows that are kept and whose jobs run to the end.
pub const ENDLESS: &str = "run time not known";

/// One kind of dirt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Description of the irregularity in a few words.
    pub kind: Arc<str>,
    /// Number of rows with the fault.
    pub count: u64,
    /// The file of the first.
    pub file: Arc<str>,
    /// The line of the first, counted from 1; 0 if it is not known.
    pub line: u64,
    /// Treatment of the irregularity.
    pub action: Action,
}

impl LedgerEntry {
    fn is_bad_row(&self) -> bool {
        self.kind.starts_with(BAD_ROW)
    }

    /// Place of the first row: the file, and the line if it is known.
    fn place(&self) -> String {
        match self.line {
            0 => self.file.to_string(),
            line => format!("{}:{line}", self.file),
        }
    }
}

impl fmt::Display for LedgerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            count,
            action,
            ..
        } = self;
        let rows = plural::count(*count, "row");
        write!(f, "{action} {rows}: {kind} (first {})", self.place())
    }
}

/// All dirt of a source, by order of first appearance, and the bad rows that were passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    entries: Vec<LedgerEntry>,
    bad_rows: Vec<TraceError>,
}

impl Ledger {
    /// A ledger without entries.
    pub const EMPTY: Self = Self {
        entries: Vec::new(),
        bad_rows: Vec::new(),
    };

    /// Counts one row.
    pub fn note(&mut self, kind: &str, action: Action, file: &Arc<str>, line: u64) {
        self.count_in(kind, action, file, line, 1);
    }

    fn count_in(&mut self, kind: &str, action: Action, file: &Arc<str>, line: u64, count: u64) {
        // A format has a handful of kinds; a scan beats a map.
        match self
            .entries
            .iter_mut()
            .find(|entry| &*entry.kind == kind && entry.action == action)
        {
            Some(entry) => entry.count += count,
            None => self.entries.push(LedgerEntry {
                kind: kind.into(),
                count,
                file: file.clone(),
                line,
                action,
            }),
        }
    }

    /// Adds everything that another ledger holds.
    pub fn merge(&mut self, other: &Self) {
        for entry in &other.entries {
            match self
                .entries
                .iter_mut()
                .find(|own| own.kind == entry.kind && own.action == entry.action)
            {
                Some(own) => own.count += entry.count,
                None => self.entries.push(entry.clone()),
            }
        }
        for bad_row in &other.bad_rows {
            if self.bad_rows.len() < MAX_LISTED_BAD_ROWS {
                self.bad_rows.push(bad_row.clone());
            }
        }
    }

    /// The kinds of dirt, by order of first appearance.
    pub fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    /// Bad rows that were passed over under [`OnBadRow::Report`], at most
    /// [`MAX_LISTED_BAD_ROWS`].
    pub fn bad_rows(&self) -> &[TraceError] {
        &self.bad_rows
    }

    /// Number of rows with a kind of dirt, whatever was done.
    pub fn count(&self, kind: &str) -> u64 {
        self.entries
            .iter()
            .filter(|entry| &*entry.kind == kind || (kind == BAD_ROW && entry.is_bad_row()))
            .map(|entry| entry.count)
            .sum()
    }

    /// Number of bad rows that were left out.
    pub fn bad_row_count(&self) -> u64 {
        self.count(BAD_ROW)
    }

    /// Number of rows noted, of any kind: it grows with every note.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|entry| entry.count).sum()
    }

    /// Compact state of the ledger.
    pub fn mark(&self) -> LedgerMark {
        LedgerMark {
            counts: self.entries.iter().map(|entry| entry.count).collect(),
            bad_rows: self.bad_rows.len(),
        }
    }

    /// Goes on to a mark on the way to a later state of the same ledger.
    pub fn advance(&mut self, later: &Self, mark: &LedgerMark) {
        let known = self.entries.len();
        let met = later.entries.iter().skip(known);
        self.entries
            .extend(met.take(mark.counts.len() - known).cloned());
        for (entry, &count) in self.entries.iter_mut().zip(&mark.counts) {
            entry.count = count;
        }
        let known = self.bad_rows.len();
        let listed = later.bad_rows.iter().skip(known);
        self.bad_rows
            .extend(listed.take(mark.bad_rows - known).cloned());
    }

    /// Sets the counts of kinds of dirt in a file, given with what was done and the first line; the
    /// ledger has the first of them already. `None` if there are more counts than kinds.
    pub fn set_counts(
        &mut self,
        file: &Arc<str>,
        kinds: &[(Arc<str>, Action, u64)],
        counts: &[u64],
    ) -> Option<()> {
        let met = kinds.get(..counts.len())?;
        for (kind, action, line) in met.iter().skip(self.entries.len()) {
            self.entries.push(LedgerEntry {
                kind: kind.clone(),
                count: 0,
                file: file.clone(),
                line: *line,
                action: *action,
            });
        }
        for (entry, &count) in self.entries.iter_mut().zip(counts) {
            entry.count = count;
        }
        Some(())
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Mark of a ledger's state: counts by entry, and the number of bad rows listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerMark {
    counts: SmallVec<[u64; 8]>,
    bad_rows: usize,
}

/// The kind under which bad rows are counted, or what the kinds of their rules begin with.
const BAD_ROW: &str = "bad row";

/// The most rules whose bad rows are counted apart.
const MOST_RULES: usize = 40;

impl fmt::Display for Ledger {
    /// One table: action, count, first place, kind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.entries.iter().map(LedgerEntry::place).collect();
        // A longer one pushes the rest aside: a format takes no width beyond 65,535.
        let width = places
            .iter()
            .map(String::len)
            .max()
            .unwrap_or(0)
            .clamp(5, 200);
        writeln!(f, "action      rows  {:width$}  kind", "first")?;
        for (entry, place) in self.entries.iter().zip(&places) {
            writeln!(
                f,
                "{:6}  {:>8}  {place:width$}  {}",
                entry.action, entry.count, entry.kind
            )?;
        }
        Ok(())
    }
}

/// The most characters of a value that a message shows.
const SHOWN_CHARACTERS: usize = line::QUOTED_MAX;

/// A value as messages show it: a row of a thousand columns fills no screen.
fn shortened(value: String) -> String {
    match value.char_indices().nth(SHOWN_CHARACTERS) {
        None => value,
        Some((end, _)) => {
            let all = value.chars().count();
            format!("{}… ({all} characters)", &value[..end])
        }
    }
}

/// Policy for bad rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBadRow {
    /// Stops the reading.
    #[default]
    Fail,
    /// Is left out and counted.
    Skip,
    /// Is left out, counted and listed word for word.
    Report,
}

/// Policy of a reader for rows that aren't as they should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowPolicy {
    /// Policy for bad rows.
    pub on_bad_row: OnBadRow,
    /// Whether documented dirt is an error as well.
    pub strict: bool,
}

impl RowPolicy {
    /// Leaves out bad rows and lists them.
    pub const REPORT: Self = Self {
        on_bad_row: OnBadRow::Report,
        strict: false,
    };
}

/// A ledger being written under a policy.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The file that is read.
    pub file: Arc<str>,
    /// Ledger of irregularities.
    pub ledger: Ledger,
    /// The files of the trace.
    pub files: Files,
    policy: RowPolicy,
}

/// A row that breaks a rule, before its file is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Line, counted from 1.
    pub line: u64,
    /// The column's name.
    pub column: String,
    /// The value found.
    pub value: String,
    /// The rule, saying what was expected.
    pub rule: String,
}

impl Journal {
    /// An empty journal of a file.
    pub fn new(file: Arc<str>, policy: RowPolicy) -> Self {
        Self {
            file,
            ledger: Ledger::EMPTY,
            files: Files::default(),
            policy,
        }
    }

    /// The place of a line of the file that is read.
    pub fn origin(&mut self, line: u64) -> Origin {
        self.files.origin(&self.file, line)
    }

    /// Counts a last line without an end, if there is one; an error if the policy is strict.
    pub fn end(&mut self, open_end: Option<u64>) -> Result<(), TraceError> {
        match open_end {
            Some(line) => self.dirt(OPEN_END, Action::Keep, line),
            None => Ok(()),
        }
    }

    /// Counts documented dirt; an error if the policy is strict.
    pub fn dirt(&mut self, kind: &str, action: Action, line: u64) -> Result<(), TraceError> {
        if self.policy.strict {
            return Err(TraceError::Format {
                file: self.file.to_string(),
                reason: format!("line {line}: {kind} (strict reading accepts no dirt)"),
            });
        }
        self.ledger.note(kind, action, &self.file, line);
        Ok(())
    }

    /// Counts documented dirt of a place that was read before; an error if the policy is strict.
    pub fn dirt_at(&mut self, kind: &str, action: Action, place: Origin) -> Result<(), TraceError> {
        let (file, line) = place.place(self.files.names(), &self.file);
        let last = std::mem::replace(&mut self.file, file);
        let done = self.dirt(kind, action, line);
        self.file = last;
        done
    }

    /// Deals with a bad row as the policy says.
    pub fn bad_row(&mut self, bad: BadRow) -> Result<(), TraceError> {
        let line = bad.line;
        let kind = format!("{BAD_ROW}: column `{}`: {}", bad.column, bad.rule);
        let error = TraceError::BadRow {
            file: self.file.to_string(),
            line,
            column: bad.column,
            value: shortened(bad.value),
            rule: bad.rule,
        };
        match self.policy.on_bad_row {
            OnBadRow::Fail => return Err(error),
            OnBadRow::Skip => {}
            OnBadRow::Report => {
                if self.ledger.bad_rows.len() < MAX_LISTED_BAD_ROWS {
                    self.ledger.bad_rows.push(error);
                }
            }
        }
        let rules = self.ledger.entries.iter().filter(|own| own.is_bad_row());
        let is_known = |own: &LedgerEntry| *own.kind == *kind;
        let is_counted = rules.clone().any(is_known) || rules.count() < MOST_RULES;
        let kind = if is_counted { &*kind } else { BAD_ROW };
        self.ledger.note(kind, Action::Drop, &self.file, line);
        Ok(())
    }
}

/// Words that end the kind of a change that no run follows.
const FIRST_STANDS: &str = "; the first request stands";

impl Ledger {
    /// Number of requests that changed while a task ran and stay as they were first, by the words for the changes.
    pub fn first_requests(&self, changes: [&str; 2]) -> u64 {
        let is_one = |kind: &str| {
            let change = kind.strip_suffix(FIRST_STANDS);
            let change = change.and_then(|own| own.split_once(" requested "));
            change.is_some_and(|(what, when)| {
                changes.contains(&what) && ["while it ran", "later"].contains(&when)
            })
        };
        let entries = self.entries().iter();
        let ours = entries.filter(|entry| is_one(&entry.kind));
        ours.map(|entry| entry.count).sum()
    }
}

#[cfg(test)]
mod tests;
