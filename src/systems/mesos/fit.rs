//! Options of a Mesos cluster beside its agents and workloads: what can never be, and what is never run.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{Node, Object, Text};
use units::{Instant, Quantity, SortedSet, plural};

use super::chronos::calendar::DateTime;
use super::chronos::section::ChronosFramework;
use super::options::{FrameworkKind, MesosOptions};
use super::roles::check_quotas;
use super::section::MesosAmount;
use super::workload::schedule_of;

/// Ports that an agent offers unless its `resources` state others (`slave/constants.hpp`, `DEFAULT_PORTS`).
const OFFERED_PORTS: RangeInclusive<u16> = 31_000..=32_000;

/// Refuses quotas above the cluster, and constraints over fields that no agent has.
///
/// # Errors
/// There is such an option; the message begins with its field.
pub fn check_on_nodes(options: &MesosOptions, nodes: &[Arc<Node>]) -> Result<(), String> {
    let mut fields: SortedSet<Text> = ["@region", "@zone"].map(Text::from).into();
    let mut sum = (0_i64, 0_i64, 0_i64);
    for node in nodes {
        fields.extend(node.labels.keys().cloned());
        let of = |name: &str| node.allocatable.get(name);
        sum.0 = sum.0.saturating_add(of("cpu").milli_floor().unwrap_or(0));
        sum.1 = sum.1.saturating_add(of("memory").units_ceil().unwrap_or(0));
        sum.2 += node.gpu.as_ref().map_or(0, |gpu| i64::from(gpu.devices));
    }
    let total = MesosAmount {
        cpu: Some(Quantity::from_milli(sum.0)),
        memory: Some(Quantity::from_units(sum.1)),
        gpus: Some(sum.2),
    };
    let checked = check_quotas(&options.stated.roles, &total);
    checked.map_err(|why| format!("roles.{}: {why}", why.role()))?;
    for own in &options.frameworks {
        let FrameworkKind::Marathon(marathon) = &own.kind else {
            continue;
        };
        for (app, rules) in &marathon.constraints {
            for (field, rule) in rules {
                let checked = rule.check_field(field, &fields);
                checked.map_err(|why| format!("frameworks: constraints of `{app}`: {why}"))?;
            }
        }
    }
    Ok(())
}

/// Notes about workloads of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdleWorkloads {
    /// Workloads of which no pod is ever made: no framework takes them, or Chronos can't keep their times.
    pub never_run: Vec<String>,
    /// Workloads with ports that agents do not offer by themselves.
    pub with_ports: Option<String>,
}

/// Workloads that no framework takes in a run that ends at a time, or only in part.
pub fn idle_workloads<'a>(
    options: &MesosOptions,
    objects: impl Iterator<Item = &'a Object>,
    end: Instant,
) -> IdleWorkloads {
    let mut notes = IdleWorkloads::default();
    let mut untaken: Vec<String> = Vec::new();
    let mut not_due: Vec<String> = Vec::new();
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
        if let FrameworkKind::Chronos(own) = &framework.kind
            && let Some(due) = own.first_due(name).filter(|due| own.instant(*due) > end)
        {
            let begin = DateTime(own.zero_unix_secs);
            not_due.push(format!(
                "{kind}/{namespace}/{name}, at {due}; the run begins at {begin}"
            ));
        }
        if let (FrameworkKind::Chronos(own), Object::CronJob(cron)) = (&framework.kind, object)
            && asks_the_clock(own, name)
            && let Err(why) = schedule_of(
                &cron.schedule,
                cron.time_zone.as_deref(),
                DateTime(own.zero_unix_secs),
            )
        {
            let why = format!("{kind}/{namespace}/{name} never runs: {why}");
            notes.never_run.push(why);
        }
    }
    if let Some(first) = with_ports.first() {
        notes.with_ports = Some(format!(
            "agents offer the host ports of {} (first: {first}) only where their `ports` say so, beyond 31000 to \
             32000; a run has each of them once on every agent",
            plural::count(with_ports.len(), "application"),
        ));
    }
    if let Some(first) = not_due.first() {
        notes.never_run.push(format!(
            "{} of Chronos {} not due before the run ends (first: {first}): state the date of its begin as `startDate`",
            plural::count(not_due.len(), "job"),
            plural::either(not_due.len(), "is", "are"),
        ));
    }
    if let Some(first) = untaken.first() {
        notes.never_run.push(format!(
            "no framework takes {} (first: {first}): none of their pods is made; `marathon: {{}}` takes \
             services, `chronos: {{}}` jobs, both of the `namespaces` that they name",
            plural::count(untaken.len(), "workload"),
        ));
    }
    notes
}

/// Host port of a service's pods that agents do not offer unless they are told to.
fn unoffered_port(object: &Object) -> Option<u16> {
    let mut ports = object.template()?.host_ports().map(|own| own.port);
    ports.find(|port| !OFFERED_PORTS.contains(port))
}

/// Whether a job runs by the schedule of its object.
fn asks_the_clock(options: &ChronosFramework, job: &str) -> bool {
    let own = options.jobs.get(job);
    own.is_none_or(|own| own.schedule.is_none() && own.parents.is_empty())
}
