//! Failures of a scenario, and the contact between its control plane and its nodes.

use std::sync::Arc;

use control::Component;
use control::controllers::node_lifecycle::{EvictionRule, LifecycleOptions};
use control::node_life::{Eviction, Lifecycle, LifecycleSetup, ObservationMode};
use formats::failure_log::{self, LogOptions};
use model::{Change, Node};
use scenario::Scenario;
use scenario::Share;
use scenario::schema::{self, Failure as Written, FailureKind, NodeLife as WrittenLife};
use sim::control_faults::{ApiLimit, BindFault, ViewFault};
use sim::failures::{
    Burst, ControlPlaneFault, CorruptedImage, Crashes, DomainOutage, Exposure, Failure, Fault,
    Flapping, Layout, LeaderFailover, LoggedOutages, Maintenance, NodeCrash, Outage,
    RegistryOutage, Spot, Strike, Target, Timeline, kept_by_month,
};
use sim::{InitialObjects, NodeLife, Pace, Provisions, Stragglers, Trouble};
use units::{Duration, Instant, NodeId, SortedMap};

use super::domains::FailureDomains;
use super::machine_events::machine_events;
use super::programs::part;
use super::runs_workloads::runs_always;
use super::system_options::mesos_options;
use super::{BuildError, FileSource, Remarks, machine_steps, row_policy};

/// Contact between the control plane of a scenario and its nodes.
pub fn contact(scenario: &Scenario) -> NodeLife {
    match scenario.node_life() {
        WrittenLife::Declared => NodeLife::Declared,
        WrittenLife::Observed | WrittenLife::Timeout => {
            NodeLife::Observed(ObservationMode::Computed)
        }
    }
}

/// The components of node life, where a scenario has them; systems with control loops of their own
/// find out by themselves which nodes are lost.
pub fn node_life(scenario: &Scenario, found: &InitialObjects) -> Vec<Box<dyn Component>> {
    if runs_always(scenario) {
        return Vec::new();
    }
    let eviction = match scenario.node_life() {
        WrittenLife::Declared => return Vec::new(),
        WrittenLife::Observed => EvictionRule::Taints,
        WrittenLife::Timeout => EvictionRule::Timeout(Duration::from_secs(300)),
    };
    let setup = LifecycleSetup {
        options: LifecycleOptions {
            eviction,
            grace: node_grace(scenario),
            ..LifecycleOptions::default()
        },
        observing: ObservationMode::Computed,
        first_taint_retry: super::production::first_taint_retry(scenario),
        known: { found.nodes.iter() }
            .filter(|own| own.trouble.is_some())
            .map(|own| own.node)
            .collect(),
        seed: scenario.seed,
    };
    vec![
        Box::new(Lifecycle::new(setup)),
        Box::new(Eviction::since(since_taints(found))),
    ]
}

/// Instants from which the taints of nodes are known that pods are to leave.
fn since_taints(found: &InitialObjects) -> SortedMap<NodeId, Instant> {
    let nodes = found.nodes.iter();
    let first = nodes.filter_map(|own| Some((own.node, own.taints.iter().map(|own| own.1).min()?)));
    first.collect()
}

/// Silence after which a node counts as lost in the release that the controllers follow.
fn node_grace(scenario: &Scenario) -> Duration {
    if scenario.system.controllers_changes().has(Change::NodeGrace) {
        LifecycleOptions::default().grace
    } else {
        Duration::from_secs(40)
    }
}

/// Failures of a scenario: the logs read for them, and the layout of the nodes.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    known: FailureDomains,
    /// Logs by the number of the failure.
    logs: SortedMap<usize, LoggedOutages>,
    /// Frameworks by the number of the failure.
    frameworks: SortedMap<usize, u32>,
    /// Events of the machines that are the nodes.
    machine_events: Vec<Strike>,
}

/// Reads what failures need.
pub fn failures(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    known: &FailureDomains,
    files: &FileSource<'_>,
    remarks: &mut Remarks,
) -> Result<Failures, BuildError> {
    let names: Vec<&str> = nodes.iter().map(|node| &*node.name).collect();
    let mut logs = SortedMap::new();
    for (number, failure) in scenario.failures.iter().enumerate() {
        let (FailureKind::FailureLog, Some(path)) = (failure.kind, &failure.path) else {
            continue;
        };
        let options = LogOptions {
            rows: row_policy(failure.on_bad_row.unwrap_or_default()),
            system: failure.system,
            from: failure.from.clone(),
            service: failure.service.clone(),
        };
        let log = failure_log::read(&files.open(path), &options, &names)?;
        remarks.ledger(&log.ledger);
        let outages = log.outages.into_iter();
        let outages = outages.map(|own| (NodeId::from_index(own.node), own.down, own.up));
        let outages = outages.collect();
        logs.insert(number, LoggedOutages { outages });
    }
    remarks.note_all(known.without_nodes(scenario));
    for (number, failure) in scenario.failures.iter().enumerate() {
        if let Some(whom) = known.unseen(scenario, nodes, &target(failure)) {
            remarks.note(format!(
                "failures[{number}]: no node has the label {whom} at the start; it strikes those that join with it"
            ));
        }
    }
    let failures = Failures {
        known: known.clone(),
        logs,
        frameworks: frameworks(scenario)?,
        machine_events: machine_events(scenario, nodes, files, remarks)?,
    };
    for (number, failure) in scenario.failures.iter().enumerate() {
        let name = &scenario.system.name;
        if failure.kind == FailureKind::DiscoveryOutage && name != "swarm" {
            remarks.note(format!(
                "failures[{number}]: the nodes of `{name}` register themselves, so a \
                 discovery-outage has no effect"
            ));
        }
    }
    remarks.note_all(machine_steps::steps(scenario)?.failed);
    // What it names is looked for at once.
    failures.outages(scenario, nodes)?;
    failures.timelines(scenario, nodes)?;
    Ok(failures)
}

/// The frameworks that fail, by the number of the failure.
fn frameworks(scenario: &Scenario) -> Result<SortedMap<usize, u32>, BuildError> {
    let mut found = SortedMap::new();
    for (number, failure) in scenario.failures.iter().enumerate() {
        let (FailureKind::FrameworkOutage, Some(name)) = (failure.kind, &failure.framework) else {
            continue;
        };
        let options = mesos_options(scenario)?;
        let mut known = options.frameworks.iter();
        let Some(place) = known.position(|own| *own.name == **name) else {
            let known = options.frameworks.iter();
            let known: Vec<String> = known.map(|own| format!("`{}`", own.name)).collect();
            return Err(BuildError::Experiment(format!(
                "failures[{number}].framework: no framework has the name `{name}`; known are {}",
                known.join(", ")
            )));
        };
        found.insert(number, place as u32);
    }
    Ok(found)
}

impl Failures {
    /// Times at which nodes go down and come up again: when, which, whether up. Outages of one node
    /// that overlap or follow each other at once are one: it comes up when the last of them is
    /// over.
    pub fn outages(
        &self,
        scenario: &Scenario,
        nodes: &[Arc<Node>],
    ) -> Result<Vec<(Instant, NodeId, bool)>, BuildError> {
        let mut spans: SortedMap<NodeId, Vec<(Instant, Option<Instant>)>> = SortedMap::new();
        let layout = self.known.layout(scenario, nodes);
        for (number, failure) in scenario.failures.iter().enumerate() {
            let (FailureKind::NodeOutage, Some(name)) = (failure.kind, &failure.node) else {
                continue;
            };
            let found = layout.find(&Target::Node(name.clone()));
            let found = found.map_err(|error| wrong(number, failure, error))?;
            let node = found[0];
            let down = Instant::ZERO.saturating_add(failure.at.unwrap_or_default());
            let up = failure.lasts.map(|lasts| down.saturating_add(lasts));
            spans.entry(node).or_default().push((down, up));
        }
        for (name, away) in machine_steps::steps(scenario)?.away() {
            let node = host_of_step(&layout, name)?;
            spans.entry(node).or_default().extend(away);
        }
        let mut outages = Vec::new();
        for (node, spans) in &mut spans {
            for (down, up) in united(spans) {
                outages.push((down, *node, false));
                outages.extend(up.map(|up| (up, *node, true)));
            }
        }
        Ok(outages)
    }

    /// Timelines of the failures, what nodes are exposed to that join later, and the provisions they need at
    /// start-up.
    pub fn timelines(
        &self,
        scenario: &Scenario,
        nodes: &[Arc<Node>],
    ) -> Result<(Vec<Timeline>, Exposure, Provisions), BuildError> {
        let layout = self.known.layout(scenario, nodes);
        let (mut timelines, mut provisions) = (Vec::new(), Provisions::default());
        let mut wide = Vec::new();
        for (number, failure) in scenario.failures.iter().enumerate() {
            if failure.kind == FailureKind::Stragglers {
                provisions.stragglers = Some(Stragglers {
                    share: failure.share.map_or(0.0, Share::as_f64),
                    factor: failure.factor.unwrap_or(1.0),
                });
                continue;
            }
            let kind = if let Some(log) = self.logs.get(&number) {
                Failure::Logged(log.clone())
            } else if let Some(&framework) = self.frameworks.get(&number) {
                Failure::ControlPlane(ControlPlaneFault {
                    at: failure.at.unwrap_or_default(),
                    lasts: failure.lasts,
                    fault: Fault::Framework(framework),
                })
            } else if let Some(kind) = failure_of(failure, scenario.system.has_own_loops()) {
                kind
            } else {
                continue;
            };
            provisions.loses_memory |= kind.loses_memory();
            provisions.slows_work |= kind.slows_work();
            let made = kind.timelines(&layout);
            timelines.extend(made.map_err(|error| wrong(number, failure, error))?);
            wide.push(kind);
        }
        let steps = machine_steps::steps(scenario)?.strikes(|name| {
            let node = host_of_step(&layout, name)?;
            Ok::<_, BuildError>((node, Arc::clone(&nodes[node.index()])))
        })?;
        if !steps.is_empty() {
            timelines.push(Timeline::scripted(steps));
        }
        if !self.machine_events.is_empty() {
            timelines.push(Timeline::scripted(self.machine_events.clone()));
        }
        Ok((timelines, Exposure::new(wide, &layout), provisions))
    }
}

/// The node that a step of Docker Machine names.
fn host_of_step(layout: &Layout<'_>, name: &str) -> Result<NodeId, BuildError> {
    let found = layout.find(&Target::Node(name.to_owned()));
    let found = found
        .map_err(|error| BuildError::Experiment(format!("operations: machine.node: {error}")))?;
    Ok(found[0])
}

/// Returns the problems of a failure: said of the field that names whom it strikes.
fn wrong(number: usize, failure: &Written, error: impl std::fmt::Display) -> BuildError {
    let field = match failure {
        Written { node: Some(_), .. } => ".node",
        Written { zone: Some(_), .. } => ".zone",
        Written {
            domain: Some(_), ..
        } => ".domain",
        Written { each: Some(_), .. } => ".each",
        Written { burst: Some(_), .. } => ".burst.within",
        _ => "",
    };
    BuildError::Experiment(format!("failures[{number}]{field}: {error}"))
}

/// Time for which a leader's lease is held after it crashed, and for which a request is waited for,
/// unless stated (the defaults of Kubernetes).
const LEASE: Duration = Duration::from_secs(15);
const TIMEOUT: Duration = Duration::from_secs(30);

/// Time of an election, unless stated: a candidate looks every 2 s.
const ELECTION: &str = "uniform(0s, 2s)";

/// A failure as the simulator has it; `None` of those that are outages of one node. What a kind
/// needs was checked before.
#[expect(clippy::too_many_lines, reason = "one row for each kind of failure")]
fn failure_of(failure: &Written, has_managers: bool) -> Option<Failure> {
    let (at, lasts) = (failure.at.unwrap_or_default(), failure.lasts);
    let outage = |trouble| {
        Failure::Outage(Outage {
            target: target(failure),
            trouble,
            at,
            lasts,
        })
    };
    let again = |trouble| {
        Some(Failure::NodeCrash(NodeCrash {
            target: target(failure),
            trouble,
            between: failure.mtbf.clone()?,
            repair: failure.repair.clone()?,
            burst: failure.burst.as_ref().map(burst),
        }))
    };
    let fault = |fault| Failure::ControlPlane(ControlPlaneFault { at, lasts, fault });
    let part = part(failure.component.unwrap_or_default());
    Some(match failure.kind {
        FailureKind::NodeOutage
        | FailureKind::FailureLog
        | FailureKind::DiskLoss
        | FailureKind::DataCorruption
        | FailureKind::FrameworkOutage
        | FailureKind::Stragglers => return None,
        FailureKind::ZoneOutage => outage(Trouble::Crash),
        FailureKind::Partition => outage(Trouble::Partition),
        FailureKind::DiskFull => outage(Trouble::DiskFull),
        FailureKind::RuntimeOutage => outage(Trouble::Runtime),
        FailureKind::SlowNode => {
            let trouble = Trouble::Slow(Pace::of(failure.factor?));
            match failure.at {
                Some(_) => outage(trouble),
                None => again(trouble)?,
            }
        }
        FailureKind::NodeCrash => again(Trouble::Crash)?,
        FailureKind::DomainOutage => Failure::DomainOutage(DomainOutage {
            target: target(failure),
            between: failure.mtbf.clone()?,
            repair: failure.repair.clone()?,
        }),
        FailureKind::Flapping => Failure::Flapping(Flapping {
            target: target(failure),
            at,
            lasts,
            every: failure.every?,
            down: failure.down?,
        }),
        FailureKind::Maintenance => Failure::Maintenance(Maintenance {
            target: target(failure),
            at,
            lasts: lasts?,
            notice: failure.notice.unwrap_or_default(),
        }),
        FailureKind::Spot => Failure::Spot(Spot {
            target: target(failure),
            kept: match failure.per_month {
                Some(share) => kept_by_month(share.as_f64())?,
                None => failure.mtbf.clone()?,
            },
            notice: failure.notice?,
            replaced: failure.repair.clone()?,
            share: failure.share.map_or(1.0, Share::as_f64),
        }),
        FailureKind::RegistryOutage => Failure::Registry(RegistryOutage { at, lasts }),
        FailureKind::CorruptedImage => Failure::Image(CorruptedImage {
            image: failure.image.as_deref()?.into(),
            at,
            lasts,
        }),
        FailureKind::ControlPlaneOutage => fault(Fault::Outage),
        FailureKind::ManagerLoss if has_managers => fault(Fault::Managers(failure.managers?)),
        // A control plane of three, whose store votes: one away is the leader, two are the majority.
        FailureKind::ManagerLoss if failure.managers? > 1 => fault(Fault::Outage),
        FailureKind::ManagerLoss => Failure::LeaderFailover(LeaderFailover {
            part,
            when: Crashes::At(at),
            lease: LEASE,
            election: ELECTION.parse().ok()?,
        }),
        FailureKind::DiscoveryOutage => fault(Fault::Discovery),
        FailureKind::WatchDelay => fault(Fault::Sight(part, ViewFault::Late(failure.delay?))),
        FailureKind::StaleCache => fault(Fault::Sight(part, ViewFault::Stale)),
        FailureKind::RefusedBinds => fault(Fault::Binds(binds(failure, None)?)),
        FailureKind::LostBinds => {
            let timeout = failure.timeout.unwrap_or(TIMEOUT);
            fault(Fault::Binds(binds(failure, Some(timeout))?))
        }
        FailureKind::SlowApi => {
            let rate = failure.requests_per_second;
            let each = rate.and_then(|rate| Duration::checked_from_secs_f64(1.0 / rate));
            // As many as the controllers' own clients: 30 at 20 a second.
            let burst = rate.map_or(1.0, |rate| (1.5 * rate).max(1.0));
            fault(Fault::Api(
                part,
                ApiLimit {
                    delay: failure.delay.unwrap_or_default(),
                    per_request: each.unwrap_or_default(),
                    burst: burst as u32,
                },
            ))
        }
        FailureKind::LeaderFailover => Failure::LeaderFailover(LeaderFailover {
            part,
            when: match (&failure.mtbf, failure.at) {
                (Some(between), _) => Crashes::Every(between.clone()),
                (None, at) => Crashes::At(at?),
            },
            lease: failure.lease.unwrap_or(LEASE),
            election: match &failure.election {
                Some(law) => law.clone(),
                None => ELECTION.parse().ok()?,
            },
        }),
    })
}

/// Target of a failure.
fn target(failure: &Written) -> Target {
    let domain = failure.domain.iter().flatten().next();
    match (&failure.node, &failure.zone, domain, &failure.each) {
        (Some(node), ..) => Target::Node(node.clone()),
        (_, Some(zone), ..) => Target::Zone(zone.clone()),
        (_, _, Some((key, value)), _) => Target::Label(key.clone(), value.clone()),
        (.., Some(label)) => Target::Each(label.clone()),
        _ => Target::All,
    }
}

fn burst(written: &schema::Burst) -> Burst {
    Burst {
        probability: written.probability.as_f64(),
        more: written.more.as_f64(),
        within: written.within.clone(),
        share: written.share.as_f64(),
        spread: written.spread,
    }
}

fn binds(failure: &Written, timeout: Option<Duration>) -> Option<BindFault> {
    let share = failure.probability?.as_f64();
    Some(BindFault {
        millionths: (share * 1e6) as u32,
        timeout,
    })
}

/// The spans as few that don't touch each other; one without an end goes on for good.
fn united(spans: &mut [(Instant, Option<Instant>)]) -> Vec<(Instant, Option<Instant>)> {
    spans.sort_unstable_by_key(|&(down, _)| down);
    let mut united: Vec<(Instant, Option<Instant>)> = Vec::new();
    for &mut (down, up) in spans {
        match united.last_mut() {
            Some((_, last)) if last.is_none_or(|last| down <= last) => {
                *last = last.zip(up).map(|(last, up)| last.max(up));
            }
            _ => united.push((down, up)),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_that_overlap_are_one() {
        let secs = Instant::from_secs;
        let span = |(down, up): (i64, i64)| (secs(down), (up > 0).then(|| secs(up)));
        for (given, expected) in [
            (&[(1, 2), (4, 5)][..], &[(1, 2), (4, 5)][..]),
            (&[(4, 5), (1, 2)], &[(1, 2), (4, 5)]),
            (&[(1, 3), (2, 9)], &[(1, 9)]),
            (&[(1, 9), (2, 3), (9, 10)], &[(1, 10)]),
            // One that is for good outlasts the others.
            (&[(1, 3), (2, 0), (5, 6)], &[(1, 0)]),
            (&[], &[]),
        ] {
            let mut spans: Vec<_> = given.iter().copied().map(span).collect();
            let expected: Vec<_> = expected.iter().copied().map(span).collect();
            assert_eq!(united(&mut spans), expected, "{given:?}");
        }
    }
}
