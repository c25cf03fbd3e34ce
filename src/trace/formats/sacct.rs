//! Jobs of a Slurm cluster as `sacct --parsable` prints them (`sacct --allusers --parsable2 --format
//! JobID,User,Partition,State,Submit,Start,End,Timelimit,NNodes,AllocCPUS,ReqMem,AllocTRES`): fields
//! between bars below a header, in any order. Dates are read as those of UTC, as the output doesn't
//! name its zone. A job is a gang of one pod on each of its nodes, with its share of GPUs and processors,
//! rounded up. Steps are part of their jobs. Fields: the manual of `sacct`.

use crate::budget::MEMBERS;
use crate::calendar::Zone;
use crate::error::TraceError;
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::gather::{Demand, Gather, requests, spread, whole_gpus};
use crate::input::Input;
use crate::job_fields::{self, Outcome};
use crate::ledger::{Action, BadRow, Journal};
use crate::options::ReadOptions;
use crate::rows::{Fields, LAST_SECOND, Layout, Refused, each_row, show_rows};
use crate::stream::ArrivalSource;
use model::{Labels, PodName, PodSpec};
use units::{Duration, Instant};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "sacct",
    summary: "jobs of a Slurm cluster (`sacct --parsable2`, header, `|` between fields)",
    columns: COLUMNS,
    names: &["JobID", "User", "Partition"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &["recorded"],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required(
        "JobID",
        "job, element of an array, or step; becomes the name",
    ),
    ColumnDoc::required("Submit", "date"),
    ColumnDoc::required("Start", "date; Unknown if the job never began"),
    ColumnDoc::required("End", "date; Unknown while the job runs"),
    ColumnDoc::optional(
        "State",
        "state; written again as the outcome, and not used by runs",
    ),
    ColumnDoc::optional("User", "user; becomes the tenant"),
    ColumnDoc::optional(
        "Partition",
        "partition, with `system.scheduler.slurm.partitions`",
    ),
    ColumnDoc::optional("Timelimit", "limit, [days-]hours:minutes:seconds"),
    ColumnDoc::optional("NNodes", "nodes; the gang size"),
    ColumnDoc::optional("AllocCPUS", "processors in all; else NCPUS, else ReqCPUS"),
    ColumnDoc::optional(
        "ReqMem",
        "memory, such as 4000M; `n` after it: of a node, `c`: of a processor, else in all",
    ),
    ColumnDoc::optional(
        "AllocTRES",
        "resources; `gres/gpu` are the GPUs in all, `gres/gpu:a100` those of a model",
    ),
    ColumnDoc::optional("NCPUS", "processors in all"),
    ColumnDoc::optional("ReqCPUS", "processors in all"),
    ColumnDoc::optional(
        "ReqTRES",
        "resources as requested; the model of GPUs is demanded if it stands here, or where this column is missing",
    ),
];

const LAYOUT: Layout = Layout::headed(COLUMNS, b'|');

const JOB: usize = 0;
const SUBMIT: usize = 1;
const START: usize = 2;
const END: usize = 3;
const STATE: usize = 4;
const USER: usize = 5;
const PARTITION: usize = 6;
const LIMIT: usize = 7;
const NODES: usize = 8;
const CORES: usize = 9;
const MEMORY: usize = 10;
const RESOURCES: usize = 11;
/// The places of the processors, the best known first.
const PROCESSORS: [usize; 3] = [CORES, 12, 13];
const REQUESTED: usize = 14;

/// The most processors of a job.
const MOST_PROCESSORS: i64 = 1_000_000_000;

fn sniff(first: &[u8]) -> Confidence {
    let line = first.split(|&byte| byte == b'\n').next().unwrap_or(first);
    let line = String::from_utf8_lossy(line);
    let header: Vec<&str> = line.trim().split('|').collect();
    let has = |name: &&str| header.contains(name);
    if ["JobID", "Submit", "Start", "End"].iter().all(has) {
        Confidence::Certain
    } else {
        Confidence::No
    }
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    let zone = Zone::east(0);
    gather.header.fields = if options.recorded {
        vec![&job_fields::PARTITION, &job_fields::OUTCOME]
    } else {
        job_fields::outcome_alone(options)
    };
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        let labels = labels(fields, options);
        take(&mut gather, journal, fields, &zone, labels)
    })?;
    gather.finish_from_first(journal)
}

/// The labels of a job: its partition and its outcome, where they are asked for.
fn labels(fields: &Fields<'_, '_>, options: &ReadOptions) -> Labels {
    let mut labels = Outcome::labels(outcome(fields.text(STATE)), options);
    if options.partitions.is_some() || options.recorded {
        job_fields::PARTITION.state(&mut labels, fields.text(PARTITION));
    }
    labels
}

/// The outcome of a state; `None` of a job that has not ended.
fn outcome(state: &str) -> Option<Outcome> {
    match state.split_whitespace().next()? {
        "COMPLETED" => Some(Outcome::Completed),
        // `CANCELLED by` a user.
        "CANCELLED" => Some(Outcome::Cancelled),
        "PENDING" | "RUNNING" | "SUSPENDED" | "REQUEUED" | "RESIZING" => None,
        _ => Some(Outcome::Failed),
    }
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    zone: &Zone,
    labels: Labels,
) -> Result<(), Refused> {
    let line = fields.line();
    let name = fields.name(JOB, "the number of a job")?;
    if name.contains('.') {
        return Ok(journal.dirt("step of a job", Action::Drop, line)?);
    }
    let submit = zone.field(fields, SUBMIT)?;
    let submit = submit.ok_or_else(|| fields.bad(SUBMIT, "a date"))?;
    let (start, end) = (zone.field(fields, START)?, zone.field(fields, END)?);
    let limit = limit(fields)?;
    let cores = processors(fields)?;
    let nodes = fields.integer(NODES, 0, MEMBERS)?.unwrap_or(1).max(1);
    let Gpus {
        number: gpus,
        model,
    } = gpus(fields)?;
    let memory = memory(fields, nodes, cores)?;
    let Some(start) = start else {
        return Ok(journal.dirt("job never ran", Action::Drop, line)?);
    };
    if cores == 0 {
        return Ok(journal.dirt("job without a processor", Action::Drop, line)?);
    }
    check_end(journal, fields, start, end)?;
    if end.is_none() {
        journal.dirt("still running; run time not known", Action::Keep, line)?;
    }
    let own = spread(gpus, cores, nodes);
    let own = own.ok_or_else(|| fields.bad(RESOURCES, "at most 64 GPUs on a node"))?;
    if own.is_rounded {
        let kind = "GPUs or processors don't divide by the nodes; rounded up";
        journal.dirt(kind, Action::Repair, line)?;
    }
    model.note(journal, line)?;
    if start < submit {
        journal.dirt("start before the submission", Action::Keep, line)?;
    }
    let memory = memory.map(|bytes| bytes / own.members);
    gather.push(
        journal.origin(line),
        Demand {
            submit,
            name: PodName::Text(name.into()),
            tenant: fields.text(USER).into(),
            spec: PodSpec {
                gpu: whole_gpus(own.gpus, model.name()),
                labels,
                ..PodSpec::with_requests(requests(Some(own.cpu_milli), memory))
            },
            members: own.members as u32,
            run_time: end.map(|end| end.max(start).since(start)),
            time_limit: limit,
            historic_start: Some(start),
            links: None,
        },
    );
    Ok(())
}

/// Refuses an end before the start, but for that of a job over the end of summer time.
fn check_end(
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    start: Instant,
    end: Option<Instant>,
) -> Result<(), Refused> {
    let Some(end) = end.filter(|&end| end < start) else {
        return Ok(());
    };
    // Dates are local, so they may go back by an hour.
    if start.since(end) > Duration::from_secs(3_600) {
        return Err(fields.bad(END, "no earlier than `Start`").into());
    }
    let kind = "end up to an hour before the start, as at the end of summer time; counted as 0 s";
    Ok(journal.dirt(kind, Action::Repair, fields.line())?)
}

/// The processors of a whole job.
fn processors(fields: &Fields<'_, '_>) -> Result<i64, BadRow> {
    for place in PROCESSORS {
        if let Some(cores) = fields.integer(place, 0, MOST_PROCESSORS)? {
            return Ok(cores);
        }
    }
    Err(fields.bad(
        CORES,
        "a number of processors (or that of `NCPUS`, `ReqCPUS`)",
    ))
}

/// The limit of a job's time; `None` if it has none.
fn limit(fields: &Fields<'_, '_>) -> Result<Option<Duration>, BadRow> {
    let text = fields.text(LIMIT);
    if matches!(text, "" | "UNLIMITED" | "Partition_Limit" | "INVALID") {
        return Ok(None);
    }
    let seconds = seconds(text).filter(|seconds| (0..=LAST_SECOND).contains(seconds));
    let expected = || fields.bad(LIMIT, "[days-]hours:minutes:seconds, or UNLIMITED");
    seconds
        .map(Duration::from_secs)
        .map(Some)
        .ok_or_else(expected)
}

/// The seconds of `[days-]hours:minutes:seconds` or `minutes:seconds`.
fn seconds(text: &str) -> Option<i64> {
    let (days, time) = match text.split_once('-') {
        Some((days, time)) => (days.parse::<u32>().ok()?, time),
        None => (0, text),
    };
    let mut total = 0_i64;
    let parts: Vec<&str> = time.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    for part in parts {
        total = 60 * total + i64::from(part.parse::<u32>().ok()?);
    }
    Some(86_400 * i64::from(days) + total)
}

/// Bytes of a whole job; `None` if they are not stated.
fn memory(fields: &Fields<'_, '_>, nodes: i64, cores: i64) -> Result<Option<i64>, BadRow> {
    let text = fields.text(MEMORY);
    if text.is_empty() {
        return Ok(None);
    }
    let (text, times) = match text.as_bytes().last() {
        Some(b'n') => (&text[..text.len() - 1], nodes),
        Some(b'c') => (&text[..text.len() - 1], cores),
        _ => (text, 1),
    };
    let (number, unit) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'G') => (&text[..text.len() - 1], 30),
        Some(b'T') => (&text[..text.len() - 1], 40),
        Some(b'M') => (&text[..text.len() - 1], 20),
        _ => (text, 20),
    };
    let number = number.parse::<f64>().ok();
    let number = number.filter(|number| (0.0..=1e9).contains(number));
    let number = number.ok_or_else(|| fields.bad(MEMORY, "an amount such as 4000M or 4Gc"))?;
    let all = libm::rint(number * (1_i64 << unit) as f64 * times as f64);
    if all > (1_i64 << 60) as f64 {
        return Err(fields.bad(MEMORY, "at most 1 EiB in all"));
    }
    Ok(Some(all as i64).filter(|&bytes| bytes > 0))
}

/// The GPUs of a whole job.
struct Gpus<'row> {
    number: i64,
    model: Model<'row>,
}

/// The model that all GPUs of a job are of.
#[derive(Clone, Copy)]
enum Model<'row> {
    /// None is stated or demanded.
    Any,
    /// The user asked for it.
    Requested(&'row str),
    /// The job had it, and what was asked for is not stated.
    Allocated(&'row str),
    /// They are of several.
    Several,
}

impl<'row> Model<'row> {
    /// Notes what is not known, or not demanded, of the model.
    fn note(self, journal: &mut Journal, line: u64) -> Result<(), TraceError> {
        match self {
            Self::Allocated(_) => {
                let kind =
                    "GPU model of the allocation, demanded: what was requested is not stated";
                journal.dirt(kind, Action::Keep, line)
            }
            Self::Several => {
                let kind = "GPUs of several models; any model will do";
                journal.dirt(kind, Action::Waive, line)
            }
            Self::Any | Self::Requested(_) => Ok(()),
        }
    }

    /// The name of the model; empty if any will do.
    fn name(self) -> &'row str {
        match self {
            Self::Requested(name) | Self::Allocated(name) => name,
            Self::Any | Self::Several => "",
        }
    }
}

/// The GPUs of a whole job; where only those of each model are listed, their sum.
fn gpus<'row>(fields: &Fields<'_, 'row>) -> Result<Gpus<'row>, BadRow> {
    let allocated = listed(fields, RESOURCES)?;
    let requested = listed(fields, REQUESTED)?;
    let is_stated = !fields.text(REQUESTED).is_empty();
    let models = if is_stated {
        requested.models
    } else {
        allocated.models
    };
    let model = match models {
        Models::None => Model::Any,
        Models::Several => Model::Several,
        Models::One(name) if is_stated => Model::Requested(name),
        Models::One(name) => Model::Allocated(name),
    };
    Ok(Gpus {
        number: allocated.number.or(requested.number).unwrap_or_default(),
        model,
    })
}

/// The GPUs of a list of resources.
struct Listed<'row> {
    /// All of them; `None` if the list has none.
    number: Option<i64>,
    models: Models<'row>,
}

/// The models that a list of resources names.
enum Models<'row> {
    None,
    One(&'row str),
    Several,
}

fn listed<'row>(fields: &Fields<'_, 'row>, place: usize) -> Result<Listed<'row>, BadRow> {
    let expected = || fields.bad(place, "a number of GPUs after `gres/gpu=`");
    let (mut all, mut by_model) = (None, None);
    let mut models = Models::None;
    let resources = fields.text(place).split(',');
    for resource in resources.filter_map(|one| one.strip_prefix("gres/gpu")) {
        let (model, number) = resource.split_once('=').ok_or_else(expected)?;
        let number = number.parse::<i64>().ok();
        let number = number.filter(|number| (0..=MEMBERS).contains(number));
        let number = number.ok_or_else(expected)?;
        let name = model.strip_prefix(':').unwrap_or(model);
        if name.is_empty() {
            all = Some(number);
            continue;
        }
        by_model = Some((by_model.unwrap_or(0) + number).min(MEMBERS));
        models = match models {
            _ if number == 0 => models,
            Models::None => Models::One(name),
            Models::One(known) if known == name => Models::One(name),
            Models::One(_) | Models::Several => Models::Several,
        };
    }
    Ok(Listed {
        number: all.or(by_model),
        models,
    })
}

#[cfg(test)]
mod tests;
