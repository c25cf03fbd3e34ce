//! The batch framework: pods of traces and single pods, oldest first, each on the first offer that has
//! room; jobs whose data is on some agents wait for those a while (delay scheduling).

use std::collections::VecDeque;

use super::{Framework, Open, OwnPod, TaskNews};
use crate::mesos::batch::{BatchJob, MesosBatch};
use crate::mesos::columns::{CPUS, MEM};
use crate::mesos::fast::amounts::Bundle;
use cluster::Store;
use control::Outbox;
use model::node::ZONE_LABEL;
use model::{PodRef, Text};
use rng::Stream;
use units::{Identity, Instant, NodeId, PodId, SortedMap, SortedSet};

/// Number of waiting groups of equal tasks that are tried on an offer.
const LOOKAHEAD: usize = 1_000;

/// Equal tasks that wait.
#[derive(Clone, Debug)]
struct Group {
    pods: VecDeque<PodRef>,
    /// Of tasks that have data: where it is, and how long they have waited.
    job: Option<BatchJob>,
    /// Milli-cores and bytes of the smallest of them.
    needs: (i64, i64),
}

/// The framework.
#[derive(Clone, Default)]
pub struct Batch {
    options: MesosBatch,
    seed: u64,
    groups: SortedMap<u64, Group>,
    /// Groups by their oldest task.
    order: SortedSet<(PodId, u64)>,
    waiting: usize,
    has_news: bool,
    /// No task that waits needs fewer milli-cores, or fewer bytes.
    least: (i64, i64),
    /// Instant at which a group takes agents that it did not take before.
    wakes: Option<Instant>,
}

impl Batch {
    /// A framework without tasks.
    pub fn new(options: MesosBatch, seed: u64) -> Self {
        Self {
            options,
            seed,
            least: (0, 0),
            ..Self::default()
        }
    }

    /// Tasks of one class are alike; with data, those of one job.
    fn group_of(&self, pod: PodRef, store: &Store) -> Option<u64> {
        let record = store.pods().get(pod)?;
        if self.options.data_replicas == 0 {
            return Some(u64::from(record.class.0));
        }
        let gang = record.gang().map(|gang| 1 << 40 | u64::from(gang.0));
        Some(gang.unwrap_or(1 << 41 | u64::from(pod.id.0)))
    }

    /// A job with data on agents that are drawn for it.
    fn job(&self, pod: PodRef, store: &Store) -> Option<BatchJob> {
        if self.options.data_replicas == 0 {
            return None;
        }
        let nodes: Vec<NodeId> = store.nodes().present().collect();
        let gang = store.pods().get(pod)?.gang();
        let job = gang.map_or_else(
            || store.identity_of(pod),
            |gang| Some(Identity::of("gang").nth(u64::from(gang.0))),
        );
        let mut stream = Stream::of(self.seed, "mesos-data", job?);
        let (mut agents, mut racks) = (SortedSet::new(), SortedSet::new());
        for _ in 0..self.options.data_replicas {
            if nodes.is_empty() {
                break;
            }
            let node = nodes[stream.below(nodes.len() as u64) as usize];
            agents.insert(store.nodes().name(node).into());
            racks.insert(rack_of(store, node));
        }
        Some(BatchJob::new(self.options, 0, agents, racks))
    }

    fn put(&mut self, pod: PodRef, store: &Store) {
        let (Some(number), Some(record)) = (self.group_of(pod, store), store.pods().get(pod))
        else {
            return;
        };
        let requests = &store.class(record.class).requests;
        let needs = (requests.cpu_milli, requests.memory_bytes);
        self.least = if self.waiting == 0 {
            needs
        } else {
            (self.least.0.min(needs.0), self.least.1.min(needs.1))
        };
        if !self.groups.contains_key(&number) {
            let group = Group {
                pods: VecDeque::new(),
                job: self.job(pod, store),
                needs,
            };
            self.groups.insert(number, group);
        }
        let Some(group) = self.groups.get_mut(&number) else {
            return;
        };
        if let Some(oldest) = group.pods.front() {
            self.order.remove(&(oldest.id, number));
        }
        group.needs = (group.needs.0.min(needs.0), group.needs.1.min(needs.1));
        let place = group.pods.partition_point(|known| known.id < pod.id);
        group.pods.insert(place, pod);
        if let Some(job) = &mut group.job {
            job.failed();
        }
        self.order.insert((group.pods[0].id, number));
        self.waiting += 1;
        self.has_news = true;
    }

    /// A task that waits is gone.
    fn remove(&mut self, pod: PodRef) {
        let found = |group: &Group| group.pods.iter().position(|known| *known == pod);
        let mut groups = self.groups.iter_mut();
        let known = groups.find_map(|(number, group)| Some((*number, found(group)?, group)));
        let Some((number, place, group)) = known else {
            return;
        };
        self.order.remove(&(group.pods[0].id, number));
        group.pods.remove(place);
        self.waiting -= 1;
        match group.pods.front() {
            Some(oldest) => {
                self.order.insert((oldest.id, number));
            }
            None => self.forget(number),
        }
    }

    /// A group has no more tasks. With many groups the bounds stay as they are, which is no more
    /// than a look too many at an offer.
    fn forget(&mut self, number: u64) {
        const FEW: usize = 64;
        self.groups.remove(&number);
        if self.groups.len() <= FEW {
            let needs = self.groups.values().map(|group| group.needs);
            let least = needs.reduce(|one, other| (one.0.min(other.0), one.1.min(other.1)));
            self.least = least.unwrap_or_default();
        }
    }

    /// Takes what a group needs of an offer; how many tasks it launched.
    fn fill(&mut self, number: u64, open: &mut Open<'_>) -> usize {
        let Some(group) = self.groups.get_mut(&number) else {
            return 0;
        };
        let record = group
            .pods
            .front()
            .and_then(|pod| open.store.pods().get(*pod));
        let Some(record) = record else {
            return 0;
        };
        let mut room = open.room(open.store.class(record.class));
        if room == 0 {
            return 0;
        }
        if let Some(job) = &mut group.job {
            let agent: Text = open.store.nodes().name(open.node).into();
            let rack = rack_of(open.store, open.node);
            room = job.offered(open.now, &agent, &rack, room.min(group.pods.len() as u64));
            if let Some(at) = job.waits_until(open.now) {
                self.wakes = Some(self.wakes.map_or(at, |known| known.min(at)));
            }
        }
        let mut launched = 0;
        while room > 0
            && let Some(&pod) = group.pods.front()
            && open.launch(pod)
        {
            group.pods.pop_front();
            room -= 1;
            launched += 1;
        }
        launched
    }
}

fn rack_of(store: &Store, node: NodeId) -> Text {
    let object = store.nodes().object(node);
    let labels = object.map(|object| &object.labels);
    let rack = labels.and_then(|labels| labels.get("rack").or_else(|| labels.get(ZONE_LABEL)));
    rack.cloned().unwrap_or_default()
}

impl Framework for Batch {
    fn waits(&mut self, _now: Instant, pod: PodRef, store: &Store) {
        self.put(pod, store);
    }

    fn told(&mut self, _now: Instant, pod: PodRef, news: TaskNews, _store: &Store) {
        if matches!(news, TaskNews::Withdrawn(_)) {
            self.remove(pod);
        }
    }

    fn act(&mut self, now: Instant, _store: &Store, _out: &mut Outbox) {
        if self.wakes.is_some_and(|at| at <= now) {
            self.wakes = None;
            self.has_news = true;
        }
    }

    fn may_take(&self, offered: &Bundle) -> bool {
        self.waiting > 0
            && self.least.0 <= offered.amount(CPUS)
            && self.least.1 <= offered.amount(MEM)
    }

    fn offered(&mut self, open: &mut Open<'_>) {
        let mut after = PodId(0);
        for _ in 0..LOOKAHEAD {
            let Some(&(oldest, number)) = self.order.range((after, 0)..).next() else {
                return;
            };
            after = PodId(oldest.0 + 1);
            let launched = self.fill(number, open);
            if launched == 0 {
                continue;
            }
            self.waiting -= launched;
            self.order.remove(&(oldest, number));
            match self
                .groups
                .get(&number)
                .and_then(|group| group.pods.front())
            {
                Some(next) => {
                    self.order.insert((next.id, number));
                }
                None => self.forget(number),
            }
        }
    }

    fn wants_offers(&self, _now: Instant) -> bool {
        self.waiting > 0
    }

    fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    fn wakes(&self, _now: Instant) -> Option<Instant> {
        self.wakes.filter(|_| self.waiting > 0)
    }

    fn backlog(&self) -> usize {
        self.waiting
    }

    // How long jobs have waited for agents with their data counts from the beginning again.
    fn memory(&self) -> Option<String> {
        Some(String::new())
    }

    fn recall(
        &mut self,
        _now: Instant,
        _memory: &str,
        own: &[OwnPod],
        store: &Store,
    ) -> Result<(), String> {
        for own in own.iter().filter(|own| !own.is_launched) {
            self.put(own.pod, store);
        }
        Ok(())
    }

    fn clone_framework(&self) -> Box<dyn Framework> {
        Box::new(self.clone())
    }
}
