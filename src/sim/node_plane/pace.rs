//! The pace of jobs on GPUs of unlike speed, which a pod keeps for as long as it runs.

use cluster::Store;
use model::{JOB_TYPE_LABEL, Pod, PodRef};

use super::NodePlane;
use crate::SimError;
use crate::hosts::Pace;

impl NodePlane {
    /// Notes the pace of a pod that starts on its node.
    ///
    /// # Errors
    /// The pod states a type of job without throughputs.
    pub(super) fn set_job_pace(&mut self, store: &Store, pod: PodRef) -> Result<(), SimError> {
        let (Some(known), Some(record)) = (&self.throughputs, store.pods().get(pod)) else {
            return Ok(());
        };
        let spec = &store.class(record.class).spec;
        let Some(job_type) = spec.labels.get(JOB_TYPE_LABEL) else {
            return Ok(());
        };
        if known.row(&spec.labels).is_none() {
            return Err(SimError::Declaration {
                what: format!("job type `{job_type}` of pod `{}`", record.name),
                why: "expected a type of `models.throughputs`; add a row for it, or change the \
                      label `windtunnel/job-type`"
                    .to_owned(),
            });
        }
        let node = record.node().and_then(|node| store.nodes().object(node));
        let gpu = node.and_then(|node| node.gpu.as_ref());
        let gpu = gpu.filter(|_| spec.gpu.devices > 0);
        if let Some((usual, own)) = gpu.and_then(|gpu| known.rates(&spec.labels, &gpu.model)) {
            let pace = Pace::of_rates(usual, own);
            if pace != Pace::USUAL {
                self.job_paces.insert(pod.id, pace);
            }
        }
        Ok(())
    }

    /// Pace of a pod's work: that of its host, and of its job on the host's GPUs.
    pub(super) fn pace_of(&self, store: &Store, pod: PodRef) -> Pace {
        let record = store.pods().get(pod);
        record.map_or(Pace::USUAL, |record| self.pace_of_pod(record))
    }

    /// Pace of the work of a pod, which may have ended.
    pub(super) fn pace_of_pod(&self, record: &Pod) -> Pace {
        let Some(node) = record.node() else {
            return Pace::USUAL;
        };
        let of_host = self.hosts.pace(node).and(self.guest_pace);
        let of_job = self.job_paces.get(&record.pod.id);
        of_job.map_or(of_host, |pace| pace.and(of_host))
    }
}
