//! The tables of a day: invocations by minute, percentiles of run times, memory of applications.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::readers::prelude::*;
use arrivals::spill::Key;
use intake::table::{Column, Row, Table};
use intake::unknown_columns::unused;

columns! { DURATIONS;
    OWNER: required("HashOwner", "owner"),
    APPLICATION: required("HashApp", "application"),
    FUNCTION: required("HashFunction", "function"),
    // The first percentile of a run time.
    PERCENTILES: required("percentile_Average_0", "ms"),
    _: required("percentile_Average_1", "ms"),
    _: required("percentile_Average_25", "ms"),
    _: required("percentile_Average_50", "ms"),
    _: required("percentile_Average_75", "ms"),
    _: required("percentile_Average_99", "ms"),
    _: required("percentile_Average_100", "ms"),
}

columns! { MEMORY;
    _: required("HashOwner", "owner"),
    _: required("HashApp", "application"),
    ALLOCATED: required("AverageAllocatedMb", "MB"),
}

/// The publisher's columns of both tables that are not read.
const OTHERS: &[&str] = &[
    "Average",
    "Count",
    "Minimum",
    "Maximum",
    "SampleCount",
    "AverageAllocatedMb_pct1",
    "AverageAllocatedMb_pct5",
    "AverageAllocatedMb_pct25",
    "AverageAllocatedMb_pct50",
    "AverageAllocatedMb_pct75",
    "AverageAllocatedMb_pct95",
    "AverageAllocatedMb_pct99",
    "AverageAllocatedMb_pct100",
];

/// The shares of run times at which their percentiles stand.
pub(super) const SHARES: [f64; 7] = [0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0];

/// The minutes of a day.
pub(super) const MINUTES: usize = 1_440;

/// The most invocations of a function in a minute.
const MOST: i64 = 10_000_000;
/// The longest run time, in milliseconds: a hundred days.
const LONGEST: f64 = 8.64e9;

/// Rows by the hash of owner, application and function.
pub(super) type ByKey<T> = IndexMap<Key, T, FxBuildHasher>;
/// The percentiles of a run time, in milliseconds.
pub(super) type Percentiles = [f64; SHARES.len()];

/// Rows by the hashes of owner, application and function, and the median of each column.
#[derive(Clone, Debug)]
pub(super) struct Rows<T> {
    rows: ByKey<T>,
    median: Option<T>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self {
            rows: ByKey::default(),
            median: None,
        }
    }
}

impl<const N: usize> Rows<[f64; N]> {
    /// The rows with the median of each column; the lower one of two in the middle.
    pub(super) fn of(rows: ByKey<[f64; N]>) -> Self {
        let mut median = [0.0; N];
        for (place, middle) in median.iter_mut().enumerate() {
            let mut column: Vec<f64> = rows.values().map(|row| row[place]).collect();
            column.sort_unstable_by(f64::total_cmp);
            let lower = column.len().saturating_sub(1) / 2;
            *middle = column.get(lower).copied().unwrap_or_default();
        }
        Self {
            median: (!rows.is_empty()).then_some(median),
            rows,
        }
    }

    /// The place of the row of a key, or that of the median; and whether it is the key's own.
    pub(super) fn find(&self, key: Key) -> Option<(u32, bool)> {
        let own = self.rows.get_index_of(&key);
        let own = own.map(|place| (place as u32, true));
        own.or_else(|| self.median.map(|_| (self.rows.len() as u32, false)))
    }

    /// The row of a place, behind all of which is the median.
    pub(super) fn at(&self, place: u32) -> Option<[f64; N]> {
        let own = self.rows.get_index(place as usize).map(|(_, row)| *row);
        own.or(self.median)
    }
}

/// The run time at a share, linear between percentiles.
pub(super) fn run_time(percentiles: &Percentiles, share: f64) -> Duration {
    let above = SHARES.iter().skip(1).position(|&at| share < at);
    let before = above.unwrap_or(SHARES.len() - 2);
    let part = (share - SHARES[before]) / (SHARES[before + 1] - SHARES[before]);
    let (low, high) = (percentiles[before], percentiles[before + 1]);
    Duration::from_nanos(libm::rint((low + part * (high - low)) * 1e6) as i64)
}

/// The columns of a table of invocations.
pub(super) struct InvocationColumns {
    names: [Column; 3],
    minutes: Vec<Column>,
}

/// A row of invocations.
pub(super) struct ReadFunction<'row> {
    /// The line.
    pub(super) line: u64,
    /// The hash of the owner.
    pub(super) owner: &'row str,
    application: &'row str,
    function: &'row str,
    /// Minutes with invocations, and how many there are.
    pub(super) counts: Vec<(u16, u32)>,
}

impl ReadFunction<'_> {
    /// The key of its run times, or of its application's memory.
    pub(super) fn key(&self, is_function: bool) -> Key {
        let function = if is_function { self.function } else { "" };
        key(self.owner, self.application, function)
    }
}

fn key(owner: &str, application: &str, function: &str) -> Key {
    Places::key([owner, application, function])
}

impl InvocationColumns {
    pub(super) fn of(table: &Table) -> Result<Self, TraceError> {
        let minutes = (1..=MINUTES).map(|minute| table.required_column(&minute.to_string()));
        Ok(Self {
            names: [
                table.required_column("HashOwner")?,
                table.required_column("HashApp")?,
                table.required_column("HashFunction")?,
            ],
            minutes: minutes.collect::<Result<_, _>>()?,
        })
    }

    /// The note about columns that are none of the publisher's.
    pub(super) fn unused(table: &Table) -> Option<String> {
        let is_minute = |name: &str| {
            let minute = name.parse::<usize>();
            minute.is_ok_and(|minute| (1..=MINUTES).contains(&minute))
        };
        let names = table.columns().iter().map(|name| &**name);
        unused(names, |name| {
            matches!(name, "HashOwner" | "HashApp" | "HashFunction" | "Trigger") || is_minute(name)
        })
    }

    pub(super) fn read<'row>(&self, row: &Row<'row>) -> Result<ReadFunction<'row>, BadRow> {
        let mut names = [""; 3];
        for (name, column) in names.iter_mut().zip(&self.names) {
            *name = row.text(column);
            if name.is_empty() {
                return Err(row.bad(column, "a hash"));
            }
        }
        let mut counts = Vec::new();
        for (minute, column) in (0_u16..).zip(&self.minutes) {
            if matches!(row.bytes(column), b"0" | b"") {
                continue;
            }
            let count = row.integer(column, 0, MOST)?;
            if count > 0 {
                counts.push((minute, count as u32));
            }
        }
        let [owner, application, function] = names;
        Ok(ReadFunction {
            line: row.line,
            owner,
            application,
            function,
            counts,
        })
    }
}

/// The run times of functions.
pub(super) fn durations(
    parts: &[Input],
    journal: &mut Journal,
) -> Result<ByKey<Percentiles>, TraceError> {
    let mut rows = ByKey::default();
    for part in parts {
        journal.file = part.name.clone();
        let layout = Layout::headed(DURATIONS, b',').with_others(OTHERS);
        each_row_of(part, &layout, journal, &mut |journal, fields| {
            let mut found = [0.0; SHARES.len()];
            for (place, value) in (PERCENTILES..).zip(&mut found) {
                let milliseconds = fields.decimal(place, LONGEST)?;
                *value = milliseconds.ok_or_else(|| fields.bad(place, "milliseconds"))?;
            }
            if !found.is_sorted() {
                let kind = "percentiles that don't ascend; sorted";
                journal.dirt(kind, Action::Repair, fields.line())?;
                found.sort_unstable_by(f64::total_cmp);
            }
            let names = [OWNER, APPLICATION, FUNCTION];
            let [owner, application, function] = names.map(|place| fields.text(place));
            if rows
                .insert(key(owner, application, function), found)
                .is_some()
            {
                let kind = "second row of run times of a function; the last stands";
                journal.dirt(kind, Action::Keep, fields.line())?;
            }
            Ok(())
        })?;
    }
    Ok(rows)
}

/// The memory of applications, in megabytes.
pub(super) fn memory(
    parts: &[Input],
    journal: &mut Journal,
) -> Result<ByKey<[f64; 1]>, TraceError> {
    let mut rows = ByKey::default();
    for part in parts {
        journal.file = part.name.clone();
        let layout = Layout::headed(MEMORY, b',').with_others(OTHERS);
        each_row_of(part, &layout, journal, &mut |_, fields| {
            let megabytes = fields.decimal(ALLOCATED, 1e9)?;
            let megabytes = megabytes.ok_or_else(|| fields.bad(ALLOCATED, "megabytes"))?;
            let (owner, application) = (fields.text(OWNER), fields.text(APPLICATION));
            let known = rows.entry(key(owner, application, "")).or_insert([0.0]);
            // Of several rows, as of its functions, an application has the largest.
            known[0] = megabytes.max(known[0]);
            Ok(())
        })?;
    }
    Ok(rows)
}
