//! Volumes that the pods of services keep their data on: while one is lost or out of reach, the pods of its
//! workload answer every request with an error (spec: orchestrators-a.md section 9.6).

use cluster::{Observer, Store};
use control::volumes::workload_of_pod;
use model::{PodRef, Text, VolumeNews, VolumeStep};
use units::{Instant, SortedSet};

use super::Traffic;

impl Traffic {
    /// Whether a pod reaches all volumes that its workload keeps data on.
    pub(super) fn has_volumes(&self, pod: PodRef, store: &Store) -> bool {
        if self.away.is_empty() {
            return true;
        }
        let Some(workload) = workload_of_pod(store, pod) else {
            return true;
        };
        let mut away = self.away.iter();
        !away.any(|volume| self.plan.volumes.get(volume) == Some(&workload))
    }

    /// A volume was lost, or came back.
    pub(super) fn volume_changed(
        &mut self,
        now: Instant,
        news: &VolumeNews,
        store: &Store,
        observer: &mut dyn Observer,
    ) {
        let changed = match news.step {
            VolumeStep::Unreachable | VolumeStep::Lost { .. } => {
                self.away.insert(news.name.clone())
            }
            VolumeStep::Reachable { .. } | VolumeStep::Restored { .. } => {
                self.away.remove(&news.name)
            }
            _ => false,
        };
        let Some(workload) = self.plan.volumes.get(&news.name).filter(|_| changed) else {
            return;
        };
        let workload: Text = workload.clone();
        self.advance(now, observer);
        let pods = store.pods().iter().map(|pod| pod.pod);
        let of_workload = |pod: &PodRef| workload_of_pod(store, *pod).as_ref() == Some(&workload);
        let pods: Vec<PodRef> = pods.filter(of_workload).collect();
        let mut services = SortedSet::new();
        for pod in pods {
            services.extend(
                self.tell(pod, store, None)
                    .iter()
                    .flat_map(|own| own.iter()),
            );
        }
        for service in services {
            self.regroup(service);
        }
    }
}
