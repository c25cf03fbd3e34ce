//! Rules between the fields of `system:`: options of one system mean nothing to another.

use super::diagnostic::{Code, Finding, Findings};
use super::names::Names;
use super::schema::{
    Consolidation, Flow, MesosStrategy, NamedSchedulerKind, Omega, OverloadDetection, Scenario,
    Swarm, System,
};
use super::tree::Tree;
use units::{Duration, Quantity, SortedSet, plural};

/// Whether options are given.
type IsGiven = fn(&System) -> bool;

/// Systems with options of their own, the field that holds these, and whether they are given.
const OWN: &[(&str, &str, IsGiven)] = &[
    ("swarm", "swarm", |system| system.swarm.is_some()),
    ("swarmkit", "swarmkit", |system| system.swarmkit.is_some()),
    ("fleet", "fleet", |system| system.fleet.is_some()),
    ("mesos", "mesos", |system| system.mesos.is_some()),
    ("dcos", "dcos", |system| system.dcos.is_some()),
    ("sparrow", "sparrow", |system| system.sparrow.is_some()),
    ("consolidation", "consolidation", |system| {
        system.consolidation.is_some()
    }),
    ("gpu-sharing", "gpuSharing", |system| {
        system.gpu_sharing.is_some()
    }),
    ("omega", "omega", |system| system.omega.is_some()),
    ("flow", "flow", |system| system.flow.is_some()),
    ("graphene", "graphene", |system| system.graphene.is_some()),
    ("nova", "nova", |system| system.nova.is_some()),
    ("openshift", "openshift", |system| {
        system.openshift.is_some()
    }),
    ("ecs", "ecs", |system| system.ecs.is_some()),
    ("borg", "borg", |system| system.borg.is_some()),
    ("compose", "compose", |system| system.compose.is_some()),
];

/// Systems that have options, and know pods alone.
const PODS_ALONE: [&str; 6] = [
    "sparrow",
    "consolidation",
    "gpu-sharing",
    "omega",
    "flow",
    "graphene",
];

/// Systems that have options, and loops with `system.controllers`.
const WITH_CONTROLLERS: [&str; 1] = ["openshift"];

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
    for (owner, field) in system.with_options() {
        if owner == system.name || (owner == "mesos" && system.races_with_mesos()) {
            continue;
        }
        let path = ["system", field];
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
    super::federation::check(scenario, tree, findings);
    super::openshift::check(system, tree, findings);
    super::nova::check(scenario, tree, findings);
    if let Some(written) = &system.omega {
        omega(written, tree, findings);
    }
    if let Some(written) = &system.flow {
        flow(written, tree, findings);
    }
    if let Some(written) = &system.consolidation {
        consolidation(written, tree, findings);
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

fn omega(omega: &Omega, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |place: &[&str], message: String, label: &str| {
        let path = ["system", "omega", "kinds"].iter().chain(place).copied();
        findings.push(Finding::new(Code::Conflict, message, tree.locate(path)).label(label));
    };
    let mut names = SortedSet::new();
    for (index, kind) in omega.kinds.iter().enumerate() {
        let number = index.to_string();
        let number = number.as_str();
        if !names.insert(kind.name.as_str()) {
            let message = format!("there is a kind `{}` already", kind.name);
            wrong(&[number, "name"], message, "expected a name of its own");
        }
        for (field, time) in [
            ("perJob", Some(kind.per_job)),
            ("perTask", Some(kind.per_task)),
            ("requested", kind.requested),
        ] {
            if time.is_some_and(|time| time < Duration::ZERO) {
                let message = "a time below 0s".to_owned();
                wrong(&[number, field], message, "expected 0s or more");
            }
        }
        let is_open = kind.priority.is_none() && kind.requested.is_none() && kind.tasks.is_none();
        let is_last = index + 1 == omega.kinds.len();
        if is_last && !is_open {
            let message = format!(
                "no scheduler would decide on jobs that are not `{}`",
                kind.name
            );
            let label = "expected no `priority`, `requested` and `tasks` in the last kind";
            wrong(&[number], message, label);
        } else if !is_last && is_open {
            let message = format!(
                "every job is `{}`, and the kinds after it get none",
                kind.name
            );
            let label = "expected a condition: `priority`, `requested` or `tasks`";
            wrong(&[number], message, label);
        }
    }
}

/// A threshold is a share of a node: none above all of it is ever exceeded.
fn consolidation(written: &Consolidation, tree: &Tree, findings: &mut Findings) {
    let Some(parameter) = written.parameter else {
        return;
    };
    let label = match written.detection {
        OverloadDetection::Threshold if parameter > 1.0 => "expected a share of the node, up to 1",
        _ if !parameter.is_finite() => "expected a number",
        _ => return,
    };
    let message = format!("no node is overloaded at a parameter of {parameter}");
    let span = tree.locate(["system", "consolidation", "parameter"]);
    findings.push(Finding::new(Code::Impossible, message, span).label(label));
}

fn flow(flow: &Flow, tree: &Tree, findings: &mut Findings) {
    let mut wrong = |field: &[&str], message: String, label: &str| {
        let path = ["system", "flow"].iter().chain(field).copied();
        findings.push(Finding::new(Code::Conflict, message, tree.locate(path)).label(label));
    };
    if !(flow.wait_factor.is_finite() && flow.wait_factor > 0.0) {
        let message = format!(
            "at a wait factor of {} no task is ever placed",
            flow.wait_factor
        );
        wrong(&["waitFactor"], message, "expected more than 0");
    }
    if flow.core_cost < flow.rack_cost {
        let message = format!(
            "input from another rack at {} would cost less than input from the same rack at {}",
            flow.core_cost, flow.rack_cost
        );
        wrong(&["coreCost"], message, "expected `rackCost` or more");
    }
    let bytes = |quantity: Quantity| quantity.units_ceil().unwrap_or(i64::MAX);
    for (field, value, least) in [
        ("mean", flow.input.mean, 0),
        ("block", flow.input.block, 1_000_000),
    ] {
        if !(least..=1_000_000_000_000_000).contains(&bytes(value)) {
            let message = format!("a size of {value}");
            let label = if least == 0 {
                "expected 0 to 1P"
            } else {
                "expected 1M to 1P"
            };
            wrong(&["input", field], message, label);
        }
    }
}

impl System {
    /// The systems whose own options are given, and the fields of these.
    fn with_options(&self) -> Vec<(&'static str, &'static str)> {
        let given = OWN.iter().filter(|(_, _, is_given)| is_given(self));
        given.map(|&(name, field, _)| (name, field)).collect()
    }

    /// Returns whether the system has its own control loops, without `controllers`.
    pub fn has_own_loops(&self) -> bool {
        let has_options = OWN.iter().any(|&(name, _, _)| name == self.name);
        let name = self.name.as_str();
        has_options && !PODS_ALONE.contains(&name) && !WITH_CONTROLLERS.contains(&name)
    }

    /// Returns whether a Mesos master is among the schedulers that race on the cluster.
    pub fn races_with_mesos(&self) -> bool {
        let mut kinds = self.schedulers.iter().map(|own| own.kind);
        self.name == "kubernetes" && kinds.any(|kind| kind == NamedSchedulerKind::Mesos)
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
            "gpu-sharing" => {
                let own = self.gpu_sharing.as_ref();
                own.map(|own| own.rule)
                    .unwrap_or_default()
                    .name()
                    .to_owned()
            }
            "consolidation" => {
                let own = self.consolidation.unwrap_or_default();
                own.detection.name().to_owned()
            }
            "openshift" => "regions-and-zones".to_owned(),
            "ecs" => "strategies".to_owned(),
            "borg" => {
                let own = self.borg.as_ref().map(|own| own.score);
                own.unwrap_or_default().name().to_owned()
            }
            "compose" => "one-host".to_owned(),
            "dcos" => "drf".to_owned(),
            "omega" => "claims".to_owned(),
            "flow" => {
                let own = self.flow.as_ref().map(|own| own.cost_model);
                own.unwrap_or_default().name().to_owned()
            }
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
