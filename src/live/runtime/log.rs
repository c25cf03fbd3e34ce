//! Log of a container: one line per record with time and stream, in the form of Kubernetes' container
//! runtimes (`TIME stdout F text`; `P` in place of `F` on all but the last part of a long line). The
//! writer rotates by size itself, so the workload needs no signal and loses no line. Without space on
//! the disk it drops records, counts them and goes on reading: a workload never waits for a full disk.

use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::clock;
use units::Date;

/// Name of the current file of a log; older ones are `log.1`, `log.2` …
pub(super) const LOG: &str = "log";

/// Limits on a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLimits {
    /// Largest size of a file, bytes.
    pub file_bytes: u64,
    /// Number of files, the current one included.
    pub file_count: u32,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            file_bytes: 10 << 20,
            file_count: 5,
        }
    }
}

/// Bytes of a time stamp.
pub(super) const TIME_BYTES: u64 = 30;
/// Longest part of a line in one record, bytes.
const PART_BYTES: usize = 16 << 10;

/// Stream of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Writer of a log.
pub(super) struct LogWriter {
    folder: PathBuf,
    limits: LogLimits,
    file: Option<File>,
    size: u64,
    /// Time of the records that are being added: no two files begin with the same.
    time_ns: i64,
    time: String,
    /// Records that were dropped since the last one that was written.
    dropped: u64,
    /// Records that wait to be written together.
    batch: Vec<u8>,
    batch_count: u64,
    unfinished: [Vec<u8>; 2],
}

impl LogWriter {
    /// Writer of the log in a folder.
    pub(super) fn new(folder: &Path, limits: LogLimits) -> Self {
        Self {
            folder: folder.to_owned(),
            limits,
            file: None,
            size: 0,
            time_ns: 0,
            time: String::new(),
            dropped: 0,
            batch: Vec::new(),
            batch_count: 0,
            unfinished: [Vec::new(), Vec::new()],
        }
    }

    /// Takes output of the workload.
    pub(super) fn take(&mut self, stream: Stream, mut bytes: &[u8]) {
        self.stamp();
        while !bytes.is_empty() {
            let line = &mut self.unfinished[stream as usize];
            let room = PART_BYTES.saturating_sub(line.len());
            let mut part = &bytes[..room.min(bytes.len())];
            // Reading from memory cannot fail.
            let count = part.read_until(b'\n', line).unwrap_or(0);
            bytes = &bytes[count..];
            let is_whole = line.last() == Some(&b'\n');
            if is_whole || line.len() >= PART_BYTES {
                self.record(stream, is_whole);
            }
        }
        self.flush();
    }

    /// Writes what is left of both streams.
    pub(super) fn finish(&mut self) {
        self.stamp();
        for stream in [Stream::Out, Stream::Err] {
            if !self.unfinished[stream as usize].is_empty() {
                self.record(stream, true);
            }
        }
        self.flush();
    }

    /// Takes the time for the records that follow.
    fn stamp(&mut self) {
        let now_ns = clock::wall_ns();
        self.time_ns = now_ns + i64::from(now_ns == self.time_ns);
        self.time = timestamp(self.time_ns);
    }

    /// Adds the line of a stream to the batch.
    fn record(&mut self, stream: Stream, is_whole: bool) {
        let name = match stream {
            Stream::Out => "stdout",
            Stream::Err => "stderr",
        };
        let tag = if is_whole { "F" } else { "P" };
        let length_of_start = TIME_BYTES as usize + name.len() + 4;
        let mut line = std::mem::take(&mut self.unfinished[stream as usize]);
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let length = length_of_start + line.len() + 1;
        let is_full = self.size + (self.batch.len() + length) as u64 > self.limits.file_bytes;
        if is_full {
            self.flush();
            self.rotate();
            self.stamp();
        }
        let start = format!("{} {name} {tag} ", self.time);
        self.batch.extend_from_slice(start.as_bytes());
        self.batch.extend_from_slice(&line);
        self.batch.push(b'\n');
        self.batch_count += 1;
        line.clear();
        self.unfinished[stream as usize] = line;
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        if self.write().is_ok() {
            self.size += self.batch.len() as u64;
            self.dropped = 0;
        } else {
            self.dropped += self.batch_count;
            // Half a record would join the next one.
            let cut = self.file.as_ref().map(|file| file.set_len(self.size));
            if !matches!(cut, Some(Ok(()))) {
                self.file = None;
            }
        }
        self.batch.clear();
        self.batch_count = 0;
    }

    fn write(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        if self.dropped > 0 {
            let time = &self.time;
            let count = units::plural::count(self.dropped, "record");
            let note = format!("{time} stderr F [{count} dropped: the disk was full]\n");
            self.batch.splice(0..0, note.into_bytes());
        }
        let written = file.write_all(&self.batch);
        self.file = Some(file);
        written
    }

    /// Opens the current file to append: another process may shorten it.
    fn open(&mut self) -> io::Result<File> {
        let path = self.folder.join(LOG);
        let file = File::options().append(true).create(true).open(path)?;
        self.size = file.metadata()?.len();
        Ok(file)
    }

    /// Renames the current file and its predecessors.
    fn rotate(&mut self) {
        if self.size == 0 {
            return;
        }
        self.file = None;
        let name = |number: u32| match number {
            0 => self.folder.join(LOG),
            number => self.folder.join(format!("{LOG}.{number}")),
        };
        let last = self.limits.file_count.max(1) - 1;
        let renamed = if last == 0 {
            fs::remove_file(name(0))
        } else {
            for number in (1..last).rev() {
                // Absent until as many files were filled.
                let _ = fs::rename(name(number), name(number + 1));
            }
            fs::rename(name(0), name(1))
        };
        if renamed.is_ok() {
            self.size = 0;
        }
    }
}

/// Time stamp of RFC 3339 with nanoseconds, in UTC, of nanoseconds since 1970.
pub fn timestamp(ns: i64) -> String {
    let (seconds, nanos) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let date = Date::from_days(days);
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_are_those_of_the_calendar() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000000Z");
        let leap_day = 951_782_400_000_000_000;
        assert_eq!(timestamp(leap_day), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(timestamp(leap_day - 1), "2000-02-28T23:59:59.999999999Z");
        let new_year = 1_798_761_599_000_000_001;
        assert_eq!(timestamp(new_year), "2026-12-31T23:59:59.000000001Z");
    }

    #[test]
    fn lines_are_records_and_old_files_are_dropped() {
        let folder = std::env::temp_dir().join(format!("wt-log-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let limits = LogLimits {
            file_bytes: 1_000,
            file_count: 3,
        };
        let mut log = LogWriter::new(&folder, limits);
        log.take(Stream::Out, b"half");
        log.take(Stream::Err, b"other\n");
        log.take(Stream::Out, b" whole\nopen");
        log.finish();
        let text = fs::read_to_string(folder.join(LOG)).expect("a log");
        let ends: Vec<&str> = text.lines().map(|line| &line[31..]).collect();
        assert_eq!(
            ends,
            ["stderr F other", "stdout F half whole", "stdout F open"]
        );
        for number in 0..200 {
            log.take(Stream::Out, format!("line {number}\n").as_bytes());
        }
        for name in ["log", "log.1", "log.2"] {
            let size = fs::metadata(folder.join(name)).expect("a file").len();
            assert!(size <= 1_000, "{name}: {size}");
        }
        assert!(!folder.join("log.3").exists());
        let text = fs::read_to_string(folder.join(LOG)).expect("a log");
        assert!(text.ends_with("stdout F line 199\n"), "{text}");
        fs::remove_dir_all(&folder).expect("a folder to remove");
    }
}
