//! Drain of a node: the pods that can go elsewhere, those that stay in the way, and the part of the
//! node that is used (spec: kubernetes.md 3.3; the original's `simulator/drainability` and
//! `utilization`).

use model::Text;
use units::{Duration, SortedSet};

/// Age up to which a `kube-system` pod without a budget keeps its node.
const SYSTEM_POD_TIMEOUT: Duration = Duration::from_secs(3600);
/// Time after its grace period from which a pod that is being deleted counts as gone.
const LONG_TERMINATING: Duration = Duration::from_secs(30);
/// The namespace whose pods are kept.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// A pod on a node, as scale-down sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePod {
    /// The pod's name.
    pub name: Text,
    /// The pod's namespace.
    pub namespace: Text,
    /// Controller of the pod.
    pub controller: PodController,
    /// The pod's lifecycle.
    pub end: PodEnd,
    /// Time since the pod was created.
    pub age: Duration,
    /// Time since its deletion time, which holds the grace period already, and the grace period;
    /// `None` if the pod is not being deleted.
    pub deletion: Option<(Duration, Duration)>,
    /// The pod's annotation `safe-to-evict`.
    pub safe_to_evict: Option<SafeToEvict>,
    /// The pod's volumes on the node's disk, by name, that its annotation does not give up.
    pub local_volumes: SortedSet<Text>,
    /// The budgets that count it, by their place in [`Budgets`].
    pub budgets: Vec<usize>,
    /// Resources that the pod requests.
    pub requests: NodeAmounts,
}

impl NodePod {
    /// Whether what becomes of it may change with time alone.
    pub fn changes_by_itself(&self) -> bool {
        self.deletion.is_some() || *self.namespace == *SYSTEM_NAMESPACE
    }
}

/// Controller of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodController {
    /// Nothing.
    None,
    /// The node itself (a mirror of a static pod).
    Mirror,
    /// A daemon set.
    DaemonSet,
    /// A replica set, replication controller, job or stateful set.
    Replicating,
    /// One of those that isn't there.
    Missing,
    /// Anything else.
    Other,
}

/// Progress of a pod towards its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodEnd {
    /// It is to run on.
    Running,
    /// It ended and will not be restarted.
    Finished,
}

/// The values of the annotation `safe-to-evict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SafeToEvict {
    /// It can be evicted whatever else holds.
    Yes,
    /// It can't.
    No,
    /// The drain waits for the pod's end.
    OnCompletion,
}

/// Amounts of a node or a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeAmounts {
    /// Milli-cores.
    pub cpu_milli: i64,
    /// Bytes.
    pub memory_bytes: i64,
    /// GPU devices.
    pub gpus: i64,
}

/// Reason that blocks a node from removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockingReason {
    /// A pod's controller isn't there.
    ControllerNotFound,
    /// A pod would not come back.
    NotReplicated,
    /// A pod of the system without a budget.
    UnmovableKubeSystemPod,
    /// A pod's annotation says so.
    NotSafeToEvictAnnotation,
    /// A pod's data is on the node's disk.
    LocalStorageRequested,
    /// A budget has no disruption left.
    NotEnoughPdb,
}

impl BlockingReason {
    /// The blocked class's name in the original.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ControllerNotFound => "ControllerNotFound",
            Self::NotReplicated => "NotReplicated",
            Self::UnmovableKubeSystemPod => "UnmovableKubeSystemPod",
            Self::NotSafeToEvictAnnotation => "NotSafeToEvictAnnotation",
            Self::LocalStorageRequested => "LocalStorageRequested",
            Self::NotEnoughPdb => "NotEnoughPdb",
        }
    }
}

/// Decision about a pod when its node is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It goes with the node.
    Skip,
    /// It is evicted.
    Move,
    /// It is a daemon.
    Daemon,
    /// The drain waits for the pod's end.
    Wait,
    /// It keeps the node.
    Block(BlockingReason),
}

/// Disruptions that budgets allow, counted down while nodes are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Disruptions allowed, by budget.
    pub allowed: Vec<i64>,
}

impl Budgets {
    /// Whether pods could all go, whether at once, and the pod that is in the way.
    pub fn check<'a>(&self, pods: &[&'a NodePod]) -> BudgetCheck<'a> {
        let mut check = BudgetCheck {
            allows: true,
            in_parallel: true,
            blocking: None,
        };
        for (budget, &allowed) in self.allowed.iter().enumerate() {
            let counted = pods.iter().filter(|pod| pod.budgets.contains(&budget));
            for (before, pod) in counted.enumerate() {
                if allowed < 1 {
                    return BudgetCheck {
                        allows: false,
                        in_parallel: false,
                        blocking: Some(pod),
                    };
                }
                if allowed <= before as i64 {
                    check.in_parallel = false;
                    check.blocking = Some(pod);
                }
            }
        }
        check
    }

    /// Counts pods that go.
    pub fn take(&mut self, pods: &[&NodePod]) {
        for budget in pods.iter().flat_map(|pod| &pod.budgets) {
            if let Some(allowed) = self.allowed.get_mut(*budget) {
                *allowed -= 1;
            }
        }
    }

    fn is_used_up(&self, budget: usize) -> bool {
        self.allowed.get(budget).is_some_and(|&allowed| allowed < 1)
    }
}

/// Verdict of the budgets on a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetCheck<'a> {
    /// Whether every budget allows one of the pods to go.
    pub allows: bool,
    /// Whether they allow all to go at once.
    pub in_parallel: bool,
    /// The last pod that is in the way.
    pub blocking: Option<&'a NodePod>,
}

/// Effects of a drain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drain<'a> {
    /// Pods that go elsewhere.
    pub moved: Vec<&'a NodePod>,
    /// Pods of daemon sets.
    pub daemons: Vec<&'a NodePod>,
    /// Pods whose end is waited for.
    pub awaited: Vec<&'a NodePod>,
}

/// Rules that are left out.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each rule of the original is left out for itself"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainExemptions {
    /// `true` if pods whose controller isn't there do not keep it: where no controllers run at all.
    pub missing_controllers: bool,
    /// `true` if pods with data on the node's disk do not keep it.
    pub local_storage: bool,
    /// `true` if pods of `kube-system` without a budget do not keep it.
    pub system_pods: bool,
    /// `true` if such a pod keeps its node at any age, as up to 1.32.
    pub system_pod_timeout: bool,
}

/// Simulates a drain by all rules; returns its effects, or the first pod that keeps the node, with
/// the reason.
pub fn drain<'a>(
    pods: &'a [NodePod],
    budgets: &Budgets,
) -> Result<Drain<'a>, (&'a NodePod, BlockingReason)> {
    drain_without(pods, budgets, DrainExemptions::default())
}

/// Simulates a drain without some of the rules.
pub fn drain_without<'a>(
    pods: &'a [NodePod],
    budgets: &Budgets,
    waived: DrainExemptions,
) -> Result<Drain<'a>, (&'a NodePod, BlockingReason)> {
    let mut drain = Drain::default();
    for pod in pods {
        match verdict(pod, budgets, waived) {
            Verdict::Skip => {}
            Verdict::Move => drain.moved.push(pod),
            Verdict::Daemon => drain.daemons.push(pod),
            Verdict::Wait => drain.awaited.push(pod),
            Verdict::Block(why) => return Err((pod, why)),
        }
    }
    Ok(drain)
}

/// The rules in their order; the first that has an answer decides.
fn verdict(pod: &NodePod, budgets: &Budgets, waived: DrainExemptions) -> Verdict {
    if pod.controller == PodController::Mirror || is_long_terminating(pod) {
        return Verdict::Skip;
    }
    if pod.controller == PodController::Missing && !waived.missing_controllers {
        return Verdict::Block(BlockingReason::ControllerNotFound);
    }
    if pod.controller == PodController::DaemonSet {
        return Verdict::Daemon;
    }
    if pod.safe_to_evict == Some(SafeToEvict::Yes) || pod.end == PodEnd::Finished {
        return Verdict::Move;
    }
    if pod.safe_to_evict == Some(SafeToEvict::OnCompletion) {
        return Verdict::Wait;
    }
    if !matches!(
        pod.controller,
        PodController::Replicating | PodController::Missing
    ) {
        return Verdict::Block(BlockingReason::NotReplicated);
    }
    let is_system = *pod.namespace == *SYSTEM_NAMESPACE && !waived.system_pods;
    if is_system && pod.budgets.is_empty() {
        if pod.age > SYSTEM_POD_TIMEOUT && !waived.system_pod_timeout {
            return Verdict::Move;
        }
        return Verdict::Block(BlockingReason::UnmovableKubeSystemPod);
    }
    if pod.safe_to_evict == Some(SafeToEvict::No) {
        return Verdict::Block(BlockingReason::NotSafeToEvictAnnotation);
    }
    if !pod.local_volumes.is_empty() && !waived.local_storage {
        return Verdict::Block(BlockingReason::LocalStorageRequested);
    }
    let used_up = |&budget: &usize| budgets.is_used_up(budget);
    if pod.budgets.iter().any(used_up) {
        return Verdict::Block(BlockingReason::NotEnoughPdb);
    }
    Verdict::Move
}

fn is_long_terminating(pod: &NodePod) -> bool {
    pod.deletion
        .is_some_and(|(since, grace)| is_overdue(since, grace))
}

/// Whether a pod that was told to end a time ago is long over its grace, so that nobody waits for it
/// (`longterminating/rule.go`).
pub fn is_overdue(since: Duration, grace: Duration) -> bool {
    let limit = grace.checked_add(LONG_TERMINATING);
    limit.is_some_and(|limit| since > limit)
}

/// Pods that count neither as used nor as usable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IgnoredPods {
    /// `true` if the pods of daemon sets are left out.
    pub daemons: bool,
    /// Mirrors of static pods.
    pub mirrors: bool,
}

/// Part of a node that is used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Utilization {
    /// Part of the cpu; 0 on nodes with GPUs.
    pub cpu: f64,
    /// Part of the memory; 0 on nodes with GPUs.
    pub memory: f64,
    /// Part of the GPUs.
    pub gpu: f64,
    /// The one that counts.
    pub of: UtilizationResource,
}

/// The resource that a node's utilization is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UtilizationResource {
    /// Cpu.
    Cpu,
    /// Memory.
    #[default]
    Memory,
    /// GPUs.
    Gpu,
}

impl Utilization {
    /// The utilization that counts.
    pub fn most(&self) -> f64 {
        match self.of {
            UtilizationResource::Cpu => self.cpu,
            UtilizationResource::Memory => self.memory,
            UtilizationResource::Gpu => self.gpu,
        }
    }
}

/// Part of a node that its pods request. A node that can give nothing of a resource counts as full.
pub fn utilization(node: NodeAmounts, pods: &[NodePod], ignored: IgnoredPods) -> Utilization {
    // In thousandths, as the original divides; the quotient has the same last bit only so.
    let part = |of: fn(&NodeAmounts) -> i64, milli: i64| {
        let (mut used, mut unusable) = (0_i64, 0_i64);
        for pod in pods {
            let is_ignored = match pod.controller {
                PodController::DaemonSet => ignored.daemons,
                PodController::Mirror => ignored.mirrors,
                _ => false,
            };
            let request = of(&pod.requests).saturating_mul(milli);
            if is_ignored {
                unusable = unusable.saturating_add(request);
            } else if !is_long_terminating(pod) {
                used = used.saturating_add(request);
            }
        }
        let usable = of(&node).saturating_mul(milli) - unusable;
        if of(&node) == 0 {
            return 1.0;
        }
        used as f64 / usable as f64
    };
    if node.gpus > 0 {
        return Utilization {
            gpu: part(|own| own.gpus, 1000),
            of: UtilizationResource::Gpu,
            ..Utilization::default()
        };
    }
    let cpu = part(|own| own.cpu_milli, 1);
    let memory = part(|own| own.memory_bytes, 1000);
    Utilization {
        cpu,
        memory,
        gpu: 0.0,
        of: if cpu > memory {
            UtilizationResource::Cpu
        } else {
            UtilizationResource::Memory
        },
    }
}
