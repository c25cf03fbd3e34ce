//! Living pods: a slab of small records. Rows are reused once a pod has ended, identities never.

use model::{Pod, PodCreated, PodRef};
use units::{Instant, PodId, PodSlot};

use super::conflict::Conflict;

/// All living pods of a cell.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    rows: Vec<Option<Pod>>,
    vacant: Vec<PodSlot>,
    next: u32,
    living: usize,
}

impl Pods {
    /// The identity and row that the next pod will have.
    #[inline]
    pub fn next(&self) -> PodRef {
        let slot = self
            .vacant
            .last()
            .copied()
            .unwrap_or_else(|| PodSlot::from_index(self.rows.len()));
        PodRef {
            id: PodId(self.next),
            slot,
        }
    }

    /// A living pod.
    #[inline]
    pub fn get(&self, pod: PodRef) -> Option<&Pod> {
        self.at(pod.slot).filter(|known| known.pod.id == pod.id)
    }

    /// The living pod in a row.
    #[inline]
    pub fn at(&self, slot: PodSlot) -> Option<&Pod> {
        self.rows.get(slot.index())?.as_ref()
    }

    /// The living pods, by row.
    pub fn iter(&self) -> impl Iterator<Item = &Pod> {
        self.rows.iter().flatten()
    }

    /// Number of living pods.
    #[inline]
    pub fn living(&self) -> usize {
        self.living
    }

    /// Number of pods ever created.
    pub fn created(&self) -> u32 {
        self.next
    }

    /// Number of rows, vacant ones included.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Gives this identity to the next pod: those before it are gone, and are not used again.
    pub(super) fn number_from(&mut self, next: PodId) -> Result<(), Conflict> {
        if next.0 < self.next {
            return Err(Conflict::UnknownPod);
        }
        self.next = next.0;
        Ok(())
    }

    pub(super) fn create(&mut self, created: &PodCreated, now: Instant) -> Result<(), Conflict> {
        if created.pod != self.next() {
            return Err(Conflict::UnknownPod);
        }
        let Some(next) = self.next.checked_add(1) else {
            return Err(Conflict::TooManyPods);
        };
        let pod = Pod::new(created, now);
        if self.vacant.pop().is_some() {
            self.rows[created.pod.slot.index()] = Some(pod);
        } else {
            self.rows.push(Some(pod));
        }
        self.next = next;
        self.living += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn get_mut(&mut self, pod: PodRef) -> Option<&mut Pod> {
        self.rows
            .get_mut(pod.slot.index())?
            .as_mut()
            .filter(|known| known.pod.id == pod.id)
    }

    #[inline]
    pub(super) fn end(&mut self, pod: PodRef) -> Option<Pod> {
        let row = self.rows.get_mut(pod.slot.index())?;
        if row.as_ref()?.pod.id != pod.id {
            return None;
        }
        self.vacant.push(pod.slot);
        self.living -= 1;
        row.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PodName;
    use units::{ClassId, TenantId};

    #[test]
    fn a_pod_beyond_the_last_identity_is_refused_and_leaves_no_trace() {
        let mut pods = Pods {
            next: u32::MAX,
            ..Pods::default()
        };
        let created = PodCreated {
            pod: pods.next(),
            class: ClassId(0),
            name: PodName::Job(1),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        };
        let outcome = pods.create(&created, Instant::ZERO);
        assert_eq!(outcome, Err(Conflict::TooManyPods));
        assert_eq!((pods.rows(), pods.living()), (0, 0));
    }
}
