//! Schedulers that race: each takes its time to decide on a request, with the hosts as they were when it
//! began, and then claims them one after the other. A claim fails where others have taken the room
//! meanwhile, and the next host is tried; a server group that others have filled is seen by the host
//! alone, whose build fails (spec: orchestrators-a.md sections 6.1 and 6.3).

use crate::parts::turn::Turn;
use std::sync::Arc;

use model::{Decision, Event, PodRef};
use units::{Duration, Instant};

use super::super::flavor::{Group, GroupPolicy};
use super::super::scheduler::{Choice, Request};
use super::requests::{Alternates, waits};
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
    /// Hosts to try if a build of one of several instances fails, the best first.
    spares: Vec<usize>,
    /// Number of changes before the decision began.
    changes: u64,
}

/// Claims of a decision.
#[derive(Debug, Default)]
struct Claims {
    /// Number of claims of hosts whose room others had taken.
    refused: u32,
    /// Instances that got their hosts.
    placed: Vec<PodRef>,
    /// `true` if an instance found no host with room.
    is_lost: bool,
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
        let number = self.options.schedulers.map_or(0, |own| own.number as usize);
        let busy = |scheduler: &usize| {
            self.deciding
                .values()
                .any(|own| own.scheduler == *scheduler)
        };
        (0..number).find(|scheduler| !busy(scheduler))
    }

    /// A scheduler begins to decide on a request.
    pub(super) fn begin(&mut self, scheduler: usize, batch: Batch, turn: &mut Turn<'_>) {
        let is_first = batch.first_asked.is_none();
        let Some(batch) = self.asked(batch, turn) else {
            return;
        };
        let Some(first) = batch.pods.first().map(|pod| pod.id) else {
            return;
        };
        let (candidates, spares) = self.candidates(&batch.pods).unzip();
        let options = self.options.schedulers.unwrap_or_default();
        let instances = i64::try_from(batch.pods.len()).unwrap_or(i64::MAX);
        let takes = options.per_instance.checked_mul(instances);
        let takes = takes.map_or(Duration::MAX, |own| own.saturating_add(options.per_request));
        let deciding = Deciding {
            submitted: is_first.then_some(batch.submitted),
            batch,
            scheduler,
            began: turn.now,
            candidates,
            spares: spares.unwrap_or_default(),
            changes: self.changes,
        };
        self.deciding.insert(first, deciding);
        self.timers
            .push(turn.now.saturating_add(takes), Due::Decided(first));
    }

    /// Hosts of each instance, each of which counts on the first of them for those that follow; and those of
    /// several once all of them count.
    fn candidates(&mut self, pods: &[PodRef]) -> Option<(Vec<Vec<usize>>, Vec<usize>)> {
        let mut found = Vec::with_capacity(pods.len());
        for (number, &pod) in pods.iter().enumerate() {
            let Ok(choice) = self.choose(pod, Alternates::All) else {
                self.leave_all(&pods[..number]);
                return None;
            };
            let host = choice.host;
            let hosts = std::iter::once(host).chain(choice.alternates.iter().copied());
            found.push(hosts.collect());
            self.take(pod, choice);
        }
        let spares = match *pods {
            [first, _, ..] => self.ranked(first),
            _ => found.first().cloned().unwrap_or_default(),
        };
        self.leave_all(pods);
        Some((found, spares))
    }

    /// A scheduler has decided: it claims hosts in their order, for all instances or none.
    pub(super) fn decided(&mut self, mut decision: Deciding, turn: &mut Turn<'_>) {
        let pods = std::mem::take(&mut decision.batch.pods);
        let has_hosts = decision.candidates.is_some();
        let mut candidates = decision.candidates.take().unwrap_or_default().into_iter();
        let mut claims = Claims::default();
        for pod in pods {
            let hosts = candidates.next().unwrap_or_default();
            if waits(pod, turn.store) {
                decision.batch.pods.push(pod);
                if has_hosts && !claims.is_lost {
                    self.claim_for(pod, &hosts, &mut claims);
                }
            }
        }
        let made = claims.refused + claims.placed.len() as u32;
        if claims.is_lost {
            self.leave_all(&claims.placed);
            claims.placed.clear();
        }
        self.give_alternates(&claims.placed, &decision.spares);
        let broken = claims.placed.iter();
        let broken = broken.filter(|pod| self.breaks_group(**pod)).count() as u32;
        let number = self.options.schedulers.map_or(1, |own| own.number as usize);
        let told = Decision {
            scheduler: format!("nova-scheduler-{}", decision.scheduler).into(),
            schedulers: u32::try_from(number).unwrap_or(u32::MAX),
            began: decision.began,
            submitted: decision.submitted,
            claims: made,
            conflicts: claims.refused + broken,
            placed: claims.placed.len() as u32 - broken,
        };
        turn.write(Event::Decided(Arc::new(told)));
        for &pod in &claims.placed {
            self.build(pod, turn);
        }
        let batch = decision.batch;
        if !claims.placed.is_empty() || batch.pods.is_empty() {
            return;
        }
        if claims.is_lost || self.changes > decision.changes {
            self.fail(batch, turn);
        } else {
            self.rest(batch, turn);
        }
    }

    /// Claims a host for an instance of a decision.
    fn claim_for(&mut self, pod: PodRef, hosts: &[usize], claims: &mut Claims) {
        let taken = self.claim(pod, hosts);
        claims.refused += taken.unwrap_or(hosts.len()) as u32;
        match taken {
            Some(_) => claims.placed.push(pod),
            None => claims.is_lost = true,
        }
    }

    /// Claims the first of the hosts that still has room: its place among them.
    pub(super) fn claim(&mut self, pod: PodRef, hosts: &[usize]) -> Option<usize> {
        let class = self.instance_mut(pod)?.class;
        let flavor = self.request_of(class)?.flavor;
        let all = self.cloud.hosts();
        let has_room = |host: &usize| all.get(*host).is_some_and(|own| own.has_room(flavor));
        let place = hosts.iter().position(has_room)?;
        let choice = Choice {
            host: hosts[place],
            alternates: Vec::new(),
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
