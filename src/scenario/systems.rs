//! Rules between the fields of `system:`: options of one system mean nothing to another.

use super::diagnostic::{Code, Finding, Findings};
use super::names::Names;
use super::schema::{MesosStrategy, Nova, Scenario, Swarm, System};
use super::tree::Tree;
use units::plural;

/// Whether options are given.
type IsGiven = fn(&System) -> bool;

/// Systems with options of their own, and whether those are given.
const OWN: &[(&str, IsGiven)] = &[
    ("swarm", |system| system.swarm.is_some()),
    ("swarmkit", |system| system.swarmkit.is_some()),
    ("fleet", |system| system.fleet.is_some()),
    ("mesos", |system| system.mesos.is_some()),
    ("dcos", |_| false),
    ("sparrow", |system| system.sparrow.is_some()),
    ("nova", |system| system.nova.is_some()),
    ("ecs", |system| system.ecs.is_some()),
    ("compose", |system| system.compose.is_some()),
];

/// Reports every broken rule of `system:`.
pub(super) fn check(scenario: &Scenario, tree: &Tree, names: &dyn Names, findings: &mut Findings) {
    let system = &scenario.system;
    if let Some(misfit) = names.profile_conflict(&system.name, &system.scheduler.profile) {
        let is_stated = tree.get("system").and_then(|own| own.get("scheduler"));
        let is_stated = is_stated.and_then(|own| own.get("profile")).is_some();
        let path: &[&str] = if is_stated {
            &["system", "scheduler", "profile"]
        } else {
            &["system", "name"]
        };
        let span = tree.locate(path.iter().copied());
        findings.push(Finding::new(Code::Conflict, misfit.what, span).help(misfit.fix));
    }
    for owner in system.with_options() {
        if owner == system.name {
            continue;
        }
        let path = ["system", owner];
        let message = format!(
            "these are options of the system `{owner}`, and this one is `{}`",
            system.name
        );
        findings.push(
            Finding::new(Code::Conflict, message, tree.locate(path))
                .label(format!("leave them out, or write `name: {owner}`")),
        );
    }
    if let Some(written) = &system.swarm {
        swarm(written, tree, findings);
    }
    if let Some(written) = &system.ecs
        && written.replace_after < written.agent_timeout
    {
        let (replaced, timeout) = (written.replace_after, written.agent_timeout);
        let span = tree.locate(["system", "ecs", "replaceAfter"]);
        let message =
            format!("instances would be given up after {replaced}, before they are missed");
        findings.push(Finding::new(Code::Conflict, message, span).label(format!(
            "expected the agent's time-out of {timeout} or more"
        )));
    }
    if let Some(written) = &system.nova {
        nova(written, tree, findings);
    }
    if let Some(written) = &system.swarmkit
        && written.managers % 2 == 0
    {
        let managers = written.managers;
        let survived = (managers - 1) / 2;
        let message = format!(
            "{} survive the loss of {survived}, as {} would",
            plural::count(managers, "manager"),
            managers - 1
        );
        let path = ["system", "swarmkit", "managers"];
        findings.push(
            Finding::new(Code::Conflict, message, tree.locate(path))
                .label("expected an odd number")
                .help("an even number tolerates no more failures than the odd number below it"),
        );
    }
}

fn swarm(swarm: &Swarm, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |field: &[&str], message: String, label: String| {
        let path = ["system", "swarm"].iter().chain(field).copied();
        let found = Finding::new(Code::Conflict, message, tree.locate(path));
        findings.push(found.label(label));
    };
    if swarm.overcommit <= -1.0 || !swarm.overcommit.is_finite() {
        wrong(
            &["overcommit"],
            format!(
                "an over-commit of {} leaves an engine without resources",
                swarm.overcommit
            ),
            "expected more than -1".to_owned(),
        );
    }
    if swarm.refresh_max < swarm.refresh_min {
        let (min, max) = (swarm.refresh_min, swarm.refresh_max);
        wrong(
            &["refreshMax"],
            format!("the longest wait of {max} is shorter than the shortest of {min}"),
            format!("expected {min} or more"),
        );
    }
    let discovery = swarm.discovery;
    if discovery.ttl <= discovery.heartbeat {
        wrong(
            &["discovery", "ttl"],
            "registrations would expire between two heartbeats".to_owned(),
            format!(
                "expected more than the heartbeat of {}",
                discovery.heartbeat
            ),
        );
    }
}

fn nova(nova: &Nova, tree: &Tree, findings: &mut Findings) {
    let own = &nova.weighers;
    for (field, factor) in [
        ("ram", own.ram),
        ("cpu", own.cpu),
        ("disk", own.disk),
        ("ioOps", own.io_ops),
        ("softAffinity", own.soft_affinity),
        ("softAntiAffinity", own.soft_anti_affinity),
        ("buildFailure", own.build_failure),
        ("numInstances", own.num_instances),
    ] {
        if !factor.is_finite() {
            let span = tree.locate(["system", "nova", "weighers", field]);
            let message = format!("a factor of {factor} leaves no order among hosts");
            findings.push(
                Finding::new(Code::Conflict, message, span).label("expected a finite number"),
            );
        }
    }
    if nova.service_down_time < nova.report_interval {
        let (down, report) = (nova.service_down_time, nova.report_interval);
        let span = tree.locate(["system", "nova", "serviceDownTime"]);
        let message = format!("hosts that report every {report} would be down after {down}");
        findings.push(
            Finding::new(Code::Conflict, message, span).label(format!("expected {report} or more")),
        );
    }
}

impl System {
    /// The systems whose own options are given.
    fn with_options(&self) -> Vec<&'static str> {
        let given = OWN.iter().filter(|(_, is_given)| is_given(self));
        given.map(|&(name, _)| name).collect()
    }

    /// Returns whether the system has its own control loops, without `controllers`.
    pub fn has_own_loops(&self) -> bool {
        // Sparrow has options, and knows pods alone.
        self.name != "sparrow" && OWN.iter().any(|&(name, _)| name == self.name)
    }

    /// Returns whether frameworks share the system.
    pub fn has_frameworks(&self) -> bool {
        matches!(self.name.as_str(), "mesos" | "dcos")
    }

    /// Placement rule in a word or two: the scheduler's profile, or a summary of the system's own
    /// options.
    pub fn placement(&self) -> String {
        match self.name.as_str() {
            "swarm" => {
                let strategy = self.swarm.as_ref().map(|swarm| swarm.strategy);
                strategy.unwrap_or_default().name().to_owned()
            }
            "swarmkit" => "services".to_owned(),
            "fleet" => "least-loaded".to_owned(),
            "nova" => "weighed-hosts".to_owned(),
            "ecs" => "strategies".to_owned(),
            "compose" => "one-host".to_owned(),
            "dcos" => "drf".to_owned(),
            "mesos" => {
                let own = self.mesos.as_ref();
                match own.map(|own| own.strategy).unwrap_or_default() {
                    MesosStrategy::Offers => {
                        let sorter = own.map(|own| own.sorter).unwrap_or_default();
                        sorter.name().to_owned()
                    }
                    MesosStrategy::DrfTasks | MesosStrategy::DrfTasksStop => "drf-tasks".to_owned(),
                }
            }
            _ => self.scheduler.profile.clone(),
        }
    }
}
