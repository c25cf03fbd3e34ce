//! The updater: which pods are evicted so that they come back with recommended requests (spec:
//! kubernetes.md 3.2).

use super::{Amounts, Recommendation};
use model::Text;
use units::{Duration, Instant, SortedMap};

/// Flags of the updater.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdaterSettings {
    /// Time for which a pod within its range is left alone.
    pub lifetime: Duration,
    /// The relative change from which such a pod is updated.
    pub least_change: f64,
    /// A pod killed for its memory so soon after its start is updated at once.
    pub quick_oom: Duration,
    /// The part of a group that may be gone at a time.
    pub tolerance: f64,
    /// Smaller groups are left alone.
    pub least_replicas: usize,
}

impl Default for UpdaterSettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(12 * 3600),
            least_change: 0.1,
            quick_oom: Duration::from_secs(600),
            tolerance: 0.5,
            least_replicas: 2,
        }
    }
}

/// A pod as the updater sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdatedPod {
    /// The pod's name.
    pub name: Text,
    /// Instant of the start; `None` before.
    pub started: Option<Instant>,
    /// Marks a pod that has not started to run yet.
    pub is_pending: bool,
    /// Requests of the containers; a resource without a request is `None`.
    pub requests: SortedMap<Text, (Option<i64>, Option<i64>)>,
    /// Time from a container's start to its last kill for memory.
    pub oom_after: Option<Duration>,
    /// A resize in place that its node has not made yet.
    pub resize: Option<PendingResize>,
}

/// A resize in place that a node has not made yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingResize {
    /// The node can never make it.
    Infeasible,
    /// The node has no room for it now; the instant at which the updater saw so first.
    Deferred(Instant),
}

/// Time for which a deferred resize is waited for (`DeferredResizeUpdateTimeout` of the updater).
const DEFERRED: Duration = Duration::from_secs(300);

/// Pods that are updated now, in order, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updates {
    /// Those that are resized where they run.
    pub resized: Vec<Text>,
    /// Those that are evicted.
    pub evicted: Vec<Text>,
}

/// Reason a pod is updated, and its place before others.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Priority {
    is_outside: bool,
    grows: bool,
    change: f64,
}

/// The pods of one group to evict now, in order. `configured` is how many replicas the group is to
/// have, `evicted` how many of them the updater has evicted already and are not back.
pub fn evictions(
    settings: &UpdaterSettings,
    now: Instant,
    pods: &[UpdatedPod],
    recommendations: &SortedMap<Text, Recommendation>,
    configured: usize,
) -> Vec<Text> {
    if pods.len() < settings.least_replicas {
        return Vec::new();
    }
    let mut group = Group::of(settings, pods, configured);
    let mut names = Vec::new();
    for pod in in_order(settings, now, pods, recommendations) {
        if !(pod.is_pending || group.is_disruptable()) {
            continue;
        }
        group.updated += usize::from(!pod.is_pending);
        names.push(pod.name.clone());
    }
    names
}

/// The pods of one group to update now where pods are resized in place; those whose resize fails are
/// evicted (`CanInPlaceUpdate` and `CanEvict` of the updater's restrictions).
pub fn updates(
    settings: &UpdaterSettings,
    now: Instant,
    pods: &[UpdatedPod],
    recommendations: &SortedMap<Text, Recommendation>,
    configured: usize,
) -> Updates {
    let mut updates = Updates::default();
    if pods.len() < settings.least_replicas {
        return updates;
    }
    let mut group = Group::of(settings, pods, configured);
    let mut failed = Vec::new();
    for pod in in_order(settings, now, pods, recommendations) {
        if pod.is_pending || !group.is_disruptable() {
            continue;
        }
        match pod.resize {
            None => {
                group.updated += 1;
                updates.resized.push(pod.name.clone());
            }
            Some(PendingResize::Infeasible) => failed.push(pod),
            Some(PendingResize::Deferred(since)) if now.since(since) > DEFERRED => failed.push(pod),
            Some(PendingResize::Deferred(_)) => {}
        }
    }
    for pod in failed {
        if group.is_disruptable() {
            group.updated += 1;
            updates.evicted.push(pod.name.clone());
        }
    }
    updates
}

/// The replicas of a group, of which not too many may be updated at a time.
struct Group {
    configured: usize,
    running: usize,
    tolerated: usize,
    /// Running ones that are updated in this pass.
    updated: usize,
}

impl Group {
    fn of(settings: &UpdaterSettings, pods: &[UpdatedPod], configured: usize) -> Self {
        Self {
            configured,
            running: pods.iter().filter(|pod| !pod.is_pending).count(),
            tolerated: (configured as f64 * settings.tolerance) as usize,
            updated: 0,
        }
    }

    /// Whether one more may be updated.
    fn is_disruptable(&self) -> bool {
        let alive = self.configured.saturating_sub(self.tolerated);
        let is_single = self.running == self.configured && self.updated == 0 && self.tolerated == 0;
        self.running - self.updated > alive || is_single
    }
}

/// The pods that are worth an update, the most urgent first.
fn in_order<'a>(
    settings: &UpdaterSettings,
    now: Instant,
    pods: &'a [UpdatedPod],
    recommendations: &SortedMap<Text, Recommendation>,
) -> impl Iterator<Item = &'a UpdatedPod> {
    let mut wanted: Vec<(Priority, &UpdatedPod)> = pods
        .iter()
        .filter_map(|pod| Some((priority(settings, now, pod, recommendations)?, pod)))
        .collect();
    wanted.sort_by(|(one, _), (other, _)| {
        let key = |own: &Priority| (own.is_outside, own.grows);
        let order = key(other).cmp(&key(one));
        order.then_with(|| other.change.total_cmp(&one.change))
    });
    wanted.into_iter().map(|(_, pod)| pod)
}

/// `None` if the pod is left alone.
fn priority(
    settings: &UpdaterSettings,
    now: Instant,
    pod: &UpdatedPod,
    recommendations: &SortedMap<Text, Recommendation>,
) -> Option<Priority> {
    let mut own = Priority {
        is_outside: false,
        grows: false,
        change: 0.0,
    };
    let (mut requested, mut targeted) = ([0_i64; 2], [0_i64; 2]);
    for (container, &(cpu, memory)) in &pod.requests {
        let Some(recommended) = recommendations.get(container) else {
            continue;
        };
        let parts = |amounts: Amounts| [amounts.cpu_milli, amounts.memory_bytes];
        let (target, lower) = (parts(recommended.target), parts(recommended.lower));
        let upper = parts(recommended.upper);
        for (resource, request) in [cpu, memory].into_iter().enumerate() {
            if target[resource] == 0 {
                continue;
            }
            targeted[resource] += target[resource];
            let Some(request) = request else {
                // A container without a request gets one.
                own.is_outside = true;
                own.grows = true;
                continue;
            };
            requested[resource] += request;
            own.grows |= target[resource] > request;
            own.is_outside |= request < lower[resource] || request > upper[resource];
        }
    }
    for (request, target) in requested.into_iter().zip(targeted) {
        own.change += (request - target).abs() as f64 / request.max(1) as f64;
    }
    let was_killed = pod
        .oom_after
        .is_some_and(|after| after < settings.quick_oom);
    if was_killed && !own.is_outside {
        return (own.change > 0.0).then_some(own);
    }
    if !own.is_outside {
        let age = now.since(pod.started?);
        if age < settings.lifetime || own.change < settings.least_change {
            return None;
        }
    }
    Some(own)
}
