//! Dominant-resource fairness task by task as a component: whoever has the smallest dominant share
//! gets its next task placed on the first node with room; there are no offers
//! (spec: orchestrators-b.md section 1.3). Users are tenants.

use std::collections::VecDeque;

use crate::mesos::columns::{Columns, GPUS, PODS};
use crate::mesos::drf_tasks::Blocked;
use crate::mesos::fast::amounts::{Amounts, add, subtract};
use crate::parts::devices::whole_devices;
use cluster::{Conflict, Store};
use control::{Component, Outbox, Progress, Write};
use model::rules::affinity;
use model::{Event, Pod, PodRef};
use units::{ClassId, Instant, NodeId, PodId, Revision, SortedMap, TenantId};

/// A user.
#[derive(Clone, Debug, Default)]
struct User {
    waiting: VecDeque<PodRef>,
    held: Amounts,
    tasks: u64,
    /// `true` if the user's next task has no room until something is freed.
    is_blocked: bool,
}

/// The component.
#[derive(Clone, Default)]
pub struct DrfTasks {
    blocked: Blocked,
    /// Weights of tenants by number; 1 beyond them.
    weights: Vec<f64>,
    cursor: Revision,
    columns: Columns,
    is_open: bool,
    total: Amounts,
    users: SortedMap<TenantId, User>,
    /// Tenant of each running task, and the amounts that it holds.
    tasks: SortedMap<PodId, (TenantId, Amounts)>,
    /// By class, the nodes before which none has room for it, as long as nothing is freed.
    full_before: SortedMap<ClassId, usize>,
}

impl DrfTasks {
    /// A component that has seen nothing, with the weights of tenants by number.
    pub fn new(blocked: Blocked, weights: Vec<f64>) -> Self {
        Self {
            blocked,
            weights,
            total: Amounts::new(),
            ..Self::default()
        }
    }

    fn freed(&mut self) {
        self.full_before.clear();
        self.users
            .values_mut()
            .for_each(|user| user.is_blocked = false);
    }

    fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::NodeAdded { .. }
                | Event::NodeUpdated { .. }
                | Event::NodeReadiness { .. }
                | Event::NodeRemoved { .. } => {
                    self.total = Amounts::from_elem(0, self.columns.count());
                    for node in store.nodes().present() {
                        add(&mut self.total, &self.columns.total(store, node));
                    }
                    self.freed();
                }
                Event::PodCreated(created) => {
                    let user = self.users.entry(created.tenant).or_default();
                    user.held.resize(self.columns.count(), 0);
                    user.waiting.push_back(created.pod);
                }
                Event::PodBound { pod, .. } => self.found(*pod, store),
                Event::PodEnded { pod, .. } => {
                    if let Some((tenant, held)) = self.tasks.remove(&pod.id) {
                        if let Some(user) = self.users.get_mut(&tenant) {
                            subtract(&mut user.held, &held);
                            user.tasks -= 1;
                        }
                        self.freed();
                    } else {
                        let users = self.users.values_mut();
                        users.for_each(|user| user.waiting.retain(|own| own != pod));
                    }
                }
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    /// A pod is on a node: one that somebody else placed there holds what it needs from now on.
    fn found(&mut self, pod: PodRef, store: &Store) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let user = self.users.get_mut(&record.tenant);
        if let Some(user) = user.filter(|_| !self.tasks.contains_key(&pod.id)) {
            let needs = self.columns.needs(store.class(record.class));
            let needs = needs.unwrap_or_default();
            user.waiting.retain(|own| *own != pod);
            if needs.len() == user.held.len() {
                add(&mut user.held, &needs);
            }
            user.tasks += 1;
            self.tasks.insert(pod.id, (record.tenant, needs));
        }
    }

    /// The greatest share of any resource over the weight; pod slots are none.
    fn share(&self, tenant: TenantId, user: &User) -> f64 {
        let both = user.held.iter().zip(&self.total).enumerate();
        let counted = both.filter(|(column, (_, total))| *column != PODS && **total > 0);
        let shares = counted.map(|(_, (held, total))| *held as f64 / *total as f64);
        let weight = self.weights.get(tenant.index()).copied().unwrap_or(1.0);
        shares.fold(0.0, f64::max) / weight
    }

    /// The user whose turn it is: the smallest share, then the fewest tasks, then by tenant.
    fn next(&self) -> Option<TenantId> {
        let open = self.users.iter();
        let open = open.filter(|(_, user)| !user.waiting.is_empty() && !user.is_blocked);
        let next = open.min_by(|(one_id, one), (other_id, other)| {
            let by_share = self
                .share(**one_id, one)
                .total_cmp(&self.share(**other_id, other));
            by_share
                .then(one.tasks.cmp(&other.tasks))
                .then(one_id.cmp(other_id))
        });
        next.map(|(tenant, _)| *tenant)
    }

    /// The first node with room for a pod.
    fn node_for(&mut self, pod: &Pod, store: &Store) -> Option<NodeId> {
        let class = store.class(pod.class);
        let first = self.full_before.get(&pod.class).copied().unwrap_or(0);
        let nodes = store.nodes();
        let found = nodes.ids().skip(first).find(|&node| {
            let object = nodes.object(node);
            nodes.schedulable()[node.index()]
                && nodes.has_room(node, &class.requests)
                && nodes.has_gpu_room(node, class.gpu)
                && object.is_some_and(|object| affinity::admits(&class.spec, object))
        });
        let full = found.map_or(nodes.len(), NodeId::index);
        self.full_before.insert(pod.class, full);
        found
    }
}

impl Component for DrfTasks {
    fn name(&self) -> &'static str {
        "drf-tasks"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, _now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        if !self.is_open {
            self.is_open = true;
            self.columns = Columns::of(view);
        }
        self.read(view);
        while let Some(tenant) = self.next() {
            let pod = self.users[&tenant].waiting[0];
            let record = view.pods().get(pod).cloned();
            let node = record
                .as_ref()
                .and_then(|record| self.node_for(record, view));
            let Some(user) = self.users.get_mut(&tenant) else {
                break;
            };
            let (Some(record), Some(node)) = (record, node) else {
                user.is_blocked = true;
                if self.blocked == Blocked::Stop {
                    self.users
                        .values_mut()
                        .for_each(|user| user.is_blocked = true);
                }
                continue;
            };
            user.waiting.pop_front();
            let class = view.class(record.class);
            let needs = self.columns.needs(class).unwrap_or_default();
            let mut devices = model::DeviceSet::EMPTY;
            if class.gpu.is_shared() {
                let rooms = view.nodes().gpu_room(node).iter();
                let milli = class.gpu.milli_per_device;
                if let Some(device) = { rooms }.position(|&room| room >= milli) {
                    devices.insert(device);
                }
            } else if needs.get(GPUS).is_some_and(|&gpus| gpus > 0) {
                devices = whole_devices(view, node, devices, needs[GPUS]);
            }
            if needs.len() == user.held.len() {
                add(&mut user.held, &needs);
            }
            user.tasks += 1;
            self.tasks.insert(pod.id, (tenant, needs));
            (out.decided_pods, out.decided_jobs) = (1, 1);
            out.write(view, Event::PodBound { pod, node, devices });
            return Progress::More;
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        let Event::PodBound { pod, .. } = &write.event else {
            return;
        };
        if let Some((tenant, held)) = self.tasks.remove(&pod.id)
            && let Some(user) = self.users.get_mut(&tenant)
        {
            subtract(&mut user.held, &held);
            user.tasks -= 1;
            user.waiting.push_front(*pod);
            user.is_blocked = true;
        }
    }

    fn backlog(&self) -> usize {
        self.users.values().map(|user| user.waiting.len()).sum()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
