//! A batch queue system: one planner of rigid jobs under an order and a backfilling rule.
//!
//! A planner that takes the shortest job first, as a caller builds it from the registry:
//!
//! ```
//! use systems::batch::BatchOptions;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(BatchOptions {
//!         order: "sjf".to_owned(),
//!         backfill: "greedy-once".to_owned(),
//!         ..BatchOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("batch")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "batch");
//! # Ok::<(), systems::SystemError>(())
//! ```

pub mod slurm;

use control::{Component, Stepping};
use policy::backfill::shutdown::{INERTIAL, OPPORTUNISTIC, ShutdownOptions};
use policy::backfill::{BACKFILLS, RuleKind, RuleOptions, backfill};
use policy::job_order::{JOB_ORDERS, OrderOptions, job_order};
use scheduler::BatchPlanner;
use scheduler::batch::{AdvanceReservation, JobOrder, Partition, PassPlanner};
use scheduler::external::ExternalJobOrder;
use scheduler::pipeline::evaluate::Form;

use super::capability::{Capabilities, rows};
use super::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};
use super::jobs_alone;
use super::parts::time_limits::TimeLimits;
use super::plain_agent::PlainAgent;
use units::Duration;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "batch",
    summary: "A queue system that plans rigid jobs over several nodes, all or nothing.",
    source: "the simulator of the RLScheduler study (SC'20), EASY and conservative backfilling (Batsim), Slurm's priority",
    scheduler: SchedulerKind::Planner,
    workloads: RunsWorkloads::Never,
    facts: &[SystemFact::HasPlainForm],
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const ALIKE: &str = "nodes with room are interchangeable";

const CAPABILITIES: Capabilities = &jobs_alone::capabilities(&rows! {
    Requests | ExtendedResources: Yes("reserved"),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms:
        Yes("excluded nodes have no room"),
    PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired: Without(ALIKE),
    Taints: Yes("nodes with untolerated taints are excluded"),
    PodSlots: Yes("as many as the node has slots"),
    HostPorts | Volumes: Without(ALIKE),
    DeviceClaims: Without("devices are not allotted"),
    Priority: Without("the job order decides; no preemption"),
    Gangs | UnlikeGangs: Yes("all members of a job start together"),
    SchedulingGates: Without("jobs are planned without delay"),
    SeveralContainers: Yes("they share the job's node"),
    HealthChecks: Without("not read; what runs is healthy"),
    ReadinessProbes: Without("a job is ready once it runs"),
    DisruptionBudget: Without("jobs are never evicted"),
    Service: Without("jobs have no clients"),
    Placement: Yes("jobs in queue order; later jobs start earlier only by backfilling"),
    LostNode: Yes("lost, or resubmitted by `models.nodeLoss`"),
    ControlPlaneLoss: Yes("running jobs continue, none starts"),
});

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options: BatchOptions = request.options.of();
    let Planner {
        component,
        stepping,
    } = match &request.external {
        Some(own) => {
            let order = ExternalJobOrder::new(own.exchange.clone(), request.setup.seed);
            planner_of(Box::new(order), &options, request.form)?
        }
        None => planner(&options, request.form)?,
    };
    let agent = match options.kill_wait {
        Some(wait) => PlainAgent::new(TimeLimits::Enforced).with_kill_wait(wait),
        None => PlainAgent::new(request.time_limits),
    };
    Ok(jobs_alone::parts_with(agent, vec![component], stepping))
}

/// Policies of a batch system, by their names in the registries.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchOptions {
    /// Order in which jobs are chosen: a name of [`JOB_ORDERS`].
    pub order: String,
    /// Backfilling rule: a name of [`BACKFILLS`].
    pub backfill: String,
    /// Options of the order.
    pub orders: OrderOptions,
    /// Options of the rule.
    pub rules: RuleOptions,
    /// Partitions that jobs name; empty where there are none. Rules that decide once an instant alone
    /// heed them.
    pub partitions: Vec<Partition>,
    /// Advance reservations of nodes, which rules that decide once an instant and switch no hosts heed.
    pub reservations: Vec<AdvanceReservation>,
    /// Time from a job's time limit, at which it is told to end, until it is killed; `None` where jobs run
    /// on until they end by themselves.
    pub kill_wait: Option<Duration>,
}

impl Default for BatchOptions {
    /// First come, first served, without backfilling.
    fn default() -> Self {
        Self {
            order: "fcfs".to_owned(),
            backfill: "none".to_owned(),
            orders: OrderOptions::default(),
            rules: RuleOptions::default(),
            partitions: Vec::new(),
            reservations: Vec::new(),
            kill_wait: None,
        }
    }
}

impl BatchOptions {
    /// Takes the options of the rules that switch hosts off and on.
    ///
    /// # Errors
    /// The rule that is chosen switches none.
    pub fn set_shutdown(&mut self, stated: ShutdownOptions) -> Result<(), String> {
        if ![INERTIAL.name, OPPORTUNISTIC.name].contains(&self.backfill.as_str()) {
            return Err(
                "shutdown: these options belong to the rules that switch hosts off and on; write \
                 `backfill: inertial-shutdown` or `backfill: opportunistic-shutdown`, or leave them out"
                    .to_owned(),
            );
        }
        self.rules.shutdown = stated;
        Ok(())
    }
}

/// The planner of a batch system, with the moments at which it decides.
pub struct Planner {
    /// The planner.
    pub component: Box<dyn Component>,
    /// After every single event, or once an instant.
    pub stepping: Stepping,
}

/// The planner of a batch system; both forms decide alike.
///
/// # Errors
/// A name is in no registry.
pub fn planner(options: &BatchOptions, form: Form) -> Result<Planner, SystemError> {
    let order = job_order(&options.order).ok_or_else(|| SystemError::UnknownOption {
        registry: "job order",
        name: options.order.clone(),
        known: listed(JOB_ORDERS.iter().map(|entry| entry.name)),
    })?;
    planner_of((order.build)(&options.orders), options, form)
}

/// The planner of a batch system with an order of its own.
fn planner_of(
    order: Box<dyn JobOrder>,
    options: &BatchOptions,
    form: Form,
) -> Result<Planner, SystemError> {
    let rule = backfill(&options.backfill).ok_or_else(|| SystemError::UnknownOption {
        registry: "backfilling rule",
        name: options.backfill.clone(),
        known: listed(BACKFILLS.iter().map(|entry| entry.name)),
    })?;
    if order.needs_passes() && matches!(rule.rule, RuleKind::Events(_)) {
        return Err(SystemError::NeedsPasses {
            order: options.order.clone(),
            rule: options.backfill.clone(),
        });
    }
    Ok(match rule.rule {
        RuleKind::Events(build) => Planner {
            component: Box::new(BatchPlanner::new(order, build())),
            stepping: Stepping::PerEvent,
        },
        RuleKind::Passes(build) => Planner {
            component: Box::new(
                PassPlanner::new(order, build(form, &options.rules))
                    .in_partitions(options.partitions.clone())
                    .with_reservations(options.reservations.clone()),
            ),
            stepping: Stepping::PerInstant,
        },
        RuleKind::Switches(build) => Planner {
            component: Box::new(PassPlanner::new(order, build(&options.rules))),
            stepping: Stepping::PerInstant,
        },
    })
}

fn listed(names: impl Iterator<Item = &'static str>) -> String {
    names
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_registries_compose_and_others_are_told_what_there_is() {
        let plan = |order: &str, backfill: &str| {
            let options = BatchOptions {
                order: order.to_owned(),
                backfill: backfill.to_owned(),
                ..BatchOptions::default()
            };
            planner(&options, Form::Incremental).map(|planner| planner.stepping)
        };
        assert_eq!(plan("fcfs", "none"), Ok(Stepping::PerEvent));
        assert_eq!(plan("sjf", "easy"), Ok(Stepping::PerInstant));
        let error = plan("lifo", "none").expect_err("no such order");
        assert!(
            error
                .to_string()
                .starts_with("unknown job order `lifo`, expected one of `fcfs`")
        );
        assert!(plan("fcfs", "all").is_err());
        let error = plan("slurm", "none").expect_err("use is told once a pass");
        assert!(error.to_string().contains("write `backfill: easy`"));
    }
}
