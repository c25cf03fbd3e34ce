//! Tasks of Alibaba's GPU trace of 2020: the instances of a task are a gang. The table of tasks says
//! when a task was launched, not when its job was submitted.

use crate::budget::MEMBERS;
use crate::error::TraceError;
use crate::format::{
    ColumnDoc, Confidence, Constructor, FieldTest, FormatEntry, is_number_or_empty, row_has,
};
use crate::gather::{Demand, Gather, requests};
use crate::input::Input;
use crate::ledger::{Action, BadRow, Journal};
use crate::options::ReadOptions;
use crate::rows::{Fields, Layout, Refused, each_row, show_rows};
use crate::stream::ArrivalSource;
use model::gpu::{DEVICE_MILLI, MAX_DEVICES};
use model::{GpuRequest, PodName, PodSpec};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-gpu-2020-tasks",
    summary: "tasks of Alibaba's GPU trace of 2020 (`pai_task_table`, CSV without header)",
    columns: COLUMNS,
    names: &["job_name", "task_name"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff,
    open: Constructor::Workload(open),
};

const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::required("job_name", "job; becomes part of the name"),
    ColumnDoc::required(
        "task_name",
        "role of the task; becomes part of the name, and the tenant",
    ),
    ColumnDoc::required("inst_num", "number of instances; the gang size"),
    ColumnDoc::required("status", "state at the end; only Terminated is a success"),
    ColumnDoc::required("start_time", "s; empty while it waits"),
    ColumnDoc::required("end_time", "s; empty while it runs"),
    ColumnDoc::required("plan_cpu", "1/100 core per instance"),
    ColumnDoc::required("plan_mem", "GiB per instance"),
    ColumnDoc::required("plan_gpu", "1/100 GPU per instance"),
    ColumnDoc::required("gpu_type", "GPU model; empty or CPU: any"),
];

const LAYOUT: Layout = Layout::headless(COLUMNS);

const JOB: usize = 0;
const TASK: usize = 1;
const INSTANCES: usize = 2;
const STATUS: usize = 3;
const START: usize = 4;
const END: usize = 5;
const CPU: usize = 6;
const MEMORY: usize = 7;
const GPU: usize = 8;
const MODEL: usize = 9;

/// The states of a task.
const STATES: [&str; 5] = ["Running", "Terminated", "Failed", "Waiting", "Interrupted"];

fn sniff(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 4] = [
        (INSTANCES, is_number_or_empty),
        (STATUS, |field| STATES.contains(&field)),
        (START, is_number_or_empty),
        (GPU, is_number_or_empty),
    ];
    row_has(first, b',', COLUMNS.len(), &tests)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        take(&mut gather, journal, fields)
    })?;
    Ok(gather.finish_from_first(journal))
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
) -> Result<(), Refused> {
    let line = fields.line();
    let status = fields.text(STATUS);
    if !STATES.contains(&status) {
        return Err(fields
            .bad(STATUS, &format!("one of {}", STATES.join(", ")))
            .into());
    }
    let instances = fields.decimal(INSTANCES, MEMBERS as f64)?.unwrap_or(1.0);
    let (start, end) = (fields.seconds(START)?, fields.seconds(END)?);
    let cpu = fields.scaled(CPU, 10, 1e7)?;
    let memory = fields.scaled(MEMORY, 1 << 30, 1e6)?;
    let (gpu, is_rounded) = gpu(fields)?;
    let Some(start) = start else {
        return Ok(journal.dirt("task never began", Action::Drop, line)?);
    };
    if instances < 1.0 {
        return Ok(journal.dirt("task without an instance", Action::Drop, line)?);
    }
    if cpu.is_none() || memory.is_none() {
        journal.dirt("no request; counted as 0", Action::Keep, line)?;
    }
    if is_rounded {
        let kind = "GPUs that are no whole number above one; rounded up";
        journal.dirt(kind, Action::Repair, line)?;
    }
    let run_time = end.filter(|&end| end >= start).map(|end| end.since(start));
    if run_time.is_none() {
        let kind = "no end after a start; run time not known";
        journal.dirt(kind, Action::Repair, line)?;
    }
    let (job, task) = (fields.text(JOB), fields.text(TASK));
    gather.push(
        journal.origin(line),
        Demand {
            submit: start,
            name: PodName::Text(format!("{job}-{task}").into()),
            tenant: task.into(),
            spec: PodSpec {
                gpu,
                ..PodSpec::with_requests(requests(cpu, memory))
            },
            members: instances as u32,
            run_time,
            historic_start: Some(start),
            ..Demand::default()
        },
    );
    Ok(())
}

/// The GPUs of an instance, and whether they had to be rounded.
fn gpu(fields: &Fields<'_, '_>) -> Result<(GpuRequest, bool), BadRow> {
    let milli = fields
        .scaled(GPU, 10, 100.0 * MAX_DEVICES as f64)?
        .unwrap_or_default();
    if milli == 0 {
        return Ok((GpuRequest::default(), false));
    }
    let whole = i64::from(DEVICE_MILLI);
    let devices = (milli + whole - 1) / whole;
    let model = fields.text(MODEL);
    let models = match model {
        "" | "CPU" => Vec::new(),
        model => vec![model.into()],
    };
    let request = GpuRequest {
        devices: devices as u8,
        milli_per_device: if devices == 1 {
            milli as u16
        } else {
            DEVICE_MILLI
        },
        models,
    };
    Ok((request, devices > 1 && milli % whole != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;
    use units::{Duration, Instant};

    const ROWS: &str = "j1,tensorflow,2.0,Terminated,1000.5,1060.5,600,29.3,50,MISC\n\
                        j2,worker,1,Running,1010,,600,,250,V100\nj3,ps,1,Waiting,,,600,10,,\n";

    #[test]
    fn instances_are_a_gang() {
        let input = Input::bytes("t.csv", ROWS.as_bytes());
        let mut source = open(&input, &ReadOptions::default()).expect("good rows");
        let recorded = Recorded::collect(&mut *source).expect("good rows");
        let seen: Vec<_> = { recorded.arrivals.iter() }
            .map(|one| {
                let gpu = &recorded.classes[one.class as usize].gpu;
                (one.submit, one.members, one.run_time, gpu.total_milli())
            })
            .collect();
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        assert_eq!(
            seen,
            [
                (at(0), 2, Some(Duration::from_secs(60)), 500),
                (at(9_500), 1, None, 3_000),
            ]
        );
        for kind in [
            "task never began",
            "no request; counted as 0",
            "GPUs that are no whole number above one; rounded up",
            "no end after a start; run time not known",
        ] {
            assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
        }
        let rows = "j,t,1,Done,1,2,1,1,1,\nj,t,1,Failed,-1,2,1,1,1,\nj,t,1,Failed,1,2,1,1,9000,\n";
        let found = validate(
            &Input::bytes("t.csv", rows.as_bytes()),
            &ENTRY,
            &ReadOptions::default(),
            9,
        );
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "t.csv:1: column `status`: must be one of Running, Terminated, Failed, Waiting, \
                 Interrupted, found `Done`",
                "t.csv:2: column `start_time`: must be at least 0, found `-1`",
                "t.csv:3: column `plan_gpu`: must be at most 6400, found `9000`",
            ]
        );
    }
}
