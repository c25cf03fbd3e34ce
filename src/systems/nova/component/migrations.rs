//! Live migration: instances leave a host that is disabled while it is up, some at a time, each for the
//! best host that the filters pass. Until one has arrived it takes room at both ends, and is no operation of
//! either (spec: orchestrators-a.md section 6.3).

use crate::parts::turn::Turn;
use std::sync::Arc;

use cluster::Store;
use control::admission::Creation;
use model::{Event, PodChange, PodRef, Relocation, Text};
use units::{ClassId, Duration, Instant, NodeId, PodId, SortedMap, SortedSet};

use super::super::migration::Sending;
use super::super::scheduler::Request;
use super::requests::Alternates;
use super::staying::Staying;
use super::{Due, Nova};

/// A migration under way.
#[derive(Clone, Debug)]
struct Migration {
    pod: PodRef,
    from: usize,
    to: usize,
    request: Arc<Request>,
    /// Memory as it was to be sent at an instant, from which on it is sent at a rate, in bytes a second.
    sending: Sending,
    since: Instant,
    bandwidth: i64,
    /// Instant at which the instance stands still, or its migration is given up.
    at: Instant,
    /// Time for which the instance stands still; `None` if its migration is given up.
    downtime: Option<Duration>,
}

/// The migrations of a cloud.
#[derive(Clone, Debug, Default)]
pub(super) struct Migrations {
    /// Hosts that instances leave.
    vacated: SortedSet<usize>,
    /// Migrations under way, by instance.
    moving: SortedMap<PodId, Migration>,
    /// Instances that stay.
    staying: Staying,
    /// Names of instances that stand still between two hosts.
    arriving: SortedSet<Text>,
    /// `true` if an instance may be able to leave that could not when it was looked at last.
    may_go: bool,
    /// `true` if a migration began or ended since the bandwidth of hosts was shared out.
    is_shared_anew: bool,
}

impl Migrations {
    /// A host is disabled or enabled.
    pub(super) fn vacate(&mut self, host: usize, is_disabled: bool) {
        if is_disabled {
            self.vacated.insert(host);
        } else {
            self.vacated.remove(&host);
            self.staying.enabled(host);
        }
        self.may_go = true;
    }

    /// Something has changed by which an instance may be able to leave.
    pub(super) const fn look_again(&mut self) {
        self.may_go = true;
    }

    /// Whether an instance of a name comes from another host, which it no longer does from now on.
    pub(super) fn arrived(&mut self, name: &Text) -> bool {
        self.arriving.remove(name)
    }

    /// An instance of a name is to come from another host.
    pub(super) fn expect(&mut self, name: Text) {
        self.arriving.insert(name);
    }

    /// Whether an instance is on its way to another host.
    pub(super) fn is_moving(&self, pod: PodRef) -> bool {
        self.moving.contains_key(&pod.id)
    }

    fn leaving(&self, host: usize) -> usize {
        let moving = self.moving.values();
        moving.filter(|own| own.from == host).count()
    }
}

impl Nova {
    /// Starts the next migration; `false` if there is none to start.
    pub(super) fn migrate(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(options) = self.options.migration else {
            return false;
        };
        if !std::mem::take(&mut self.migrations.may_go) {
            return false;
        }
        let parallel = options.parallel;
        let hosts: Vec<usize> = self.migrations.vacated.iter().copied().collect();
        let has_turn = |host: &usize| {
            let is_up = self.cloud.hosts().get(*host).is_some_and(|own| own.is_up);
            is_up && self.migrations.leaving(*host) < parallel
        };
        for host in hosts.into_iter().filter(has_turn).collect::<Vec<_>>() {
            for (pod, class) in self.leavers(host, turn.store) {
                if self.start_moving(pod, class, turn) {
                    self.migrations.may_go = true;
                    return true;
                }
            }
        }
        false
    }

    /// Instances of a host that may leave it, in the order of their creation.
    fn leavers(&self, host: usize, store: &Store) -> Vec<(PodRef, ClassId)> {
        let instances = self.instances.iter().flatten();
        let mut leavers: Vec<(PodRef, ClassId)> = instances
            .filter(|own| {
                let id = own.pod.id;
                let is_free = !self.migrations.moving.contains_key(&id)
                    && !self.migrations.staying.has_given_up(id);
                own.host == Some(host)
                    && !own.is_building
                    && !own.is_off
                    && is_free
                    && !self.relocations.has(own.pod)
                    && store.pods().get(own.pod).is_some()
                    && !store.pod_states().is_terminating(own.pod)
            })
            .map(|own| (own.pod, own.class))
            .collect();
        leavers.sort_unstable_by_key(|(pod, _)| pod.id);
        leavers
    }

    fn start_moving(&mut self, pod: PodRef, class: ClassId, turn: &mut Turn<'_>) -> bool {
        let Some(options) = self.options.migration else {
            return false;
        };
        let known = self.instance_mut(pod);
        let known = known.and_then(|own| Some((own.host?, own.request.clone()?)));
        let Some((from, mut request)) = known else {
            return false;
        };
        let hints = self.hints(class);
        let own = Arc::make_mut(&mut request);
        own.excluded = vec![from];
        own.hints = hints;
        let Ok(choice) = self.select(&request, class, Alternates::OfBuild) else {
            self.stays(pod, from, Relocation::Stranded, turn);
            return false;
        };
        self.migrations.staying.leaves(pod.id);
        let to = choice.host;
        self.cloud.add(to, &request, false);
        let sending = Sending::new(&options, request.flavor.memory);
        self.migrations.moving.insert(
            pod.id,
            Migration {
                pod,
                from,
                to,
                request,
                sending,
                since: turn.now,
                bandwidth: 0,
                at: Instant::MAX,
                downtime: None,
            },
        );
        self.migrations.is_shared_anew = true;
        let to = NodeId::from_index(to);
        let change = PodChange::Moving { to };
        turn.write(Event::PodChanged { pod, change });
        turn.out.decided_pods += 1;
        turn.out.decided_jobs += 1;
        true
    }

    /// Shares the bandwidth of hosts out among the migrations from and to them: each sends at an equal share
    /// of the narrower end.
    pub(super) fn share_out(&mut self, now: Instant) {
        if !std::mem::take(&mut self.migrations.is_shared_anew) {
            return;
        }
        let Some(options) = self.options.migration else {
            return;
        };
        let mut sent: SortedMap<usize, i64> = SortedMap::new();
        let mut received: SortedMap<usize, i64> = SortedMap::new();
        for own in self.migrations.moving.values() {
            *sent.entry(own.from).or_default() += 1;
            *received.entry(own.to).or_default() += 1;
        }
        for (&pod, own) in &mut self.migrations.moving {
            let parts = sent[&own.from].max(received[&own.to]);
            let bandwidth = (options.bandwidth / parts).max(1);
            if own.bandwidth == bandwidth {
                continue;
            }
            if own.bandwidth > 0 {
                own.sending.send(own.bandwidth, now.since(own.since));
            }
            (own.since, own.bandwidth) = (now, bandwidth);
            let course = own.sending.course(bandwidth);
            own.at = now.saturating_add(course.copies);
            own.downtime = course.downtime;
            self.timers.push(own.at, Due::Moved(pod));
        }
    }

    /// A migration is no longer one: what it claimed is free again.
    pub(super) fn stop_moving(&mut self, pod: PodRef) {
        if let Some(own) = self.migrations.moving.remove(&pod.id) {
            self.cloud.remove(own.to, &own.request, false);
            self.migrations.may_go = true;
            self.migrations.is_shared_anew = true;
        }
        self.migrations.staying.leaves(pod.id);
    }

    /// An instance stays on a host that it is to leave.
    fn stays(&mut self, pod: PodRef, host: usize, why: Relocation, turn: &mut Turn<'_>) {
        let Some(name) = self.instance_mut(pod).map(|own| own.name.clone()) else {
            return;
        };
        if self.migrations.staying.stays(pod.id, name, host, why) {
            let change = PodChange::Relocated(why);
            turn.write(Event::PodChanged { pod, change });
        }
    }

    /// A line about instances that stay on hosts which they are to leave.
    pub(super) fn stay_remark(&self) -> Option<String> {
        self.migrations.staying.remark(self.cloud.hosts())
    }

    /// A host is out of reach: what moves there or from there stays where it is.
    pub(super) fn break_off(&mut self, node: NodeId) {
        let host = node.index();
        let moving = self.migrations.moving.values();
        let broken = moving.filter(|own| own.from == host || own.to == host);
        for pod in broken.map(|own| own.pod).collect::<Vec<_>>() {
            self.stop_moving(pod);
        }
    }

    /// The memory of an instance is sent, but for what is sent while the instance stands still; or its
    /// migration has lasted too long.
    pub(super) fn moved(&mut self, pod: PodId, turn: &mut Turn<'_>) {
        let own = self
            .migrations
            .moving
            .get(&pod)
            .filter(|own| own.at <= turn.now);
        let Some(own) = own.cloned() else {
            return;
        };
        self.stop_moving(own.pod);
        let Some(downtime) = own.downtime else {
            self.stays(own.pod, own.from, Relocation::GivenUp, turn);
            return;
        };
        let is_there = turn.store.pods().get(own.pod).is_some();
        let name = self.instance_mut(own.pod).map(|own| own.name.clone());
        if let Some(name) = name.filter(|_| is_there)
            && !turn.store.pod_states().is_terminating(own.pod)
        {
            self.migrations.arriving.insert(name);
            turn.out.creations.push(Creation::Moved {
                pod: own.pod,
                to: NodeId::from_index(own.to),
                downtime,
            });
        }
    }
}
