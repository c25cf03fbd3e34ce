//! Pods that ended by themselves, as their users read them: jobs need their pods no more once they are
//! counted, and users want to see them for longer. Nothing is decided on them.

use std::collections::VecDeque;

use cluster::Store;
use model::{EndReason, Object, PodPhase};
use serde::{Deserialize, Serialize};
use units::{Instant, SortedSet};

use super::Driver;
use super::view::PodRow;
use crate::wire::reason::own_end;

/// Greatest number of pods that are kept.
const KEPT_MAX: usize = 256;

/// The last pods that ended by themselves, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Ended(VecDeque<PodRow>);

impl Ended {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes note of a pod's end by its row from before; returns its last phase. Those that others ended
    /// are not kept.
    pub(super) fn note(
        &mut self,
        now: Instant,
        row: PodRow,
        reason: EndReason,
    ) -> Option<PodPhase> {
        let phase = own_end(reason).filter(|_| !row.terminating)?;
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(PodRow {
            phase: phase.to_string(),
            ready: false,
            waits: None,
            ended: Some(crate::wire::end_reason(reason)),
            ended_ns: Some(now.as_nanos()),
            ..row
        });
        Some(phase)
    }

    /// Leaves a pod out from now on.
    pub(super) fn forget(&mut self, namespace: &str, name: &str) {
        self.0
            .retain(|row| row.namespace != namespace || row.name != name);
    }
}

impl Driver {
    /// The last pods that ended by themselves whose owner, if they have one, is still there, and whose
    /// name no other pod has taken since.
    pub fn ended_rows(&self) -> Vec<PodRow> {
        let rows = self.ended.0.iter();
        let names: SortedSet<(&str, &str)> = rows
            .clone()
            .map(|row| (&*row.namespace, &*row.name))
            .collect();
        if names.is_empty() {
            return Vec::new();
        }
        let mut taken: SortedSet<(String, String)> = SortedSet::new();
        for pod in self.store.pods().iter() {
            let namespace = &self.store.class(pod.class).spec.namespace;
            let name = pod.name.text();
            if names.contains(&(&**namespace, &*name)) {
                taken.insert((namespace.to_string(), name.to_string()));
            }
        }
        let rows = rows.filter(|row| {
            let owner = row.owner.as_ref();
            !taken.contains(&(row.namespace.clone(), row.name.clone()))
                && owner.is_none_or(|owner| is_there(&self.store, row, owner))
        });
        let mut rows: Vec<PodRow> = rows.cloned().collect();
        // Of bare pods of one name the last.
        rows.reverse();
        let mut seen = SortedSet::new();
        rows.retain(|row| seen.insert((row.namespace.clone(), row.name.clone())));
        rows.reverse();
        rows
    }

    /// Those of a node's pods that users can't name any more, neither as living ones nor as ones that ended.
    pub(crate) fn unseen(&self, node: &str, pods: &[u32]) -> Vec<u32> {
        let mut unseen: SortedSet<u32> = pods.iter().copied().collect();
        for pod in self.store.pods().iter() {
            unseen.remove(&pod.pod.id.0);
        }
        if !unseen.is_empty() {
            for row in self.ended_rows() {
                if row.node.as_deref() == Some(node) {
                    unseen.remove(&row.pod);
                }
            }
        }
        unseen.into_iter().collect()
    }
}

/// Whether the owner of a pod is there, and not another one of that name.
fn is_there(store: &Store, row: &PodRow, owner: &str) -> bool {
    let Some((kind, name)) = owner.split_once('/') else {
        return false;
    };
    let mut kinds = Object::KINDS.iter();
    let found = kinds.find(|known| **known == kind).and_then(|kind| {
        let (namespace, name) = (row.namespace.as_str().into(), name.into());
        let id = store.objects().find(kind, &namespace, &name)?;
        store.objects().get(id)
    });
    found.is_some_and(|own| own.created.as_nanos() <= row.created_ns)
}

#[cfg(test)]
mod tests {
    use units::SortedMap;

    use super::*;

    fn row(pod: u32) -> PodRow {
        PodRow {
            pod,
            namespace: "default".to_owned(),
            name: format!("job-{pod}"),
            phase: PodPhase::Running.to_string(),
            node: Some("n0".to_owned()),
            ready: true,
            terminating: false,
            restarts: 0,
            waits: None,
            ended: None,
            ended_ns: None,
            owner: None,
            created_ns: 0,
            labels: SortedMap::new(),
        }
    }

    #[test]
    fn later_pods_take_the_place_of_the_first_that_ended() {
        let mut ended = Ended::default();
        let more = u32::try_from(KEPT_MAX).expect("a small number") + 3;
        for pod in 0..more {
            let phase = ended.note(Instant::ZERO, row(pod), EndReason::Completed);
            assert_eq!(phase, Some(PodPhase::Succeeded));
        }
        let pods: Vec<u32> = ended.0.iter().map(|row| row.pod).collect();
        assert_eq!(pods, (3..more).collect::<Vec<u32>>());
        ended.forget("default", "job-3");
        assert_eq!(ended.0.front().map(|row| row.pod), Some(4));
        // An end that somebody else brought about is not one to keep.
        let mut told = row(more);
        told.terminating = true;
        assert_eq!(ended.note(Instant::ZERO, told, EndReason::Completed), None);
        assert_eq!(ended.0.len(), KEPT_MAX - 1);
    }
}
