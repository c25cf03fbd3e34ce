//! Invocations of Azure's functions of 2019: tables of a day each with counts by minute, percentiles of
//! run times by function, and of memory by application, together in a folder or an archive. The counts
//! of a minute are spread over it evenly by a seeded draw, and a run time is drawn between the
//! percentiles of its function; a function without a row has the median of the others. Draws and names of a function's
//! invocations are its own (the third one of the function in row 2 of the first day is `d1-f2-3`), so that a row that is left
//! out changes no other. A day is in memory at a time, and of its invocations those of a minute. Format: `traces.md`,
//! section 6.

mod tables;

use std::sync::Arc;

use rng::Streams;

use crate::amounts::requests;
use crate::archive::{beginning, parts};
use crate::budget::ARRIVALS_AT_ONCE;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry, header_has};
use crate::input::Input;
use crate::intern::{ClassTable, NameTable};
use crate::ledger::{Action, Journal, Ledger};
use crate::options::ReadOptions;
use crate::origin::Origin;
use crate::renumbered::Renumbered;
use crate::rows::show_text;
use crate::stream::{Arrival, ArrivalSource, Classes};
use crate::table::Table;
use model::{PodName, PodSpec, Text};
use tables::{
    InvocationColumns, MINUTES, Percentiles, ReadFunction, Rows, durations, memory, run_time,
};
use units::{Instant, SortedMap};

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

/// A minute in nanoseconds.
const MINUTE: i64 = 60_000_000_000;

/// Bits of the number of a minute since the first day: days are at most 366.
const MINUTE_BITS: u32 = 20;

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
    let mut days = name.split('.').filter_map(|part| {
        let digits = part.strip_prefix('d')?;
        digits
            .parse::<u32>()
            .ok()
            .filter(|day| (1..=366).contains(day))
    });
    days.next_back().map_or(0, |day| day - 1)
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
    // A day's functions stand in another order than their invocations.
    Ok(Box::new(Renumbered::new(Box::new(Source {
        days: days.into_iter().collect::<Vec<_>>().into(),
        next_day: 0,
        known: Known::default(),
        today: Today::default(),
        minute: MINUTES,
        ready: Vec::new(),
        classes: ClassTable::default(),
        tenants: NameTable::default(),
        journal: Journal::new(input.name.clone(), options.rows),
    }))))
}

fn refuse(input: &Input, reason: &str) -> TraceError {
    TraceError::Format {
        file: input.name.to_string(),
        reason: reason.to_owned(),
    }
}

/// The rows of functions and applications, of the last day that has tables of them.
#[derive(Clone, Debug, Default)]
struct Known {
    durations: Arc<Rows<Percentiles>>,
    memory: Arc<Rows<[f64; 1]>>,
}

/// The functions of a day.
#[derive(Clone, Debug, Default)]
struct Today {
    day: u32,
    functions: Arc<[Function]>,
    /// The place in each function's counts, and the number of invocations before it.
    places: Vec<(usize, u64)>,
}

/// A function with its invocations of a day.
#[derive(Clone, Debug)]
struct Function {
    /// The number of its row in the day, bad ones included, counted from 1.
    row: u64,
    tenant: u32,
    class: u32,
    run: Option<Percentiles>,
    /// Minutes with invocations, and how many there are.
    counts: Vec<(u16, u32)>,
    /// The row of its counts.
    origin: Origin,
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
    classes: ClassTable,
    tenants: NameTable,
    journal: Journal,
}

impl ArrivalSource for Source {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        while self.ready.is_empty() {
            if self.minute < MINUTES {
                self.draw()?;
            } else if let Some((day, files)) = self.days.get(self.next_day).cloned() {
                self.next_day += 1;
                self.load(day, &files)?;
            } else {
                return Ok(None);
            }
        }
        Ok(self.ready.pop())
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

    fn files(&self) -> &[Arc<str>] {
        self.journal.files.names()
    }

    fn tenants(&self) -> &[Text] {
        self.tenants.names()
    }
}

impl Source {
    /// Draws the invocations of the next minute.
    fn draw(&mut self) -> Result<(), TraceError> {
        let minute = u64::from(self.today.day) * MINUTES as u64 + self.minute as u64;
        let begin = minute as i64 * MINUTE;
        let streams = Streams::new(0, "azure-functions-2019");
        let day = self.today.day + 1;
        for (function, (place, before)) in self.today.functions.iter().zip(&mut self.today.places) {
            let Some(&(at, count)) = function.counts.get(*place) else {
                continue;
            };
            if usize::from(at) != self.minute {
                continue;
            }
            *place += 1;
            if self.ready.len() + count as usize > ARRIVALS_AT_ONCE {
                return Err(TraceError::Format {
                    file: self.journal.file.to_string(),
                    reason: format!(
                        "minute {} has more than {ARRIVALS_AT_ONCE} invocations, the most that are read",
                        self.minute + 1
                    ),
                });
            }
            let mut stream = streams.numbered(function.row << MINUTE_BITS | minute);
            for number in *before + 1..=*before + u64::from(count) {
                let within = stream.below(MINUTE as u64) as i64;
                let run = function.run.map(|run| run_time(&run, stream.unit_f64()));
                self.ready.push(Arrival {
                    submit: Instant::from_nanos(begin + within),
                    name: PodName::Text(format!("d{day}-f{}-{number}", function.row).into()),
                    class: function.class,
                    members: 1,
                    tenant: function.tenant,
                    run_time: run,
                    time_limit: None,
                    historic_start: None,
                    links: None,
                    part: 0,
                    origin: function.origin,
                });
            }
            *before += u64::from(count);
        }
        self.ready.sort_by_key(|arrival| arrival.submit);
        self.ready.reverse();
        self.minute += 1;
        Ok(())
    }

    fn load(&mut self, day: u32, files: &Files) -> Result<(), TraceError> {
        if !files.durations.is_empty() {
            self.known.durations =
                Arc::new(Rows::of(durations(&files.durations, &mut self.journal)?));
        }
        if !files.memory.is_empty() {
            self.known.memory = Arc::new(Rows::of(memory(&files.memory, &mut self.journal)?));
        }
        let (mut functions, mut rows) = (Vec::new(), 0);
        for part in &files.invocations {
            self.journal.file = part.name.clone();
            let mut table = Table::open(part)?;
            if let Some(unused) = InvocationColumns::unused(&table) {
                self.journal.dirt(&unused, Action::Keep, 1)?;
            }
            let columns = InvocationColumns::of(&table)?;
            while let Some(row) = table.next_row()? {
                rows += 1;
                let function = match row.and_then(|row| columns.read(&row)) {
                    Ok(function) => function,
                    Err(bad) => {
                        self.journal.bad_row(bad)?;
                        continue;
                    }
                };
                functions.push(self.function(rows, function)?);
            }
            self.journal.end(table.open_end())?;
        }
        self.today = Today {
            day,
            places: vec![(0, 0); functions.len()],
            functions: functions.into(),
        };
        self.minute = 0;
        Ok(())
    }

    fn function(&mut self, row: u64, read: ReadFunction<'_>) -> Result<Function, TraceError> {
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
            row,
            tenant: self.tenants.number_of(read.owner.as_bytes()),
            class: self.classes.class_of(spec),
            run: run.map(|(run, _)| run),
            counts: read.counts,
            origin: self.journal.origin(read.line),
        })
    }
}

#[cfg(test)]
mod tests;
