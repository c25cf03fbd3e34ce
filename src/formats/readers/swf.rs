//! Job logs in the Standard Workload Format 2.2 and its dialects (spec: traces.md, section 1),
//! streamed: memory does not grow with the log.
//!
//! A job becomes an arrival of as many members as it asks processors for (field 8, else 5), each
//! asking for one core and, with the option `memory`, for the memory per processor of field 10
//! (else 7). Its run time is field 4, its limit field 9 where stated (unless a remark of the header
//! says that it is CPU time), its tenant field 12; it waits by fields 17 and 18.
//!
//! Dirt: run time 0: `min-runtime` or dropped; unknown run time, no processors, blank and short lines,
//! column names without `;` (Alea): dropped; submit times since 1970: made relative to the first; a submit time
//! earlier than a row above: moved if not more than 4,096 rows late, else a bad row; run time beyond the requested
//! one: kept, or cut with `kill-at-walltime`; memory beyond 4 TiB per processor: taken as bytes.
//! With the option `usage` a member uses of its processor what field 6 is of field 4, and the memory of field 7.

mod classes;
mod executions;
mod header;
mod logs;
mod reader;
mod recorded;
mod row;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use self::classes::{ClassKey, is_of_one_class};
use self::executions::Ahead;
use self::recorded::header_record;
use self::row::{CANCELLED, Dialect, Parsed, RowParser, has_names, is_remark};
use crate::readers::prelude::*;
use crate::shards::Shards;
use arrivals::class_cache::Lately;
use arrivals::duplicate_names::TWICE;
use arrivals::header_record::HeaderRecord;
use arrivals::intern::ClassTable;
use arrivals::links::{Links, TaskNames};
use arrivals::read_ahead::streamed;
use arrivals::reordering::{Lookahead, Placed};
use arrivals::stream::Classes;
use intake::ledger::{Ledger, RowPolicy};

pub(crate) use self::classes::bytes_of;
pub use self::header::SwfHeader;
pub use self::reader::SwfReader;
pub(crate) use self::recorded::{UNKNOWN_USER, outcome_of, status_of};
pub use self::row::{FIELD_NAMES, FIELDS, MISSING, SwfJob};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "swf",
    summary: "job log in the Standard Workload Format 2.2, dialects of Alea, Slurm and grids too",
    columns: columns! {
        required("1", "job number"),
        required("2", "submit time, s; since 1970 or since the log's zero"),
        required("3", "wait time, s"),
        required("4", "run time, s of wall time"),
        required("5", "allocated processors"),
        required("6", "average CPU time per processor, s"),
        required("7", "used memory per processor, KB"),
        required("8", "requested processors"),
        required("9", "requested time, s; no limit where a remark of the header says that it is CPU time"),
        required("10", "requested memory per processor, KB"),
        required("11", "status; 2 to 4 are partial executions of a job"),
        required("12", "user"),
        required("13", "group; written again, and not used by runs"),
        required("14", "executable; written again, and not used by runs"),
        required("15", "queue; the partition if the experiment says so"),
        required("16", "partition, with `system.scheduler.slurm.partitions`"),
        required("17", "preceding job, or several with `&` between; its end is waited for"),
        required("18", "think time after the preceding job, s"),
    },
    relations: row::RELATIONS,
    names: &["1", "11", "12", "13", "14", "15", "16", "17", "18"],
    cells,
    options: &[
        "min-runtime",
        "kill-at-walltime",
        "memory",
        "usage",
        "recorded",
    ],
    sniff,
    open: Constructor::Workload(open),
};

/// Reads the header and every row in the file's order; the first bad row is an error.
pub fn read_swf_jobs(input: &Input) -> Result<(SwfHeader, Vec<SwfJob>), TraceError> {
    let mut reader = SwfReader::open(input, RowPolicy::default())?;
    let mut jobs = Vec::new();
    while let Some(job) = reader.next_job()? {
        jobs.push(job);
    }
    Ok((reader.header, jobs))
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let shards = Shards::of(input, &ENTRY)?;
    let Some(input) = shards.alone() else {
        return logs::open(shards, input, options);
    };
    streamed(SwfSource::open(input, options)?, input, options)
}

/// Shows the fields of every row but for those of names, as they stand; comments are remarks.
fn cells(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let is_read: Vec<bool> = (format.columns.iter())
        .map(|column| !format.names.contains(&column.name))
        .collect();
    for file in Shards::of(input, format)?.read {
        cells_of_log(&file, &is_read, show)?;
    }
    Ok(())
}

fn cells_of_log(
    log: &Input,
    is_read: &[bool],
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    let mut lines = log.lines()?;
    let mut dialect = None;
    while let Some((_, text)) = lines.next_line()? {
        if is_remark(text) {
            continue;
        }
        let dialect = *dialect.get_or_insert_with(|| Dialect::of(text));
        let count = dialect.split(text, &mut |place, field| {
            if is_read.get(place).is_some_and(|is_read| *is_read) {
                show(field);
            }
        });
        show(if count < FIELDS { b"short" } else { &[] });
    }
    Ok(())
}

/// Whether a text that begins with these bytes is a log.
pub(super) fn sniff(first: &[u8]) -> Confidence {
    let line = first
        .split(|&byte| byte == b'\n')
        .find(|line| !is_remark(line));
    let comment = first.trim_ascii_start().starts_with(b";");
    match line.map(|line| RowParser::default().parse(1, line)) {
        Some(Ok(Parsed::Job { .. })) => Confidence::Certain,
        // Names of columns, or a header longer than what was looked at.
        Some(Err(_)) if line.is_some_and(has_names) => Confidence::Certain,
        _ if comment => Confidence::Maybe,
        _ => Confidence::No,
    }
}

/// Submit times from here on count from 1970, not from the log's zero: nobody's log spans 15 years.
pub(crate) const ABSOLUTE_FROM: Duration = Duration::from_secs(500_000_000);

/// A time as a log states it: in seconds, without a fraction of one.
fn seconds(time: Duration) -> i64 {
    time.as_nanos() / units::time::NANOS_PER_SECOND
}

/// A log as a workload, streamed.
pub struct SwfSource {
    input: Input,
    options: ReadOptions,
    reader: SwfReader,
    ahead: Ahead,
    lookahead: Lookahead,
    zero: Option<Duration>,
    /// The zero of times since 1970, if the log begins with such.
    absolute_zero: Option<Duration>,
    ended: bool,
    requests_cpu_time: bool,
    delivered: u64,
    classes: ClassTable,
    /// By memory asked for, usage, and labels.
    class_by_amounts: Lately<ClassKey, u32>,
    /// Whether all jobs are of one class, as nothing that tells them apart is asked for.
    has_one_class: bool,
    /// The amounts and labels of the last job, and its class.
    last_class: Option<(ClassKey, u32)>,
    users: IndexSet<i64, FxBuildHasher>,
    user_names: Vec<Text>,
    /// The jobs up to now, which others may wait for.
    taken: TaskNames,
    header: HeaderRecord,
}

impl SwfSource {
    /// Opens a log.
    pub fn open(input: &Input, options: &ReadOptions) -> Result<Self, TraceError> {
        Self::since(None, input, options)
    }

    /// Opens a log, whose times since 1970 count from another zero than its first job if that is given.
    fn since(
        other: Option<Duration>,
        input: &Input,
        options: &ReadOptions,
    ) -> Result<Self, TraceError> {
        let reader = SwfReader::open(input, options.rows)?;
        let zero = reader.first_submit().filter(|&zero| zero >= ABSOLUTE_FROM);
        let zero = zero.map(|own| other.unwrap_or(own));
        Ok(Self {
            input: input.clone(),
            options: options.clone(),
            header: header_record(&reader, zero, options),
            requests_cpu_time: reader.header.requests_cpu_time(),
            reader,
            ahead: Ahead::default(),
            lookahead: Lookahead::default(),
            zero: None,
            absolute_zero: zero,
            ended: false,
            delivered: 0,
            classes: ClassTable::default(),
            class_by_amounts: Lately::default(),
            has_one_class: is_of_one_class(options),
            last_class: None,
            users: IndexSet::default(),
            user_names: Vec::new(),
            taken: TaskNames::default(),
        })
    }

    /// Header before the first job.
    pub fn header(&self) -> &SwfHeader {
        &self.reader.header
    }

    fn dirt(&mut self, kind: &str, action: Action, job: &SwfJob) -> Result<(), TraceError> {
        self.reader.journal.dirt(kind, action, job.line)
    }

    /// Reads jobs until the window has one to deliver, or the log has ended.
    fn fill(&mut self) -> Result<(), TraceError> {
        let mut job = SwfJob::default();
        while !self.ended && self.lookahead.wants_more() {
            if self.read_whole(&mut job)? {
                if self.requests_cpu_time && job.requested_time > Duration::ZERO {
                    let kind = "requested time is CPU time by the header; no limit";
                    self.dirt(kind, Action::Keep, &job)?;
                    job.requested_time = MISSING;
                }
                self.take(&job)?;
            } else {
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Reads one job into the window, unless it is left out.
    fn take(&mut self, job: &SwfJob) -> Result<(), TraceError> {
        let Some(submit) = self.submit(job)? else {
            return Ok(());
        };
        let Some(run_time) = self.run_time(job)? else {
            return Ok(());
        };
        let processors = match job.requested_processors {
            requested if requested > 0 => requested,
            _ => job.allocated_processors,
        };
        if processors <= 0 {
            return self.dirt("no number of processors", Action::Drop, job);
        }
        if processors > MEMBERS {
            return self.bad(
                job,
                "8 requested processors",
                &processors,
                &format!("must be at most {MEMBERS}"),
            );
        }
        let known_wait = job.wait >= Duration::ZERO;
        if !known_wait {
            self.dirt("no wait time", Action::Keep, job)?;
        }
        self.tell_unkept(job)?;
        let links = self.links(job)?;
        let name = PodName::Job(job.number.unsigned_abs());
        if self.taken.contains(&name) {
            self.dirt(TWICE, Action::Keep, job)?;
        }
        self.taken.insert(&name);
        let arrival = Arrival {
            submit,
            name,
            class: self.class(job)?,
            members: processors as u32,
            tenant: self.tenant(job.user),
            run_time: Some(run_time),
            // Without one the run time stands in where plans are made (spec: traces.md, section 1), and nothing is killed.
            time_limit: Some(job.requested_time).filter(|own| *own > Duration::ZERO),
            historic_start: known_wait.then(|| submit.saturating_add(job.wait)),
            links,
            part: 0,
            origin: intake::Origin::line(job.line),
        };
        match self.lookahead.push(arrival) {
            Placed::InOrder => Ok(()),
            Placed::Moved => self.dirt("submitted before a row above; moved", Action::Repair, job),
            Placed::TooLate => self.bad(
                job,
                "2 submit time",
                &seconds(job.submit),
                "must not be earlier than rows far above; sort the file by it",
            ),
        }
    }

    /// What a job waits for; those of its preceding jobs that are not above it in the log are told.
    fn links(&mut self, job: &SwfJob) -> Result<Option<Box<Links>>, TraceError> {
        let mut preceding = std::mem::take(&mut self.reader.several_preceding);
        if preceding.is_empty() && job.preceding_job < 0 {
            return Ok(None);
        }
        if preceding.is_empty() {
            preceding.push(job.preceding_job);
        }
        let mut links = Links {
            delay: job.think_time.max(Duration::ZERO),
            ..Links::default()
        };
        for number in preceding {
            let name = PodName::Job(number.unsigned_abs());
            if self.taken.contains(&name) {
                links.after.push(name);
            } else {
                let kind = "preceding job that is not read above; not waited for";
                self.dirt(kind, Action::Repair, job)?;
            }
        }
        Ok((!links.after.is_empty()).then(|| Box::new(links)))
    }

    /// The submit time since zero; `None` for a row before the zero that the first row set.
    fn submit(&mut self, job: &SwfJob) -> Result<Option<Instant>, TraceError> {
        let zero = match self.zero {
            Some(zero) => zero,
            None if job.submit >= ABSOLUTE_FROM => {
                self.dirt(
                    "submit times since 1970; made relative",
                    Action::Repair,
                    job,
                )?;
                self.absolute_zero.unwrap_or(job.submit)
            }
            None => Duration::ZERO,
        };
        self.zero = Some(zero);
        let since = job.submit.as_nanos() - zero.as_nanos();
        if since < 0 {
            let rule = "must not be before the first row";
            self.bad(job, "2 submit time", &seconds(job.submit), rule)?;
            return Ok(None);
        }
        Ok(Some(Instant::from_nanos(since)))
    }

    /// The run time that is simulated; `None` if the job is left out.
    fn run_time(&mut self, job: &SwfJob) -> Result<Option<Duration>, TraceError> {
        let mut run_time = job.run;
        if run_time == MISSING {
            let kind = if job.status == CANCELLED {
                "cancelled before it ran"
            } else {
                "run time not known"
            };
            self.dirt(kind, Action::Drop, job)?;
            return Ok(None);
        }
        if run_time == Duration::ZERO {
            let Some(least) = self.options.min_runtime else {
                self.dirt("run time 0", Action::Drop, job)?;
                return Ok(None);
            };
            self.dirt("run time 0; raised to min-runtime", Action::Repair, job)?;
            run_time = least;
        }
        if job.requested_time > Duration::ZERO && job.requested_time < run_time {
            if self.options.kill_at_walltime {
                self.dirt("ran beyond its requested time; cut", Action::Repair, job)?;
                run_time = job.requested_time;
            } else {
                self.dirt("ran beyond its requested time", Action::Keep, job)?;
            }
        }
        Ok(Some(run_time))
    }

    fn tenant(&mut self, user: i64) -> u32 {
        let (tenant, new) = self.users.insert_full(user);
        if new {
            let name = if user < 0 {
                UNKNOWN_USER.into()
            } else {
                self.name(user)
            };
            self.user_names.push(name);
        }
        tenant as u32
    }

    /// The name of a number in a column of names: itself, but for the dialects that write names.
    fn name(&self, number: i64) -> Text {
        match self.reader.parser.name(number) {
            Some(name) => name.clone(),
            None => number.to_string().into(),
        }
    }

    fn bad(
        &mut self,
        job: &SwfJob,
        column: &str,
        value: &dyn ToString,
        rule: &str,
    ) -> Result<(), TraceError> {
        self.reader.journal.bad_row(BadRow {
            line: job.line,
            column: column.to_owned(),
            value: value.to_string(),
            rule: rule.to_owned(),
        })
    }
}

impl ArrivalSource for SwfSource {
    fn progress(&self) -> Option<(u64, u64)> {
        Some(self.reader.progress())
    }

    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        self.fill()?;
        let arrival = self.lookahead.pop();
        self.delivered += u64::from(arrival.is_some());
        Ok(arrival)
    }

    fn append_to(
        &mut self,
        buffer: &mut VecDeque<Arrival>,
        most: usize,
    ) -> Result<bool, TraceError> {
        let noted = self.reader.journal.ledger.total();
        self.fill()?;
        let has_changed = self.reader.journal.ledger.total() != noted;
        let most = if has_changed { buffer.len() + 1 } else { most };
        let appended = self.lookahead.append_to(buffer, most);
        self.delivered += appended as u64;
        Ok(appended > 0)
    }

    fn classes(&self) -> &Classes {
        self.classes.classes()
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn header(&self) -> &HeaderRecord {
        &self.header
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut fork = Self::open(&self.input, &self.options)?;
        for _ in 0..self.delivered {
            fork.next()?;
        }
        Ok(Box::new(fork))
    }

    fn ledger(&self) -> &Ledger {
        &self.reader.journal.ledger
    }

    fn files(&self) -> &[Arc<str>] {
        std::slice::from_ref(&self.input.name)
    }

    fn tenants(&self) -> &[Text] {
        &self.user_names
    }
}
