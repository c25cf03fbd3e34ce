//! Days of `PlanetLab`: the use of a thousand virtual machines' processors, a file a machine (spec:
//! traces.md section 11).

use std::sync::Arc;

use super::archive::Member;
use super::error::TraceError;
use super::ledger::{Action, Ledger};

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
    /// Percent of the processor in use, at each sample.
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

/// A day with the faults of its files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    /// Machines by the names of their files.
    pub vms: Vec<VmDay>,
    /// Faults that were repaired.
    pub ledger: Ledger,
}

/// The day of files, each with the use of a machine.
///
/// # Errors
/// A sample is no whole percentage, or a file has none.
pub fn day(mut files: Vec<Member>) -> Result<Day, TraceError> {
    let mut day = Day::default();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    for file in files {
        let percent = samples(&file, &mut day.ledger)?;
        day.vms.push(VmDay {
            name: file.name,
            place: file.place,
            percent,
        });
    }
    Ok(day)
}

fn samples(member: &Member, ledger: &mut Ledger) -> Result<Vec<u8>, TraceError> {
    let text = String::from_utf8_lossy(&member.bytes);
    let mut percent = Vec::with_capacity(SAMPLES);
    let mut lines = (1..).zip(text.lines());
    for (line, text) in lines.by_ref().take(SAMPLES) {
        let value = text.trim().parse().ok().filter(|&value: &u8| value <= 100);
        percent.push(value.ok_or_else(|| TraceError::BadRow {
            file: member.place.to_string(),
            line,
            column: "use".to_owned(),
            value: text.trim().to_owned(),
            rule: "expected a whole percentage from 0 to 100".to_owned(),
        })?);
    }
    let Some(&last) = percent.last() else {
        return Err(TraceError::Format {
            file: member.place.to_string(),
            reason: "the file is empty; expected a percentage a line".to_owned(),
        });
    };
    if let Some((line, _)) = lines.next() {
        ledger.note("samples beyond a day", Action::Drop, &member.place, line);
    }
    if percent.len() < SAMPLES {
        let line = percent.len() as u64;
        ledger.note(
            "a day that ends early keeps its last sample",
            Action::Repair,
            &member.place,
            line,
        );
        percent.resize(SAMPLES, last);
    }
    Ok(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Result<Vec<u8>, String>, u64) {
        let mut ledger = Ledger::default();
        let member = Member {
            name: "vm".to_owned(),
            place: "day.tar: vm".into(),
            bytes: text.as_bytes().to_vec(),
        };
        let read = samples(&member, &mut ledger).map_err(|error| error.to_string());
        (read, ledger.total())
    }

    #[test]
    fn short_and_long_days_are_repaired_and_wrong_samples_are_refused() {
        let (short, faults) = read("5\n7");
        let short = short.expect("samples");
        assert_eq!(
            (short.len(), short[0], short[287], faults),
            (SAMPLES, 5, 7, 1)
        );
        let (long, faults) = read(&"3\n".repeat(SAMPLES + 1));
        assert_eq!((long.expect("samples").len(), faults), (SAMPLES, 1));
        for (text, part) in [
            ("5\n101", "day.tar: vm:2: "),
            ("-1", "whole percentage"),
            ("", "empty"),
        ] {
            let error = read(text).0.expect_err(text);
            assert!(error.contains(part), "{error}");
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
