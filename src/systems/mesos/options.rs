//! Parts of a Mesos cluster; the defaults are the originals' (spec: orchestrators-b.md sections 1
//! to 4).

use model::{Object, Text};
use units::{Duration, Instant};

use super::batch::MesosBatch;
use super::chronos::section::ChronosFramework;
use super::fast::refusals::DEFAULT_REFUSAL;
use super::marathon::section::MarathonFramework;
use super::marathon::{DECLINE_DURATION, MIN_REVIVE_INTERVAL};
use super::observer::ObserverOptions;
use super::section::Mesos;

/// Time for which the tasks of Marathon and Chronos outlive their framework (`failover_timeout`).
pub const FAILOVER_TIMEOUT: Duration = Duration::from_secs(604_800);

/// Master, its agents and its frameworks.
#[derive(Clone, Debug)]
pub struct MesosOptions {
    /// Options as stated.
    pub stated: Mesos,
    /// Observation of agents.
    pub observer: ObserverOptions,
    /// Frameworks, in the order of their subscription.
    pub frameworks: Vec<FrameworkOptions>,
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
    Batch(MesosBatch),
    /// Keeps services.
    Marathon(Box<MarathonFramework>),
    /// Runs jobs by the clock, and after one another.
    Chronos(ChronosFramework),
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
            Self::new("batch", FrameworkKind::Batch(MesosBatch::default())),
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
            stated: Mesos::default(),
            observer: ObserverOptions::default(),
            frameworks: FrameworkOptions::usual(),
            seed: 0,
            place: None,
        }
    }
}
