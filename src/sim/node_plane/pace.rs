//! The pace of jobs on GPUs: by the model of these, which a pod keeps for as long as it runs, by the
//! nodes that the members of its job are on, and by the job on the same GPU, which change while it runs.

use cluster::Store;
use model::{
    Allocation, BATCH_SIZE_LABEL, Event, GoodputModel, JOB_TYPE_LABEL, JobGpus, Pod, PodRef,
    PodSpec, Throughputs, WHOLE_SPEED,
};
use units::{Duration, GangId, SortedMap, SortedSet};

use super::NodePlane;
use crate::SimError;
use crate::context::Context;
use crate::followers::Change;
use crate::hosts::{Pace, PaceChange};
use crate::queue::QueueEvent;

/// The members of each gang that are on nodes.
pub(super) type GangMembers = SortedMap<GangId, Vec<PodRef>>;

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
        let gpus = JobGpus::of(spec).stated;
        if !known.knows(&spec.labels, gpus) {
            return Err(SimError::Declaration {
                what: format!(
                    "job type `{job_type}` of pod `{}` with {gpus} GPUs",
                    record.name
                ),
                why: "expected a number of GPUs of `models.throughputs.scaled`; add a row for it, \
                      or change the GPUs or the label `windtunnel/job-gpus`"
                    .to_owned(),
            });
        }
        if known.goodput(&spec.labels).is_some() {
            self.stages.insert(pod.id, 0);
        }
        let pace = self.job_pace(known, store, record);
        if pace != Pace::USUAL {
            self.job_paces.insert(pod.id, pace);
        }
        Ok(())
    }

    /// The pace of a pod's job where it is now, and beside the jobs that are there.
    fn job_pace(&self, known: &Throughputs, store: &Store, record: &Pod) -> Pace {
        let spec = &store.class(record.class).spec;
        let goodput = known.goodput(&spec.labels);
        // Pods of a job without GPUs of their own stand beside those that have some.
        let is_on_gpus = spec.gpu.devices > 0 || goodput.is_some();
        let Some(node) = record.node().filter(|_| is_on_gpus) else {
            return Pace::USUAL;
        };
        let gpu = store.nodes().object(node).and_then(|own| own.gpu.as_ref());
        let gpus = JobGpus::of(spec);
        let rates = gpu.and_then(|gpu| known.rates(&spec.labels, &gpu.model, gpus));
        let mut pace = rates.map_or(Pace::USUAL, |(usual, own)| Pace::of_rates(usual, own));
        if let Some(goodput) = goodput {
            return pace.and(self.goodput_pace(goodput, store, record));
        }
        if !known.has_parts() {
            return pace;
        }
        let is_apart = self.mates(record).any(|mate| {
            let other = store.pods().get(mate).and_then(Pod::node);
            other.is_some_and(|other| other != node)
        });
        if is_apart {
            let apart = gpu.and_then(|gpu| known.scaled_apart(&spec.labels, &gpu.model, gpus.now));
            pace = match (rates, apart) {
                (Some((usual, _)), Some(own)) => Pace::of_rates(usual, own),
                _ => pace.and(Pace::of_rates(WHOLE_SPEED, known.apart(&spec.labels))),
            };
        }
        for other in beside(store, record) {
            let other: &PodSpec = &store.class(other.class).spec;
            if let Some(part) = known.packed(&spec.labels, &other.labels) {
                pace = pace.and(Pace::of_rates(WHOLE_SPEED, part));
            }
        }
        pace
    }

    /// The pace of a job whose speed changes with its GPUs, its batch size and its progress.
    fn goodput_pace(&self, goodput: &GoodputModel, store: &Store, record: &Pod) -> Pace {
        let mut at = Allocation::default();
        let mut nodes = SortedSet::new();
        let alone = [record.pod].into_iter().filter(|_| record.gang().is_none());
        for mate in self.mates(record).chain(alone) {
            let Some(mate) = store.pods().get(mate) else {
                continue;
            };
            let devices = store.class(mate.class).gpu.devices;
            at.gpus += u32::from(devices);
            nodes.extend(mate.node().filter(|_| devices > 0));
        }
        at.nodes = nodes.len() as u32;
        let labels = &store.class(record.class).spec.labels;
        let batch = labels
            .get(BATCH_SIZE_LABEL)
            .and_then(|own| own.parse().ok());
        let stage = self.stages.get(&record.pod.id).copied().unwrap_or(0);
        Pace::of_rates(WHOLE_SPEED, goodput.speed(stage, at, batch))
    }

    /// A pod of a job runs whose speed changes with its progress: sets its pace from now on, and returns when it may
    /// change again.
    pub(super) fn follow_stage(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
        left: Duration,
    ) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let labels = &store.class(record.class).spec.labels;
        let known = self.throughputs.clone();
        let Some(goodput) = known.as_ref().and_then(|known| known.goodput(labels)) else {
            return;
        };
        let stage = goodput.stage(left);
        if self.stages.insert(pod.id, stage) != Some(stage) {
            self.renew_pace(ctx, store, pod);
        }
        let end = goodput.left_after(stage);
        if end > Duration::ZERO {
            let work = Duration::from_nanos((left.as_nanos() - end.as_nanos()).max(1));
            let span = self.pace_of(store, pod).stretch(work, Pace::USUAL);
            let at = ctx.now().saturating_add(span.max(Duration::from_nanos(1)));
            ctx.expect(at, QueueEvent::Stage(pod));
        }
    }

    /// A pod's job may have come to another stage of its progress.
    pub(crate) fn stage_due(&mut self, ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        let pace = self.pace_of(store, pod);
        if let Some(left) = self.machine.ahead(ctx.now(), pod, pace) {
            self.follow_stage(ctx, store, pod, left);
        }
    }

    fn mates(&self, record: &Pod) -> impl Iterator<Item = PodRef> {
        let mates = record.gang().and_then(|gang| self.mates.get(&gang));
        mates.into_iter().flatten().copied()
    }

    /// A pod took a place or left one: its mates and the pods on its GPUs go on at another pace.
    pub(super) fn follow_paces(&mut self, change: Change<'_>, ctx: &mut Context<'_>) {
        if !{ self.throughputs.as_ref() }.is_some_and(|own| own.has_parts()) {
            return;
        }
        let store = change.store;
        let record = match change.event {
            Event::PodBound { pod, .. } => store.pods().get(*pod),
            _ => change.ended,
        };
        let Some(record) = record.filter(|record| record.node().is_some()) else {
            return;
        };
        if let Some(gang) = record.gang() {
            let mates = self.mates.entry(gang).or_default();
            if change.ended.is_some() {
                mates.retain(|mate| *mate != record.pod);
            } else {
                mates.push(record.pod);
            }
            if mates.is_empty() {
                self.mates.remove(&gang);
            }
        }
        let mut concerned: Vec<PodRef> = self.mates(record).collect();
        concerned.extend(beside(store, record).map(|other| other.pod));
        for pod in concerned {
            // A job with a goodput gives up its GPUs all at once.
            let is_leaving = change.ended.is_some() && self.stages.contains_key(&pod.id);
            if is_leaving || !self.machine.is_running(pod) {
                continue;
            }
            self.renew_pace(ctx, store, pod);
            self.stage_due(ctx, store, pod);
        }
    }

    /// A pod goes on at the pace of its job as it is now.
    fn renew_pace(&mut self, ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        let (Some(known), Some(record)) = (&self.throughputs, store.pods().get(pod)) else {
            return;
        };
        let before = self.job_paces.get(&pod.id).copied().unwrap_or(Pace::USUAL);
        let after = self.job_pace(known, store, record);
        if before == after {
            return;
        }
        self.job_paces.insert(pod.id, after);
        let change = PaceChange { before, after };
        if let Some(end) = self.machine.stretch(ctx.now(), pod, change) {
            ctx.expect(end, QueueEvent::Exit(pod));
        }
        if let Some(contention) = &mut self.contention {
            contention.stretch(ctx.now(), pod.id, change);
        }
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

/// The other pods that hold a part of a GPU of a pod.
fn beside<'a>(store: &'a Store, record: &'a Pod) -> impl Iterator<Item = &'a Pod> {
    let devices = record.devices();
    let node = record.node().filter(|_| !devices.is_empty());
    let slots = node.map(|node| store.nodes().pods(node));
    let others = slots.into_iter().flatten();
    let others = others.filter_map(|&slot| store.pods().at(slot));
    others.filter(move |other| other.pod != record.pod && other.devices().0 & devices.0 != 0)
}
