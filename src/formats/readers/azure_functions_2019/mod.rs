//! Invocations of Azure's functions of 2019: tables of a day each with counts by minute, percentiles of
//! run times by function, and of memory by application, together in a folder or an archive. The counts
//! of a minute are spread over it evenly by a seeded draw, and a run time is drawn between the
//! percentiles of its function; a function without a row has the median of the others. Draws and names of a function's
//! invocations are its own (the third one of the function in row 2 of the first day is `d1-f2-3`), so that a row that is left
//! out changes no other. The tables of run times and memory of a day are in memory, and of its invocations those of a minute;
//! the others are sorted by minute, on disk where there are many. Format: `traces.md`, section 6.

mod tables;

use rng::Streams;

use crate::readers::prelude::*;
use arrivals::intern::{ClassTable, NameTable};
use arrivals::renumbering::Renumbered;
use arrivals::spill::{FixedSort, FixedSorted};
use arrivals::stream::Classes;
use intake::archive::{beginning, parts};
use intake::budget::ARRIVALS_AT_ONCE;
use intake::ledger::Ledger;
use intake::table::Table;
use tables::{
    InvocationColumns, MINUTES, Percentiles, ReadFunction, Rows, durations, memory, run_time,
};
use units::SortedMap;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "azure-functions-2019",
    summary: "invocations of Azure's functions of 2019, by minute (CSV with header, folder or archive)",
    columns: columns! {
        required("HashOwner", "owner; becomes the tenant"),
        required("HashApp", "application"),
        required("HashFunction", "function"),
        required("Trigger", "what invokes it; read, not used"),
        required("1", "and so on to 1440: invocations in this minute of the day"),
        optional("percentile_Average_50", "and those at 0, 1, 25, 75, 99 and 100: run time, ms (durations)"),
        optional("AverageAllocatedMb", "memory of the application, MB (memory)"),
    },
    relations: &[],
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
        today: Today::new(0, FixedSort::default()),
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

/// Words of the invocations of a function in a minute.
const WORDS: usize = 5;

/// Bits of the number of invocations of a function in a minute.
const COUNT_BITS: u32 = 24;

/// The invocations of a day. They are sorted by minute and by row, on disk where there are many.
#[derive(Clone, Debug)]
struct Today {
    day: u32,
    sorted: FixedSorted<WORDS>,
    /// The next ones, if they were read.
    next: Option<[u64; WORDS]>,
}

impl Today {
    fn new(day: u32, invocations: FixedSort<WORDS>) -> Self {
        Self {
            day,
            sorted: invocations.sorted(),
            next: None,
        }
    }

    /// Returns the next invocations, if they are in a minute.
    fn next_in(&mut self, minute: usize) -> Result<Option<Invocations>, TraceError> {
        if self.next.is_none() {
            self.next = self.sorted.next()?;
        }
        let next = self.next.map(Invocations::of_words);
        let next = next.filter(|own| usize::from(own.minute) == minute);
        if next.is_some() {
            self.next = None;
        }
        Ok(next)
    }
}

/// The invocations of a function in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Invocations {
    minute: u16,
    /// The number of the function's row in the day, bad ones included, counted from 1.
    row: u32,
    /// The number of its invocations in the minutes before.
    before: u64,
    count: u32,
    tenant: u32,
    class: u32,
    /// The place of its run times.
    run: Option<u32>,
    /// The row of its counts.
    origin: Origin,
}

impl Invocations {
    fn words(&self) -> [u64; WORDS] {
        [
            u64::from(self.minute) << 32 | u64::from(self.row),
            self.before << COUNT_BITS | u64::from(self.count),
            u64::from(self.tenant) << 32 | u64::from(self.class),
            self.run.map_or(u64::MAX, u64::from),
            self.origin.number(),
        ]
    }

    fn of_words([place, numbers, kinds, run, origin]: [u64; WORDS]) -> Self {
        Self {
            minute: (place >> 32) as u16,
            row: place as u32,
            before: numbers >> COUNT_BITS,
            count: (numbers & ((1 << COUNT_BITS) - 1)) as u32,
            tenant: (kinds >> 32) as u32,
            class: kinds as u32,
            run: u32::try_from(run).ok(),
            origin: Origin::of_number(origin),
        }
    }
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
        while let Some(own) = self.today.next_in(self.minute)? {
            if self.ready.len() + own.count as usize > ARRIVALS_AT_ONCE {
                return Err(TraceError::Format {
                    file: self.journal.file.to_string(),
                    reason: format!(
                        "minute {} has more than {ARRIVALS_AT_ONCE} invocations, the most that are read",
                        self.minute + 1
                    ),
                });
            }
            let percentiles = own.run.and_then(|place| self.known.durations.at(place));
            let mut stream = streams.numbered(u64::from(own.row) << MINUTE_BITS | minute);
            for number in own.before + 1..=own.before + u64::from(own.count) {
                let within = stream.below(MINUTE as u64) as i64;
                let run = percentiles.map(|run| run_time(&run, stream.unit_f64()));
                self.ready.push(Arrival {
                    class: own.class,
                    tenant: own.tenant,
                    run_time: run,
                    origin: own.origin,
                    ..Arrival::new(
                        Instant::from_nanos(begin + within),
                        PodName::Text(format!("d{day}-f{}-{number}", own.row).into()),
                    )
                });
            }
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
        let (mut invocations, mut rows) = (FixedSort::default(), 0);
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
                self.function(rows, &function, &mut invocations)?;
            }
            self.journal.end(table.open_end())?;
        }
        self.today = Today::new(day, invocations);
        self.minute = 0;
        Ok(())
    }

    /// Adds the invocations of a function.
    fn function(
        &mut self,
        row: u32,
        read: &ReadFunction<'_>,
        invocations: &mut FixedSort<WORDS>,
    ) -> Result<(), TraceError> {
        let journal = &mut self.journal;
        let run = self.known.durations.find(read.key(true));
        match run {
            None => journal.dirt("run time not known", Action::Keep, read.line)?,
            Some((_, false)) => {
                let kind = "function without run times; those in the middle";
                journal.dirt(kind, Action::Repair, read.line)?;
            }
            Some((_, true)) => {}
        }
        let memory = self.known.memory.find(read.key(false));
        if let Some((_, false)) = memory {
            let kind = "application without memory; that in the middle";
            journal.dirt(kind, Action::Repair, read.line)?;
        }
        let memory = memory.and_then(|(place, _)| self.known.memory.at(place));
        let bytes = memory.map(|[megabytes]| libm::rint(megabytes * 1e6) as i64);
        let spec = PodSpec::with_requests(requests(None, bytes));
        let mut own = Invocations {
            minute: 0,
            row,
            before: 0,
            count: 0,
            tenant: self.tenants.number_of(read.owner.as_bytes()),
            class: self.classes.class_of(spec),
            run: run.map(|(place, _)| place),
            origin: self.journal.origin(read.line),
        };
        for &(minute, count) in &read.counts {
            (own.minute, own.count) = (minute, count);
            invocations.push(own.words());
            own.before += u64::from(count);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
