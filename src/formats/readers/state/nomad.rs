//! Allocations of Nomad, as `GET /v1/allocations?resources=true` lists them, or its jobs. A megahertz counts as a
//! thousandth of a core, as the speed of the machines is not said. Tasks that run before the others of their group, or
//! after them, share what these hold.

mod jobs;
mod phases;

use serde_json::Value;

use super::ports::{Ports, paths};
use super::{Places, Pods, State, has_keys, note_pods, whole_gpus_of};
use crate::readers::prelude::*;
use model::GpuRequest;
use phases::{Phase, Phases};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "nomad",
    summary: "allocations (`GET /v1/allocations?resources=true`) or jobs of Nomad (`nomad job inspect`, JSON)",
    columns: columns! {
        required("ID", "allocation; read, not used"),
        required("Name", "allocation; becomes the name"),
        required("JobID", "job; becomes the tenant"),
        optional("ClientStatus", "allocations that have ended are left out"),
        optional("DesiredStatus", "those that are to stop are left out"),
        optional("AllocatedResources",
            "by task: CpuShares, MHz, MemoryMB, MiB, and Devices; or CPU and MemoryMB of `Resources`"),
        optional("TaskLifecycles", "tasks that run before the others, or after them, and share what these hold"),
        optional("ReservedPorts", "ports that a pod takes on its machine"),
        optional("TaskGroups", "of a job: Count, and CPU, Cores, MemoryMB and Devices of Tasks"),
        optional("Priority", "of a job; 50 if it states none"),
        optional("JobSummary", "of a job in a list: Queued, Starting and Running by group"),
    },
    relations: &[],
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
    wrapped: "",
};

fn sniff(first: &[u8]) -> Confidence {
    let allocations = has_keys(first, &["JobID", "TaskGroup", "ClientStatus"]);
    let jobs = has_keys(first, &["ID", "TaskGroups", "Datacenters"]);
    let listed = has_keys(first, &["ID", "JobSummary", "Summary", "Type"]);
    allocations.max(jobs).max(listed)
}

/// The note about megahertz.
const MEGAHERTZ: &str = "MHz counted as thousandths of a core";

/// The note about a device that is no GPU.
const OTHER_DEVICE: &str = "device of another type than gpu, not enforced";

/// The note about disk, which is requested in every group.
const DISK: &str = "disk of a group, not requested";

/// The note about memory that a task may use beyond its request.
const MORE_MEMORY: &str = "memory that a task may use beyond its request, not used";

/// The priority of jobs that state none.
const PRIORITY: i32 = 50;

/// The largest priority that servers may be set to take.
const LARGEST_PRIORITY: f64 = 32_766.0;

/// The settings of pods besides their amounts.
#[derive(Default)]
struct Settings {
    gpu: GpuRequest,
    ports: Ports,
    /// The priority, and whether jobs of the kind may preempt others.
    priority: Option<i32>,
    preempts: bool,
}

impl Settings {
    fn give(&self, spec: &mut PodSpec) {
        spec.gpu = self.gpu.clone();
        self.ports.give(spec);
        if let Some(priority) = self.priority {
            spec.priority = priority;
            spec.preempts = self.preempts;
        }
    }

    /// Takes the priority of the job at a path. Servers let none but jobs of every node preempt others, unless they are
    /// set to.
    fn prioritize(&mut self, element: &Element, job: &str) -> Result<(), BadRow> {
        let path = format!("{job}/Priority");
        let stated = element.number_at(&path, LARGEST_PRIORITY)?;
        if stated.is_some_and(|own| own.fract() > 0.0) {
            return Err(element.bad_at(&path, "a whole number"));
        }
        // Nomad takes 0 for none.
        let stated = stated.map(|own| own as i32).filter(|&own| own > 0);
        self.priority = Some(stated.unwrap_or(PRIORITY));
        self.preempts = element.text_at(&format!("{job}/Type")) == "system";
        Ok(())
    }

    /// Takes the ports of networks at a path that are stated.
    fn take_ports(
        &mut self,
        journal: &mut Journal,
        element: &Element,
        path: &str,
    ) -> Result<(), Refused> {
        for network in paths(element, path) {
            for port in paths(element, &format!("{network}/ReservedPorts")) {
                // Nomad gives a number to one task, whatever the protocol.
                self.ports.add(element, &format!("{port}/Value"), "tcp")?;
                let host = element.text_at(&format!("{port}/HostNetwork"));
                let kind = "network of a port; taken on every address of its machine";
                journal.keep_if(!matches!(host, "" | "default"), kind, element.line)?;
            }
        }
        Ok(())
    }
}

/// The amounts of an allocation, in MHz and MiB.
#[derive(Default)]
struct Amounts {
    cpu: Phases,
    memory: Phases,
    has_megahertz: bool,
}

impl Amounts {
    /// The 1/1000 cores, as a megahertz counts as one.
    fn cpu_milli(&self) -> Option<i64> {
        self.cpu.most().map(|cpu| libm::rint(cpu) as i64)
    }

    /// The bytes of memory.
    fn bytes(&self) -> Option<i64> {
        let memory = self.memory.most();
        memory.map(|memory| libm::rint(memory * 1_048_576.0) as i64)
    }
}

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
    let mut settings = Settings::default();
    if allocation.at("/Job").is_some() {
        settings.prioritize(allocation, "/Job")?;
    }
    let amounts = amounts(journal, allocation, &mut settings)?;
    journal.repair_if(amounts.has_megahertz, MEGAHERTZ, line)?;
    let gpus = gpus(journal, allocation)?;
    settings.gpu = whole_gpus_of(allocation, "/AllocatedResources", gpus)?;
    settings.take_ports(journal, allocation, "/AllocatedResources/Shared/Networks")?;
    note_amount(
        journal,
        allocation,
        "/AllocatedResources/Shared/DiskMB",
        DISK,
    )?;
    let pods = Pods {
        name,
        tenant: job,
        count: 1,
        cpu_milli: amounts.cpu_milli(),
        memory: amounts.bytes(),
    };
    note_pods(journal, line, &pods)?;
    state.add(journal.origin(line), &pods, |spec| settings.give(spec))
}

/// Notes an amount above 0 that no run heeds.
fn note_amount(
    journal: &mut Journal,
    element: &Element,
    path: &str,
    kind: &str,
) -> Result<(), Refused> {
    if element.number_at(path, 1e9)?.is_some_and(|own| own > 0.0) {
        journal.dirt(kind, Action::Waive, element.line)?;
    }
    Ok(())
}

/// The amounts of all tasks of an allocation, or those that it states as a whole.
fn amounts(
    journal: &mut Journal,
    allocation: &Element,
    settings: &mut Settings,
) -> Result<Amounts, Refused> {
    let mut amounts = Amounts::default();
    let tasks = { allocation.at("/AllocatedResources/Tasks") }.and_then(Value::as_object);
    let mut tasks = { tasks.into_iter().flatten() }.peekable();
    if tasks.peek().is_none() {
        let whole = ("/Resources/CPU", "/Resources/MemoryMB");
        if let Some(cpu) = allocation.number_at(whole.0, 1e9)? {
            amounts.cpu.add(Phase::Main, cpu);
            amounts.has_megahertz = true;
        }
        if let Some(memory) = allocation.number_at(whole.1, 1e9)? {
            amounts.memory.add(Phase::Main, memory);
        }
    }
    for (task, _) in tasks {
        let task = task.replace('~', "~0").replace('/', "~1");
        let cycle = format!("/AllocatedResources/TaskLifecycles/{task}");
        let phase = Phase::of(allocation, &cycle);
        let own = format!("/AllocatedResources/Tasks/{task}");
        let cores = paths(allocation, &format!("{own}/Cpu/ReservedCores")).len();
        if cores > 0 {
            amounts.cpu.add(Phase::Always, 1e3 * cores as f64);
        } else if let Some(cpu) = allocation.number_at(&format!("{own}/Cpu/CpuShares"), 1e9)? {
            amounts.cpu.add(phase, cpu);
            amounts.has_megahertz = true;
        }
        let memory = allocation.number_at(&format!("{own}/Memory/MemoryMB"), 1e9)?;
        if let Some(memory) = memory {
            amounts.memory.add(phase, memory);
        }
        let most = format!("{own}/Memory/MemoryMaxMB");
        note_amount(journal, allocation, &most, MORE_MEMORY)?;
        settings.take_ports(journal, allocation, &format!("{own}/Networks"))?;
    }
    Ok(amounts)
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
