//! Jobs of Alibaba's trace of spot GPUs. A job is a gang of its workers. Jobs of high priority have
//! the priority 1, spot jobs 0.

use crate::readers::prelude::*;
use model::gpu::DEVICE_MILLI;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-spot-gpu-2026-jobs",
    summary: "jobs of Alibaba's trace of spot GPUs of 2026 (`job_info_df`, CSV with header)",
    columns: COLUMNS,
    relations: &[],
    names: &["job_name", "organization"],
    cells: |format, input, show| tables(input)?.show(format, &LAYOUT, show),
    options: &[],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    JOB: required("job_name", "job; becomes the name") => is_any,
    ORGANIZATION: required("organization", "organization; becomes the tenant") => is_any,
    MODEL: required("gpu_model", "GPU model; empty: any") => is_any,
    CPU: required("cpu_request", "cores of a worker"),
    GPU: required("gpu_request", "GPU devices of a worker; below 1: a share of one"),
    WORKERS: required("worker_num", "workers; the gang size") => is_any,
    SUBMIT: required("submit_time", "s from the first submission"),
    DURATION: required("duration", "run time, s"),
    KIND: required("job_type", "HP (priority 1) or Spot (priority 0)") => is_any,
}

pub(super) const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    Tables::with_first(input, super::TABLES, ["job_info_df"])
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut gather = Gather::default();
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    each_row_of_all(&tables.read[0], &LAYOUT, &mut journal, |journal, fields| {
        take(&mut gather, journal, fields)
    })?;
    gather.finish(journal)
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
) -> Result<(), Refused> {
    let name = fields.name(JOB, "the name of a job")?;
    let priority = match fields.text(KIND) {
        "HP" => 1,
        "Spot" => 0,
        _ => return Err(fields.bad(KIND, "HP or Spot").into()),
    };
    let cpu = fields.scaled(CPU, 1_000, 1e5)?;
    let gpu_milli = gpu_milli(fields)?;
    let workers = fields.number(WORKERS, 1, MEMBERS)?;
    let submit = fields.seconds(SUBMIT)?;
    let submit = submit.ok_or_else(|| fields.bad(SUBMIT, "seconds"))?;
    let run_time = fields.seconds(DURATION)?;
    let kind = "no request of cores; counted as 0";
    journal.keep_if(cpu.is_none(), kind, fields.line())?;
    journal.keep_if(run_time.is_none(), "run time not known", fields.line())?;
    gather.met.meet(journal, fields.line(), name);
    gather.push_plain(
        journal.origin(fields.line()),
        PlainDemand {
            submit,
            name: FlatName::Text(name.as_bytes()),
            tenant: fields.text(ORGANIZATION).as_bytes(),
            amounts: Amounts {
                cpu_milli: cpu,
                gpu_milli,
                model: fields.text(MODEL),
                priority,
                ..Amounts::default()
            },
            members: workers as u32,
            run_time: run_time.map(|end| end.since(Instant::ZERO)),
            ..PlainDemand::default()
        },
    );
    Ok(())
}

/// The 1/1000 devices of a worker: a share of one, or whole ones.
fn gpu_milli(fields: &Fields<'_, '_>) -> Result<i64, BadRow> {
    let whole = i64::from(DEVICE_MILLI);
    let milli = fields.scaled(GPU, whole, MAX_DEVICES as f64)?;
    let milli = milli.filter(|milli| *milli < whole || milli % whole == 0);
    milli.ok_or_else(|| fields.bad(GPU, "a share of one device or a number of whole ones"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const HEADER: &str = "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,\
                          submit_time,duration,job_type\n";

    #[test]
    fn workers_may_request_a_share_of_a_device() {
        let rows = "1,13,A10,20,0.5,1,0,9,HP\n2,13,A10,20,2.0,1,0,9,HP\n3,13,A10,20,1.5,1,0,9,HP\n\
                    4,13,A10,20,,1,0,9,HP\n";
        let input = Input::bytes("j.csv", format!("{HEADER}{rows}").into_bytes());
        let options = options_with(|own| own.rows = intake::RowPolicy::REPORT);
        let recorded = collected(open(&input, &options));
        let gpus = recorded
            .classes
            .iter()
            .map(|own| (own.gpu.devices, own.gpu.milli_per_device));
        assert_eq!(gpus.collect::<Vec<_>>(), [(1, 500), (2, 1_000)]);
        let bad = recorded.ledger.bad_rows().iter().map(ToString::to_string);
        let rule = "column `gpu_request`: must be a share of one device or a number of whole ones";
        let expected = [
            format!("j.csv:4: {rule}, found `1.5`"),
            format!("j.csv:5: {rule}, found ``"),
        ];
        assert_eq!(bad.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn jobs_are_gangs_of_workers() {
        let rows = "437260,57,A100-SXM4-80GB,15,1,16,9589663,41060,Spot\n\
                    239255,13,A10,20,1,1,0,2764799,HP\n7,13,,,0,1.0,5,,HP\n";
        let recorded = collected_of(open, "j.csv", format!("{HEADER}{rows}"));
        let seen = recorded.each(|one| {
            let class = &recorded.classes[one.class as usize];
            (one.name.to_string(), one.members, class.priority)
        });
        let expected = [("239255", 1, 1), ("7", 1, 1), ("437260", 16, 0)];
        assert_eq!(
            seen,
            expected.map(|(name, members, priority)| (name.to_owned(), members, priority))
        );
        let run = recorded.arrivals[2].run_time;
        assert_eq!(run, Some(Duration::from_secs(41_060)));
        let first: Vec<u32> = recorded.arrivals.iter().map(|one| one.class).collect();
        assert_eq!(first, [0, 1, 2], "in the order of submission");
        assert_eq!(&*recorded.classes[2].gpu.models, ["A100-SXM4-80GB".into()]);
        recorded
            .ledger
            .has_once(["run time not known", "no request of cores; counted as 0"]);
        let rows = "1,1,A10,20,1,1,0,9,Spare\n1,1,A10,20,1,0,0,9,HP\n1,1,A10,x,1,1,0,9,HP\n";
        faults(&ENTRY, "j.csv", format!("{HEADER}{rows}")).has_bad_rows([
            "j.csv:2: column `job_type`: must be HP or Spot, found `Spare`",
            "j.csv:3: column `worker_num`: must be at least 1, found `0`",
            "j.csv:4: column `cpu_request`: must be a number, found `x`",
        ]);
    }
}
