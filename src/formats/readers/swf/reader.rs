//! Raw rows of a log, streamed: header, comments, blank and short lines are dealt with here.

use super::header::SwfHeader;
use super::row::{FIELDS, Parsed, RowParser, SwfJob};
use crate::readers::prelude::*;
use intake::ledger::RowPolicy;
use intake::lines::Lines;

/// Raw rows, streamed.
pub struct SwfReader {
    lines: Lines,
    pub(super) parser: RowParser,
    pub(super) journal: Journal,
    pub(super) header: SwfHeader,
    first: Option<SwfJob>,
    /// The jobs before the last one read, where it names several.
    pub(super) several_preceding: Vec<i64>,
    rows: u64,
    /// Whether a line before the first job is the head of a table with commas.
    is_table: bool,
    has_ended: bool,
}

impl SwfReader {
    /// Opens a log and reads to its first job.
    pub fn open(input: &Input, policy: RowPolicy) -> Result<Self, TraceError> {
        let mut reader = Self {
            lines: input.lines()?,
            parser: RowParser::default(),
            journal: Journal::new(input.name.clone(), policy),
            header: SwfHeader::default(),
            first: None,
            several_preceding: Vec::new(),
            rows: 0,
            is_table: false,
            has_ended: false,
        };
        reader.first = reader.next_job()?;
        Ok(reader)
    }

    /// Stored bytes read so far, and all of them.
    pub fn progress(&self) -> (u64, u64) {
        self.lines.progress()
    }

    /// Header before the first job.
    pub fn header(&self) -> &SwfHeader {
        &self.header
    }

    /// Submission of the first job, unless it has been taken.
    pub(super) fn first_submit(&self) -> Option<Duration> {
        Some(self.first.as_ref()?.submit)
    }

    /// The next row that is a job.
    pub fn next_job(&mut self) -> Result<Option<SwfJob>, TraceError> {
        let mut job = SwfJob::default();
        Ok(self.read_next(&mut job)?.then_some(job))
    }

    /// Reads the next row that is a job in its place: a job is too large to be handed on. Returns whether there is one.
    #[inline]
    pub(super) fn read_next(&mut self, job: &mut SwfJob) -> Result<bool, TraceError> {
        if let Some(first) = self.first.take() {
            *job = first;
            return Ok(true);
        }
        Ok(self.read_plain(job) || self.read_job(job)?)
    }

    /// Reads the next row, if it is a job of plain numbers and all of it is there already.
    #[inline]
    fn read_plain(&mut self, job: &mut SwfJob) -> bool {
        let is_read = if self.parser.is_tight() {
            self.read_tight(job)
        } else {
            self.read_padded(job)
        };
        if is_read {
            self.rows += 1;
            self.several_preceding.clear();
        }
        is_read
    }

    /// Reads a plain row of a log with one blank between two fields.
    #[inline]
    fn read_tight(&mut self, job: &mut SwfJob) -> bool {
        let Some(line) = self.lines.next_plain(FIELDS, b' ') else {
            return false;
        };
        let (text, start, ends) = self.lines.plain(FIELDS);
        let is_read = RowParser::tight(line, text, start, ends, job).is_some();
        if !is_read {
            self.lines.put_back();
        }
        is_read
    }

    /// Reads a plain row of a log with several blanks between fields.
    fn read_padded(&mut self, job: &mut SwfJob) -> bool {
        let (before, text, start) = self.lines.pending();
        let next = self.parser.plain(before + 1, text, start, job);
        if let Some(next) = next {
            self.lines.pass(next);
        }
        next.is_some()
    }

    fn read_job(&mut self, place: &mut SwfJob) -> Result<bool, TraceError> {
        while let Some((number, text)) = self.lines.next_line()? {
            if text.trim_ascii().is_empty() {
                self.journal.dirt("blank line", Action::Drop, number)?;
                continue;
            }
            if let text @ [b';' | b'#', ..] = text.trim_ascii_start() {
                if self.rows == 0 {
                    self.header.push_line(text);
                }
                continue;
            }
            match self.parser.parse(number, text) {
                Ok(Parsed::Short) => {
                    self.is_table |= self.rows == 0 && is_table_head(text);
                    let kind = "line of fewer than 18 fields";
                    self.journal.dirt(kind, Action::Drop, number)?;
                }
                Ok(Parsed::Job {
                    job,
                    extra_fields,
                    several_preceding,
                }) => {
                    self.rows += 1;
                    if extra_fields {
                        let kind = self.parser.dialect().unused();
                        self.journal.dirt(kind, Action::Keep, number)?;
                    }
                    self.several_preceding = several_preceding;
                    *place = job;
                    return Ok(true);
                }
                Err(_) if self.rows == 0 && is_column_names(text) => {
                    self.journal
                        .dirt("column names without `;`", Action::Drop, number)?;
                }
                Err(bad) => {
                    self.rows += 1;
                    self.journal.bad_row(bad)?;
                }
            }
        }
        let end = self.lines.open_end();
        if !std::mem::replace(&mut self.has_ended, true) {
            self.journal.end(end)?;
        }
        self.refuse_empty()
    }

    fn refuse_empty(&self) -> Result<bool, TraceError> {
        if self.rows > 0 {
            return Ok(false);
        }
        Err(TraceError::Format {
            file: self.journal.file.to_string(),
            reason: format!(
                "holds no job: a row has {FIELDS} fields between blanks or `;`{}",
                if self.is_table {
                    ", and this is a table with commas; write `format: csv`, or end its name in .csv"
                } else {
                    ""
                }
            ),
        })
    }
}

/// Whether a line names columns of a table with commas that has the times of submission.
fn is_table_head(text: &[u8]) -> bool {
    let mut names = text.trim_ascii().split(|&byte| byte == b',');
    names.clone().count() > 1 && names.any(|name| name == b"submit")
}

/// Whether the first two fields are words.
fn is_column_names(text: &[u8]) -> bool {
    let mut fields = text
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
        .take(2);
    fields.all(|field| field[0].is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "1 0 -1 5 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1";

    /// The jobs of a log, and what was found odd about it.
    fn read(text: &str) -> (Vec<SwfJob>, Vec<String>) {
        let input = Input::bytes("log", text.as_bytes().to_vec());
        let mut reader = SwfReader::open(&input, RowPolicy::REPORT).expect("a log");
        let mut jobs = Vec::new();
        while let Some(job) = reader.next_job().expect("not strict") {
            jobs.push(job);
        }
        let ledger = &reader.journal.ledger;
        let entries = ledger.entries().iter().map(ToString::to_string);
        let bad = ledger.bad_rows().iter().map(ToString::to_string);
        (jobs, entries.chain(bad).collect())
    }

    proptest! {
        #[test]
        fn rows_are_the_same_whatever_blanks_the_first_one_has(
            rows in prop::collection::vec(
                prop_oneof![
                    6 => Just(GOOD.to_owned()),
                    3 => prop::collection::vec("-1|[0-9]{1,10}", 18).prop_map(|row| row.join(" ")),
                    2 => prop::collection::vec("-1|[0-9]{1,10}|[0-9]{0,3}[.&a+]?|-2", 16..20)
                        .prop_map(|row| row.join(" ")),
                    1 => "[;# \t]{0,3}",
                ],
                0..40),
            end in prop::sample::select(vec!["\n", " \n", "\r\n"]),
        ) {
            let rows = rows.join(end) + end;
            let tight = read(&format!("{GOOD}\n{rows}"));
            let padded = read(&format!("{}\n{rows}", GOOD.replacen(' ', "  ", 1)));
            prop_assert_eq!(tight, padded);
        }
    }
}
