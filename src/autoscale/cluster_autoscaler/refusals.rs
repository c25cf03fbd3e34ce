//! Reasons for which no node is ordered for a pod that waits, as the event `NotTriggerScaleUp` counts them
//! (`processors/status/eventing_scale_up_processor.go` and `core/scaleup/orchestrator/skippedreasons.go` of the
//! original), with the groups that have them.

use std::sync::Arc;

use super::estimator::{PodGroup, template_refusals};
use super::group::NodeGroup;
use super::grow::{GrowView, Grower};
use super::options::GrowthOption;
use crate::snapshot::ClusterSnapshot;
use model::Text;
use scheduler::kube::{CacheError, PodInfo};
use units::{Instant, SortedMap, plural};

/// Beginning of the event's message.
const HEAD: &str = "pod didn't trigger scale-up";

/// Number of groups that are named for a reason.
const NAMED: usize = 3;

/// Namespace and name of a pod.
fn key(pod: &PodInfo) -> (Text, Text) {
    (pod.spec().namespace.clone(), pod.name.text())
}

impl Grower {
    /// Reason for which nothing is ordered for a pod, as of the last loop that ordered nothing.
    pub(super) fn refusal(&self, pod: &PodInfo) -> Option<Text> {
        let (priority, least) = (pod.priority(), self.settings.expendable);
        if priority < least {
            let why =
                format!("{HEAD}: its priority {priority} is below {least} (`expendablePriority`)");
            return Some(why.into());
        }
        self.refusals.get(&key(pod)).cloned()
    }

    /// Reason for which a group is not considered, whatever the pod.
    pub(super) fn skip_reason(&self, group: &NodeGroup, now: Instant) -> Option<&'static str> {
        if !self.is_healthy(group) {
            Some("not ready for scale-up")
        } else if self.is_backed_off(&group.id, now) {
            Some("in backoff after failed scale-up")
        } else {
            (group.room() == 0).then_some("max node group size reached")
        }
    }

    /// Nothing is ordered for any pod while too many nodes are not ready.
    pub(super) fn refuse_all(&mut self, view: &GrowView<'_>) {
        let health = view.health;
        let nodes = plural::count(health.nodes, "node");
        let why = format!(
            "{HEAD}: the cluster is unhealthy, {} of {nodes} not ready",
            health.unready
        );
        let why = Text::from(why);
        let pods = view.pending.iter();
        self.refusals = pods.map(|pod| (key(&pod.info), why.clone())).collect();
    }

    /// Pods that some group would take are refused by none.
    pub(super) fn take_refusals_back(&mut self, ways: &[GrowthOption<'_>], pods: &[Arc<PodInfo>]) {
        let placed = ways.iter().flat_map(|way| &way.placed);
        for pod in pods {
            if placed
                .clone()
                .any(|own| Arc::ptr_eq(&own.0.class, &pod.class))
            {
                self.refusals.remove(&key(pod));
            }
        }
    }

    /// Keeps the reasons for which no group grows for pods.
    pub(super) fn refuse<C: ClusterSnapshot>(
        &mut self,
        now: Instant,
        cluster: &mut C,
        groups: &[NodeGroup],
        alike: &[PodGroup],
        room: usize,
    ) -> Result<(), CacheError> {
        let mut refusals = SortedMap::new();
        for own in alike {
            let why = if room == 0 {
                format!("{HEAD}: max total nodes in cluster reached")
            } else {
                self.reasons(now, cluster, groups, &own.pods[0])?
            };
            let why = Text::from(why);
            refusals.extend(own.pods.iter().map(|pod| (key(pod), why.clone())));
        }
        self.refusals = refusals;
        Ok(())
    }

    /// Reasons of all groups, each with the number of groups that have it and some of their names.
    fn reasons<C: ClusterSnapshot>(
        &self,
        now: Instant,
        cluster: &mut C,
        groups: &[NodeGroup],
        pod: &Arc<PodInfo>,
    ) -> Result<String, CacheError> {
        let mut counted: SortedMap<String, Vec<&Text>> = SortedMap::new();
        for group in groups {
            let reasons = match (self.skip_reason(group, now), &group.template) {
                (Some(reason), _) => vec![reason.to_owned()],
                (None, Some(template)) => template_refusals(cluster, template, pod)?,
                (None, None) => Vec::new(),
            };
            for reason in reasons {
                counted.entry(reason).or_default().push(&group.id);
            }
        }
        let parts = counted.iter().map(|(reason, groups)| {
            let names = plural::first_of(groups, NAMED);
            format!("{} {reason} ({names})", groups.len())
        });
        let parts: Vec<String> = parts.collect();
        Ok(match (groups, &parts[..]) {
            ([], _) => format!("{HEAD}: there is no node group"),
            (_, []) => format!("{HEAD}: the expander chose none of the groups that would take it"),
            (_, parts) => format!("{HEAD}: {}", parts.join(", ")),
        })
    }
}
