//! Tasks and services of Amazon ECS, as `aws ecs describe-tasks` and `describe-services` print them. A
//! task states what it reserves, a service only how many tasks it wants: those that are listed beside it
//! count toward them. Daemons, and tasks on distinct instances, stand on machines of their own. Source: the API reference of
//! Amazon ECS, `Task`, `TaskOverride`, `ContainerOverride`, `NetworkBinding` and `Service`.

use serde_json::Value;

use super::ports::{Ports, paths};
use super::services::Wanted;
use super::{Places, Pods, State, count, has_keys, note, scaled, whole_gpus_of};
use crate::parts::anti_affinity::keep_apart;
use crate::readers::prelude::*;
use model::node::HOSTNAME_LABEL;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "ecs",
    summary: "tasks or services of Amazon ECS (`describe-tasks`, `describe-services`, JSON)",
    columns: columns! {
        required("taskArn", "task; its last part becomes the name"),
        optional("cpu", "units of a task, 1,024 a core"),
        optional("memory", "memory of a task, MiB"),
        optional("containers", "cpu and memory of each, where the task states none, and gpuIds"),
        optional("networkBindings", "of containers: hostPort is taken on the machine, below those that it chooses"),
        optional("group", "service or family; becomes the tenant"),
        optional("lastStatus", "stopped tasks are left out"),
        optional("serviceName", "service; becomes the name"),
        optional("desiredCount", "tasks that a service wants"),
        optional("overrides",
            "cpu and memory of a task, or in containerOverrides of its containers, that stand in place of others"),
        optional("schedulingStrategy", "tasks of a DAEMON stand on machines of their own"),
        optional("placementConstraints", "distinctInstance keeps tasks apart; others are not enforced"),
        optional("placementStrategy", "not enforced"),
    },
    relations: &[],
    names: &["taskArn", "serviceName"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(|input, options| super::open(input, options, &PLACES, take)),
};

const PLACES: Places = Places {
    // What services say of their tasks is known before these are read.
    lists: &[&["services"], &["tasks"]],
    has_lines: false,
    has_texts: false,
    printed: &[],
    expected: "list of `tasks` or `services`, as `aws ecs describe-tasks` and `describe-services` print them",
    missing: &["failures"],
    wrapped: "",
};

fn sniff(first: &[u8]) -> Confidence {
    let tasks = has_keys(first, &["tasks", "taskArn", "lastStatus"]);
    tasks.max(has_keys(
        first,
        &["services", "serviceName", "desiredCount"],
    ))
}

/// The label of pods that are kept apart: their service.
const SERVICE_LABEL: &str = "ecs.amazonaws.com/service";

/// Keeps a task from machines with others of its service.
pub(super) fn stand_alone(spec: &mut PodSpec, service: &str) {
    keep_apart(spec, SERVICE_LABEL, service.into(), HOSTNAME_LABEL);
}

fn take(state: &mut State, journal: &mut Journal, element: &Element) -> Result<(), Refused> {
    if element.at("/serviceName").is_some() {
        take_service(state, journal, element)
    } else {
        take_task(state, journal, element)
    }
}

fn take_service(
    state: &mut State,
    journal: &mut Journal,
    service: &Element,
) -> Result<(), Refused> {
    let line = service.line;
    let name = service.name_at("/serviceName", "the name of a service")?;
    let wanted = count(service, "/desiredCount")?;
    let wanted = wanted.ok_or_else(|| service.bad_at("/desiredCount", "a number of tasks"))?;
    if service.text_at("/status") == "INACTIVE" {
        return Ok(journal.dirt("service that was deleted", Action::Drop, line)?);
    }
    let constraints = service
        .at("/placementConstraints")
        .and_then(Value::as_array);
    let constraints = constraints.into_iter().flatten();
    let is_distinct = |own: &&Value| own.get("type").is_some_and(|own| own == "distinctInstance");
    let (distinct, others): (Vec<_>, Vec<_>) = constraints.partition(is_distinct);
    let kind = "constraints of a service, not enforced";
    journal.waive_if(!others.is_empty(), kind, line)?;
    note(
        journal,
        service,
        "/placementStrategy",
        "placement strategy of a service, not enforced",
    )?;
    let is_daemon = service.text_at("/schedulingStrategy") == "DAEMON";
    let kind = "service with a task on each machine; as many tasks as it wants, each on a machine of its own";
    journal.keep_if(is_daemon, kind, line)?;
    let is_apart = is_daemon || !distinct.is_empty();
    let kind = "service whose tasks stand in a file before it; these are not kept apart";
    journal.waive_if(is_apart && state.services.has_tasks(name)?, kind, line)?;
    let wanted = Wanted {
        line,
        name,
        tasks: wanted,
        is_apart,
    };
    Ok(state.services.want(&journal.file, wanted)?)
}

fn take_task(state: &mut State, journal: &mut Journal, task: &Element) -> Result<(), Refused> {
    let line = task.line;
    let arn = task.name_at("/taskArn", "the name of a task")?;
    if matches!(
        task.text_at("/lastStatus"),
        "STOPPED" | "DEPROVISIONING" | "DELETED"
    ) {
        return Ok(journal.dirt("task that is stopped", Action::Drop, line)?);
    }
    let units = amount(task, "cpu", &["cpu"], 1_000)?;
    let memory = amount(task, "memory", &["memoryReservation", "memory"], 1 << 20)?;
    let list = task.at("/containers").and_then(Value::as_array);
    let gpus = { list.into_iter().flatten() }
        .filter_map(|own| own.get("gpuIds").and_then(Value::as_array))
        .map(Vec::len)
        .sum();
    let gpu = whole_gpus_of(task, "/containers", gpus)?;
    let ports = ports(journal, task)?;
    let kind = "task whose reservations are not stated in full; requests the rest";
    journal.keep_if(units.is_none() || memory.is_none(), kind, line)?;
    let group = task.text_at("/group");
    let mut is_apart = false;
    // A task that was started by itself is of the group of its family, whose name may be that of a service.
    if let Some(service) = group.strip_prefix("service:") {
        state.services.take_task(service)?;
        is_apart = state.services.is_apart(service)?;
    }
    let group = group.split_once(':').map_or(group, |(_, name)| name);
    let pods = Pods {
        name: arn.rsplit('/').next().unwrap_or(arn),
        tenant: group,
        count: 1,
        cpu_milli: units.map(|units| units / 1_024),
        memory,
    };
    state.add(journal.origin(line), &pods, |spec| {
        spec.gpu = gpu.clone();
        ports.give(spec);
        if is_apart {
            stand_alone(spec, group);
        }
    })
}

/// The first of the ports that machines choose by themselves.
const CHOSEN_FROM: f64 = 32_768.0;

/// The ports that a task takes on its machine because its definition says so.
fn ports(journal: &mut Journal, task: &Element) -> Result<Ports, Refused> {
    let mut ports = Ports::default();
    for container in paths(task, "/containers") {
        for own in paths(task, &format!("{container}/networkBindings")) {
            let path = format!("{own}/hostPort");
            match task.number_at(&path, f64::MAX)? {
                Some(port) if port < CHOSEN_FROM => {
                    ports.add(task, &path, task.text_at(&format!("{own}/protocol")))?;
                }
                Some(_) => {
                    let kind = "port that the machine may have chosen, not requested";
                    journal.dirt(kind, Action::Keep, task.line)?;
                }
                None => {}
            }
        }
    }
    Ok(ports)
}

/// An amount of a task: what stands in place of what its definition says, what that says, or what its containers reserve
/// together, by the first of the members that each states.
fn amount(
    task: &Element,
    member: &str,
    of_containers: &[&str],
    scale: i64,
) -> Result<Option<i64>, BadRow> {
    for path in [format!("/overrides/{member}"), format!("/{member}")] {
        if let Some(own) = scaled(task, &path, scale)? {
            return Ok(Some(own));
        }
    }
    let list = |path: &str| task.at(path).and_then(Value::as_array);
    let overrides = list("/overrides/containerOverrides");
    let mut sum: Option<i64> = None;
    for (place, container) in list("/containers").into_iter().flatten().enumerate() {
        let name = container.get("name").filter(|name| name.is_string());
        let mut overrides = overrides.into_iter().flatten();
        let found = overrides.position(|own| name.is_some() && own.get("name") == name);
        let mut places = Vec::new();
        for member in of_containers {
            places.extend(found.map(|own| format!("/overrides/containerOverrides/{own}/{member}")));
            places.push(format!("/containers/{place}/{member}"));
        }
        for path in places {
            if let Some(own) = scaled(task, &path, scale)? {
                sum = Some(sum.unwrap_or(0).saturating_add(own));
                break;
            }
        }
    }
    Ok(sum)
}
