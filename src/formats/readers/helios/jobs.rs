//! Jobs of `SenseTime`'s Helios clusters of 2020 (`cluster_log.csv`), in the time of UTC+8, and of
//! their successors (`AcmeTrace`, `trace_kalos.csv`), whose dates have a zone. A job that
//! states its machines is a gang of one pod on each of them, with its share of GPUs and cores, rounded up. Format: `traces.md`, section 8.

use crate::parts::plain_demand::milli_of_gpus;
use crate::parts::requests::{Spread, spread};
use crate::readers::prelude::*;
use intake::archive::of_one_folder;
use intake::calendar::{Zone, is_absent};
use intake::rows::MAX_SECONDS;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "helios",
    summary: "jobs of SenseTime's Helios clusters (`cluster_log.csv`, CSV with header)",
    columns: COLUMNS,
    relations: &[
        Relation::recorded(&["start_time", "end_time"], "no earlier than `start_time`"),
        Relation::recorded(
            &["start_time", "end_time", "duration"],
            "`duration` or `queue` differs from the dates",
        ),
        Relation::recorded(
            &["submit_time", "start_time", "queue"],
            "`duration` or `queue` differs from the dates",
        ),
        Relation::recorded(
            &["gpu_num", "duration", "gpu_time"],
            "`gpu_time` differs from the GPUs times the run time",
        ),
        Relation::recorded(&["gpu_num", "node_num"], "more than 8 GPUs a machine"),
    ],
    names: &["job_id", "user", "vc"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &["recorded"],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    JOB: required("job_id", "job; becomes the name") => is_any,
    USER: optional("user", "user; the tenant where no virtual cluster is stated"),
    CLUSTER: optional("vc", "virtual cluster; becomes the tenant"),
    GPUS: required("gpu_num", "GPUs in all") => is_any,
    CORES: required("cpu_num", "cores in all") => is_any,
    NODES: required("node_num", "machines; the gang size, a pod on each") => is_any,
    STATE: optional("state", "state at the end; written again as the outcome, and not used by runs"),
    SUBMIT: required("submit_time", "date, UTC+8 where it has no zone") => is_any,
    START: required("start_time", "date; empty if the job never ran") => is_any,
    END: optional("end_time", "date; else `duration` after the start"),
    DURATION: optional("duration", "s; compared with the dates"),
    QUEUE: optional("queue", "wait, s; compared with the dates"),
    MEMORY: optional("mem_per_pod_GB", "memory on each machine, GB (AcmeTrace)"),
    GPU_TIME: optional("gpu_time", "GPU seconds (AcmeTrace); compared with the GPUs and the run time"),
}

pub(super) const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

/// The states of a job.
const STATES: [&str; 6] = [
    "COMPLETED",
    "CANCELLED",
    "FAILED",
    "TIMEOUT",
    "NODE_FAIL",
    "SUSPENDED",
];

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    let tables = Tables::with_first(input, super::TABLES, ["cluster_log"])?;
    // Each cluster has a folder of its own, and no job runs on machines of another.
    of_one_folder(input, &tables.read[0])?;
    Ok(tables)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut gather = Gather::default();
    gather.header.fields = outcome_alone(options);
    gather.header.fields.push(&PLACEMENT);
    let zone = super::zone();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    each_row_of_all(&tables.read[0], &LAYOUT, &mut journal, |journal, fields| {
        let outcome = outcome(fields.text(STATE)).filter(|_| options.keeps_outcomes());
        take(&mut gather, journal, fields, &zone, outcome)
    })?;
    gather.finish_from_first(journal)
}

/// The outcome of a state; `None` of a job that is suspended.
fn outcome(state: &str) -> Option<Outcome> {
    match state {
        "COMPLETED" => Some(Outcome::Completed),
        "CANCELLED" => Some(Outcome::Cancelled),
        "FAILED" | "TIMEOUT" | "NODE_FAIL" => Some(Outcome::Failed),
        _ => None,
    }
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    zone: &Zone,
    outcome: Option<Outcome>,
) -> Result<(), Refused> {
    let line = fields.line();
    let name = fields.name(JOB, "the number of a job")?;
    let state = fields.text(STATE);
    if fields.has(STATE) && !STATES.contains(&state) {
        let expected = format!("one of {}", STATES.join(", "));
        return Err(fields.bad(STATE, &expected).into());
    }
    let gpus = fields.number(GPUS, 0, MEMBERS)?;
    let cores = fields.number(CORES, 0, MEMBERS)?;
    let nodes = fields.number(NODES, 0, MEMBERS)?;
    let submit = zone.field(fields, SUBMIT)?;
    let submit = submit.ok_or_else(|| fields.bad(SUBMIT, "a date"))?;
    let (start, end) = (zone.field(fields, START)?, zone.field(fields, END)?);
    let [duration, queue, gpu_time] =
        [DURATION, QUEUE, GPU_TIME].map(|place| stated(fields, place));
    let (duration, queue, gpu_time) = (duration?, queue?, gpu_time?);
    let Some(start) = start else {
        return Ok(journal.dirt("job never ran", Action::Drop, line)?);
    };
    let end = match duration.filter(|_| !fields.has(END)) {
        Some(duration) if duration >= Duration::ZERO => Some(start.saturating_add(duration)),
        _ => end,
    };
    if end.is_some_and(|end| end < start) {
        return Err(fields.bad(END, "no earlier than `start_time`").into());
    }
    journal.keep_if(end.is_none(), "no end; run time not known", line)?;
    let run_time = end.map(|end| end.since(start));
    let wait = (start >= submit).then(|| start.since(submit));
    journal.keep_if(wait.is_none(), "start before the submission", line)?;
    let differs = |stated: Option<Duration>, span: Option<Duration>| {
        stated.zip(span).is_some_and(|(stated, span)| {
            (stated.as_nanos() - span.as_nanos()).abs() > Duration::from_secs(1).as_nanos()
        })
    };
    if differs(duration, run_time) || differs(queue, wait) {
        let kind = "`duration` or `queue` differs from the dates; the dates hold";
        journal.dirt(kind, Action::Keep, line)?;
    }
    let of_gpus = run_time.and_then(|run| run.checked_mul(gpus));
    if differs(gpu_time, of_gpus) {
        let kind = "`gpu_time` differs from the GPUs times the run time; these hold";
        journal.dirt(kind, Action::Keep, line)?;
    }
    let own = on_machines(journal, fields, [gpus, cores, nodes])?;
    let tenant = if fields.has(CLUSTER) { CLUSTER } else { USER };
    gather.met.meet(journal, line, name);
    gather.push_plain(
        journal.origin(line),
        PlainDemand {
            submit,
            name: FlatName::Text(name.as_bytes()),
            tenant: fields.text(tenant).as_bytes(),
            amounts: Amounts {
                cpu_milli: Some(own.cpu_milli),
                gpu_milli: milli_of_gpus(own.gpus),
                memory: memory(fields)?,
                outcome,
                is_one_per_node: true,
                ..Amounts::default()
            },
            members: own.members as u32,
            run_time,
            historic_start: Some(start),
            ..PlainDemand::default()
        },
    );
    Ok(())
}

/// The GPUs and cores that a job takes on each of its machines.
fn on_machines(
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    [gpus, cores, nodes]: [i64; 3],
) -> Result<Spread, Refused> {
    let line = fields.line();
    let Some(own) = spread(gpus, cores, nodes) else {
        return Err(fields.bad(GPUS, "at most 64 on a machine").into());
    };
    journal.repair_if(nodes == 0, "job of no machine; counted as 1", line)?;
    let kind = "more than 8 GPUs a machine, where all have 8; fits no machine of its cluster";
    journal.keep_if(own.gpus > super::machines::GPUS, kind, line)?;
    let kind = "GPUs or cores don't divide by the machines; rounded up";
    journal.repair_if(own.is_rounded, kind, line)?;
    Ok(own)
}

/// The bytes that a job asks for on each machine.
fn memory(fields: &Fields<'_, '_>) -> Result<Option<i64>, BadRow> {
    let text = fields.text(MEMORY);
    if is_absent(text) {
        return Ok(None);
    }
    let gigabytes = text.parse::<f64>().ok();
    let gigabytes = gigabytes.filter(|own| (0.0..=MOST_GIGABYTES).contains(own));
    let gigabytes = gigabytes.ok_or_else(|| fields.bad(MEMORY, "a number of GB"))?;
    Ok(Some(libm::rint(gigabytes * 1e9) as i64).filter(|&bytes| bytes > 0))
}

/// The most memory of a machine, GB.
const MOST_GIGABYTES: f64 = 1e9;

/// A time that the log states beside the dates, in seconds; below zero where its clocks differed.
fn stated(fields: &Fields<'_, '_>, place: usize) -> Result<Option<Duration>, BadRow> {
    // They are whole numbers, mostly.
    if let Ok(Some(span)) = fields.seconds(place) {
        return Ok(Some(span.since(Instant::ZERO)));
    }
    let text = fields.text(place);
    if is_absent(text) {
        return Ok(None);
    }
    let seconds = text.parse::<f64>().ok();
    let seconds = seconds.filter(|seconds| seconds.abs() <= MAX_SECONDS);
    let span = seconds.and_then(Duration::checked_from_secs_f64);
    span.map(Some)
        .ok_or_else(|| fields.bad(place, "a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;
    use arrivals::job_fields::OUTCOME;

    const HEADER: &str = "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,\
                          end_time,duration,queue\n";

    #[test]
    fn a_job_of_no_machine_is_one_of_one() {
        let row = "7,u1,vc1,16,8,0,COMPLETED,2020-04-01 00:00:10,2020-04-01 00:01:10,2020-04-01 00:02:10,60,60\n";
        let recorded = collected_of(open, "h.csv", format!("{HEADER}{row}"));
        assert_eq!(recorded.arrivals[0].members, 1);
        recorded.ledger.has_once([
            "job of no machine; counted as 1",
            "more than 8 GPUs a machine, where all have 8; fits no machine of its cluster",
        ]);
    }

    #[test]
    fn jobs_are_gangs_of_a_pod_a_machine() {
        let rows = "7,u1,vc1,16,64,2,COMPLETED,2020-04-01 00:00:10,2020-04-01 00:01:10,\
                    2020-04-01 00:02:10,60,60\n\
                    8,u1,vc2,0,3,1,FAILED,2020-04-01 00:00:00,2020-04-01 00:00:00,\
                    2020-04-01 00:00:05,9,0\n\
                    9,u1,vc2,3,8,2,TIMEOUT,2020-04-01 00:00:20,2020-04-01 00:00:20,\
                    2020-04-01 00:00:25,5,0\n\
                    10,u1,vc2,1,1,1,CANCELLED,2020-04-01 00:00:20,,,0,0\n\
                    11,u1,vc2,0,3,1,SUSPENDED,2020-04-01 00:00:30,2020-04-01 00:00:40,,,10\n";
        let recorded = collected_of(open, "h.csv", format!("{HEADER}{rows}"));
        let seen = recorded.each(|one| {
            let gpu = &recorded.classes[one.class as usize].gpu;
            (one.name.to_string(), one.members, gpu.devices)
        });
        let expected = [("8", 1, 0), ("7", 2, 8), ("9", 2, 2), ("11", 1, 0)];
        assert_eq!(
            seen,
            expected.map(|(name, members, gpus)| (name.to_owned(), members, gpus))
        );
        assert_eq!(recorded.arrivals[1].run_time, Some(Duration::from_secs(60)));
        assert_eq!(recorded.arrivals[3].run_time, None);
        recorded.ledger.has_once([
            "job never ran",
            "no end; run time not known",
            "`duration` or `queue` differs from the dates; the dates hold",
            "GPUs or cores don't divide by the machines; rounded up",
        ]);
        let rows = "7,u1,vc1,16,64,2,DONE,2020-04-01 00:00:10,,,60,60\n\
                    7,u1,vc1,-1,64,2,FAILED,2020-04-01 00:00:10,,,60,60\n";
        faults(&ENTRY, "h.csv", format!("{HEADER}{rows}")).has_bad_rows([
            "h.csv:2: column `state`: must be one of COMPLETED, CANCELLED, FAILED, TIMEOUT, \
                 NODE_FAIL, SUSPENDED, found `DONE`",
            "h.csv:3: column `gpu_num`: must be at least 0, found `-1`",
        ]);
    }

    #[test]
    fn dates_of_the_successor_have_a_zone() {
        let text = "job_id,user,node_num,gpu_num,cpu_num,mem_per_pod_GB,state,submit_time,start_time,end_time,\
                    duration,queue,gpu_time\n\
                    dlct1,u01,1.0,8,120,1000.0,COMPLETED,2023-05-17 11:00:58+00:00,2023-05-17 11:01:08+00:00,\
                    2023-05-17 11:02:26+00:00,78.0,10.0,624.0\n\
                    dlct2,u02,4.0,32,480,1000.0,FAILED,2023-05-17 12:10:58+01:00,2023-05-17 12:12:08+01:00,\
                    2023-05-17 13:12:08+01:00,3600.0,70.0,115000.0\n";
        let recorded = collected_of(open, "trace_kalos.csv", text);
        let seen = recorded.each(|one| (one.submit, one.members, one.run_time));
        let at = Instant::from_secs;
        seen.are([
            (at(0), 1, Some(Duration::from_secs(78))),
            (at(600), 4, Some(Duration::from_secs(3_600))),
        ]);
        let requests = recorded.classes[0].requests().expect("small");
        assert_eq!(requests.get("memory").units_ceil(), Ok(1_000_000_000_000));
        recorded
            .ledger
            .has_once(["`gpu_time` differs from the GPUs times the run time; these hold"]);
        let row = "3,u,1,1,1,1,FAILED,2023-05-17 12:10:58,,,0,0,0\n";
        faults(&ENTRY, "trace_kalos.csv", format!("{text}{row}")).has_bad_rows([
            "trace_kalos.csv:4: column `submit_time`: must be a date with a zone, such as \
             `2024-03-01T10:00:00+0100`, as the others are, found `2023-05-17 12:10:58`",
        ]);
    }

    #[test]
    fn a_table_with_fewer_columns_is_read() {
        let text = "job_id,gpu_num,cpu_num,node_num,submit_time,start_time,duration,user\n\
                    7,8,64,1,2020-04-01 00:00:10,2020-04-01 00:01:10,60,ann\n\
                    8,0,3,1,2020-04-01 00:00:10,2020-04-01 00:01:10,,bob\n";
        let input = file_of(&ENTRY, "h.csv", text);
        let options = options_with(|own| own.outcomes = true);
        let recorded = collected(open(&input, &options));
        let runs = recorded.each(|one| one.run_time);
        assert_eq!(runs, [Some(Duration::from_secs(60)), None]);
        assert_eq!(recorded.tenants, ["ann".into(), "bob".into()]);
        assert_eq!(crate::tests::outcomes(&recorded), ["", ""]);
        let kinds: Vec<String> = { recorded.ledger.entries().iter() }
            .map(|own| own.kind.to_string())
            .collect();
        assert_eq!(kinds, ["no end; run time not known"]);
    }

    #[test]
    fn states_are_outcomes_where_they_are_asked_for() {
        let row = |job: u32, state: &str| {
            format!(
                "{job},u1,vc1,1,1,1,{state},2020-04-01 00:00:10,2020-04-01 00:00:10,\
                 2020-04-01 00:00:20,10,0\n"
            )
        };
        let rows: String = (0..)
            .zip(STATES)
            .map(|(job, state)| row(job, state))
            .collect();
        let input = Input::bytes("h.csv", format!("{HEADER}{rows}").into_bytes());
        let options = options_with(|own| own.recorded = true);
        let recorded = collected(open(&input, &options));
        let expected = ["completed", "cancelled", "failed", "failed", "failed", ""];
        assert_eq!(crate::tests::outcomes(&recorded), expected);
        assert_eq!(recorded.header.fields, [&OUTCOME, &PLACEMENT]);
    }

    #[test]
    fn clusters_are_not_read_as_one() {
        let rows = format!(
            "{HEADER}7,u1,vc1,1,1,1,FAILED,2020-04-01 00:00:10,2020-04-01 00:00:10,\
             2020-04-01 00:00:20,10,0\n"
        );
        let files = [
            "Earth/cluster_log.csv",
            "Saturn/cluster_log.csv",
            "Venus/cluster_log.csv",
        ];
        let both = Input::bytes("h.tar", archive(&files.map(|file| (file, &*rows))));
        let error = open(&both, &ReadOptions::default())
            .err()
            .expect("clusters");
        assert_eq!(
            error.to_string(),
            "h.tar: has files in `Earth`, `Saturn` and `Venus`; unpack it and name one of \
             them"
        );
        let shards = ["Earth/cluster_log-1.csv", "Earth/cluster_log-2.csv"];
        let one = Input::bytes("h.tar", archive(&shards.map(|file| (file, &*rows))));
        assert!(open(&one, &ReadOptions::default()).is_ok());
    }
}
