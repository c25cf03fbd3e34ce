//! The project's own workload table: comma-separated, with a header, columns in any order, one row
//! per arrival. Only `submit` must be there; an empty cell means the same as a missing column.
//! Columns of other names are passed over with a note in the ledger.
//!
//! Times and spans are seconds (`90`, `1.5`) or have a unit (`90s`, `2h30m`, `250ms`). Amounts are
//! Kubernetes quantities (`500m`, `2`, `4Gi`). Columns with the unit in their name have whole numbers of
//! it instead; so does the table as a Parquet file, which is read as well. Rows may be up to 4,096 rows
//! late; streamed, unless there is a column `gang`, whose members are brought together first, the table is in shards, or
//! it has other columns.

mod amounts;
mod cells;
mod columns;
mod fields;
mod mapping;
mod refusals;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::VecDeque;

use crate::parts::class_keys::ClassKeys;
use crate::readers::prelude::*;
use crate::shards::{Names, Shards, cells_of_tables};
use arrivals::class_columns::ClassColumns;
use arrivals::header_record::HeaderRecord;
use arrivals::intern::{ClassTable, NameTable};
use arrivals::job_fields::JobField;
use arrivals::precedence::without_unknown;
use arrivals::read_ahead::streamed;
use arrivals::reordering::{Lookahead, Placed};
use arrivals::stream::Classes;
use intake::ledger::Ledger;
use intake::table::{Row, Table};

use columns::{Columns, Times};
use whole::{FileOrder, Zero, together};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "csv",
    summary: "windtunnel's own workload table (CSV with header, or Parquet)",
    columns: columns! {
        required("submit", "submission time, since the trace's zero"),
        optional("submit_ns", "the same in nanoseconds, instead of it"),
        optional("name", "name; default `job-N`, N counted from 1"),
        optional("run_time", "run time; empty: until the end of the run"),
        optional("run_time_ns", "the same in nanoseconds, instead of it"),
        optional("cpu", "CPU cores per member; default 0"),
        optional("cpu_milli", "1/1000 cores, instead of `cpu`"),
        optional("memory", "bytes per member; default 0"),
        optional("memory_bytes", "bytes, instead of `memory`"),
        optional("ephemeral_storage", "bytes per member; default 0"),
        optional("ephemeral_storage_bytes", "bytes, instead of `ephemeral_storage`"),
        optional("gpus", "GPU devices per member, 0 to 64, or a share of one such as 0.5; default 0"),
        optional("gpu_milli", "1/1000 of each device; default 1000, less only with one device"),
        optional("gpu_models", "admissible GPU models joined by `|`; empty admits all"),
        optional("job_type", "type of the job, a row of `models.throughputs`"),
        optional("members", "number of pods that start together; default 1"),
        optional("time_limit", "time limit that the job declares"),
        optional("time_limit_ns", "the same in nanoseconds, instead of it"),
        optional("start", "start in the origin; never imposed on a run"),
        optional("start_ns", "the same in nanoseconds, instead of it"),
        optional("tenant", "user or group of the job; default `default`"),
        optional("partition", "partition of the job, with `system.scheduler.slurm.partitions`"),
        optional("queue", "queue of the job, which may be the partition; else written again alone"),
        optional("group", "group of the user, written again alone"),
        optional("executable", "program of the job, written again alone"),
        optional("outcome", "`completed`, `failed` or `cancelled` in the origin, written again alone"),
        optional("placement", "`one-per-node`: batch planners put each member on a node of its own; empty: wherever there is room"),
        optional("batch_size", "batch size that a training job keeps, with `models.throughputs.goodput`; empty: the best one where it runs"),
        optional("priority", "priority, higher first; default 0"),
        optional("namespace", "namespace; default none"),
        optional("after", "tasks that must have ended before, joined by `|`; default none"),
        optional("part_of", "task that the row is a part of, by which others wait for it; default its name"),
        optional("think_time", "time after the last end of `after`; default 0"),
        optional("think_time_ns", "the same in nanoseconds, instead of it"),
        optional("gang", "gang of rows whose members start together, whatever they request; default those of the row alone"),
        optional("pod", "labels, containers, rules about places and more, as the template of a pod in JSON; default none"),
        optional("resizes", "later requests, such as `30s cpu=2 memory=4Gi | 1h cpu=1`; default none"),
        optional("cpu_usage",
            "with the option `usage`, cores used: an amount, a share of `cpu` such as `60%`, or a pattern"),
        optional("memory_usage", "memory used, as for `cpu_usage`"),
    },
    relations: &[Relation::held(
        &["time_limit", "run_time"],
        "time limit below the run time",
        "this program's own table: limits may be exceeded",
    )],
    names: &[
        "name",
        "tenant",
        "partition",
        "queue",
        "group",
        "executable",
        "outcome",
        "namespace",
    ],
    cells: cells_of_tables,
    options: &["usage", "recorded", "columns"],
    sniff,
    open: Constructor::Workload(open),
};

/// Run time of a job that never ran, in a table that another one was written again as.
const NEVER_RAN: &str = "never ran";

/// The first instant of the year 2000, since 1970: no trace begins that long after its zero.
const YEAR_2000: Instant = Instant::from_secs(946_684_800);

/// The rule that a submission since 1970 breaks.
const SINCE_1970: &str = "a time since the trace's zero; one since 1970 is mapped: `columns: {submit: submit as unix-seconds}`, or \
                          `--column 'submit=submit as unix-seconds'`";

/// The note about a row that is put into its place.
const MOVED: &str = "submitted before a row above; moved";

fn sniff(first: &[u8]) -> Confidence {
    header_has(first, &["submit"]).max(header_has(first, &["submit_ns"]))
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    if options.columns.is_empty() {
        return without_unknown(plain(input, options)?);
    }
    let mapped = mapping::rewritten(input, &options.columns)?;
    let options = ReadOptions {
        columns: Arc::default(),
        ..options.clone()
    };
    let mut source = CsvSource::open(&mapped.table, &options)?;
    for own in &mapped.adopted {
        // A field of logs that nobody asks for is told as not used.
        let is_field = JobField::ALL.iter().any(|field| field.column == own);
        if is_field && !source.rows.columns.reads(own) {
            continue;
        }
        let kind = format!("column `{own}`, read by its own name");
        source.rows.journal.dirt(&kind, Action::Keep, 1)?;
    }
    source.rows.others = Some(mapped.others);
    without_unknown(together(source, mapped.zero)?)
}

/// The rows of a table with own names of columns.
fn plain(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let shards = Shards::of(input, &ENTRY)?;
    let Some(input) = shards.alone() else {
        // Rows without a name are counted through.
        return shards.open(
            input,
            options,
            Names::OfAll,
            |file, last: Option<&CsvSource>| {
                let mut source = CsvSource::open(file, options)?;
                source.rows.count = last.map_or(0, |last| last.rows.count);
                source.rows.whole = Some(FileOrder::default());
                Ok(Box::new(source))
            },
        );
    };
    let source = CsvSource::open(input, options)?;
    if source.has_gangs() {
        return together(source, Zero::Own);
    }
    streamed(source, input, options)
}

/// The columns that are read with the option `usage`.
const USAGE: [&str; 2] = ["cpu_usage", "memory_usage"];

/// A table as a workload, streamed: members of a gang stand where their rows do, which the registry's entry brings
/// together.
///
/// ```
/// use arrivals::{ArrivalSource, ReadOptions};
/// use formats::readers::csv::CsvSource;
/// use intake::Input;
/// use units::Instant;
///
/// let table = "submit,cpu,run_time\n0,500m,1h\n90,2,30m\n";
/// let input = Input::bytes("jobs.csv", table.as_bytes());
/// let mut source = CsvSource::open(&input, &ReadOptions::default())?;
/// let mut submits = Vec::new();
/// while let Some(arrival) = source.next()? {
///     submits.push(arrival.submit);
/// }
/// assert_eq!(submits, [Instant::ZERO, Instant::from_secs(90)]);
/// assert_eq!(source.classes().len(), 2);
/// # Ok::<(), intake::TraceError>(())
/// ```
pub struct CsvSource {
    input: Input,
    options: ReadOptions,
    header: HeaderRecord,
    table: Table,
    rows: Rows,
    ended: bool,
    delivered: u64,
}

/// The rows read up to now.
struct Rows {
    columns: Columns,
    /// Columns of another table by the own names, of one that was written again.
    others: Option<Vec<(String, String)>>,
    /// The arrivals in the order of the file, if the table is read to its end before any is delivered.
    whole: Option<FileOrder>,
    journal: Journal,
    lookahead: Lookahead,
    count: u64,
    /// Whether a row begins before the year 2000, so that later ones are long after it and not since 1970.
    has_zero: bool,
    classes: ClassTable,
    keys: ClassKeys,
    tenants: NameTable,
}

impl CsvSource {
    /// Opens a table and reads its header.
    pub fn open(input: &Input, options: &ReadOptions) -> Result<Self, TraceError> {
        let table = Table::open(input)?;
        let mut journal = Journal::new(input.name.clone(), options.rows);
        let known = |name: &Arc<str>| ENTRY.columns.iter().any(|column| *column.name == **name);
        let columns = Columns::find(&table, options)?;
        let is_field = |name: &str| JobField::ALL.iter().any(|field| field.column == name);
        let is_used = |name: &Arc<str>| {
            let is_read = match &**name {
                name if is_field(name) => columns.reads(name),
                name => options.usage || !USAGE.contains(&name),
            };
            known(name) && is_read
        };
        for name in table.columns().iter().filter(|name| !is_used(name)) {
            journal.dirt(&format!("column `{name}`, not used"), Action::Keep, 1)?;
        }
        if options.usage && columns.usage.iter().all(Option::is_none) {
            return Err(TraceError::Format {
                file: input.name.to_string(),
                reason: "usage is requested, but the table has neither a column `cpu_usage` nor \
                         `memory_usage`"
                    .to_owned(),
            });
        }
        Ok(Self {
            input: input.clone(),
            options: options.clone(),
            header: HeaderRecord {
                fields: columns.fields(),
                ..HeaderRecord::EMPTY
            },
            table,
            rows: Rows {
                keys: ClassKeys::new(columns.of_spec()),
                columns,
                others: None,
                whole: None,
                journal,
                lookahead: Lookahead::default(),
                count: 0,
                has_zero: false,
                classes: ClassTable::default(),
                tenants: NameTable::default(),
            },
            ended: false,
            delivered: 0,
        })
    }

    /// Reads rows until the window has an arrival to deliver, or the table has ended.
    #[inline(always)]
    fn fill(&mut self) -> Result<(), TraceError> {
        while !self.ended && self.rows.lookahead.wants_more() {
            self.take_row()?;
        }
        Ok(())
    }

    /// The next arrival in the order of the file.
    fn next_of_file(&mut self) -> Result<Option<Arrival>, TraceError> {
        loop {
            let next = self.rows.whole.as_mut().and_then(FileOrder::pop);
            if next.is_some() || self.ended {
                return Ok(next);
            }
            self.take_row()?;
        }
    }

    /// Reads one row into the window, unless it is bad.
    fn take_row(&mut self) -> Result<(), TraceError> {
        if let Some(row) = self.table.next_plain_row() {
            return self.rows.take(&row);
        }
        match self.table.next_row()? {
            Some(Ok(row)) => self.rows.take(&row),
            Some(Err(bad)) => {
                self.rows.count += 1;
                self.rows.refuse(bad)
            }
            None => {
                self.ended = true;
                self.rows.journal.end(self.table.open_end())
            }
        }
    }
}

impl Rows {
    /// The times of a row. Those of the project's own table count from the trace's zero.
    #[inline(always)]
    fn times(&mut self, row: &Row<'_>) -> Result<Times, BadRow> {
        let times = self.columns.times(row)?;
        self.has_zero |= times.submit < YEAR_2000;
        if self.has_zero || self.others.is_some() {
            return Ok(times);
        }
        Err(self.columns.bad_submit(row, SINCE_1970))
    }

    /// Takes a row into the window, unless it is bad.
    fn take(&mut self, row: &Row<'_>) -> Result<(), TraceError> {
        self.count += 1;
        let number = self.count;
        let line = row.line;
        let times = match self.times(row) {
            Ok(times) => times,
            Err(bad) if bad.value == NEVER_RAN => {
                return self.journal.dirt("job never ran", Action::Drop, line);
            }
            Err(bad) => return self.refuse(bad),
        };
        let class = if let Some(class) = self.keys.find(row) {
            self.columns.tell(row, &mut self.journal)?;
            class
        } else {
            let spec = match self.columns.spec(row) {
                Ok(spec) => spec,
                Err(bad) => return self.refuse(bad),
            };
            let class = self.classes.class_of(spec);
            self.keys.learn(row, class);
            self.columns.tell(row, &mut self.journal)?;
            class
        };
        let links = match self.columns.links(row) {
            Ok(links) => links,
            Err(bad) => return self.refuse(bad),
        };
        let start = self.tell_times(&times, line)?;
        let tenant = self.tenants.number_of_piece(self.columns.tenant(row));
        let arrival = |name| Arrival {
            submit: times.submit,
            name,
            class,
            members: times.members,
            tenant,
            run_time: times.run,
            time_limit: times.limit,
            historic_start: start,
            links,
            part: 0,
            origin: Origin::line(line),
        };
        if let Some(whole) = &mut self.whole {
            let name = self.columns.name(row).unwrap_or(PodName::Job(number));
            let is_late = whole.push(arrival(name));
            return self.journal.repair_if(is_late, MOVED, line);
        }
        // Each kind by itself: a name that is put together first goes through memory.
        let placed = match self.columns.name(row) {
            Some(name) => self.lookahead.push(arrival(name)),
            None => self.lookahead.push(arrival(PodName::Job(number))),
        };
        match placed {
            Placed::InOrder => Ok(()),
            Placed::Moved => self.journal.dirt(MOVED, Action::Repair, line),
            Placed::TooLate => self.refuse(BadRow {
                line,
                column: "submit".to_owned(),
                value: times.submit.to_string(),
                rule: "must not be earlier than rows far above; sort the file by it".to_owned(),
            }),
        }
    }

    /// Tells of times that don't go together; the start in the origin. In anybody's table, one before the submission
    /// stands for none.
    #[inline(always)]
    fn tell_times(&mut self, times: &Times, line: u64) -> Result<Option<Instant>, TraceError> {
        let is_others = self.others.is_some();
        if is_others && times.run.is_none() {
            self.journal
                .dirt("run time not known", Action::Keep, line)?;
        }
        if let (Some(limit), Some(run_time)) = (times.limit, times.run)
            && limit < run_time
        {
            let kind = "time limit below the run time; plans reckon with the limit";
            self.journal.dirt(kind, Action::Keep, line)?;
        }
        if !is_others || times.start.is_none_or(|own| own >= times.submit) {
            return Ok(times.start);
        }
        let kind = "start before the submission; not known";
        self.journal.dirt(kind, Action::Repair, line)?;
        Ok(None)
    }

    /// Deals with a bad row, by the names of the file.
    #[cold]
    fn refuse(&mut self, bad: BadRow) -> Result<(), TraceError> {
        let bad = match &self.others {
            Some(others) => refusals::of_file(bad, others),
            None => bad,
        };
        self.journal.bad_row(bad)
    }
}

impl ArrivalSource for CsvSource {
    fn progress(&self) -> Option<(u64, u64)> {
        Some(self.table.progress())
    }

    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let arrival = if self.rows.whole.is_some() {
            self.next_of_file()?
        } else {
            self.fill()?;
            self.rows.lookahead.pop()
        };
        self.delivered += u64::from(arrival.is_some());
        Ok(arrival)
    }

    fn append_to(
        &mut self,
        buffer: &mut VecDeque<Arrival>,
        most: usize,
    ) -> Result<bool, TraceError> {
        if self.rows.whole.is_some() {
            let next = self.next()?;
            let is_there = next.is_some();
            buffer.extend(next);
            return Ok(is_there);
        }
        let noted = self.rows.journal.ledger.total();
        self.fill()?;
        let has_changed = self.rows.journal.ledger.total() != noted;
        let most = if has_changed { buffer.len() + 1 } else { most };
        let appended = self.rows.lookahead.append_to(buffer, most);
        self.delivered += appended as u64;
        Ok(appended > 0)
    }

    fn may_wait(&self) -> bool {
        self.rows.columns.may_wait()
    }

    fn has_gangs(&self) -> bool {
        self.rows.columns.has_gangs()
    }

    fn class_columns(&self) -> ClassColumns {
        self.rows.columns.of_classes()
    }

    fn header(&self) -> &HeaderRecord {
        &self.header
    }

    fn classes(&self) -> &Classes {
        self.rows.classes.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut fork = Self::open(&self.input, &self.options)?;
        for _ in 0..self.delivered {
            fork.next()?;
        }
        Ok(Box::new(fork))
    }

    fn ledger(&self) -> &Ledger {
        &self.rows.journal.ledger
    }

    fn files(&self) -> &[std::sync::Arc<str>] {
        std::slice::from_ref(&self.input.name)
    }

    fn tenants(&self) -> &[Text] {
        self.rows.tenants.names()
    }
}
