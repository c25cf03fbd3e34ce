//! Jobs of a Slurm cluster as `sacct --parsable` prints them (`sacct --allusers --parsable2 --format
//! JobID,User,Partition,State,Submit,Start,End,Timelimit,NNodes,AllocCPUS,ReqMem,ReqTRES,AllocTRES`): fields
//! between bars below a header, in any order; or as `sacct --json` does. Dates without a zone are read as those of UTC,
//! as the output doesn't name theirs. A job is a gang of one pod on each of its nodes, with its share of GPUs and
//! processors, rounded up. Steps are part of their jobs; attempts of a job that was requeued (`--duplicates`) are one.
//! Fields: the manual of `sacct`.

mod dates;
mod job;
mod json;
mod tres;

use crate::readers::prelude::*;
use arrivals::job_fields;
use intake::archive::parts;
use intake::columns::separator_of_header;
use intake::json::is_json;

use dates::Dates;
use job::{Complaints, Job, Jobs, outcome};
use tres::{MOST_PROCESSORS, Resources, bytes};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "sacct",
    summary: "jobs of a Slurm cluster (`sacct --parsable2`, header, `|` between fields, or `--json`)",
    columns: COLUMNS,
    relations: &[
        Relation::recorded(&["Start", "End"], "no earlier than `Start`"),
        Relation::held(
            &["End", "Start", "Suspended", "Elapsed"],
            "run time that differs from End less Start and Suspended",
            "slurmdbd computes Elapsed as End less Start and Suspended when it is asked (as_mysql_jobacct_process.c)",
        ),
        Relation::held(
            &["Elapsed", "Timelimit"],
            "ran beyond its limit",
            "slurmctld ends a job within a minute after its limit, and KillWait (OverTimeLimit moves it)",
        ),
        Relation::recorded(&["Submit", "Start"], "start before the submission"),
        Relation::held(
            &["Eligible", "Start"],
            "eligible after its start",
            "slurmctld starts no job before it is eligible; sacct counts waits (Planned) from then on",
        ),
    ],
    names: &["JobID", "User", "Partition"],
    cells,
    options: &["recorded"],
    sniff,
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    JOB: optional("JobID", "job, element of an array, or step; becomes the name; else JobIDRaw"),
    SUBMIT: required("Submit", "date"),
    START: required("Start", "date; Unknown if the job never began"),
    END: optional("End", "date; Unknown while the job runs; else Elapsed"),
    STATE: optional("State", "state; written again as the outcome, and not used by runs"),
    USER: optional("User", "user; becomes the tenant"),
    PARTITION: optional("Partition", "partition, with `system.scheduler.slurm.partitions`"),
    LIMIT: optional("Timelimit", "limit, [days-]hours:minutes:seconds"),
    _: optional("NNodes", "nodes; the gang size; else AllocNodes, else ReqNodes"),
    CORES: optional("AllocCPUS", "processors in all; else NCPUS, else ReqCPUS"),
    MEMORY: optional("ReqMem",
        "memory, such as 4000M; `n` after it: of a node, `c`: of a processor, else in all; else `mem` of ReqTRES or AllocTRES"),
    RESOURCES: optional("AllocTRES",
        "resources; `gres/gpu` are the GPUs in all, `gres/gpu:a100` those of a model; `cpu`, `node` and `mem` where no column of their own states them"),
    _: optional("NCPUS", "processors in all"),
    _: optional("ReqCPUS", "processors in all"),
    REQUESTED: optional("ReqTRES",
        "resources as requested; the model of GPUs is demanded if it stands here, or where this column is missing"),
    ELAPSED: optional("Elapsed",
        "run time, [days-]hours:minutes:seconds; else ElapsedRaw, else End less Start and Suspended, which it is compared with"),
    RAW_JOB: optional("JobIDRaw", "number of a job, where an element of an array has one of its own"),
    RAW_LIMIT: optional("TimelimitRaw", "limit, minutes"),
    RAW_ELAPSED: optional("ElapsedRaw", "run time, s, where `Elapsed` does not state it"),
    _: optional("AllocNodes", "nodes, where `NNodes` does not state them"),
    _: optional("ReqNodes", "nodes, where neither does"),
    _: optional("QOS", "quality of service, with its priority, limits and preemption; not heeded"),
    _: optional("Reservation", "advance reservation that the job ran in; not heeded"),
    _: optional("Constraints", "features that its nodes must have; not heeded"),
    SUSPENDED: optional("Suspended", "time for which the job was suspended, [days-]hours:minutes:seconds"),
    NODE_LIST: optional("NodeList",
        "names of nodes, such as `n[01-03,7]`; their number, where no column of its own states it"),
    OLD_RESOURCES: optional("AllocGRES",
        "generic resources in all, such as `gpu:2` or `gpu:v100:2`; the GPUs that AllocTRES does not state"),
    OLD_REQUESTED: optional("ReqGRES", "the same as requested, beside ReqTRES"),
    ELIGIBLE: optional("Eligible", "date; a job that may start only then (dependency, hold, begin time) arrives then"),
}

/// The places of the nodes, the best known first.
const NODES: [usize; 3] = [8, 19, 20];
/// The places of the processors, the best known first.
const PROCESSORS: [usize; 3] = [CORES, 12, 13];

fn sniff(first: &[u8]) -> Confidence {
    if is_json(first) {
        return json::sniff(first);
    }
    match separator(first) {
        Some(_) => Confidence::Certain,
        None => Confidence::No,
    }
}

/// The bytes that may stand between fields: `|`, and others with `--delimiter`.
const SEPARATORS: [u8; 4] = [b'|', b',', b';', b'\t'];

/// The byte between the fields of a header that has the columns of jobs.
fn separator(first: &[u8]) -> Option<u8> {
    separator_of_header(first, &SEPARATORS, |header| {
        let has = |name: &&str| header.contains(name);
        let ends = ["End", "Elapsed", "ElapsedRaw"].iter().any(has);
        let jobs = ["JobID", "JobIDRaw"].iter().any(has);
        ends && jobs && ["Submit", "Start"].iter().all(has)
    })
}

/// The layout of a table.
fn layout(part: &Input) -> Result<Layout, TraceError> {
    let separator = separator(&part.first_bytes()?).unwrap_or(SEPARATORS[0]);
    Ok(Layout::headed(COLUMNS, separator))
}

fn cells(
    format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    for part in parts(input)? {
        if is_json(&part.first_bytes()?) {
            show_text(format, &part, show)?;
        } else {
            show_rows(format, &layout(&part)?, &part, show)?;
        }
    }
    Ok(())
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut jobs = Jobs::new();
    jobs.gather.header.fields = if options.recorded {
        vec![&job_fields::PARTITION, &job_fields::OUTCOME]
    } else {
        job_fields::outcome_alone(options)
    };
    jobs.gather.header.fields.push(&PLACEMENT);
    for part in parts(input)? {
        journal.file = part.name.clone();
        if is_json(&part.first_bytes()?) {
            json::read(&part, &mut jobs, &mut journal, options)?;
            continue;
        }
        let mut dates = Dates::default();
        let layout = layout(&part)?;
        each_row_of(&part, &layout, &mut journal, &mut |journal, fields| {
            take(&mut jobs, journal, fields, &mut dates, options)
        })?;
    }
    jobs.finish(journal)
}

/// The labels of a job: its partition and its outcome, where they are asked for.
fn labels(state: &str, partition: &str, options: &ReadOptions) -> Labels {
    let mut labels = Labels::new();
    if options.keeps_outcomes() {
        Outcome::state(outcome(state), &mut labels);
    }
    if options.partitions.is_some() || options.recorded {
        job_fields::PARTITION.state(&mut labels, partition);
    }
    labels
}

fn take(
    jobs: &mut Jobs,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    dates: &mut Dates,
    options: &ReadOptions,
) -> Result<(), Refused> {
    let line = fields.line();
    let name = match fields.text(JOB) {
        "" => fields.text(RAW_JOB),
        name => name,
    };
    if name.is_empty() {
        let bad = fields.bad(JOB, "the number of a job (or that of `JobIDRaw`)");
        let column = "JobID".to_owned();
        return Err(BadRow { column, ..bad }.into());
    }
    if matches!(name, "JobID" | "JobIDRaw") {
        return Ok(journal.dirt("header again", Action::Drop, line)?);
    }
    if name.contains('.') {
        return Ok(journal.dirt("step of a job", Action::Drop, line)?);
    }
    let [submit, start, end, eligible] = dates.fields(fields, [SUBMIT, START, END, ELIGIBLE])?;
    let submit = submit.ok_or_else(|| fields.bad(SUBMIT, "a date"))?;
    // What still runs has an `Elapsed` as well.
    let has_ended = outcome(fields.text(STATE)).is_some() || end.is_some();
    let elapsed = elapsed(fields)?.filter(|_| has_ended);
    let allocated = resources(fields, RESOURCES, OLD_RESOURCES)?;
    let requested = resources(fields, REQUESTED, OLD_REQUESTED)?;
    let processors = match processors(fields)? {
        None => allocated.processors.or(requested.processors),
        processors => processors,
    };
    let processors = processors.ok_or_else(|| BadRow {
        column: "AllocCPUS".to_owned(),
        ..fields.bad(
            CORES,
            "a number of processors (or that of `NCPUS`, `ReqCPUS`, or `cpu` of `AllocTRES`)",
        )
    })?;
    let nodes = nodes(fields)?.or(allocated.nodes).or(requested.nodes);
    let nodes = nodes.unwrap_or(1).max(1);
    let job = Job {
        line,
        name,
        user: fields.text(USER),
        submit,
        eligible,
        start,
        end,
        elapsed,
        suspended: span(fields, SUSPENDED)?.unwrap_or_default(),
        limit: limit(fields)?,
        processors,
        nodes,
        memory: memory(fields, nodes, processors)?,
        requested,
        allocated,
        labels: labels(fields.text(STATE), fields.text(PARTITION), options),
    };
    let bad = Complaints {
        end: &|expected| fields.bad(END, expected),
        resources: &|expected| fields.bad(RESOURCES, expected),
    };
    jobs.take(journal, job, &bad)
}

/// The resources of a list, with those of the list that older versions print.
fn resources<'row>(
    fields: &Fields<'_, 'row>,
    place: usize,
    older: usize,
) -> Result<Resources<'row>, BadRow> {
    let own = Resources::of(fields.text(place)).map_err(|own| fields.bad(place, own))?;
    let old = Resources::of_generic(fields.text(older)).map_err(|own| fields.bad(older, own))?;
    Ok(own.with_old(&old))
}

/// The run time of a job, if it states one.
fn elapsed(fields: &Fields<'_, '_>) -> Result<Option<Duration>, BadRow> {
    if fields.text(ELAPSED).is_empty() && !fields.text(RAW_ELAPSED).is_empty() {
        let seconds = fields.number(RAW_ELAPSED, 0, LAST_SECOND)?;
        return Ok(Some(Duration::from_secs(seconds)));
    }
    span(fields, ELAPSED)
}

/// A time of a field, if it states one.
fn span(fields: &Fields<'_, '_>, place: usize) -> Result<Option<Duration>, BadRow> {
    let text = fields.text(place);
    if matches!(text, "" | "INVALID") {
        return Ok(None);
    }
    let seconds = seconds(text).filter(|seconds| (0..=LAST_SECOND).contains(seconds));
    let seconds = seconds.ok_or_else(|| fields.bad(place, "[days-]hours:minutes:seconds"))?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// The processors of a whole job, if a column states them.
fn processors(fields: &Fields<'_, '_>) -> Result<Option<i64>, BadRow> {
    for place in PROCESSORS {
        if let Some(cores) = fields.integer(place, 0, MOST_PROCESSORS)? {
            return Ok(Some(cores));
        }
    }
    Ok(None)
}

/// The nodes of a whole job, if a column states them: those allocated are none before the job runs.
fn nodes(fields: &Fields<'_, '_>) -> Result<Option<i64>, BadRow> {
    for place in NODES {
        let nodes = fields.integer(place, 0, MEMBERS)?;
        if let Some(nodes) = nodes.filter(|&nodes| nodes > 0) {
            return Ok(Some(nodes));
        }
    }
    Ok(hosts(fields.text(NODE_LIST)).filter(|nodes| (1..=MEMBERS).contains(nodes)))
}

/// The number of names in a list such as `n[01-03,7],m1`; `None` of one that is none.
fn hosts(list: &str) -> Option<i64> {
    let number = |text: &str| text.parse::<u32>().ok().map(i64::from);
    let range = |own: &str| match own.split_once('-') {
        Some((first, last)) => Some(number(last)? - number(first)? + 1),
        None => Some(1),
    };
    let names = |name: &str| match name.split_once('[') {
        Some((_, rest)) => rest.trim_end_matches(']').split(';').map(range).sum(),
        None => Some(1),
    };
    if matches!(list, "" | "None assigned") {
        return None;
    }
    let mut is_inside = false;
    let apart = list.chars().map(|letter| {
        is_inside = letter == '[' || is_inside && letter != ']';
        if is_inside && letter == ',' {
            ';'
        } else {
            letter
        }
    });
    let apart: String = apart.collect();
    apart.split(',').map(names).sum()
}

/// The limit of a job's time; `None` if it has none.
fn limit(fields: &Fields<'_, '_>) -> Result<Option<Duration>, BadRow> {
    let text = fields.text(LIMIT);
    let none = ["", "UNLIMITED", "Partition_Limit", "INVALID"];
    if text.is_empty() && !none.contains(&fields.text(RAW_LIMIT)) {
        let minutes = fields.integer(RAW_LIMIT, 0, LAST_SECOND / 60)?;
        return Ok(minutes.map(|minutes| Duration::from_secs(60 * minutes)));
    }
    if none.contains(&text) {
        return Ok(None);
    }
    let seconds = seconds(text).filter(|seconds| (0..=LAST_SECOND).contains(seconds));
    let expected = || fields.bad(LIMIT, "[days-]hours:minutes:seconds, or UNLIMITED");
    seconds
        .map(Duration::from_secs)
        .map(Some)
        .ok_or_else(expected)
}

/// The seconds of `[days-]hours:minutes:seconds` or `minutes:seconds`, with or without a fraction.
fn seconds(text: &str) -> Option<i64> {
    let (days, time) = match text.split_once('-') {
        Some((days, time)) => (days.parse::<u32>().ok()?, time),
        None => (0, text),
    };
    let time = time.split_once('.').map_or(time, |(whole, _)| whole);
    let (mut total, mut parts) = (0_i64, 0);
    for part in time.split(':') {
        total = (60 * total).saturating_add(i64::from(part.parse::<u32>().ok()?));
        parts += 1;
        if parts > 3 {
            return None;
        }
    }
    if parts < 2 {
        return None;
    }
    Some(86_400 * i64::from(days) + total)
}

/// Bytes of a whole job; `None` if they are not stated.
fn memory(fields: &Fields<'_, '_>, nodes: i64, processors: i64) -> Result<Option<i64>, BadRow> {
    let text = fields.text(MEMORY);
    if text.is_empty() {
        return Ok(None);
    }
    let (amount, times) = match text.as_bytes().last() {
        Some(b'n') => (&text[..text.len() - 1], nodes),
        Some(b'c') => (&text[..text.len() - 1], processors),
        _ => (text, 1),
    };
    let expected = "an amount such as 4000M or 4Gc, at most 1 EiB in all";
    let bytes = bytes(amount, times).ok_or_else(|| fields.bad(MEMORY, expected))?;
    Ok(Some(bytes).filter(|&bytes| bytes > 0))
}

#[cfg(test)]
mod tests;
