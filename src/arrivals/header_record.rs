//! The header record of a trace (spec: traces.md, section 0): what a log says of itself before its jobs, and which
//! fields its jobs state beyond those that every run reads.

use crate::job_fields::JobField;
use units::Duration;

/// The key of the log's zero, in seconds since 1970 (UTC).
pub const UNIX_START_TIME: &str = "UnixStartTime";

/// The header record of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderRecord {
    /// The entries, in the order of the file.
    pub entries: Vec<HeaderEntry>,
    /// The fields that jobs may state beyond those that every run reads.
    pub fields: Vec<&'static JobField>,
    /// The number of entries that an edit left out, as they are no longer true.
    pub left_out: u64,
}

/// An entry of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderEntry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// The keys of counts and times of the jobs in a log, which a part of it has not.
const OF_JOBS: [&str; 4] = ["MaxJobs", "MaxRecords", "StartTime", "EndTime"];

/// The keys that say nothing about whose machine it is, and when its jobs came.
const NAMELESS: [&str; 11] = [
    "Version",
    "MaxJobs",
    "MaxRecords",
    "Preemption",
    "MaxNodes",
    "MaxProcs",
    "MaxRuntime",
    "MaxMemory",
    "AllowOveruse",
    "MaxQueues",
    "MaxPartitions",
];

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    keys.iter().any(|known| known.eq_ignore_ascii_case(key))
}

impl HeaderRecord {
    /// The record of a trace that says nothing of itself.
    pub const EMPTY: Self = Self {
        entries: Vec::new(),
        fields: Vec::new(),
        left_out: 0,
    };

    fn keeping(&self, mut is_kept: impl FnMut(&str) -> bool) -> Self {
        let mut own = self.clone();
        own.entries.retain(|entry| is_kept(&entry.key));
        own.left_out += (self.entries.len() - own.entries.len()) as u64;
        own
    }

    /// The record of a part of the jobs, or of the jobs at other times.
    pub fn of_part(&self) -> Self {
        self.keeping(|key| !is_one_of(key, &OF_JOBS))
    }

    /// The record of a part of the jobs whose zero is later by a span.
    pub(crate) fn with_later_zero(&self, span: Duration) -> Self {
        let mut own = self.of_part();
        if span == Duration::ZERO {
            return own;
        }
        let second = units::time::NANOS_PER_SECOND;
        let whole = (span.as_nanos() % second == 0).then(|| span.as_nanos() / second);
        let later = |value: &str| value.trim().parse::<i64>().ok()?.checked_add(whole?);
        let before = own.entries.len();
        own.entries.retain_mut(|entry| {
            if !is_one_of(&entry.key, &[UNIX_START_TIME]) {
                return true;
            }
            let found = later(&entry.value);
            entry.value = found.map_or(String::new(), |at| at.to_string());
            found.is_some()
        });
        own.left_out += (before - own.entries.len()) as u64;
        own
    }

    /// The record without names, places and dates.
    pub fn anonymous(&self) -> Self {
        self.keeping(|key| is_one_of(key, &NAMELESS))
    }

    /// The record of the jobs of several traces: the entries of the first if all say the same, and no entries
    /// otherwise.
    pub fn merged(all: &[&Self]) -> Self {
        let mut merged = Self::EMPTY;
        let [first, rest @ ..] = all else {
            return merged;
        };
        if rest.iter().all(|own| own.entries == first.entries) {
            merged = first.of_part();
        } else {
            let entries = all.iter().map(|own| own.entries.len() as u64);
            merged.left_out = entries.sum();
        }
        merged.fields = JobField::ALL
            .into_iter()
            .filter(|field| all.iter().any(|own| own.fields.contains(field)))
            .collect();
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pairs: &[(&str, &str)]) -> HeaderRecord {
        let entry = |&(key, value): &(&str, &str)| HeaderEntry {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        HeaderRecord {
            entries: pairs.iter().map(entry).collect(),
            ..HeaderRecord::EMPTY
        }
    }

    fn log() -> HeaderRecord {
        record(&[
            ("Computer", "iPSC"),
            ("MaxJobs", "7"),
            ("UnixStartTime", "100"),
            ("MaxProcs", "8"),
        ])
    }

    #[test]
    fn an_edit_keeps_what_stays_true() {
        let later = log().with_later_zero(Duration::from_secs(20));
        let kept = [
            ("Computer", "iPSC"),
            ("UnixStartTime", "120"),
            ("MaxProcs", "8"),
        ];
        assert_eq!(
            (&later.entries, later.left_out),
            (&record(&kept).entries, 1)
        );
        let between = log().with_later_zero(Duration::from_nanos(1));
        let kept = [("Computer", "iPSC"), ("MaxProcs", "8")];
        assert_eq!(
            (&between.entries, between.left_out),
            (&record(&kept).entries, 2)
        );
        let nameless = log().anonymous();
        let kept = [("MaxJobs", "7"), ("MaxProcs", "8")];
        assert_eq!(
            (&nameless.entries, nameless.left_out),
            (&record(&kept).entries, 2)
        );
    }

    #[test]
    fn several_logs_keep_what_all_say() {
        let (one, other) = (log(), record(&[("MaxProcs", "9")]));
        assert_eq!(HeaderRecord::merged(&[&one, &one]).entries.len(), 3);
        let merged = HeaderRecord::merged(&[&one, &other]);
        assert_eq!((merged.entries.len(), merged.left_out), (0, 5));
    }
}
