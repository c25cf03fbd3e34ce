//! Tasks and services of Amazon ECS, as `aws ecs describe-tasks` and `describe-services` print them. A
//! task states what it reserves, a service only how many tasks it wants: those that are listed beside it
//! count toward them.

use serde_json::Value;

use super::{Places, Pods, State, count, has_keys, note, scaled, sum, whole_gpus_of};
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::json::Element;
use crate::ledger::{Action, Journal};
use crate::rows::{Refused, show_text};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "ecs",
    summary: "tasks or services of Amazon ECS (`describe-tasks`, `describe-services`, JSON)",
    columns: &[
        ColumnDoc::required("taskArn", "task; its last part becomes the name"),
        ColumnDoc::optional("cpu", "units of a task, 1,024 a core"),
        ColumnDoc::optional("memory", "memory of a task, MiB"),
        ColumnDoc::optional(
            "containers",
            "cpu and memory of each, where the task states none, and gpuIds",
        ),
        ColumnDoc::optional("group", "service or family; becomes the tenant"),
        ColumnDoc::optional("lastStatus", "stopped tasks are left out"),
        ColumnDoc::optional("serviceName", "service; becomes the name"),
        ColumnDoc::optional("desiredCount", "tasks that a service wants"),
        ColumnDoc::optional("placementConstraints", "not enforced"),
    ],
    names: &["taskArn", "serviceName"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(|input, options| super::open(input, options, &PLACES, take)),
};

const PLACES: Places = Places {
    lists: &[&["tasks"], &["services"]],
    has_lines: false,
    has_texts: false,
    printed: &[],
    expected: "list of `tasks` or `services`, as `aws ecs describe-tasks` and `describe-services` print them",
    missing: &["failures"],
};

fn sniff(first: &[u8]) -> Confidence {
    let tasks = has_keys(first, &["tasks", "taskArn", "lastStatus"]);
    tasks.max(has_keys(
        first,
        &["services", "serviceName", "desiredCount"],
    ))
}

fn take(state: &mut State, journal: &mut Journal, element: &Element) -> Result<(), Refused> {
    let line = element.line;
    note(
        journal,
        element,
        "/placementConstraints",
        "constraints of a service, not enforced",
    )?;
    if element.at("/serviceName").is_some() {
        let name = element.name_at("/serviceName", "the name of a service")?;
        let wanted = count(element, "/desiredCount")?;
        let wanted = wanted.ok_or_else(|| element.bad_at("/desiredCount", "a number of tasks"))?;
        state.services.want(&journal.file, line, name, wanted);
        return Ok(());
    }
    let arn = element.name_at("/taskArn", "the name of a task")?;
    if matches!(
        element.text_at("/lastStatus"),
        "STOPPED" | "DEPROVISIONING" | "DELETED"
    ) {
        return Ok(journal.dirt("task that is stopped", Action::Drop, line)?);
    }
    let list = element.at("/containers").and_then(Value::as_array);
    let containers = list.map_or(0, Vec::len);
    let units = match scaled(element, "/cpu", 1_000)? {
        None => sum(element, containers, &["cpu"], 1_000)?,
        units => units,
    };
    let memory = match scaled(element, "/memory", 1 << 20)? {
        None => sum(
            element,
            containers,
            &["memoryReservation", "memory"],
            1 << 20,
        )?,
        memory => memory,
    };
    let gpus = { list.into_iter().flatten() }
        .filter_map(|own| own.get("gpuIds").and_then(Value::as_array))
        .map(Vec::len)
        .sum();
    let gpu = whole_gpus_of(element, "/containers", gpus)?;
    if units.is_none() || memory.is_none() {
        let kind = "task whose reservations are not stated in full; requests the rest";
        journal.dirt(kind, Action::Keep, line)?;
    }
    let group = element.text_at("/group");
    let group = group.split_once(':').map_or(group, |(_, name)| name);
    state.services.take_task(group)?;
    let pods = Pods {
        name: arn.rsplit('/').next().unwrap_or(arn),
        tenant: group,
        count: 1,
        cpu_milli: units.map(|units| units / 1_024),
        memory,
    };
    state.add(journal.origin(line), &pods, |spec| spec.gpu = gpu.clone())
}
