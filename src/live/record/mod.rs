//! The log of a run: its inputs, step by step, each line with a checksum and the digest that the step
//! led to. It replays to the same commands; a version of the program that would decide otherwise is
//! found at the first step that differs.
//!
//! A line is 16 hexadecimal digits, a space, and an object in JSON. The first line is the header. The
//! checksum covers the line's number, so lines can't be missing, doubled or exchanged.

pub mod life;
pub mod silence;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use units::Instant;

use crate::driver::input::{Answer, Input};
use crate::driver::snapshot::Snapshot;
use crate::driver::{Driver, DriverError, Plane};
use crate::runtime::timestamp;
use crate::wire::real_time;

/// Version of the format of a log that begins with the run.
const FORMAT: u32 = 1;

/// Version of the format of a log that begins with a snapshot.
const FORMAT_SHORT: u32 = 2;

/// Nanoseconds of a second.
const SECOND_NS: i64 = 1_000_000_000;

/// Hexadecimal digits of a checksum and of a digest.
const DIGITS: usize = 16;

/// The first record: the experiment whose control plane runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// Version of the format.
    pub format: u32,
    /// Name of the experiment.
    pub experiment: String,
    /// Hash of what the control plane is made from.
    pub hash: String,
    /// Wall clock at the run's zero, in nanoseconds since 1970-01-01T00:00:00Z.
    pub zero_unix_ns: i64,
    /// Number of steps that the snapshot behind this header stands for; 0 if there is no snapshot.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub compacted: u64,
    /// Seconds of the run's time that pass in a real second.
    #[serde(default = "real_time", skip_serializing_if = "is_real_time")]
    pub pace: u32,
    /// Name by which pods choose the scheduler, in a cluster that another control plane runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirrored: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
const fn is_real_time(pace: &u32) -> bool {
    *pace == real_time()
}

impl Header {
    /// The header of a log that goes on from a snapshot, after a number of steps in all.
    #[must_use]
    pub fn compacted(&self, steps: u64) -> Self {
        Self {
            format: FORMAT_SHORT,
            compacted: steps,
            ..self.clone()
        }
    }

    /// Number of the first record of a step: the header has 0, and a snapshot 1.
    pub fn first(&self) -> u64 {
        1 + u64::from(self.compacted > 0)
    }

    /// The header of a run that begins at a time of the wall clock; `setup` is what its control plane is made
    /// from. The run's zero is the whole second before, so that schedules meet the clock.
    pub fn new(experiment: &str, setup: &str, wall_ns: i64) -> Self {
        let zero_unix_ns = wall_ns - wall_ns.rem_euclid(SECOND_NS);
        Self {
            format: FORMAT,
            experiment: experiment.to_owned(),
            hash: short(&blake3::hash(setup.as_bytes()).to_hex()),
            zero_unix_ns,
            compacted: 0,
            pace: real_time(),
            mirrored: None,
        }
    }

    /// Date and time of the run's zero in UTC, as experiment files write them: `startDate` of controllers.
    /// `None` of a run whose schedules have another date: those that earlier versions began have a zero
    /// within a second.
    pub fn zero_date(&self) -> Option<String> {
        let is_dated = self.zero_unix_ns % SECOND_NS == 0;
        is_dated.then(|| timestamp(self.zero_unix_ns))
    }

    /// Date and time of an instant of the run, from which on another one goes on: the whole second behind,
    /// as what was due before that has been done.
    pub(crate) fn date_after(&self, at: Instant) -> Option<String> {
        self.zero_date()?;
        let at_ns = self.zero_unix_ns.saturating_add(at.as_nanos());
        Some(timestamp(
            at_ns.saturating_add(SECOND_NS - 1) / SECOND_NS * SECOND_NS,
        ))
    }

    /// Wall clock at the run's zero, in seconds since 1970-01-01T00:00:00Z.
    pub const fn zero_unix_secs(&self) -> i64 {
        self.zero_unix_ns.div_euclid(SECOND_NS)
    }

    /// The header of a run whose clock runs faster than real time.
    #[must_use]
    pub fn at_pace(self, pace: u32) -> Self {
        Self { pace, ..self }
    }

    /// The header of a record of a cluster on whose pods nobody here decides.
    pub fn of_cluster(wall_ns: i64) -> Self {
        Self {
            hash: String::new(),
            ..Self::new("cluster", "", wall_ns).mirroring("")
        }
    }

    /// Whether the record is of a cluster on whose pods nobody here decided.
    pub const fn is_of_cluster(&self) -> bool {
        self.hash.is_empty()
    }

    /// The header of a run whose cluster another control plane runs.
    #[must_use]
    pub fn mirroring(self, scheduler: &str) -> Self {
        Self {
            mirrored: Some(scheduler.to_owned()),
            ..self
        }
    }

    /// Wall clock at an instant of the run, in nanoseconds since 1970-01-01T00:00:00Z.
    pub fn wall_ns(&self, at: Instant) -> i64 {
        let passed = at.as_nanos() / i64::from(self.pace.max(1));
        self.zero_unix_ns.saturating_add(passed)
    }

    /// Instant of the run at a time of the wall clock.
    pub fn instant(&self, wall_ns: i64) -> Instant {
        let passed = wall_ns.saturating_sub(self.zero_unix_ns).max(0);
        Instant::from_nanos(passed.saturating_mul(i64::from(self.pace)))
    }
}

/// The inputs of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Instant of the step, in nanoseconds since the run's zero.
    pub at_ns: i64,
    /// Inputs, in the order in which they were taken in; none for a wake-up.
    pub inputs: Vec<Input>,
    /// Beginning of the digest after the step.
    pub digest: String,
}

/// A problem with a log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A line is not what was written.
    #[error("record {number} is damaged: {why}; restore the file from a copy")]
    Damaged {
        /// Number of the record; 0 is the header.
        number: u64,
        /// Problem of the line.
        why: String,
    },
    /// The log is of another format.
    #[error(
        "the log has format {found}, expected {FORMAT} or {FORMAT_SHORT}; use the version that wrote it"
    )]
    Format {
        /// Format in the header.
        found: u32,
    },
    /// The step had another result when it was recorded.
    #[error(
        "record {number}: the step leads to digest {now}, it led to {recorded}; this version of the \
         program decides otherwise: use the version that wrote the log"
    )]
    Diverged {
        /// Number of the record.
        number: u64,
        /// Digest now.
        now: String,
        /// Digest in the log.
        recorded: String,
    },
    /// Logs do not follow each other.
    #[error("{file} does not begin where the log before it ends; give every log of the run")]
    Gap {
        /// File with the later log.
        file: String,
    },
    /// The control plane failed.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// A value as a line of a log, without the line feed.
pub fn encode<T: Serialize>(number: u64, value: &T) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    format!("{} {text}", checksum(number, text.as_bytes()))
}

/// The value of a line of a log.
///
/// # Errors
/// The line is damaged.
pub fn decode<T: DeserializeOwned>(number: u64, line: &[u8]) -> Result<T, RecordError> {
    let damaged = |why: &dyn std::fmt::Display| RecordError::Damaged {
        number,
        why: why.to_string(),
    };
    let text = match line.split_at_checked(DIGITS + 1) {
        Some((sum, text)) if sum == format!("{} ", checksum(number, text)).as_bytes() => text,
        _ => return Err(damaged(&"its checksum is another")),
    };
    serde_json::from_slice(text).map_err(|error| damaged(&error))
}

fn checksum(number: u64, text: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(text);
    short(&hasher.finalize().to_hex())
}

fn short(digest: &str) -> String {
    digest.chars().take(DIGITS).collect()
}

/// A log that was read from its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Header of the log.
    pub header: Header,
    /// State at the beginning of the log; `None` if it begins with the run.
    pub snapshot: Option<Box<Snapshot>>,
    /// Records, in order.
    pub records: Vec<Record>,
    /// Length in bytes of a tail that was cut off while it was written; 0 if the log is whole.
    pub torn_bytes: usize,
}

impl Log {
    /// Reads a log. A last line that is cut off is left out and noted.
    ///
    /// # Errors
    /// Another line is damaged, or the log has another format.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut rest = bytes;
        let mut header: Option<Header> = None;
        let mut snapshot = None;
        let mut records = Vec::new();
        let mut number = 0;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line = &rest[..end];
            match &header {
                None => header = Some(checked(decode(number, line)?)?),
                Some(header) if number < header.first() => {
                    snapshot = Some(decode(number, line)?);
                }
                Some(_) => records.push(decode(number, line)?),
            }
            number += 1;
            rest = &rest[end + 1..];
        }
        let header = header.ok_or_else(|| RecordError::Damaged {
            number: 0,
            why: "the header is cut off".to_owned(),
        })?;
        if number < header.first() {
            return Err(RecordError::Damaged {
                number,
                why: "the snapshot is cut off".to_owned(),
            });
        }
        Ok(Self {
            header,
            snapshot,
            records,
            torn_bytes: rest.len(),
        })
    }

    /// The lines of the text that the log was read from, as a journal holds them.
    pub fn lines<'b>(&self, text: &'b [u8]) -> Vec<&'b [u8]> {
        let whole = &text[..text.len() - self.torn_bytes];
        let lines = whole.strip_suffix(b"\n").unwrap_or(whole);
        lines.split(|&byte| byte == b'\n').collect()
    }

    /// Whether records of a journal are a log without damage.
    pub fn is_whole(records: &[Vec<u8>]) -> bool {
        let mut text = records.join(&b'\n');
        text.push(b'\n');
        records.is_empty() || Self::read(&text).is_ok()
    }

    /// This log with another behind it: the one that went on from this one's snapshot. `file` names it in
    /// errors.
    ///
    /// # Errors
    /// The other one does not begin where this one ends.
    pub fn then(mut self, file: &str, later: Self) -> Result<Self, RecordError> {
        let steps = self.header.compacted + self.records.len() as u64;
        if later.header.compacted != steps || later.header.hash != self.header.hash {
            let file = file.to_owned();
            return Err(RecordError::Gap { file });
        }
        self.records.extend(later.records);
        self.torn_bytes = later.torn_bytes;
        Ok(self)
    }

    /// Number of the first record.
    pub(crate) fn first(&self) -> u64 {
        self.header.first()
    }

    /// A control plane in the state in which the log begins.
    ///
    /// # Errors
    /// The snapshot leads to no cluster.
    pub(crate) fn begin(&self, plane: Plane) -> Result<Driver, RecordError> {
        let plane = plane.at_pace(self.header.pace);
        Ok(match &self.snapshot {
            None => Driver::new(plane),
            Some(snapshot) => Driver::restored(plane, snapshot)?,
        })
    }

    /// Replays the records in a control plane.
    ///
    /// # Errors
    /// A step has another result than it had.
    pub fn replay(&self, plane: Plane) -> Result<Driver, RecordError> {
        let mut driver = self.begin(plane)?;
        for (number, record) in (self.first()..).zip(&self.records) {
            replay(&mut driver, number, record)?;
        }
        Ok(driver)
    }
}

/// Refuses a header of another format.
pub(crate) fn checked(header: Header) -> Result<Header, RecordError> {
    let expected = match header.compacted {
        0 => FORMAT,
        _ => FORMAT_SHORT,
    };
    if header.format != expected {
        return Err(RecordError::Format {
            found: header.format,
        });
    }
    Ok(header)
}

/// Replays one record.
pub(crate) fn replay(
    driver: &mut Driver,
    number: u64,
    record: &Record,
) -> Result<Vec<Answer>, RecordError> {
    let answers = driver.step(Instant::from_nanos(record.at_ns), &record.inputs)?;
    let now = short(&driver.digest());
    if now != record.digest {
        return Err(RecordError::Diverged {
            number,
            now,
            recorded: record.digest.clone(),
        });
    }
    Ok(answers)
}

/// The record of a step that was made.
pub(crate) fn of_step(driver: &Driver, inputs: Vec<Input>) -> Record {
    Record {
        at_ns: driver.now().as_nanos(),
        inputs,
        digest: short(&driver.digest()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_meet_the_wall_clock() {
        let header = Header::new("test", "setup", 1_798_761_599_400_000_000);
        let text = |date: &str| Some(date.to_owned());
        assert_eq!(header.zero_date(), text("2026-12-31T23:59:59.000000000Z"));
        let older = Header {
            zero_unix_ns: header.zero_unix_ns + 1,
            ..header.clone()
        };
        assert_eq!(older.zero_date(), None);
        assert_eq!(older.date_after(Instant::ZERO), None);
        let begun = header.instant(1_798_761_599_400_000_000);
        assert_eq!(begun, Instant::from_nanos(400_000_000));
        let date = |nanos: i64| header.date_after(Instant::from_nanos(nanos));
        assert_eq!(date(0), header.zero_date());
        assert_eq!(date(1), text("2027-01-01T00:00:00.000000000Z"));
        assert_eq!(date(1_000_000_000), text("2027-01-01T00:00:00.000000000Z"));
    }
}
