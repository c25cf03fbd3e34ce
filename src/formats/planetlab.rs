//! Days of `PlanetLab`: the use of a thousand virtual machines' processors, a file a machine (spec:
//! traces.md section 11).

use crate::prelude::*;
use intake::archive::Member;

/// Number of samples of a machine's day.
pub const SAMPLES: usize = 288;
/// Time between two samples, in seconds.
pub const SAMPLE_SECONDS: f64 = 300.0;

/// Kinds of machines in equal blocks of a day, as `CloudSim` has them: speed of the processor in
/// millions of instructions per second, and memory in MiB (spec: published-results.md section 6).
const KINDS: [(i64, i64); 4] = [(2500, 870), (2000, 1740), (1000, 1740), (500, 613)];

/// Speed and memory in MiB of the machine at a place of a day of `count` machines.
pub fn kind(place: usize, count: usize) -> (i64, i64) {
    let block = count.div_ceil(KINDS.len()).max(1);
    KINDS[(place / block).min(KINDS.len() - 1)]
}

/// The use of a machine over a day.
#[derive(Clone, Debug, PartialEq)]
pub struct VmDay {
    /// Name of the machine's file.
    pub name: String,
    /// The machine's file, as messages name it.
    pub place: Arc<str>,
    /// Percent of the processor in use, at each of the [`SAMPLES`].
    pub percent: Vec<u8>,
}

impl VmDay {
    /// The share of the processor in use after a time, in seconds: linear between samples; after the
    /// last one its value.
    pub fn share_at(&self, seconds: f64) -> f64 {
        let at = |index: usize| {
            let last = self.percent.len().saturating_sub(1);
            self.percent
                .get(index.min(last))
                .map_or(0.0, |&percent| f64::from(percent) / 100.0)
        };
        let index = (seconds / SAMPLE_SECONDS).floor();
        let (before, after) = (at(index as usize), at(index as usize + 1));
        let slope = (after - before) / SAMPLE_SECONDS;
        before + slope * (seconds - index * SAMPLE_SECONDS)
    }

    /// The sample from which on the machine uses nothing up to the next one, after the first sample:
    /// `CloudSim` takes it for completed then, whatever it uses later.
    pub fn completed(&self) -> Option<usize> {
        let pairs = self.percent.windows(2).skip(1);
        pairs
            .enumerate()
            .find_map(|(place, pair)| (pair == [0, 0]).then_some(place + 1))
    }
}

/// The machines of files, each with the use of one over a day, in order of the files' names. Of a sample that is left
/// out as a bad row, the place keeps the sample before it (of the first ones, the one after), so that all others stay
/// at their times. A file without a sample is a bad row.
///
/// # Errors
/// The journal's policy refuses a fault.
pub fn day(mut files: Vec<Member>, journal: &mut Journal) -> Result<Vec<VmDay>, TraceError> {
    let mut vms = Vec::with_capacity(files.len());
    files.sort_by(|a, b| a.name.cmp(&b.name));
    for file in files {
        journal.file = file.place.clone();
        if let Some(percent) = samples(&file.bytes, journal)? {
            vms.push(VmDay {
                name: file.name,
                place: file.place,
                percent,
            });
        }
    }
    Ok(vms)
}

/// The samples of a file; `None` if it has none.
fn samples(bytes: &[u8], journal: &mut Journal) -> Result<Option<Vec<u8>>, TraceError> {
    let text = String::from_utf8_lossy(bytes);
    let mut percent: Vec<Option<u8>> = Vec::with_capacity(SAMPLES);
    // Blank lines at the end are none of the samples.
    let mut lines = (1..).zip(text.trim_end().lines());
    for (line, text) in lines.by_ref().take(SAMPLES) {
        let text = text.trim();
        let value = text.parse().ok().filter(|&value: &u8| value <= 100);
        if value.is_none() {
            journal.bad_row(BadRow {
                line,
                column: "use".to_owned(),
                value: text.chars().take(80).collect(),
                rule: "expected a whole percentage from 0 to 100".to_owned(),
            })?;
        }
        percent.push(value.or_else(|| percent.last().copied().flatten()));
    }
    let last = percent.len() as u64;
    journal.end((last > 0 && !bytes.ends_with(b"\n")).then_some(last))?;
    let Some(first) = percent.iter().copied().flatten().next() else {
        if percent.is_empty() {
            journal.bad_row(BadRow {
                line: 1,
                column: "use".to_owned(),
                value: String::new(),
                rule: "expected a percentage a line".to_owned(),
            })?;
        }
        return Ok(None);
    };
    let mut percent: Vec<u8> = percent.iter().map(|own| own.unwrap_or(first)).collect();
    if let Some((line, _)) = lines.next() {
        journal.dirt("samples beyond a day", Action::Drop, line)?;
    }
    if percent.len() < SAMPLES {
        let line = percent.len() as u64;
        let kind = "a day that ends early keeps its last sample";
        journal.dirt(kind, Action::Repair, line)?;
        percent.resize(SAMPLES, percent.last().copied().unwrap_or(first));
    }
    Ok(Some(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    use intake::ledger::RowPolicy;

    fn read(text: &str, policy: RowPolicy) -> (Result<Option<Vec<u8>>, String>, u64) {
        let mut journal = Journal::new("day.tar: vm".into(), policy);
        let read = samples(text.as_bytes(), &mut journal).map_err(|error| error.to_string());
        (read, journal.ledger.total())
    }

    #[test]
    fn short_and_long_days_are_repaired() {
        let (short, faults) = read("5\n7\n", RowPolicy::default());
        let short = short.expect("readable").expect("samples");
        assert_eq!(
            (short.len(), short[0], short[287], faults),
            (SAMPLES, 5, 7, 1)
        );
        for (rows, expected) in [(SAMPLES, 0), (SAMPLES + 1, 1)] {
            let (long, faults) = read(&("3\n".repeat(rows) + "\n"), RowPolicy::default());
            let long = long.expect("readable").expect("samples");
            assert_eq!((long.len(), faults), (SAMPLES, expected));
        }
    }

    #[test]
    fn a_last_sample_without_an_end_of_line_is_told() {
        let day = "3\n".repeat(SAMPLES);
        for (text, expected) in [(&day[..], 0), (day.trim_end(), 1)] {
            let (read, faults) = read(text, RowPolicy::default());
            assert_eq!(
                (read.expect("readable").is_some(), faults),
                (true, expected)
            );
        }
    }

    #[test]
    fn wrong_samples_stop_the_reading_or_give_way_to_those_beside_them() {
        for (text, part) in [
            ("5\n101", "day.tar: vm:2: "),
            ("-1", "whole percentage"),
            ("5\n\n7", "vm:2: column `use`"),
            ("", "a percentage a line"),
        ] {
            let error = read(text, RowPolicy::default()).0.expect_err(text);
            assert!(error.contains(part), "{error}");
        }
        let (read_over, faults) = read("x\n5\n101\n\n7\n9.5\n", RowPolicy::REPORT);
        let found = read_over.expect("readable").expect("samples");
        assert_eq!(found[..6], [5, 5, 5, 5, 7, 7]);
        // Four bad rows, and the day that ends early.
        assert_eq!(faults, 5);
        for (text, rows) in [("", 1), ("x\ny\n", 2)] {
            assert_eq!(read(text, RowPolicy::REPORT), (Ok(None), rows));
        }
    }

    #[test]
    fn use_is_linear_between_samples() {
        let vm = VmDay {
            name: "vm".to_owned(),
            place: "day.tar: vm".into(),
            percent: vec![10, 40, 20],
        };
        for (seconds, share) in [
            (0.0, 0.1),
            (150.0, 0.25),
            (300.0, 0.4),
            (750.0, 0.2),
            (9e9, 0.2),
        ] {
            let found = vm.share_at(seconds);
            assert!((found - share).abs() < 1e-12, "{seconds}: {found}");
        }
    }
}
