//! Instances of Alibaba's recommendation models of 2025, whose parts stand on nodes with GPUs (`HN`)
//! and without (`CN`). What was there before the trace arrives at 0; what is there at its end has no
//! run time. Format: `traces.md`, section 5.

use crate::parts::requests::whole_gpus;
use crate::readers::prelude::*;
use model::resource_list::EPHEMERAL_STORAGE;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "alibaba-dlrm-2025",
    summary: "instances of Alibaba's recommendation models of 2025 (CSV with header)",
    columns: COLUMNS,
    relations: &[
        Relation::recorded(
            &["creation_time", "scheduled_time"],
            "no earlier than `creation_time`",
        ),
        Relation::recorded(
            &["scheduled_time", "deletion_time"],
            "no earlier than the other times",
        ),
        Relation::held(
            &["gpu_request", "gpu_limit"],
            "as `gpu_request`",
            "kube-apiserver refuses a pod whose GPUs differ from their limit (core/validation/validation.go)",
        ),
        Relation::held(
            &["cpu_request", "cpu_limit"],
            "request above its limit",
            "kube-apiserver refuses such a pod (core/validation/validation.go)",
        ),
    ],
    names: &["instance_sn"],
    cells: |format, input, show| show_rows(format, &LAYOUT, input, show),
    options: &[],
    sniff: |first| LAYOUT.confidence(first),
    open: Constructor::Workload(open),
};

columns! { COLUMNS;
    INSTANCE: required("instance_sn", "instance; becomes the name") => is_any,
    ROLE: required("role", "CN or HN; read, not used") => is_any,
    APPLICATION: required("app_name", "application; becomes the tenant") => is_any,
    CPU: required("cpu_request", "cores"),
    CPU_LIMIT: optional("cpu_limit", "cores"),
    GPU: required("gpu_request", "GPU devices") => is_any,
    GPU_LIMIT: optional("gpu_limit", "GPU devices; compared with the request"),
    RDMA: optional("rdma_request", "percent of a network card; not requested"),
    RDMA_LIMIT: optional("rdma_limit", "percent of a network card; read, not used"),
    MEMORY: required("memory_request", "GiB"),
    MEMORY_LIMIT: optional("memory_limit", "GiB"),
    DISK: optional("disk_request", "GiB of local disk"),
    DISK_LIMIT: optional("disk_limit", "GiB of local disk"),
    ON_A_NODE: optional("max_instance_per_node",
        "most instances of the application on a node, -1: any number; not enforced"),
    CREATED: required("creation_time", "s from the trace's start; empty: before it") => is_any,
    SCHEDULED: optional("scheduled_time", "s; empty: before the start"),
    DELETED: required("deletion_time", "s; empty: after the end"),
}

const LAYOUT: Layout = Layout::headed(COLUMNS, b',');

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    each_row(input, &LAYOUT, &mut journal, |journal, fields| {
        take(&mut gather, journal, fields)
    })?;
    gather.finish(journal)
}

fn take(
    gather: &mut Gather,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
) -> Result<(), Refused> {
    let line = fields.line();
    let name = fields.name(INSTANCE, "the name of an instance")?;
    if !matches!(fields.text(ROLE), "CN" | "HN") {
        return Err(fields.bad(ROLE, "CN or HN").into());
    }
    let spec = spec(journal, fields)?;
    let (created, scheduled, deleted) = (
        micros(fields, CREATED)?,
        micros(fields, SCHEDULED)?,
        micros(fields, DELETED)?,
    );
    let submit = created.unwrap_or_default();
    if scheduled.is_some_and(|at| at < submit) {
        return Err(fields
            .bad(SCHEDULED, "no earlier than `creation_time`")
            .into());
    }
    let start = scheduled.unwrap_or(submit);
    if deleted.is_some_and(|at| at < start) {
        return Err(fields
            .bad(DELETED, "no earlier than the other times")
            .into());
    }
    let kind = "there before the start of the trace; arrives at 0";
    journal.repair_if(created.is_none(), kind, line)?;
    let kind = "there at the end of the trace; run time not known";
    journal.keep_if(deleted.is_none(), kind, line)?;
    gather.met.meet(journal, line, name);
    gather.push(
        journal.origin(line),
        Demand {
            submit,
            name: PodName::Text(name.into()),
            tenant: fields.text(APPLICATION).into(),
            spec,
            run_time: deleted.map(|at| at.since(start)),
            historic_start: scheduled,
            ..Demand::default()
        },
    );
    Ok(())
}

/// The demand of an instance for resources.
fn spec(journal: &mut Journal, fields: &Fields<'_, '_>) -> Result<PodSpec, Refused> {
    let line = fields.line();
    let list = |cpu: usize, memory: usize, disk: usize| -> Result<ResourceList, BadRow> {
        let mut list = requests(
            fields.scaled(cpu, 1_000, 1e5)?,
            fields.scaled(memory, 1 << 30, 1e6)?,
        );
        if let Some(bytes) = fields.scaled(disk, 1 << 30, 1e7)? {
            list.set(EPHEMERAL_STORAGE, Quantity::from_units(bytes));
        }
        Ok(list)
    };
    let mut spec = PodSpec::with_requests(list(CPU, MEMORY, DISK)?);
    if [CPU, MEMORY]
        .into_iter()
        .any(|place| fields.bytes(place).is_empty())
    {
        journal.dirt("no request; counted as 0", Action::Keep, line)?;
    }
    let limits = list(CPU_LIMIT, MEMORY_LIMIT, DISK_LIMIT)?;
    if let Some(container) = spec.containers.first_mut() {
        let mut stated = container.requests.iter();
        let is_above =
            stated.any(|(name, own)| limits.get(name) < own && !limits.get(name).is_zero());
        journal.keep_if(
            is_above,
            "request above its limit; the limit is not enforced",
            line,
        )?;
        container.limits = limits;
    }
    let devices = fields.integer(GPU, 0, MAX_DEVICES as i64)?;
    let limit = fields.integer(GPU_LIMIT, 0, MAX_DEVICES as i64)?;
    if limit.is_some() && devices != limit {
        return Err(fields.bad(GPU_LIMIT, "as `gpu_request`").into());
    }
    spec.gpu = whole_gpus(devices.unwrap_or_default(), "");
    let rdma = fields.decimal(RDMA, 1e4)?;
    fields.decimal(RDMA_LIMIT, 1e4)?;
    let kind = "share of a network card, not requested";
    journal.keep_if(rdma.is_some_and(|share| share > 0.0), kind, line)?;
    let most = fields.integer(ON_A_NODE, -1, 1_000_000)?;
    let kind = "limit of instances on a node, not enforced";
    journal.waive_if(most.is_some_and(|most| most >= 0), kind, line)?;
    Ok(spec)
}

/// Seconds, written with the error of a binary fraction, to the microsecond.
fn micros(fields: &Fields<'_, '_>, place: usize) -> Result<Option<Instant>, BadRow> {
    let found = fields.scaled(place, 1_000_000, intake::rows::MAX_SECONDS)?;
    Ok(found.map(|micros| Instant::ZERO + Duration::from_nanos(1_000 * micros)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    const HEADER: &str = "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,\
                          rdma_request,rdma_limit,memory_request,memory_limit,disk_request,\
                          disk_limit,max_instance_per_node,creation_time,scheduled_time,\
                          deletion_time\n";

    #[test]
    fn instances_arrive_with_requests_and_limits() {
        let rows = "a,HN,x,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,,,\n\
                    b,CN,y,64,64,0,0,0,0,320.5,320.5,255,300,-1,475.00000000000006,623.0,683.0\n\
                    c,CN,y,64,64,0,0,1,1,320,320,255,300,-1,,,85\n";
        let recorded = collected_of(open, "d.csv", format!("{HEADER}{rows}"));
        let seen = recorded.each(|one| (one.name.to_string(), one.submit, one.run_time));
        let run = |seconds| Some(Duration::from_secs(seconds));
        seen.are([
            ("a".to_owned(), Instant::ZERO, None),
            ("c".to_owned(), Instant::ZERO, run(85)),
            ("b".to_owned(), Instant::from_secs(475), run(60)),
        ]);
        let container = &recorded.classes[0].containers[0];
        let disk = |list: &ResourceList| list.get(EPHEMERAL_STORAGE).units_ceil();
        assert_eq!(disk(&container.requests), Ok(640 << 30));
        assert_eq!(disk(&container.limits), Ok(800 << 30));
        assert_eq!(recorded.classes[0].gpu.devices, 1);
        recorded.ledger.has_counts([
            ("there before the start of the trace; arrives at 0", 2),
            ("there at the end of the trace; run time not known", 1),
            ("share of a network card, not requested", 2),
            ("limit of instances on a node, not enforced", 1),
        ]);
    }

    #[test]
    fn dirty_rows_are_named() {
        let rows = "a,XN,x,12,12,1,1,25,25,120,120,640,800,8,,,\n\
                    a,HN,x,12,12,1,2,25,25,120,120,640,800,8,,,\n\
                    a,HN,x,12,12,1,1,25,25,120,120,640,800,8,9,5,\n\
                    a,HN,x,12,12,1,1,25,25,120,120,640,800,8,5,9,7\n\
                    a,HN,x,12,12,1,1,25,25,-1,120,640,800,8,5,9,7\n";
        faults(&ENTRY, "d.csv", format!("{HEADER}{rows}")).has_bad_rows([
            "d.csv:2: column `role`: must be CN or HN, found `XN`",
            "d.csv:3: column `gpu_limit`: must be as `gpu_request`, found `2`",
            "d.csv:4: column `scheduled_time`: must be no earlier than `creation_time`, \
                 found `5`",
            "d.csv:5: column `deletion_time`: must be no earlier than the other times, \
                 found `7`",
            "d.csv:6: column `memory_request`: must be at least 0, found `-1`",
        ]);
    }

    #[test]
    fn tables_without_limits_are_read_by_their_header() {
        let text = "app_name,instance_sn,role,gpu_request,memory_request,cpu_request,deletion_time,\
                    creation_time\nx,a,HN,1,8,,90,5\nx,b,CN,0,8,2,,\n";
        let input = file_of(&ENTRY, "d.csv", text);
        let recorded = collected(open(&input, &ReadOptions::default()));
        assert_eq!(recorded.arrivals.len(), 2);
        assert_eq!(recorded.ledger.count("no request; counted as 0"), 1);
    }
}
