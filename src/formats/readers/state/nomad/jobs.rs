//! Jobs of Nomad: what each group of tasks is to run. `nomad job inspect` and `GET /v1/job/NAME` say what a group
//! requests, the list of `GET /v1/jobs` no more than how many allocations it has.

use serde_json::Value;

use super::phases::Phase;
use super::{Amounts, DISK, MEGAHERTZ, MORE_MEMORY, OTHER_DEVICE, Settings, note_amount};
use crate::readers::prelude::*;
use crate::readers::state::ports::paths;
use crate::readers::state::{Pods, State, count, note, note_pods, whole_gpus_of};

/// Whether an element is a job, within which groups stand, and no allocation with its job beside it; `nomad job inspect`
/// puts another key before them.
pub(super) fn is_job(element: &Element) -> bool {
    let has = |key: &str| element.at(&format!("{}/{key}", root(element))).is_some();
    element.at("/JobID").is_none() && (has("TaskGroups") || has("JobSummary"))
}

/// The path of the job in a text.
fn root(element: &Element) -> &'static str {
    if element.at("/Job").is_some_and(Value::is_object) {
        "/Job"
    } else {
        ""
    }
}

/// A part of an element.
#[derive(Clone, Copy)]
struct At<'e> {
    element: &'e Element,
    path: &'e str,
}

/// Adds the pods of a job.
pub(super) fn take(
    state: &mut State,
    journal: &mut Journal,
    element: &Element,
) -> Result<(), Refused> {
    let (line, root) = (element.line, root(element));
    let at = |key: &str| format!("{root}/{key}");
    let job = element.name_at(&at("ID"), "the name of a job")?;
    let is_stopped = element.at(&at("Stop")).and_then(Value::as_bool) == Some(true);
    if is_stopped || element.text_at(&at("Status")) == "dead" {
        return Ok(journal.dirt("job that has ended", Action::Drop, line)?);
    }
    if matches!(element.text_at(&at("Type")), "system" | "sysbatch") {
        let kind = "job on every node; counted as one allocation a group";
        journal.dirt(kind, Action::Waive, line)?;
    }
    for (key, kind) in [
        ("Periodic", "job that starts again and again; starts once"),
        (
            "ParameterizedJob",
            "job that waits for parameters; starts once",
        ),
        ("Constraints", "constraints of a job, not enforced"),
        ("Affinities", "affinities of a job, not enforced"),
        ("Spreads", "spread of a job, not enforced"),
    ] {
        note(journal, element, &at(key), kind)?;
    }
    note_places(journal, element, root)?;
    let groups = element.at(&at("TaskGroups")).and_then(Value::as_array);
    let Some(groups) = groups else {
        return listed(state, journal, element, root, job);
    };
    for place in 0..groups.len() {
        let path = at(&format!("TaskGroups/{place}"));
        let mut settings = Settings::default();
        settings.prioritize(element, root)?;
        let group = At {
            element,
            path: &path,
        };
        take_group(state, journal, group, settings, job)?;
    }
    Ok(())
}

/// Notes parts of a cluster to which a job is bound.
fn note_places(journal: &mut Journal, element: &Element, root: &str) -> Result<(), Refused> {
    let line = element.line;
    let list = element.at(&format!("{root}/Datacenters"));
    let list = list.and_then(Value::as_array);
    if list.is_some_and(|list| !list.is_empty() && !list.iter().any(|own| own == "*")) {
        let kind = "datacenters of a job, not enforced";
        journal.dirt(kind, Action::Waive, line)?;
    }
    let pool = element.text_at(&format!("{root}/NodePool"));
    if !matches!(pool, "" | "default" | "all") {
        journal.dirt("pool of nodes of a job, not enforced", Action::Waive, line)?;
    }
    Ok(())
}

/// Adds the pods of the group of tasks at a path.
fn take_group(
    state: &mut State,
    journal: &mut Journal,
    group: At<'_>,
    mut settings: Settings,
    job: &str,
) -> Result<(), Refused> {
    let At { element, path } = group;
    let line = element.line;
    let name = element.name_at(&format!("{path}/Name"), "the name of a group")?;
    for (key, kind) in [
        ("Constraints", "constraints of a group, not enforced"),
        ("Affinities", "affinities of a group, not enforced"),
        ("Spreads", "spread of a group, not enforced"),
        ("Volumes", "volumes of a group, not used"),
    ] {
        note(journal, element, &format!("{path}/{key}"), kind)?;
    }
    note_amount(
        journal,
        element,
        &format!("{path}/EphemeralDisk/SizeMB"),
        DISK,
    )?;
    settings.take_ports(journal, element, &format!("{path}/Networks"))?;
    let (mut amounts, mut gpus) = (Amounts::default(), 0);
    for path in paths(element, &format!("{path}/Tasks")) {
        let task = At {
            element,
            path: &path,
        };
        take_task(journal, task, &mut amounts, &mut settings)?;
        gpus += self::gpus(journal, element, &format!("{path}/Resources/Devices"))?;
    }
    journal.repair_if(amounts.has_megahertz, MEGAHERTZ, line)?;
    settings.gpu = whole_gpus_of(element, path, gpus)?;
    let pods = Pods {
        name: &format!("{job}.{name}"),
        tenant: job,
        count: count(element, &format!("{path}/Count"))?.unwrap_or(1),
        cpu_milli: amounts.cpu_milli(),
        memory: amounts.bytes(),
    };
    note_pods(journal, line, &pods)?;
    state.add(journal.origin(line), &pods, |spec| settings.give(spec))
}

/// Adds what the task at a path requests.
fn take_task(
    journal: &mut Journal,
    task: At<'_>,
    amounts: &mut Amounts,
    settings: &mut Settings,
) -> Result<(), Refused> {
    let At { element, path } = task;
    for (key, kind) in [
        ("Constraints", "constraints of a task, not enforced"),
        ("Affinities", "affinities of a task, not enforced"),
    ] {
        note(journal, element, &format!("{path}/{key}"), kind)?;
    }
    let amount = |key: &str| -> Result<Option<f64>, BadRow> {
        let stated = element.number_at(&format!("{path}/Resources/{key}"), 1e9)?;
        // Cores that are not asked for are 0, and so are megahertz beside them.
        Ok(stated.filter(|&stated| stated > 0.0))
    };
    let phase = Phase::of(element, &format!("{path}/Lifecycle"));
    let cores = amount("Cores")?;
    if let Some(cores) = cores {
        amounts.cpu.add(Phase::Always, 1e3 * cores);
    }
    if let Some(megahertz) = amount("CPU")? {
        let phase = cores.map_or(phase, |_| Phase::Always);
        amounts.cpu.add(phase, megahertz);
        amounts.has_megahertz = true;
    }
    if let Some(memory) = amount("MemoryMB")? {
        amounts.memory.add(phase, memory);
    }
    let most = format!("{path}/Resources/MemoryMaxMB");
    note_amount(journal, element, &most, MORE_MEMORY)?;
    settings.take_ports(journal, element, &format!("{path}/Resources/Networks"))
}

/// The number of GPUs among the devices of a task.
fn gpus(journal: &mut Journal, element: &Element, path: &str) -> Result<usize, Refused> {
    let devices = element.at(path).and_then(Value::as_array);
    let mut gpus = 0;
    for (place, device) in devices.into_iter().flatten().enumerate() {
        // `gpu`, `nvidia/gpu` or `nvidia/gpu/1080ti`.
        let mut name = device
            .get("Name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .split('/');
        if name.any(|part| part == "gpu") {
            gpus += count(element, &format!("{path}/{place}/Count"))?.unwrap_or(1) as usize;
        } else {
            journal.dirt(OTHER_DEVICE, Action::Waive, element.line)?;
        }
    }
    Ok(gpus)
}

/// Adds the pods of a job in a list, by group, which doesn't say what they request.
fn listed(
    state: &mut State,
    journal: &mut Journal,
    element: &Element,
    root: &str,
    job: &str,
) -> Result<(), Refused> {
    let path = &*format!("{root}/JobSummary/Summary");
    let mut settings = Settings::default();
    settings.prioritize(element, root)?;
    let groups = element.at(path).and_then(Value::as_object);
    for (name, group) in groups.into_iter().flatten() {
        let mut wanted = 0;
        for key in ["Queued", "Starting", "Running"] {
            let own = group.get(key).and_then(Value::as_i64).unwrap_or(0);
            if !(0..=MEMBERS).contains(&own) {
                let bad: BadRow =
                    element.bad_at(path, &format!("a number from 0 to {MEMBERS} for `{key}`"));
                return Err(bad.into());
            }
            wanted += own;
        }
        let pods = Pods {
            name: &format!("{job}.{name}"),
            tenant: job,
            count: wanted,
            cpu_milli: None,
            memory: None,
        };
        note_pods(journal, element.line, &pods)?;
        let origin = journal.origin(element.line);
        state.add(origin, &pods, |spec| settings.give(spec))?;
    }
    Ok(())
}
