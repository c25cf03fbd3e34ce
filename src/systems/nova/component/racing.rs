//! Schedulers that race: each takes its time to decide on a request, with the hosts as they were when it
//! began, and then claims them one after the other. A claim fails where others have taken the room
//! meanwhile, and the next host is tried; a server group that others have filled is seen by the host
//! alone, whose build fails (spec: orchestrators-a.md sections 6.1 and 6.3).

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use model::{Decision, Event, PodRef};
use units::{Duration, Instant};

use super::super::flavor::{Group, GroupPolicy};
use super::super::scheduler::{Choice, Request};
use super::requests::waits;
use super::{Batch, Due, Nova};

/// A decision under way.
#[derive(Clone, Debug)]
pub(super) struct Deciding {
    batch: Batch,
    scheduler: usize,
    began: Instant,
    /// Instant of the submission, if no scheduler has decided on the request before.
    submitted: Option<Instant>,
    /// Hosts of each instance, the best first; `None` if there is none for one of them.
    candidates: Option<Vec<Vec<usize>>>,
}

impl Deciding {
    /// Number of instances of the request.
    pub(super) fn instances(&self) -> usize {
        self.batch.pods.len()
    }
}

impl Nova {
    /// A scheduler that decides on nothing; `None` if all do, or decisions take no time.
    pub(super) fn idle_scheduler(&self) -> Option<usize> {
        let number = self.options.schedulers.map_or(0, |own| own.number);
        let busy = |scheduler: &usize| {
            self.deciding
                .values()
                .any(|own| own.scheduler == *scheduler)
        };
        (0..number).find(|scheduler| !busy(scheduler))
    }

    /// A scheduler begins to decide on a request.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        scheduler: usize,
        batch: Batch,
        store: &Store,
        out: &mut Outbox,
    ) {
        let is_first = batch.first_asked.is_none();
        let Some(batch) = self.asked(now, batch, store, out) else {
            return;
        };
        let Some(first) = batch.pods.first().map(|pod| pod.id) else {
            return;
        };
        let candidates = self.candidates(&batch.pods);
        let options = self.options.schedulers.unwrap_or_default();
        let instances = i64::try_from(batch.pods.len()).unwrap_or(i64::MAX);
        let takes = options.per_instance.checked_mul(instances);
        let takes = takes.map_or(Duration::MAX, |own| own.saturating_add(options.per_request));
        let deciding = Deciding {
            submitted: is_first.then_some(batch.submitted),
            batch,
            scheduler,
            began: now,
            candidates,
        };
        self.deciding.insert(first, deciding);
        self.timers
            .push(now.saturating_add(takes), Due::Decided(first));
    }

    /// Hosts of each instance, each of which counts on the first of them for those that follow.
    fn candidates(&mut self, pods: &[PodRef]) -> Option<Vec<Vec<usize>>> {
        let mut found = Vec::with_capacity(pods.len());
        for (number, &pod) in pods.iter().enumerate() {
            let Ok(choice) = self.choose(pod, true) else {
                self.leave_all(&pods[..number]);
                return None;
            };
            let host = choice.host;
            let hosts = std::iter::once(host).chain(choice.alternates.iter().copied());
            found.push(hosts.collect());
            self.take(pod, choice);
        }
        self.leave_all(pods);
        Some(found)
    }

    /// A scheduler has decided: it claims hosts in their order, for all instances or none.
    pub(super) fn decided(
        &mut self,
        now: Instant,
        decision: Deciding,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Deciding {
            batch,
            scheduler,
            began,
            submitted,
            candidates,
        } = decision;
        let (mut claims, mut conflicts) = (0, 0);
        let mut claimed = Vec::new();
        let mut is_complete = candidates.is_some();
        for (&pod, hosts) in batch.pods.iter().zip(candidates.unwrap_or_default()) {
            if !waits(pod, store) {
                continue;
            }
            let taken = self.claim(pod, &hosts);
            let tried = taken.map_or(hosts.len(), |place| place + 1);
            claims += tried as u32;
            conflicts += taken.unwrap_or(hosts.len()) as u32;
            if taken.is_none() {
                is_complete = false;
                break;
            }
            claimed.push(pod);
        }
        if !is_complete {
            self.leave_all(&claimed);
            claimed.clear();
        }
        let number = self.options.schedulers.map_or(1, |own| own.number);
        let told = Decision {
            scheduler: format!("nova-scheduler-{scheduler}").into(),
            schedulers: u32::try_from(number).unwrap_or(u32::MAX),
            began,
            submitted,
            claims,
            conflicts,
            placed: claimed.len() as u32,
        };
        out.write(store, Event::Decided(Arc::new(told)));
        if !is_complete {
            return self.rest(batch, store, out);
        }
        for pod in claimed {
            self.build(now, pod, store, out);
        }
    }

    /// Claims the first of the hosts that still has room: its place among them.
    fn claim(&mut self, pod: PodRef, hosts: &[usize]) -> Option<usize> {
        let class = self.instance_mut(pod)?.class;
        let flavor = self.request_of(class)?.flavor;
        let all = self.cloud.hosts();
        let has_room = |host: &usize| all.get(*host).is_some_and(|own| own.has_room(flavor));
        let place = hosts.iter().position(has_room)?;
        let others = hosts[place + 1..].iter().copied();
        let choice = Choice {
            host: hosts[place],
            alternates: others.take(self.options.rules.max_attempts - 1).collect(),
        };
        self.take(pod, choice);
        Some(place)
    }

    fn leave_all(&mut self, pods: &[PodRef]) {
        for &pod in pods {
            self.leave(pod);
        }
    }

    /// Whether the host of an instance finds the policy of its server group broken, as it looks at it once more
    /// before it builds.
    pub(super) fn breaks_group(&self, pod: PodRef) -> bool {
        let own = self.instances.get(pod.slot.index());
        let own = own.and_then(Option::as_ref).filter(|own| own.pod == pod);
        let Some((host, request)) = own.and_then(|own| Some((own.host?, own.request.as_deref()?)))
        else {
            return false;
        };
        let Request {
            group: Some(Group { name, policy, .. }),
            ..
        } = request
        else {
            return false;
        };
        let Some(members) = self.cloud.plain().groups().get(name) else {
            return false;
        };
        // The instance itself is one of them.
        let here = members.get(&host).copied().unwrap_or(0);
        match policy {
            GroupPolicy::AntiAffinity { most_per_host } => here > *most_per_host,
            GroupPolicy::Affinity => here <= 1 && members.len() > 1,
            GroupPolicy::SoftAffinity | GroupPolicy::SoftAntiAffinity => false,
        }
    }
}
