//! Watcher of a run for the sake of one pod: its name, its attempts, and what kube-scheduler knew
//! at the one that is asked for.

use std::sync::{Mutex, PoisonError};

use super::{RunExplainError, Which, near};
use cluster::{Observer, Store};
use model::{EndReason, Event, Pod, PodName, PodRef, Text};
use scheduler::kube::cycle::Outcome as CycleOutcome;
use scheduler::kube::{AttemptView, Cache, KubeProfile, PodInfo, Witness};
use units::{Instant, Revision, SortedSet};

/// A name that is asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted(pub(super) String);

impl Wanted {
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        let wanted = &*self.0;
        let rest = wanted.strip_suffix(name);
        wanted == name || rest.and_then(|rest| rest.strip_suffix('/')) == Some(namespace)
    }
}

/// Keeps what kube-scheduler knew at an attempt.
pub(super) struct Kept {
    pub(super) wanted: Wanted,
    pub(super) which: Which,
    pub(super) seen: Mutex<Seen>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kept").field(&self.wanted).finish()
    }
}

#[derive(Default)]
pub(super) struct Seen {
    /// Attempts so far.
    pub(super) count: u64,
    pub(super) kept: Option<KeptSight>,
}

/// An attempt that is kept.
pub(super) struct KeptSight {
    pub(super) number: u64,
    pub(super) at: Instant,
    pub(super) cache: Cache,
    pub(super) profile: KubeProfile,
    pub(super) pod: PodInfo,
    pub(super) began_at: Option<String>,
    pub(super) node: Option<String>,
}

impl Witness for Kept {
    fn attempted(&self, sight: AttemptView<'_>) {
        let pod = sight.pod;
        if !self.wanted.is(&pod.spec().namespace, &pod.name.text()) {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.count += 1;
        let number = seen.count;
        let is_asked_for = match self.which {
            Which::Last => true,
            Which::Number(wanted) => wanted == number,
            Which::Until(at) => sight.at <= at,
        };
        if !is_asked_for {
            return;
        }
        let count = sight.cache.node_count();
        let is_all = sight.profile.wanted(count) >= count;
        let began_at = sight.cache.node_at(sight.start).filter(|_| !is_all);
        seen.kept = Some(KeptSight {
            number,
            at: sight.at,
            cache: sight.cache.clone(),
            profile: sight.profile.with_outsides(|own| own.kept()),
            pod: pod.clone(),
            began_at: began_at.map(|node| node.name().to_string()),
            node: match sight.outcome {
                CycleOutcome::Placed(slot) => {
                    { sight.cache.node_in(*slot) }.map(|node| node.name().to_string())
                }
                CycleOutcome::Failed(_) => None,
            },
        });
    }
}

/// An attempt of a pipeline.
pub(super) struct Tried {
    pub(super) at: Instant,
    pub(super) revision: Revision,
    pub(super) pod: PodRef,
    pub(super) outcome: &'static str,
    pub(super) node: Option<String>,
}

/// Follows a run for the sake of one pod.
#[derive(Default)]
pub(super) struct Followed {
    pub(super) wanted: Wanted,
    /// Every name, for messages.
    pub(super) names: Vec<PodName>,
    /// Names of the pods that are meant, with the namespace.
    pub(super) meant: SortedSet<String>,
    pub(super) pods: SortedSet<PodRef>,
    pub(super) attempts: Vec<Tried>,
    /// Reasons for which no node was ordered for the pod, each with its instant; `None` where it no longer held.
    pub(super) unprovided: Vec<(Instant, Option<Text>)>,
    /// The node that the pod was found on when the run began.
    pub(super) found_on: Option<String>,
}

impl Followed {
    fn tried(&mut self, at: Instant, store: &Store, pod: PodRef, outcome: &'static str) {
        if self.pods.contains(&pod) {
            self.attempts.push(Tried {
                at,
                revision: store.revision(),
                pod,
                outcome,
                node: None,
            });
        }
    }

    /// The reason for which no node was ordered for the pod after an attempt, before the next.
    pub(super) fn unprovided_after(&self, at: Instant) -> Option<String> {
        let mut attempts = self.attempts.iter().map(|tried| tried.at);
        let next = attempts.find(|&next| next > at).unwrap_or(Instant::MAX);
        let mut told = self.unprovided.iter().rev();
        let (since, why) = told.find(|(told, _)| *told < next)?;
        Some(format!("{} since {since}", why.as_ref()?))
    }

    /// The pod's whole name; a mistake is told with the nearest names.
    pub(super) fn full_name(&self, wanted: &str, label: &str) -> Result<String, RunExplainError> {
        let mut meant = self.meant.iter();
        match (meant.next(), meant.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => {
                let name = wanted.rsplit_once('/').map_or(wanted, |(_, name)| name);
                let names: SortedSet<String> = self.names.iter().map(ToString::to_string).collect();
                let names: Vec<String> = names.into_iter().collect();
                let told = if names.is_empty() {
                    "it has none at all".to_owned()
                } else {
                    near(name, &names)
                };
                let text = format!("{label} has no pod `{wanted}`; {told}");
                Err(RunExplainError::Input(text))
            }
            _ => {
                let all: Vec<String> = self.meant.iter().map(|one| format!("`{one}`")).collect();
                Err(RunExplainError::Input(format!(
                    "{label}: several pods are called `{wanted}`; say which: {}",
                    all.join(", ")
                )))
            }
        }
    }
}

impl Observer for Followed {
    fn unprovided(&mut self, at: Instant, pod: PodRef, why: Option<&Text>, _store: &Store) {
        if self.pods.contains(&pod) {
            self.unprovided.push((at, why.cloned()));
        }
    }

    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        match event {
            Event::PodCreated(created) => {
                let name = created.name.to_string();
                let namespace = &store.class(created.class).spec.namespace;
                if self.wanted.is(namespace, &name) {
                    self.meant.insert(match &**namespace {
                        "" => name,
                        namespace => format!("{namespace}/{name}"),
                    });
                    if let Some(found) = &created.found {
                        self.found_on = Some(store.nodes().name(found.node).to_owned());
                    } else {
                        self.pods.insert(created.pod);
                    }
                }
                self.names.push(created.name.clone());
            }
            Event::PodUnschedulable { pod } => self.tried(at, store, *pod, "unschedulable"),
            Event::PodBound { pod, node, .. } => {
                let count = self.attempts.len();
                self.tried(at, store, *pod, "bound");
                if let Some(tried) = self.attempts.get_mut(count) {
                    tried.node = Some(store.nodes().name(*node).to_owned());
                }
            }
            Event::PodEnded {
                pod,
                reason: EndReason::Rejected,
            } => self.tried(at, store, *pod, "rejected"),
            Event::PodEnded {
                pod,
                reason: EndReason::Refused(why),
            } => self.tried(at, store, *pod, why.name()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_meant_by_its_name_with_its_namespace_or_without() {
        for (wanted, namespace, name, is_meant) in [
            ("web", "shop", "web", true),
            ("shop/web", "shop", "web", true),
            ("hop/web", "shop", "web", false),
            ("shop/web", "", "shop/web", true),
            ("shopweb", "shop", "web", false),
            ("web-1", "shop", "web", false),
            ("/web", "", "web", true),
        ] {
            let found = Wanted(wanted.to_owned()).is(namespace, name);
            assert_eq!(found, is_meant, "{wanted} for {namespace}/{name}");
        }
    }
}
