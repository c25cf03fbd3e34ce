//! Parts of a Mesos cluster; the defaults are the originals' (spec: orchestrators-b.md sections 1
//! to 4).

use crate::parts::delay::Growth;
use model::{Object, Text};
use units::{Duration, Instant, SortedMap};

use super::batch::DelayOptions;
use super::chronos::job::JobOptions;
use super::drf_tasks::Blocked;
use super::fast::Walk;
use super::fast::refusals::DEFAULT_REFUSAL;
use super::fast::tree::Order;
use super::marathon::backoff::DEFAULT_GROWTH;
use super::marathon::constraint::Constraint;
use super::marathon::gpu::GpuScheduling;
use super::marathon::scale_down::KillSelection;
use super::marathon::unreachable::UnreachableStrategy;
use super::marathon::{
    DECLINE_DURATION, LAUNCH_TOKEN_REFRESH, LAUNCH_TOKENS, MAX_INSTANCES_PER_OFFER,
    MIN_REVIVE_INTERVAL,
};
use super::observer::ObserverOptions;

/// Time for which the tasks of Marathon and Chronos outlive their framework (`failover_timeout`).
pub const FAILOVER_TIMEOUT: Duration = Duration::from_secs(604_800);

/// Options of a master, its agents and its frameworks.
#[derive(Clone, Debug)]
pub struct MesosOptions {
    /// Whether pods are placed by dominant-resource fairness task by task, without offers.
    pub strategy: Strategy,
    /// Weights of the tenants by number, task by task; 1 beyond them.
    pub tenant_weights: Vec<f64>,
    /// Allocation of resources by offers.
    pub allocation: Allocation,
    /// Observation of agents.
    pub observer: ObserverOptions,
    /// Agents that register with a new master do so within this span, each at a random moment of
    /// it (`registration_backoff_factor`).
    pub registration_backoff: Duration,
    /// Number of masters.
    pub masters: usize,
    /// The frameworks, in the order of their subscription.
    pub frameworks: Vec<FrameworkOptions>,
    /// Rule by which pods without a workload are dealt to batch frameworks.
    pub deal: Deal,
    /// Reservations for a role on agents with given labels.
    pub reservations: Vec<Reservation>,
    /// Allocated but unused resources that agents offer again; `None` disables it.
    pub oversubscription: Option<Oversubscription>,
    /// Seed of what is drawn.
    pub seed: u64,
    /// Place of the master among other schedulers; `None` has the cluster to itself.
    pub place: Option<MasterPlace>,
}

/// Place of a master among other schedulers of a cluster, whose kubelets run its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterPlace {
    /// Name by which pods choose the master (`spec.schedulerName`).
    pub name: Text,
    /// Number of the schedulers, the master included.
    pub schedulers: u32,
    /// Delay with which it sees changes, in addition to that of all components.
    pub watch_delay: Duration,
    /// Time that it takes to decide on a pod, in addition to that of all components.
    pub decision_time: Duration,
}

/// Oversubscription of agents: revocable resources (`Resource estimator`, `QoS controller`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oversubscription {
    /// Between two reports of agents (`oversubscribed_resources_interval`).
    pub interval: Duration,
    /// Amount that an agent offers; without it, the share of what its regular tasks have and do not
    /// use.
    pub fixed: Option<Amount>,
    /// Share of the unused resources that is offered.
    pub slack_share: f64,
    /// Revocable tasks are killed on an agent whose tasks want more than this share of its cores.
    pub correct_above: Option<f64>,
    /// Between two corrections of an agent at least (`qos_correction_interval_min`).
    pub correction_interval: Duration,
}

/// Strategy that brings tasks to agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// By offers to frameworks.
    #[default]
    Offers,
    /// Task by task, tenants as users; what follows when a user's next task has no room.
    DrfTasks(Blocked),
}

/// Rule by which pods are dealt to batch frameworks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deal {
    /// The pods of a tenant to one framework, tenants in turn.
    #[default]
    Tenant,
    /// The pods of a job to one framework, jobs in turn.
    Job,
}

/// Allocation of resources by offers.
#[derive(Clone, Debug)]
pub struct Allocation {
    /// Between two runs over all agents (`allocation_interval`).
    pub interval: Duration,
    /// Order in which roles and frameworks are served.
    pub order: Order,
    /// Order in which agents are walked.
    pub walk: Walk,
    /// Least amounts, one of which has to be free: milli-cores, and bytes.
    pub min_allocatable: (i64, i64),
    /// Whether agents with GPUs are kept for frameworks that can use them.
    pub filter_gpu_resources: bool,
    /// Names of resources that do not count for fairness.
    pub excluded: Vec<Text>,
    /// Time after which an offer that has no answer is taken back; `None` is never.
    pub offer_timeout: Option<Duration>,
    /// Weights by role, above 0.
    pub weights: SortedMap<Text, f64>,
    /// Quotas by top-level role.
    pub quotas: SortedMap<Text, RoleQuota>,
}

/// A quota in milli-cores, bytes and devices; what is left out is not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleQuota {
    /// Guaranteed amount.
    pub guarantee: Amount,
    /// Limit of the amount.
    pub limit: Amount,
}

/// Amounts, as far as they are stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Milli-cores.
    pub cpu_milli: Option<i64>,
    /// Bytes.
    pub memory_bytes: Option<i64>,
    /// Devices.
    pub gpus: Option<i64>,
}

/// A reservation on agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Role of the reservation.
    pub role: Text,
    /// Labels that mark the agents: each has all of them.
    pub labels: SortedMap<Text, Text>,
    /// Amount on each; what is left out is not reserved.
    pub amount: Amount,
    /// Whether all of the agent is reserved.
    pub is_all: bool,
}

/// A framework.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each holds by itself")]
pub struct FrameworkOptions {
    /// The framework's name.
    pub name: Text,
    /// The framework's roles.
    pub roles: Vec<Text>,
    /// Namespaces whose objects it takes; empty is all that nobody before it takes.
    pub namespaces: Vec<Text>,
    /// Time for which the framework declines what it does not need.
    pub refusal: Duration,
    /// Between two revivals of offers at least.
    pub revive_interval: Duration,
    /// Time from an offer to its answer.
    pub offer_delay: Duration,
    /// Time for which the framework's tasks outlive its absence.
    pub failover_timeout: Duration,
    /// `true` if the framework gives offers up while it has nothing to launch.
    pub suppresses: bool,
    /// `true` if the framework can use GPUs.
    pub gpu_resources: bool,
    /// `true` if the framework takes resources that may be taken back (`REVOCABLE_RESOURCES`).
    pub revocable_resources: bool,
    /// `true` if the framework knows of partitions: its tasks on lost agents may come back.
    pub is_partition_aware: bool,
    /// Kind of the framework.
    pub kind: FrameworkKind,
}

/// Kind of a framework.
#[derive(Clone, Debug)]
pub enum FrameworkKind {
    /// Runs the pods of traces, those of manifests without a workload, and jobs.
    Batch(BatchFramework),
    /// Keeps services.
    Marathon(Box<MarathonFramework>),
    /// Runs jobs by the clock, and after one another.
    Chronos(ChronosFramework),
}

/// Options of a batch framework.
#[derive(Clone, Copy, Debug)]
pub struct BatchFramework {
    /// Time for which jobs wait for agents with their data.
    pub delay: DelayOptions,
    /// Number of agents, drawn at random, that have the data of a job; 0 is every agent.
    pub data_replicas: u32,
    /// Number of waiting groups of equal tasks that are tried on an offer.
    pub lookahead: usize,
}

/// Options of Marathon.
#[derive(Clone, Debug)]
pub struct MarathonFramework {
    /// Constraints by application, each over a field of the agent.
    pub constraints: SortedMap<Text, Vec<(Text, Constraint)>>,
    /// Whether `GROUP_BY` is that of the sources since October 2020.
    pub has_even_groups: bool,
    /// A label of agents on which only applications launch whose node selector has it.
    pub kept_label: Option<(Text, Text)>,
    /// The delay of launches after failures.
    pub backoff: Growth,
    /// Use of agents with free GPUs by applications without GPUs.
    pub gpu_scheduling: GpuScheduling,
    /// Strategy for instances on lost agents.
    pub unreachable: UnreachableStrategy,
    /// Whether changes replace a deployment that is under way, as with `?force=true`; else they are refused.
    pub forces: bool,
    /// Order in which instances die when there are too many.
    pub kill_selection: KillSelection,
    /// Launches out of one offer at most.
    pub instances_per_offer: u32,
    /// Launches in one refresh at most; `None` is without limit.
    pub launch_tokens: Option<u32>,
    /// Time between two grants of launch tokens.
    pub token_refresh: Duration,
    /// Share that stays healthy in upgrades, and the share by which there may be more; `None` is as
    /// the workload states it.
    pub upgrade: Option<(f64, f64)>,
}

/// Options of Chronos.
#[derive(Clone, Debug, Default)]
pub struct ChronosFramework {
    /// Options of jobs, by name; other jobs have the defaults.
    pub jobs: SortedMap<Text, ChronosJob>,
    /// Options of jobs that are not named.
    pub defaults: JobOptions,
    /// The date of the run's zero, in seconds since 1970-01-01T00:00:00Z.
    pub zero_unix_secs: i64,
}

/// Settings of a Chronos job.
#[derive(Clone, Debug, Default)]
pub struct ChronosJob {
    /// The chronos job's schedule `R[n]/start/period`; `None` is as the workload states it.
    pub schedule: Option<Text>,
    /// The jobs after which it runs.
    pub parents: Vec<Text>,
    /// `true` if the job's failure counts like its end for jobs that wait for it.
    pub soft_error: bool,
    /// Options of the job's runs.
    pub options: JobOptions,
}

impl Default for Allocation {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            order: Order::default(),
            walk: Walk::default(),
            min_allocatable: (10, 32 << 20),
            filter_gpu_resources: true,
            excluded: Vec::new(),
            offer_timeout: None,
            weights: SortedMap::new(),
            quotas: SortedMap::new(),
        }
    }
}

impl Default for BatchFramework {
    fn default() -> Self {
        Self {
            delay: DelayOptions {
                agent_wait: Duration::from_secs(3),
                rack_wait: Duration::from_secs(3),
            },
            data_replicas: 0,
            lookahead: 1_000,
        }
    }
}

impl Default for MarathonFramework {
    fn default() -> Self {
        Self {
            constraints: SortedMap::new(),
            has_even_groups: false,
            kept_label: None,
            backoff: DEFAULT_GROWTH,
            gpu_scheduling: GpuScheduling::default(),
            unreachable: UnreachableStrategy::default(),
            forces: true,
            kill_selection: KillSelection::default(),
            instances_per_offer: MAX_INSTANCES_PER_OFFER,
            launch_tokens: Some(LAUNCH_TOKENS),
            token_refresh: LAUNCH_TOKEN_REFRESH,
            upgrade: None,
        }
    }
}

impl FrameworkOptions {
    /// Whether the framework has a namespace among those that it takes.
    pub fn names(&self, namespace: &str) -> bool {
        self.namespaces.iter().any(|own| **own == *namespace)
    }

    /// Instant at which the framework repeats a revival of now: Marathon does at the second tick of its
    /// interval from now on (`ReviveOffersStreamLogic.scala`).
    pub(in crate::mesos) fn repetition(&self, now: Instant) -> Option<Instant> {
        if !matches!(self.kind, FrameworkKind::Marathon(_)) {
            return None;
        }
        let interval = self.revive_interval.as_nanos().max(1);
        let ticks = now.as_nanos().div_euclid(interval).saturating_add(2);
        Some(Instant::from_nanos(ticks.saturating_mul(interval)))
    }

    /// A framework in the role `*` with the original's defaults for its kind.
    pub fn new(name: &str, kind: FrameworkKind) -> Self {
        let (refusal, revive_interval) = match &kind {
            FrameworkKind::Marathon(_) => (DECLINE_DURATION, MIN_REVIVE_INTERVAL),
            FrameworkKind::Batch(_) | FrameworkKind::Chronos(_) => {
                (DEFAULT_REFUSAL, Duration::from_secs(1))
            }
        };
        let is_partition_aware = matches!(kind, FrameworkKind::Marathon(_));
        // Marathon has the capability with `--enable_features gpu_resources` only.
        let gpu_resources = matches!(kind, FrameworkKind::Batch(_));
        let failover_timeout = match kind {
            FrameworkKind::Batch(_) => Duration::ZERO,
            FrameworkKind::Marathon(_) | FrameworkKind::Chronos(_) => FAILOVER_TIMEOUT,
        };
        Self {
            name: name.into(),
            roles: vec!["*".into()],
            namespaces: Vec::new(),
            refusal,
            revive_interval,
            offer_delay: Duration::ZERO,
            failover_timeout,
            suppresses: true,
            gpu_resources,
            revocable_resources: false,
            is_partition_aware,
            kind,
        }
    }

    /// Marathon, Chronos and a batch framework.
    pub fn usual() -> Vec<Self> {
        vec![
            Self::new("marathon", FrameworkKind::Marathon(Box::default())),
            Self::new(
                "chronos",
                FrameworkKind::Chronos(ChronosFramework::default()),
            ),
            Self::new("batch", FrameworkKind::Batch(BatchFramework::default())),
        ]
    }
}

impl MesosOptions {
    /// Whether some framework of Mesos takes objects of this kind.
    pub fn has_kind(object: &Object) -> bool {
        is_service(object).is_some()
    }

    /// The framework that takes an object: services go to Marathon, jobs to Chronos.
    pub fn taker(&self, object: &Object) -> Option<usize> {
        let is_service = is_service(object)?;
        self.frameworks.iter().position(|own| {
            let fits = match own.kind {
                FrameworkKind::Marathon(_) => is_service,
                FrameworkKind::Chronos(_) => !is_service,
                FrameworkKind::Batch(_) => false,
            };
            fits && (own.namespaces.is_empty() || own.names(object.namespace()))
        })
    }

    /// The batch frameworks that take the pods of a namespace: those that name it, and those that name
    /// none and come after no other that names it.
    pub fn dealt(&self, namespace: &str) -> Vec<usize> {
        let mut is_named = false;
        let mut all = Vec::new();
        for (place, own) in self.frameworks.iter().enumerate() {
            if !matches!(own.kind, FrameworkKind::Batch(_)) {
                continue;
            }
            let names = own.names(namespace);
            if names || (own.namespaces.is_empty() && !is_named) {
                all.push(place);
            }
            is_named |= names;
        }
        all
    }
}

/// Whether Mesos has a framework for an object's kind: one of services, or of jobs.
fn is_service(object: &Object) -> Option<bool> {
    match object {
        Object::Deployment(_)
        | Object::ReplicaSet(_)
        | Object::ReplicationController(_)
        | Object::StatefulSet(_) => Some(true),
        Object::Job(_) | Object::CronJob(_) => Some(false),
        _ => None,
    }
}

impl Default for MesosOptions {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            tenant_weights: Vec::new(),
            allocation: Allocation::default(),
            observer: ObserverOptions::default(),
            registration_backoff: Duration::from_secs(1),
            masters: 3,
            frameworks: FrameworkOptions::usual(),
            deal: Deal::default(),
            reservations: Vec::new(),
            oversubscription: None,
            seed: 0,
            place: None,
        }
    }
}
