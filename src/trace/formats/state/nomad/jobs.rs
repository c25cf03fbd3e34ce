//! Jobs of Nomad: what each group of tasks is to run. `nomad job inspect` and `GET /v1/job/NAME` say what a group
//! requests, the list of `GET /v1/jobs` no more than how many allocations it has.

use serde_json::Value;

use super::{MEGAHERTZ, OTHER_DEVICE};
use crate::budget::MEMBERS;
use crate::formats::state::{Pods, State, count, note, note_pods, whole_gpus_of};
use crate::json::Element;
use crate::ledger::{Action, BadRow, Journal};
use crate::rows::Refused;

/// The keys of a job, within which those of groups stand; `nomad job inspect` puts another key before them.
pub(super) fn is_job(element: &Element) -> bool {
    let has = |key: &str| element.at(&format!("{}/{key}", root(element))).is_some();
    has("TaskGroups") || has("JobSummary")
}

/// The path of the job in a text.
fn root(element: &Element) -> &'static str {
    if element.at("/Job").is_some_and(Value::is_object) {
        "/Job"
    } else {
        ""
    }
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
        journal.dirt(kind, Action::Keep, line)?;
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
    if element.at(&at("Priority")).is_some_and(|own| own != 50) {
        journal.dirt("priority of a job, not used", Action::Waive, line)?;
    }
    let groups = element.at(&at("TaskGroups")).and_then(Value::as_array);
    let Some(groups) = groups else {
        return listed(state, journal, element, &at("JobSummary/Summary"), job);
    };
    for place in 0..groups.len() {
        let path = at(&format!("TaskGroups/{place}"));
        take_group(state, journal, element, &path, job)?;
    }
    Ok(())
}

/// Adds the pods of a group of tasks.
fn take_group(
    state: &mut State,
    journal: &mut Journal,
    element: &Element,
    path: &str,
    job: &str,
) -> Result<(), Refused> {
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
    let (mut megahertz, mut cores, mut memory, mut gpus) = (None, None, None, 0);
    let tasks = element
        .at(&format!("{path}/Tasks"))
        .and_then(Value::as_array);
    for place in 0..tasks.map_or(0, Vec::len) {
        let own = format!("{path}/Tasks/{place}");
        let constraints = format!("{own}/Constraints");
        note(
            journal,
            element,
            &constraints,
            "constraints of a task, not enforced",
        )?;
        for (sum, key) in [
            (&mut megahertz, "CPU"),
            (&mut cores, "Cores"),
            (&mut memory, "MemoryMB"),
        ] {
            let stated = element.number_at(&format!("{own}/Resources/{key}"), 1e9)?;
            // Cores that are not asked for are 0, and so are megahertz beside them.
            if let Some(stated) = stated.filter(|&stated| stated > 0.0) {
                *sum = Some(sum.unwrap_or(0.0) + stated);
            }
        }
        gpus += self::gpus(journal, element, &format!("{own}/Resources/Devices"))?;
    }
    if megahertz.is_some() {
        journal.dirt(MEGAHERTZ, Action::Repair, line)?;
    }
    let cpu = match (megahertz, cores) {
        (None, None) => None,
        (megahertz, cores) => Some(megahertz.unwrap_or(0.0) + 1_000.0 * cores.unwrap_or(0.0)),
    };
    let gpu = whole_gpus_of(element, path, gpus)?;
    let pods = Pods {
        name: &format!("{job}.{name}"),
        tenant: job,
        count: count(element, &format!("{path}/Count"))?.unwrap_or(1),
        cpu_milli: cpu.map(|cpu| libm::rint(cpu) as i64),
        memory: memory.map(|memory: f64| libm::rint(memory * 1_048_576.0) as i64),
    };
    note_pods(journal, line, &pods)?;
    state.add(journal.origin(line), &pods, |spec| spec.gpu = gpu.clone())
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
    path: &str,
    job: &str,
) -> Result<(), Refused> {
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
        state.add(journal.origin(element.line), &pods, |_| {})?;
    }
    Ok(())
}
