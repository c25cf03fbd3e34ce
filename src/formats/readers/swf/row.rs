//! One row of a log in the Standard Workload Format: 18 fields, parsed without allocation
//! (spec: traces.md, section 1).
//!
//! Fields stand between blanks, or between `;` in the dialect of the Slurm simulator, where empty
//! fields are missing values and fields 12 to 16 may be names, which are numbered by order of
//! appearance. Fields beyond the 18th (Alea) are passed over. In the Grid Workloads Archive's Grid Workload Format, a row has 29
//! fields between blanks, of which the first 16 are those of a log, with names in fields 12 to 16.

mod ends;
mod plain;

use crate::readers::prelude::*;
use arrivals::intern::NameTable;
use intake::number::{digits, without_exponent};
use intake::table::{LAST_SECOND, at_most};
use units::time::NANOS_PER_SECOND;

use ends::{numbers_between, plain_row};
use plain::{job_of, plain_numbers};

/// The relations between the fields of a row.
pub(super) const RELATIONS: &[Relation] = &[
    Relation::held(
        &["9", "4"],
        "ran beyond its requested time",
        "schedulers may stop a job late",
    ),
    Relation::recorded(&["6", "4"], "more CPU time than run time"),
];

/// Number of fields of a row.
pub const FIELDS: usize = 18;

/// Number of fields of a row in the Grid Workload Format.
const GRID_FIELDS: usize = 29;

/// The status of a job that was cancelled.
pub(super) const CANCELLED: i64 = 5;

/// Value of an unknown time.
pub const MISSING: Duration = Duration::from_secs(-1);

/// Names of the fields, for messages.
pub const FIELD_NAMES: [&str; FIELDS] = [
    "job number",
    "submit time",
    "wait time",
    "run time",
    "allocated processors",
    "average CPU time",
    "used memory",
    "requested processors",
    "requested time",
    "requested memory",
    "status",
    "user",
    "group",
    "executable",
    "queue",
    "partition",
    "preceding job",
    "think time",
];

/// One raw row. Numbers are as they stand; -1 (for times [`MISSING`]) is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwfJob {
    /// Line of the file, counted from 1.
    pub line: u64,
    /// Field 1.
    pub number: i64,
    /// Field 2, since the log's zero.
    pub submit: Duration,
    /// Field 3.
    pub wait: Duration,
    /// Field 4: wall time.
    pub run: Duration,
    /// Field 5.
    pub allocated_processors: i64,
    /// Field 6, per processor.
    pub cpu_time: Duration,
    /// Field 7, per processor, in KB.
    pub used_memory_kb: i64,
    /// Field 8.
    pub requested_processors: i64,
    /// Field 9.
    pub requested_time: Duration,
    /// Field 10, per processor, in KB.
    pub requested_memory_kb: i64,
    /// Field 11: 0 failed, 1 completed, 5 cancelled, 2 to 4 parts of a job.
    pub status: i64,
    /// Field 12.
    pub user: i64,
    /// Field 13.
    pub group: i64,
    /// Field 14.
    pub executable: i64,
    /// Field 15.
    pub queue: i64,
    /// Field 16.
    pub partition: i64,
    /// Field 17: a job number; -1 as well where several are named (`1&2&3`).
    pub preceding_job: i64,
    /// Field 18: time after that job's end.
    pub think_time: Duration,
}

/// Content of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A job.
    Job {
        /// The job.
        job: SwfJob,
        /// Whether there are fields beyond the 18th.
        extra_fields: bool,
        /// The jobs of field 17 where it names several.
        several_preceding: Vec<i64>,
    },
    /// Fewer than 18 fields.
    Short,
}

/// Returns whether a status is that of one of several executions of a job.
pub(super) fn is_partial(status: i64) -> bool {
    (2..=4).contains(&status)
}

/// Separation of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Blanks,
    Semicolons,
    Grid,
}

impl Dialect {
    /// The dialect of a log whose first row this is.
    pub(super) fn of(row: &[u8]) -> Self {
        let before = row.split(|&byte| byte == b';').next().unwrap_or_default();
        // A remark may stand behind the fields of a row.
        let count = Self::Blanks.split(before, &mut |_, _| {});
        if before.len() < row.len() && count < FIELDS {
            Self::Semicolons
        } else if count >= GRID_FIELDS {
            Self::Grid
        } else {
            Self::Blanks
        }
    }

    /// The note about the fields of a row that are not used.
    pub(super) fn unused(self) -> &'static str {
        match self {
            Self::Blanks | Self::Semicolons => "fields beyond the 18th, not used",
            Self::Grid => "fields beyond the 16th (sites, structure, network, disk), not used",
        }
    }

    /// Shows each field of a row with its place, and returns how many there are.
    pub(super) fn split<'text>(
        self,
        row: &'text [u8],
        show: &mut dyn FnMut(usize, &'text [u8]),
    ) -> usize {
        let mut count = 0;
        let mut next = |field: &'text [u8]| {
            show(count, field);
            count += 1;
        };
        match self {
            Self::Blanks | Self::Grid => row
                .split(u8::is_ascii_whitespace)
                .filter(|field| !field.is_empty())
                .for_each(&mut next),
            Self::Semicolons => {
                let row = row.trim_ascii().strip_suffix(b";").unwrap_or(row);
                row.split(|&byte| byte == b';')
                    .map(<[u8]>::trim_ascii)
                    .for_each(&mut next);
            }
        }
        count
    }
}

/// Whether a line is blank or a remark.
pub(super) fn is_remark(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), None | Some(b';' | b'#'))
}

/// Whether a line has the names of columns, as Alea's logs and those of grids do.
pub(super) fn has_names(line: &[u8]) -> bool {
    line.starts_with(b"id\t") || line.starts_with(b"JobID\tSubmitTime\t")
}

/// Whether a field is there, without blanks.
fn is_bare(field: &[u8]) -> bool {
    !field.is_empty() && !field.iter().any(u8::is_ascii_whitespace)
}

/// Parses the rows of one log.
#[derive(Clone, Debug, Default)]
pub(super) struct RowParser {
    dialect: Option<Dialect>,
    /// Whether there is one blank between two fields.
    is_tight: bool,
    names: NameTable,
}

impl RowParser {
    /// Parses a line that is neither blank nor a comment. The first one decides on the dialect.
    pub(super) fn parse(&mut self, line: u64, text: &[u8]) -> Result<Parsed, BadRow> {
        let dialect = *self.dialect.get_or_insert_with(|| {
            self.is_tight = text.split(|&byte| byte == b' ').all(is_bare);
            Dialect::of(text)
        });
        if let (Dialect::Blanks, Some(numbers)) = (dialect, plain_numbers(text)) {
            return Ok(Parsed::Job {
                job: job_of(line, &numbers),
                extra_fields: false,
                several_preceding: Vec::new(),
            });
        }
        let mut fields = [&text[..0]; FIELDS];
        let count = dialect.split(text, &mut |place, field| {
            if let Some(own) = fields.get_mut(place) {
                *own = field;
            }
        });
        if count < FIELDS {
            return Ok(Parsed::Short);
        }
        self.job(&Fields { line, fields }, dialect, count)
    }

    /// The dialect of the log, which its first row decides on.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::Blanks)
    }

    /// Returns whether the first row had one blank between two fields, as the others have then.
    pub(super) fn is_tight(&self) -> bool {
        self.is_tight
    }

    /// Reads the job of a row whose fields end at these places of a text, if they are plain numbers.
    #[inline]
    pub(super) fn tight(
        line: u64,
        text: &[u8],
        start: usize,
        ends: &[usize],
        job: &mut SwfJob,
    ) -> Option<()> {
        let mut numbers = [0; FIELDS];
        numbers_between(text, start, ends.first_chunk()?, &mut numbers)?;
        *job = job_of(line, &numbers);
        Some(())
    }

    /// Reads the job of the row that begins at a place of a text, if it is a row of plain numbers behind another
    /// row and is all there. Returns where the next row begins.
    #[inline]
    pub(super) fn plain(
        &self,
        line: u64,
        text: &[u8],
        start: usize,
        job: &mut SwfJob,
    ) -> Option<usize> {
        if self.dialect != Some(Dialect::Blanks) {
            return None;
        }
        let mut numbers = [0; FIELDS];
        let next = plain_row(text, start, &mut numbers)?;
        *job = job_of(line, &numbers);
        Some(next)
    }

    /// The name that a number of fields 12 to 16 stands for, if the log has names.
    pub(super) fn name(&self, number: i64) -> Option<&Text> {
        self.names.names().get(usize::try_from(number).ok()?)
    }

    fn job(
        &mut self,
        fields: &Fields<'_>,
        dialect: Dialect,
        count: usize,
    ) -> Result<Parsed, BadRow> {
        let mut name = |index: usize| match dialect {
            Dialect::Blanks => fields.integer(index, i64::MIN),
            Dialect::Semicolons | Dialect::Grid => Ok(fields.name(index, &mut self.names)),
        };
        let has_preceding = dialect != Dialect::Grid;
        let several_preceding = if has_preceding {
            fields.several(16)?
        } else {
            Vec::new()
        };
        let status = fields.integer(10, i64::MIN)?;
        // Of a job's partial executions the first alone has a submit time.
        let least_submit = if is_partial(status) { -1 } else { 0 };
        let job = SwfJob {
            line: fields.line,
            number: fields.integer(0, 0)?,
            submit: fields.submit(least_submit)?,
            wait: fields.time(2, -1)?,
            run: fields.time(3, -1)?,
            allocated_processors: fields.integer(4, -1)?,
            cpu_time: fields.time(5, -1)?,
            used_memory_kb: fields.amount(6)?,
            requested_processors: fields.integer(7, -1)?,
            requested_time: fields.time(8, -1)?,
            requested_memory_kb: fields.amount(9)?,
            status,
            user: name(11)?,
            group: name(12)?,
            executable: name(13)?,
            queue: name(14)?,
            partition: name(15)?,
            preceding_job: if has_preceding && several_preceding.is_empty() {
                fields.integer(16, i64::MIN)?
            } else {
                -1
            },
            think_time: if has_preceding {
                fields.time(17, i64::MIN)?
            } else {
                MISSING
            },
        };
        Ok(Parsed::Job {
            job,
            extra_fields: count > FIELDS,
            several_preceding,
        })
    }
}

struct Fields<'text> {
    line: u64,
    fields: [&'text [u8]; FIELDS],
}

impl Fields<'_> {
    /// Job numbers with `&` between them; empty without one.
    fn several(&self, index: usize) -> Result<Vec<i64>, BadRow> {
        let text = self.fields[index];
        if !text.contains(&b'&') {
            return Ok(Vec::new());
        }
        let numbers = text.split(|&byte| byte == b'&').map(digits);
        let numbers: Option<Vec<i64>> = numbers.collect();
        numbers.ok_or_else(|| self.bad(index, "must be job numbers with `&` between them"))
    }

    /// A whole number, at least `least`; an empty field is -1.
    fn integer(&self, index: usize, least: i64) -> Result<i64, BadRow> {
        match self.decimal(index)? {
            (whole, 0) if whole >= least => Ok(whole),
            (_, 0) => Err(self.bad(index, &at_least(least))),
            _ => Err(self.bad(index, "must be a whole number")),
        }
    }

    /// An amount whose fraction is of no account.
    fn amount(&self, index: usize) -> Result<i64, BadRow> {
        Ok(self.decimal(index)?.0)
    }

    /// Seconds, at least `least` or exactly -1.
    fn time(&self, index: usize, least: i64) -> Result<Duration, BadRow> {
        let (whole, nanos) = self.decimal(index)?;
        let time = Duration::checked_from_secs(whole)
            .and_then(|seconds| seconds.checked_add(Duration::from_nanos(nanos)))
            .ok_or_else(|| self.bad(index, "must be within 292 years"))?;
        let missing_allowed = least <= -1 && time == MISSING;
        if missing_allowed || time >= Duration::ZERO || least == i64::MIN {
            return Ok(time);
        }
        Err(self.bad(index, &at_least(least)))
    }

    /// The time of submission, at least `least` or exactly -1: the field that is in milliseconds where a log is.
    fn submit(&self, least: i64) -> Result<Duration, BadRow> {
        match self.time(1, least) {
            Ok(time) if time <= Duration::from_secs(LAST_SECOND) => Ok(time),
            Err(bad) if self.decimal(1)?.0 <= LAST_SECOND => Err(bad),
            _ => Err(self.bad(1, &format!("must be {}", at_most(LAST_SECOND)))),
        }
    }

    fn name(&self, index: usize, names: &mut NameTable) -> i64 {
        match self.fields[index] {
            b"" | b"-1" => -1,
            name => i64::from(names.number_of(String::from_utf8_lossy(name).as_bytes())),
        }
    }

    fn decimal(&self, index: usize) -> Result<(i64, i64), BadRow> {
        match self.fields[index] {
            b"" => Ok((-1, 0)),
            text => decimal(text).ok_or_else(|| self.bad(index, "must be a number")),
        }
    }

    fn bad(&self, index: usize, rule: &str) -> BadRow {
        BadRow {
            line: self.line,
            column: format!("{} {}", index + 1, FIELD_NAMES[index]),
            value: String::from_utf8_lossy(self.fields[index]).into_owned(),
            rule: rule.to_owned(),
        }
    }
}

fn at_least(least: i64) -> String {
    match least {
        -1 => "must not be negative, or -1 if it is not known".to_owned(),
        _ => format!("must be at least {least}"),
    }
}

/// A decimal number as whole units and nanos of the same sign; digits beyond nanos are dropped.
fn decimal(text: &[u8]) -> Option<(i64, i64)> {
    // Nearly all numbers of a log are these.
    match digits(text) {
        Some(whole) => return Some((whole, 0)),
        None if text == b"-1" => return Some((-1, 0)),
        None => {}
    }
    let (sign, digits) = match text.split_first()? {
        (b'-', rest) => (-1, rest),
        (b'+', rest) => (1, rest),
        _ => (1, text),
    };
    if text.contains(&b'e') || text.contains(&b'E') {
        let plain = without_exponent(std::str::from_utf8(text).ok()?)?;
        return decimal(plain.as_bytes());
    }
    let mut parts = digits.splitn(2, |&byte| byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or(b""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut units: i64 = 0;
    for &byte in whole {
        let digit = i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        units = units.checked_mul(10)?.checked_add(digit)?;
    }
    let (mut nanos, mut scale) = (0, NANOS_PER_SECOND / 10);
    for &byte in fraction {
        let digit = i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        nanos += digit * scale;
        scale /= 10;
    }
    Some((sign * units, sign * nanos))
}

#[cfg(test)]
mod tests;
