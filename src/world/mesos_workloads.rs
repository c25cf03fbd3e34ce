//! Workloads that the frameworks of a Mesos cluster take, and those that none of them does.

use std::ops::RangeInclusive;

use model::Object;
use scenario::Scenario;
use systems::mesos::chronos::calendar::DateTime;
use systems::mesos::dcos::DcosOptions;
use systems::mesos::options::{ChronosFramework, FrameworkKind, MesosOptions};
use systems::mesos::workload::schedule_of;
use units::{SortedSet, plural};

use super::mesos_options::mesos_options;
use super::{BuildError, Remarks};

/// The ports that an agent offers unless its `resources` state others (`slave/constants.hpp`, `DEFAULT_PORTS`).
const OFFERED_PORTS: RangeInclusive<u16> = 31_000..=32_000;

/// Notes workloads that no framework takes, and jobs whose times Chronos can't keep: no pod of them is
/// ever made.
///
/// # Errors
/// The options of the system are wrong.
pub(super) fn note_idle_workloads<'a>(
    scenario: &Scenario,
    objects: impl Iterator<Item = &'a Object>,
    remarks: &mut Remarks,
) -> Result<(), BuildError> {
    let system = &scenario.system;
    let options = if system.name == systems::mesos::ENTRY.name {
        mesos_options(system.mesos.as_ref())?
    } else if system.name == systems::mesos::dcos::ENTRY.name {
        systems::mesos::dcos::composed(&DcosOptions::default())
    } else {
        return Ok(());
    };
    let mut untaken: Vec<String> = Vec::new();
    let mut with_ports: SortedSet<String> = SortedSet::new();
    for object in objects {
        let Some(framework) = MesosOptions::has_kind(object).then(|| options.taker(object)) else {
            continue;
        };
        let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
        let Some(framework) = framework.map(|place| &options.frameworks[place]) else {
            untaken.push(format!("{kind}/{namespace}/{name}"));
            continue;
        };
        if matches!(framework.kind, FrameworkKind::Marathon(_))
            && let Some(port) = unoffered_port(object)
        {
            with_ports.insert(format!("{kind}/{namespace}/{name}, port {port}"));
        }
        if let (FrameworkKind::Chronos(own), Object::CronJob(cron)) = (&framework.kind, object)
            && asks_the_clock(own, name)
            && let Err(why) = schedule_of(
                &cron.schedule,
                cron.time_zone.as_deref(),
                DateTime(own.zero_unix_secs),
            )
        {
            remarks.note_first(format!("{kind}/{namespace}/{name} never runs: {why}"));
        }
    }
    if let Some(first) = with_ports.first() {
        remarks.note(format!(
            "agents offer the host ports of {} (first: {first}) only where their `ports` say so, beyond 31000 to \
             32000; a run has each of them once on every agent",
            plural::count(with_ports.len(), "application"),
        ));
    }
    if let Some(first) = untaken.first() {
        remarks.note_first(format!(
            "no framework takes {} (first: {first}): none of their pods is made; `marathon: {{}}` takes \
             services, `chronos: {{}}` jobs, both of the `namespaces` that they name",
            plural::count(untaken.len(), "workload"),
        ));
    }
    Ok(())
}

/// A host port of a service's pods that agents do not offer unless they are told to.
fn unoffered_port(object: &Object) -> Option<u16> {
    let mut ports = object.template()?.host_ports().map(|own| own.port);
    ports.find(|port| !OFFERED_PORTS.contains(port))
}

/// Whether a job runs by the schedule of its object.
fn asks_the_clock(options: &ChronosFramework, job: &str) -> bool {
    let own = options.jobs.get(job);
    own.is_none_or(|own| own.schedule.is_none() && own.parents.is_empty())
}
