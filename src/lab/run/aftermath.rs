//! Deeds of a run that its metrics do not show: jobs that failed, drains that budgets keep from ending, and
//! pods that a drain took away for good. A run says so in a line for each.

use super::refusals::Refusals;
use super::short_lived::ShortLives;
use autoscale::cluster_autoscaler::LEAVING_TAINT;
use cluster::observe::EVICTION_REFUSED;
use cluster::{Incident, Observer, Store};
use control::operation::blocked_eviction;
use model::{
    EndReason, Event, EvictionCause, Node, Object, ObjectChange, Pod, PodChange, PodRef,
    RolloutStep, Text,
};
use units::plural::count;
use units::{Instant, NodeId, ObjectId, SortedSet};

/// A number of something, and what is said of the first.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) count: u64,
    pub(super) first: String,
}

impl Counted {
    pub(super) fn add(&mut self, first: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = first();
        }
        self.count += 1;
    }
}

/// Observer of the deeds that a run tells at its end.
pub(super) struct Aftermath {
    /// Whether drains are those of `kubectl`.
    has_kubectl: bool,
    /// Jobs that failed.
    ended: SortedSet<ObjectId>,
    failed: Counted,
    /// Pods without a controller that a drain evicted.
    bare: Counted,
    /// Nodes whose evictions are refused.
    refused: SortedSet<NodeId>,
    /// Nodes that the cluster autoscaler drains.
    leaving: SortedSet<NodeId>,
    given_up: Counted,
    refusals: Refusals,
    short_lives: ShortLives,
    /// Changes that were refused while a deployment was under way.
    locked: Counted,
    /// Deployments that were to be taken back and had no version before.
    not_taken_back: Counted,
}

impl Aftermath {
    /// Nothing has happened yet in a run of this system.
    pub(super) fn of(system: &str) -> Self {
        Self {
            has_kubectl: matches!(system, "kubernetes" | "openshift"),
            ended: SortedSet::new(),
            failed: Counted::default(),
            bare: Counted::default(),
            refused: SortedSet::new(),
            leaving: SortedSet::new(),
            given_up: Counted::default(),
            refusals: Refusals::default(),
            short_lives: ShortLives::default(),
            locked: Counted::default(),
            not_taken_back: Counted::default(),
        }
    }

    /// The lines about a run that left this store at an instant.
    pub(super) fn lines(&self, at: Instant, store: &Store) -> Vec<String> {
        let mut kept = Counted::default();
        for &node in &self.refused {
            if let Some(why) = kept_words(store, node) {
                kept.add(|| format!("node `{}`: {why}", store.nodes().name(node)));
            }
        }
        let stuck = stuck_rollouts(store);
        let idle = if self.has_kubectl {
            idle_cron_jobs(store)
        } else {
            Counted::default()
        };
        let short_lived = self.short_lives.at_end(at, store);
        let line = |own: &Counted, noun: &str, words: &str| {
            let number = count(own.count, noun);
            (own.count > 0).then(|| format!("{number} {words}{}", own.first))
        };
        let lines = [
            line(&self.failed, "job", "failed, first "),
            line(
                &stuck,
                "rollout",
                "had exceeded the progress deadline and not completed when the run ended, first of ",
            ),
            line(
                &short_lived,
                "workload",
                "did not stay up: pods ended within 10 min of each start until the run ended, first of ",
            ),
            line(
                &self.locked,
                "change",
                "refused (409) as a deployment was under way, which `force: true` replaces, first of ",
            ),
            line(
                &self.not_taken_back,
                "rollback",
                "changed nothing, as the deployment was paused or had no version before, first of ",
            ),
            line(
                &idle,
                "cron job",
                "started no job before the run ended, first ",
            ),
            line(&kept, "drain", "had not ended when the run did, first of "),
            line(
                &self.given_up,
                "drain",
                "of the cluster autoscaler failed, first of ",
            ),
            line(
                &self.bare,
                "pod",
                "without a controller left for good with a drain, as with `kubectl drain --force`, first ",
            ),
        ];
        let lines = lines.into_iter().flatten();
        self.refusals.lines().into_iter().chain(lines).collect()
    }

    fn object(&mut self, change: &ObjectChange) {
        let (ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object }) =
            change
        else {
            return;
        };
        let Object::Job(job) = object else {
            return;
        };
        let mut failures = job.status.conditions.iter();
        let failure = failures.find(|own| own.holds && own.kind.is_final());
        let Some(failure) = failure.filter(|_| job.status.has_failed() == Some(true)) else {
            return;
        };
        // One that had failed before the run is none of it.
        if self.ended.insert(*id) && matches!(change, ObjectChange::Updated { .. }) {
            let (namespace, name) = (&job.namespace, &job.name);
            self.failed
                .add(|| format!("`{namespace}/{name}`: {:?}", failure.reason));
        }
    }

    fn evicted(&mut self, store: &Store, pod: PodRef) {
        let state = store.pod_states().get(pod);
        let Some(record) = store.pods().get(pod).filter(|_| self.has_kubectl) else {
            return;
        };
        let spec = &store.class(record.class).spec;
        if spec.owner.is_none() && state.is_none_or(|own| own.owner.is_none()) {
            self.bare.add(|| pod_words(store, pod));
        }
    }

    fn node(&mut self, store: &Store, node: NodeId, object: &Node) {
        let mut taints = object.taints.iter();
        if taints.any(|own| *own.key == *LEAVING_TAINT) {
            self.leaving.insert(node);
        } else if self.leaving.remove(&node)
            && let Some(why) = kept_words(store, node)
        {
            self.given_up
                .add(|| format!("node `{}`: {why}", object.name));
        }
    }
}

impl Observer for Aftermath {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.refusals.observe(event, ended, store);
        self.short_lives.observe(at, event, ended, store);
        match event {
            Event::Object(change) => self.object(change),
            Event::Rollout { workload, step } => {
                let counted = match step {
                    RolloutStep::Locked => &mut self.locked,
                    RolloutStep::BackRefused => &mut self.not_taken_back,
                    _ => return,
                };
                counted.add(|| {
                    let object = store.objects().get(*workload).map(|row| &row.object);
                    object.map_or_else(String::new, |own| {
                        format!("`{}/{}`", own.namespace(), own.name())
                    })
                });
            }
            Event::PodChanged {
                pod,
                change:
                    PodChange::Terminating {
                        reason: EndReason::Evicted(EvictionCause::Drain),
                        ..
                    },
            } => self.evicted(store, *pod),
            Event::NodeUpdated { node, object } => self.node(store, *node, object),
            Event::NodeRemoved { node } => {
                self.leaving.remove(node);
                self.refused.remove(node);
            }
            _ => {}
        }
    }

    fn incident(&mut self, _at: Instant, incident: Incident, _store: &Store) {
        if let (EVICTION_REFUSED, Some(node)) = (incident.what, incident.node) {
            if incident.begins {
                self.refused.insert(node);
            } else {
                self.refused.remove(&node);
            }
        }
    }
}

/// Deployments whose last rollout moved too little for too long, and did not go on since.
fn stuck_rollouts(store: &Store) -> Counted {
    let mut stuck = Counted::default();
    for (_, row) in store.objects().iter() {
        let Object::Deployment(own) = &row.object else {
            continue;
        };
        if own.status.is_stuck() {
            stuck.add(|| format!("`{}/{}`", own.namespace, own.name));
        }
    }
    stuck
}

/// Cron jobs whose schedule no instant of the run met. Suspended ones are told where they are read.
fn idle_cron_jobs(store: &Store) -> Counted {
    let mut idle = Counted::default();
    for (_, row) in store.objects().iter() {
        let Object::CronJob(own) = &row.object else {
            continue;
        };
        let last = own.status.last_schedule;
        if !own.suspend && last.is_none_or(|at| at < Instant::ZERO) {
            idle.add(|| format!("`{}/{}` (`{}`)", own.namespace, own.name, own.schedule));
        }
    }
    idle
}

/// Name of a pod with its namespace, as messages have it.
fn pod_words(store: &Store, pod: PodRef) -> String {
    let known = store.pods().get(pod);
    let words = known.map(|own| {
        let namespace = &store.class(own.class).spec.namespace;
        format!("`{namespace}/{}`", own.name)
    });
    words.unwrap_or_default()
}

/// The pod of a node that disruption budgets keep there, and which, in words; `None` if none does.
pub(crate) fn kept_words(store: &Store, node: NodeId) -> Option<String> {
    let kept = blocked_eviction(store, node)?;
    let pod = pod_words(store, kept.pod);
    let names: Vec<&str> = kept.budgets.iter().map(Text::as_ref).collect();
    let names = names.join("`, `");
    Some(if kept.budgets.len() > 1 {
        // `eviction.go`, pkg/registry/core/pod/storage.
        format!(
            "pod {pod} has more than one disruption budget (`{names}`), which the eviction subresource does not \
             support: it can never be evicted"
        )
    } else {
        format!("the disruption budget `{names}` does not allow the eviction of pod {pod}")
    })
}
