//! Invocations of Azure's functions of 2019: tables of a day each with counts by minute, percentiles of
//! run times by function, and of memory by application, together in a folder or an archive. The counts
//! of a minute are spread over it evenly by a seeded draw, and a run time is drawn between the
//! percentiles of its function; a function without a row has the median of the others. A day is in
//! memory at a time, and of its invocations those of a minute. Format: `traces.md`, section 6.

use std::sync::Arc;

use indexmap::IndexMap;
use rng::Stream;
use rustc_hash::FxBuildHasher;

use crate::archive::{beginning, parts};
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry, header_has};
use crate::gather::requests;
use crate::input::Input;
use crate::intern::{ClassTable, NameTable};
use crate::ledger::{Action, BadRow, Journal, Ledger};
use crate::options::ReadOptions;
use crate::rows::{Layout, each_row_of, show_text};
use crate::stream::{Arrival, ArrivalSource, Classes};
use crate::table::{Column, Row, Table};
use model::{PodName, PodSpec, Text};
use units::{Duration, Instant, SortedMap};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "azure-functions-2019",
    summary: "invocations of Azure's functions of 2019, by minute (CSV with header, folder or archive)",
    columns: &[
        ColumnDoc::required("HashOwner", "owner; becomes the tenant"),
        ColumnDoc::required("HashApp", "application"),
        ColumnDoc::required("HashFunction", "function"),
        ColumnDoc::required("Trigger", "what invokes it; read, not used"),
        ColumnDoc::required(
            "1",
            "and so on to 1440: invocations in this minute of the day",
        ),
        ColumnDoc::optional(
            "percentile_Average_50",
            "and those at 0, 1, 25, 75, 99 and 100: run time, ms (durations)",
        ),
        ColumnDoc::optional(
            "AverageAllocatedMb",
            "memory of the application, MB (memory)",
        ),
    ],
    names: &["HashOwner", "HashApp", "HashFunction"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(open),
};

const DURATIONS: &[ColumnDoc] = &[
    ColumnDoc::required("HashOwner", "owner"),
    ColumnDoc::required("HashApp", "application"),
    ColumnDoc::required("HashFunction", "function"),
    ColumnDoc::required("percentile_Average_0", "ms"),
    ColumnDoc::required("percentile_Average_1", "ms"),
    ColumnDoc::required("percentile_Average_25", "ms"),
    ColumnDoc::required("percentile_Average_50", "ms"),
    ColumnDoc::required("percentile_Average_75", "ms"),
    ColumnDoc::required("percentile_Average_99", "ms"),
    ColumnDoc::required("percentile_Average_100", "ms"),
];

const MEMORY: &[ColumnDoc] = &[
    ColumnDoc::required("HashOwner", "owner"),
    ColumnDoc::required("HashApp", "application"),
    ColumnDoc::required("AverageAllocatedMb", "MB"),
];

const OWNER: usize = 0;
const APPLICATION: usize = 1;
const FUNCTION: usize = 2;
/// The first percentile of a run time.
const PERCENTILES: usize = 3;
const ALLOCATED: usize = 2;

/// The shares of run times at which their percentiles stand.
const SHARES: [f64; 7] = [0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0];
/// The minutes of a day.
const MINUTES: usize = 1_440;
/// A minute in nanoseconds.
const MINUTE: i64 = 60_000_000_000;
/// The most invocations of a function in a minute.
const MOST: i64 = 100_000_000;
/// The longest run time, in milliseconds: a hundred days.
const LONGEST: f64 = 8.64e9;

/// A kind of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Invocations,
    Durations,
    Memory,
}

fn kind(first: &[u8]) -> Option<Kind> {
    let kinds = [
        (
            Kind::Invocations,
            &["HashFunction", "Trigger", "1", "2"][..],
        ),
        (Kind::Durations, &["HashFunction", "percentile_Average_50"]),
        (Kind::Memory, &["HashApp", "AverageAllocatedMb"]),
    ];
    let is_own = |names: &[&str]| header_has(first, names) == Confidence::Certain;
    let found = kinds.into_iter().find(|(_, names)| is_own(names));
    found
        .filter(|_| is_own(&["HashOwner"]))
        .map(|(kind, _)| kind)
}

fn sniff(first: &[u8]) -> Confidence {
    match kind(first) {
        Some(_) => Confidence::Certain,
        None => Confidence::No,
    }
}

/// The day in a file's name, counted from 0: `.d02.` is the second. A name without one is of the first.
fn day_of(name: &str) -> u32 {
    let name = name.rsplit('/').next().unwrap_or(name);
    let days = name.split('.').filter_map(|part| {
        let digits = part.strip_prefix('d')?;
        digits
            .parse::<u32>()
            .ok()
            .filter(|day| (1..=366).contains(day))
    });
    days.last().map_or(0, |day| day - 1)
}

/// The tables of a day.
#[derive(Clone, Debug, Default)]
struct Files {
    invocations: Vec<Input>,
    durations: Vec<Input>,
    memory: Vec<Input>,
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut days: SortedMap<u32, Files> = SortedMap::new();
    let mut has_invocations = false;
    for part in parts(input)? {
        let files = days.entry(day_of(&part.name)).or_default();
        match kind(&beginning(&part)?) {
            Some(Kind::Invocations) => {
                has_invocations = true;
                files.invocations.push(part);
            }
            Some(Kind::Durations) => files.durations.push(part),
            Some(Kind::Memory) => files.memory.push(part),
            None => {
                let reason = "is no table of Azure's functions of 2019; expected the header of \
                              invocations, durations or memory";
                return Err(refuse(&part, reason));
            }
        }
    }
    if !has_invocations {
        let reason = "has no table of invocations; name the folder or archive that has it beside \
                      the others";
        return Err(refuse(input, reason));
    }
    Ok(Box::new(Source {
        days: days.into_iter().collect::<Vec<_>>().into(),
        next_day: 0,
        known: Known::default(),
        today: Today::default(),
        minute: MINUTES,
        ready: Vec::new(),
        delivered: 0,
        classes: ClassTable::default(),
        tenants: NameTable::default(),
        journal: Journal::new(input.name.clone(), options.rows),
    }))
}

fn refuse(input: &Input, reason: &str) -> TraceError {
    TraceError::Format {
        file: input.name.to_string(),
        reason: reason.to_owned(),
    }
}

/// Rows by owner, application and function.
type ByKey<T> = IndexMap<String, T, FxBuildHasher>;
/// The percentiles of a run time, in milliseconds.
type Percentiles = [f64; SHARES.len()];

/// What is known of functions and applications, of the last day that has tables of them.
#[derive(Clone, Debug, Default)]
struct Known {
    durations: Arc<Rows<Percentiles>>,
    memory: Arc<Rows<[f64; 1]>>,
}

/// Rows by the hashes of owner, application and function, and the median of each column.
#[derive(Clone, Debug)]
struct Rows<T> {
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
    fn of(rows: ByKey<[f64; N]>) -> Self {
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

    /// The row of a key, or the median; and whether it is the key's own.
    fn get(&self, key: &str) -> Option<([f64; N], bool)> {
        let own = self.rows.get(key).map(|row| (*row, true));
        own.or_else(|| self.median.map(|median| (median, false)))
    }
}

/// The functions of a day.
#[derive(Clone, Debug, Default)]
struct Today {
    day: u32,
    functions: Arc<[Function]>,
    /// The place in each function's counts.
    places: Vec<usize>,
}

/// A function with its invocations of a day.
#[derive(Clone, Debug)]
struct Function {
    tenant: u32,
    class: u32,
    run: Option<Percentiles>,
    /// Minutes with invocations, and how many there are.
    counts: Vec<(u16, u32)>,
}

/// The invocations of all days, in order.
#[derive(Clone, Debug)]
struct Source {
    days: Arc<[(u32, Files)]>,
    next_day: usize,
    known: Known,
    today: Today,
    /// The next minute of the day.
    minute: usize,
    /// Invocations of the minute before, the last first.
    ready: Vec<Arrival>,
    delivered: u64,
    classes: ClassTable,
    tenants: NameTable,
    journal: Journal,
}

impl ArrivalSource for Source {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        while self.ready.is_empty() {
            if self.minute < MINUTES {
                self.draw();
            } else if let Some((day, files)) = self.days.get(self.next_day).cloned() {
                self.next_day += 1;
                self.load(day, &files)?;
            } else {
                return Ok(None);
            }
        }
        self.delivered += 1;
        let name = PodName::Job(self.delivered);
        Ok(self.ready.pop().map(|arrival| Arrival { name, ..arrival }))
    }

    fn classes(&self) -> &Classes {
        self.classes.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(self.clone()))
    }

    fn ledger(&self) -> &Ledger {
        &self.journal.ledger
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let done = (self.next_day * MINUTES + self.minute).saturating_sub(MINUTES);
        Some((done as u64, (self.days.len() * MINUTES) as u64))
    }

    fn tenants(&self) -> &[Text] {
        self.tenants.names()
    }
}

impl Source {
    /// Draws the invocations of the next minute.
    fn draw(&mut self) {
        let minute = u64::from(self.today.day) * MINUTES as u64 + self.minute as u64;
        let begin = minute as i64 * MINUTE;
        let mut stream = Stream::new(0, "azure-functions-2019", minute);
        for (function, place) in self.today.functions.iter().zip(&mut self.today.places) {
            let Some(&(at, count)) = function.counts.get(*place) else {
                continue;
            };
            if usize::from(at) != self.minute {
                continue;
            }
            *place += 1;
            for _ in 0..count {
                let within = stream.below(MINUTE as u64) as i64;
                let run = function.run.map(|run| run_time(&run, stream.unit_f64()));
                self.ready.push(Arrival {
                    submit: Instant::from_nanos(begin + within),
                    name: PodName::default(),
                    class: function.class,
                    members: 1,
                    tenant: function.tenant,
                    run_time: run,
                    time_limit: None,
                    historic_start: None,
                });
            }
        }
        self.ready.sort_by_key(|arrival| arrival.submit);
        self.ready.reverse();
        self.minute += 1;
    }

    fn load(&mut self, day: u32, files: &Files) -> Result<(), TraceError> {
        if !files.durations.is_empty() {
            self.known.durations = Arc::new(Rows::of(durations(files, &mut self.journal)?));
        }
        if !files.memory.is_empty() {
            self.known.memory = Arc::new(Rows::of(memory(files, &mut self.journal)?));
        }
        let mut functions = Vec::new();
        for part in &files.invocations {
            self.journal.file = part.name.clone();
            let mut table = Table::open(part)?;
            let columns = InvocationColumns::of(&table)?;
            while let Some(row) = table.next_row()? {
                let function = match row.and_then(|row| columns.read(&row)) {
                    Ok(function) => function,
                    Err(bad) => {
                        self.journal.bad_row(bad)?;
                        continue;
                    }
                };
                functions.push(self.function(function)?);
            }
        }
        self.today = Today {
            day,
            places: vec![0; functions.len()],
            functions: functions.into(),
        };
        self.minute = 0;
        Ok(())
    }

    fn function(&mut self, read: ReadFunction<'_>) -> Result<Function, TraceError> {
        let journal = &mut self.journal;
        let run = self.known.durations.get(&read.key(true));
        match run {
            None => journal.dirt("run time not known", Action::Keep, read.line)?,
            Some((_, false)) => {
                let kind = "function without run times; those in the middle";
                journal.dirt(kind, Action::Repair, read.line)?;
            }
            Some((_, true)) => {}
        }
        let memory = self.known.memory.get(&read.key(false));
        if let Some((_, false)) = memory {
            let kind = "application without memory; that in the middle";
            journal.dirt(kind, Action::Repair, read.line)?;
        }
        let bytes = memory.map(|([megabytes], _)| libm::rint(megabytes * 1e6) as i64);
        let spec = PodSpec::with_requests(requests(None, bytes));
        Ok(Function {
            tenant: self.tenants.number_of(read.owner.as_bytes()),
            class: self.classes.class_of(spec),
            run: run.map(|(run, _)| run),
            counts: read.counts,
        })
    }
}

/// The run time at a share, linear between percentiles.
fn run_time(percentiles: &Percentiles, share: f64) -> Duration {
    let above = SHARES.iter().skip(1).position(|&at| share < at);
    let before = above.unwrap_or(SHARES.len() - 2);
    let part = (share - SHARES[before]) / (SHARES[before + 1] - SHARES[before]);
    let (low, high) = (percentiles[before], percentiles[before + 1]);
    Duration::from_nanos(libm::rint((low + part * (high - low)) * 1e6) as i64)
}

/// The columns of a table of invocations.
struct InvocationColumns {
    names: [Column; 3],
    minutes: Vec<Column>,
}

/// A row of invocations.
struct ReadFunction<'row> {
    line: u64,
    owner: &'row str,
    application: &'row str,
    function: &'row str,
    counts: Vec<(u16, u32)>,
}

impl ReadFunction<'_> {
    /// The key of its run times, or of its application's memory.
    fn key(&self, is_function: bool) -> String {
        let function = if is_function { self.function } else { "" };
        key(self.owner, self.application, function)
    }
}

fn key(owner: &str, application: &str, function: &str) -> String {
    format!("{owner},{application},{function}")
}

impl InvocationColumns {
    fn of(table: &Table) -> Result<Self, TraceError> {
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

    fn read<'row>(&self, row: &Row<'row>) -> Result<ReadFunction<'row>, BadRow> {
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
fn durations(files: &Files, journal: &mut Journal) -> Result<ByKey<Percentiles>, TraceError> {
    let mut rows = ByKey::default();
    for part in &files.durations {
        journal.file = part.name.clone();
        let layout = Layout::headed(DURATIONS, b',');
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
fn memory(files: &Files, journal: &mut Journal) -> Result<ByKey<[f64; 1]>, TraceError> {
    let mut rows = ByKey::default();
    for part in &files.memory {
        journal.file = part.name.clone();
        let layout = Layout::headed(MEMORY, b',');
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::packed::archive;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    fn invocations(rows: &[(&str, &[(usize, &str)])]) -> String {
        let minutes: Vec<String> = (1..=MINUTES).map(|minute| minute.to_string()).collect();
        let mut text = format!(
            "HashOwner,HashApp,HashFunction,Trigger,{}\n",
            minutes.join(",")
        );
        for (name, counts) in rows {
            let mut cells = vec!["0"; MINUTES];
            for (minute, count) in *counts {
                cells[minute - 1] = count;
            }
            text += &format!("{name},http,{}\n", cells.join(","));
        }
        text
    }

    const DURATION_ROWS: &str = "HashOwner,HashApp,HashFunction,percentile_Average_0,\
        percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,\
        percentile_Average_99,percentile_Average_100\n\
        o,a,f,10,10,10,10,10,10,10\no,a,g,30,20,30,30,30,30,30\nx,y,z,9,9,9,9,9,9,9\n";
    const MEMORY_ROWS: &str = "HashOwner,HashApp,AverageAllocatedMb\no,a,150\n";

    #[test]
    fn counts_are_spread_over_their_minutes_and_days() {
        let first = invocations(&[("o,a,f", &[(1, "2"), (3, "1")]), ("o,b,h", &[(3, "4")])]);
        let second = invocations(&[("p,a,g", &[(1440, "1")])]);
        let bytes = archive(&[
            ("app_memory_percentiles.anon.d01.csv", MEMORY_ROWS),
            ("function_durations_percentiles.anon.d01.csv", DURATION_ROWS),
            ("invocations_per_function_md.anon.d01.csv", &first),
            ("invocations_per_function_md.anon.d02.csv", &second),
        ]);
        let input = Input::bytes("f.tar", bytes);
        let entry = crate::registry::recognize(&input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let mut middle = source.fork().expect("forks");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        assert_eq!(Recorded::collect(&mut *middle), Ok(recorded.clone()));
        let seen: Vec<_> = { recorded.arrivals.iter() }
            .map(|one| (one.submit.as_nanos() / MINUTE, one.run_time, one.tenant))
            .collect();
        let (own, other) = (Duration::from_millis(10), Duration::from_millis(10));
        let third = { recorded.arrivals.iter() }.filter(|one| one.class == 1);
        assert_eq!(third.count(), 0, "150 MB is the middle as well");
        assert_eq!(seen.len(), 8);
        assert_eq!(seen[..2], [(0, Some(own), 0); 2]);
        assert!(
            seen[2..7]
                .iter()
                .all(|one| (one.0, one.1) == (2, Some(other)))
        );
        assert_eq!((seen[7].0, seen[7].2), (2 * 1_440 - 1, 1));
        assert!(recorded.arrivals.is_sorted_by_key(|one| one.submit));
        for (kind, count) in [
            ("percentiles that don't ascend; sorted", 1),
            ("function without run times; those in the middle", 2),
            ("application without memory; that in the middle", 2),
        ] {
            assert_eq!(recorded.ledger.count(kind), count, "{kind}");
        }
    }

    #[test]
    fn run_times_are_linear_between_percentiles() {
        let percentiles = [0.0, 1.0, 25.0, 50.0, 75.0, 99.0, 200.0];
        for (share, milliseconds) in [(0.0, 0.0), (0.125, 12.5), (0.5, 50.0), (0.995, 149.5)] {
            let found = run_time(&percentiles, share).as_nanos();
            assert_eq!(found, (milliseconds * 1e6) as i64, "{share}");
        }
    }

    #[test]
    fn dirty_tables_are_named() {
        let text = invocations(&[
            ("o,a,f", &[(2, "-1")]),
            (",a,f", &[]),
            ("o,a,g", &[(1440, "1.5")]),
        ]);
        let input = Input::bytes("i.csv", text.into_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "i.csv:2: column `2`: must be at least 0, found `-1`",
                "i.csv:3: column `HashOwner`: must be a hash, found ``",
                "i.csv:4: column `1440`: must be a whole number, found `1.5`",
            ]
        );
        let input = Input::bytes("m.csv", MEMORY_ROWS.as_bytes());
        let stopped = validate(&input, &ENTRY, &ReadOptions::default(), 9).stopped;
        assert_eq!(
            stopped.map(|error| error.to_string()),
            Some(
                "m.csv: has no table of invocations; name the folder or archive that has it beside \
                 the others"
                    .to_owned()
            )
        );
    }
}
