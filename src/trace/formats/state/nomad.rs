//! Allocations of Nomad, as `GET /v1/allocations?resources=true` lists them, or its jobs. A megahertz counts as a
//! thousandth of a core, as the speed of the machines is not said.

mod jobs;

use serde_json::Value;

use super::{Places, Pods, State, has_keys, note_pods, whole_gpus_of};
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::json::Element;
use crate::ledger::{Action, BadRow, Journal};
use crate::rows::{Refused, show_text};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "nomad",
    summary: "allocations (`GET /v1/allocations?resources=true`) or jobs of Nomad (`nomad job inspect`, JSON)",
    columns: &[
        ColumnDoc::required("ID", "allocation; read, not used"),
        ColumnDoc::required("Name", "allocation; becomes the name"),
        ColumnDoc::required("JobID", "job; becomes the tenant"),
        ColumnDoc::optional("ClientStatus", "allocations that have ended are left out"),
        ColumnDoc::optional("DesiredStatus", "those that are to stop are left out"),
        ColumnDoc::optional(
            "AllocatedResources",
            "by task: CpuShares, MHz, MemoryMB, MiB, and Devices; or CPU and MemoryMB of `Resources`",
        ),
        ColumnDoc::optional(
            "TaskGroups",
            "of a job: Count, and CPU, Cores, MemoryMB and Devices of Tasks",
        ),
        ColumnDoc::optional(
            "JobSummary",
            "of a job in a list: Queued, Starting and Running by group",
        ),
    ],
    names: &["ID", "Name", "JobID"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(|input, options| super::open(input, options, &PLACES, take)),
};

const PLACES: Places = Places {
    lists: &[&[]],
    has_lines: false,
    has_texts: true,
    printed: &[],
    expected: "list of allocations, as `GET /v1/allocations?resources=true` answers, and no job",
    missing: &[],
};

fn sniff(first: &[u8]) -> Confidence {
    let allocations = has_keys(first, &["JobID", "TaskGroup", "ClientStatus"]);
    let jobs = has_keys(first, &["ID", "TaskGroups", "Datacenters"]);
    let listed = has_keys(first, &["ID", "JobSummary", "Datacenters"]);
    allocations.max(jobs).max(listed)
}

/// The note about megahertz.
const MEGAHERTZ: &str = "MHz counted as thousandths of a core";

/// The note about a device that is no GPU.
const OTHER_DEVICE: &str = "device of another type than gpu, not enforced";

fn take(state: &mut State, journal: &mut Journal, allocation: &Element) -> Result<(), Refused> {
    if jobs::is_job(allocation) {
        return jobs::take(state, journal, allocation);
    }
    let line = allocation.line;
    let name = allocation.name_at("/Name", "the name of an allocation")?;
    let job = allocation.name_at("/JobID", "the name of a job")?;
    let status = allocation.text_at("/ClientStatus");
    let is_over = matches!(status, "complete" | "failed" | "lost");
    if is_over || matches!(allocation.text_at("/DesiredStatus"), "stop" | "evict") {
        return Ok(journal.dirt("allocation that has ended", Action::Drop, line)?);
    }
    let (cpu, memory) = amounts(allocation)?;
    if cpu.is_some() {
        journal.dirt(MEGAHERTZ, Action::Repair, line)?;
    }
    let gpus = gpus(journal, allocation)?;
    let gpu = whole_gpus_of(allocation, "/AllocatedResources", gpus)?;
    let pods = Pods {
        name,
        tenant: job,
        count: 1,
        cpu_milli: cpu.map(|cpu| libm::rint(cpu) as i64),
        memory: memory.map(|memory| libm::rint(memory * 1_048_576.0) as i64),
    };
    note_pods(journal, line, &pods)?;
    state.add(journal.origin(line), &pods, |spec| spec.gpu = gpu.clone())
}

/// The MHz and MiB of all tasks of an allocation, or those that it states as a whole; `None` of what nothing states.
fn amounts(allocation: &Element) -> Result<(Option<f64>, Option<f64>), BadRow> {
    let tasks = allocation
        .at("/AllocatedResources/Tasks")
        .and_then(Value::as_object);
    let tasks = tasks.into_iter().flat_map(|tasks| tasks.keys());
    let places = tasks.map(|task| {
        let task = task.replace('~', "~0").replace('/', "~1");
        let own = format!("/AllocatedResources/Tasks/{task}");
        (
            format!("{own}/Cpu/CpuShares"),
            format!("{own}/Memory/MemoryMB"),
        )
    });
    let mut places: Vec<(String, String)> = places.collect();
    if places.is_empty() {
        let whole = ("/Resources/CPU", "/Resources/MemoryMB");
        places.push((whole.0.to_owned(), whole.1.to_owned()));
    }
    let (mut cpu, mut memory) = (None, None);
    for (own_cpu, own_memory) in places {
        for (sum, path) in [(&mut cpu, own_cpu), (&mut memory, own_memory)] {
            if let Some(own) = allocation.number_at(&path, 1e9)? {
                *sum = Some(sum.unwrap_or(0.0) + own);
            }
        }
    }
    Ok((cpu, memory))
}

/// The number of GPUs among the devices of all tasks.
fn gpus(journal: &mut Journal, allocation: &Element) -> Result<usize, Refused> {
    let tasks = { allocation.at("/AllocatedResources/Tasks") }.and_then(Value::as_object);
    let devices = tasks.into_iter().flat_map(|tasks| tasks.values());
    let devices = devices.filter_map(|task| task.get("Devices").and_then(Value::as_array));
    let mut gpus = 0;
    for device in devices.flatten() {
        let ids = device.get("DeviceIDs").and_then(Value::as_array);
        if device.get("Type").and_then(Value::as_str) == Some("gpu") {
            gpus += ids.map_or(0, Vec::len);
        } else {
            journal.dirt(OTHER_DEVICE, Action::Waive, allocation.line)?;
        }
    }
    Ok(gpus)
}
