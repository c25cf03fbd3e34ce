//! Queues of jobs that share a cluster, for the orders that choose a queue before they choose a job. The
//! jobs of a tenant are a queue; queues may be in queues of their own, which makes a tree. Amounts are
//! processors, bytes of memory and milli-GPU; the one of which a queue has the largest share counts.
//!
//! A queue borrows what its siblings leave unused, up to the capability of each queue above it. Where
//! an order reclaims, a waiting job takes its room back from queues that use more than they are
//! entitled to.

use scheduler::batch::{JobFacts, MachineFacts};
use units::{SortedMap, TenantId};

/// Number of resources that queues share.
pub const RESOURCES: usize = 3;

/// Amounts of processors, bytes of memory and milli-GPU.
pub type Amounts = [i64; RESOURCES];

/// Limits of processors, bytes of memory and milli-GPU; `None` states none.
pub type Limits = [Option<i64>; RESOURCES];

/// A limit of processors alone.
pub const fn processors(limit: Option<i64>) -> Limits {
    [limit, None, None]
}

/// The amounts that a job holds.
const fn amounts(job: &JobFacts) -> Amounts {
    [job.processors, job.memory, job.gpu_milli]
}

/// Which running jobs may end for those of other queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// Jobs in the queue end for others, and others for them.
    Default,
    /// Jobs in the queue end no job outside it.
    Fence,
    /// Jobs in the queue do not end for others.
    Disabled,
}

/// Declaration of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// The tenant whose jobs wait in it; `None` of a queue of queues.
    pub tenant: Option<TenantId>,
    /// Place of the queue above among all that are declared; `None` at the top.
    pub parent: Option<usize>,
    /// Weight among its siblings, at least 1.
    pub weight: u32,
    /// Priority among its siblings; queues of the highest go first.
    pub priority: i32,
    /// Whether the priorities of the queues in it stay within it.
    pub is_priority_fence: bool,
    /// Settings of preemption; where it has none, those of the queue above count.
    pub preemption: Option<Preemption>,
    /// Amounts that the queue is to have whatever others ask for.
    pub guaranteed: Limits,
    /// Most that the queue may use.
    pub capability: Limits,
}

impl QueueOptions {
    /// A queue at the top without limits, of weight 1 and priority 0.
    pub const fn of(tenant: TenantId) -> Self {
        Self {
            tenant: Some(tenant),
            parent: None,
            weight: 1,
            priority: 0,
            is_priority_fence: false,
            preemption: None,
            guaranteed: [None; RESOURCES],
            capability: [None; RESOURCES],
        }
    }
}

/// A queue with its present use.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) options: QueueOptions,
    /// Queues in it, in the order of their declarations.
    pub(super) children: Vec<usize>,
    /// Amounts of jobs that run, and of jobs that wait, in it and in the queues below.
    pub(super) used: Amounts,
    pub(super) pending: Amounts,
    /// Amounts that the queue may take back from others, as of the last scoring.
    pub(super) entitled: [f64; RESOURCES],
    /// Resources of which it is entitled to a certain amount; of the others it takes nothing back.
    pub(super) is_bounded: [bool; RESOURCES],
    /// Share of what it should have that the queue has, the largest over its resources, as of the last
    /// scoring.
    pub(super) share: f64,
    /// Place of the queue among all, from 0, as of the last scoring.
    rank: i64,
    /// Resources of which no job of the queue may take more, as of the last scoring.
    pub(super) is_closed: [bool; RESOURCES],
}

impl Queue {
    fn new(options: QueueOptions) -> Self {
        Self {
            options,
            children: Vec::new(),
            used: [0; RESOURCES],
            pending: [0; RESOURCES],
            entitled: [0.0; RESOURCES],
            is_bounded: [true; RESOURCES],
            share: 0.0,
            rank: i64::MAX,
            is_closed: [false; RESOURCES],
        }
    }

    /// Whether it is a queue of queues.
    pub(super) const fn is_inner(&self) -> bool {
        self.options.tenant.is_none()
    }
}

/// All queues: those that are declared, and one for each other tenant from its first job on.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    all: Vec<Queue>,
    declared: usize,
    /// Queues at the top: declared ones in their order, then those of other tenants by number.
    top: Vec<usize>,
    of_tenants: SortedMap<TenantId, usize>,
    machine: MachineFacts,
}

impl Queues {
    /// Queues as declared; tenants without a declaration have the usual ones.
    pub(super) fn new(declared: Vec<QueueOptions>) -> Self {
        let mut queues = Self {
            declared: declared.len(),
            all: declared.into_iter().map(Queue::new).collect(),
            top: Vec::new(),
            of_tenants: SortedMap::new(),
            machine: MachineFacts::default(),
        };
        for place in 0..queues.all.len() {
            let options = &queues.all[place].options;
            let (tenant, parent) = (options.tenant, options.parent);
            if let Some(tenant) = tenant {
                queues.of_tenants.entry(tenant).or_insert(place);
            }
            match parent.filter(|&parent| parent < queues.declared) {
                Some(parent) => queues.all[parent].children.push(place),
                None => queues.top.push(place),
            }
        }
        queues
    }

    /// Place of a tenant's queue, which is there from now on.
    fn place(&mut self, tenant: TenantId) -> usize {
        if let Some(&place) = self.of_tenants.get(&tenant) {
            return place;
        }
        let place = self.all.len();
        self.all.push(Queue::new(QueueOptions::of(tenant)));
        self.of_tenants.insert(tenant, place);
        let (all, declared) = (&self.all, self.declared);
        let before = |&own: &usize| own < declared || all[own].options.tenant < Some(tenant);
        let at = self.top.partition_point(before);
        self.top.insert(at, place);
        place
    }

    /// Places of the queue of a tenant and of those above it, the lowest first.
    pub(super) fn path(&self, tenant: TenantId) -> Vec<usize> {
        let mut path = Vec::new();
        let mut next = self.of_tenants.get(&tenant).copied();
        while let Some(place) = next
            && path.len() < self.all.len()
        {
            path.push(place);
            next = self.all[place].options.parent;
        }
        path
    }

    /// Places of the queues of two jobs below the one that both are in, the lowest first, and of that one.
    pub(super) fn apart(
        &self,
        one: &JobFacts,
        other: &JobFacts,
    ) -> (Vec<usize>, Vec<usize>, Option<usize>) {
        let (mut one, mut other) = (self.path(one.tenant), self.path(other.tenant));
        let mut shared = None;
        while one.last().is_some() && one.last() == other.last() {
            shared = one.pop();
            other.pop();
        }
        (one, other, shared)
    }

    /// The queues at the top.
    pub(super) fn top(&self) -> &[usize] {
        &self.top
    }

    /// A queue by its place.
    pub(super) fn at(&self, place: usize) -> &Queue {
        &self.all[place]
    }

    /// A queue by its place.
    pub(super) fn at_mut(&mut self, place: usize) -> &mut Queue {
        &mut self.all[place]
    }

    /// Takes the shares of all queues for none, before they are found anew.
    pub(super) fn clear_shares(&mut self) {
        for queue in &mut self.all {
            queue.share = 0.0;
        }
    }

    /// Amounts of the cluster.
    pub(super) const fn total(&self) -> Amounts {
        let machine = &self.machine;
        [machine.processors, machine.memory, machine.gpu_milli]
    }

    pub(super) fn machine(&mut self, machine: &MachineFacts) {
        self.machine = *machine;
    }

    pub(super) fn waiting(&mut self, jobs: &mut dyn Iterator<Item = &JobFacts>) {
        for queue in &mut self.all {
            queue.pending = [0; RESOURCES];
        }
        for job in jobs {
            self.place(job.tenant);
            for place in self.path(job.tenant) {
                let pending = &mut self.all[place].pending;
                for (pending, amount) in pending.iter_mut().zip(amounts(job)) {
                    *pending = pending.saturating_add(amount);
                }
            }
        }
    }

    pub(super) fn started(&mut self, job: &JobFacts) {
        self.place(job.tenant);
        for place in self.path(job.tenant) {
            let used = &mut self.all[place].used;
            for (used, amount) in used.iter_mut().zip(amounts(job)) {
                *used = used.saturating_add(amount);
            }
        }
    }

    pub(super) fn ended(&mut self, job: &JobFacts) {
        self.place(job.tenant);
        for place in self.path(job.tenant) {
            let used = &mut self.all[place].used;
            for (used, amount) in used.iter_mut().zip(amounts(job)) {
                *used = used.saturating_sub(amount);
            }
        }
    }

    /// Amount of a resource that a queue is to have whatever others ask for: as much as the queues in it
    /// are to have together, if it states less.
    pub(super) fn guaranteed(&self, place: usize, resource: usize) -> i64 {
        let queue = &self.all[place];
        let below = queue.children.iter();
        let below = below.map(|&child| self.guaranteed(child, resource));
        let below = below.fold(0_i64, i64::saturating_add);
        let stated = queue.options.guaranteed[resource];
        stated.unwrap_or(0).max(below)
    }

    /// Ranks all queues: siblings in an order, and the queues in each before the next one.
    pub(super) fn rank_all(&mut self, order: impl Fn(&Self, usize, usize) -> std::cmp::Ordering) {
        let sorted = |queues: &Self, siblings: &[usize]| {
            let mut siblings = siblings.to_vec();
            // Stable: equal siblings stay in the order of their declarations.
            siblings.sort_by(|&one, &other| order(queues, one, other));
            siblings.reverse();
            siblings
        };
        let mut waiting = sorted(self, &self.top);
        let mut rank = 0;
        while let Some(place) = waiting.pop() {
            self.all[place].rank = rank;
            rank += 1;
            let below = sorted(self, &self.all[place].children);
            waiting.extend(below);
        }
    }

    /// `true` if the queue of a job is closed for a resource that the job asks for, or the job would take
    /// it, or a queue above it, beyond its capability.
    pub(super) fn hold_back(&self, job: &JobFacts) -> bool {
        self.path(job.tenant).into_iter().any(|place| {
            let queue = &self.all[place];
            asked(job).any(|(resource, amount)| {
                let after = queue.used[resource].saturating_add(amount);
                let most = queue.options.capability[resource];
                queue.is_closed[resource] || most.is_some_and(|most| after > most)
            })
        })
    }

    /// `true` if a waiting job may have the room of a running one: below the queue that both are in, the
    /// job keeps each of its queues within what it is entitled to, and each queue of the running one
    /// uses more than that of a resource that both jobs ask for, and keeps what it is guaranteed. Resources
    /// of which the queue of the job is entitled to no certain amount do not count.
    pub(super) fn may_reclaim(&self, waiting: &JobFacts, running: &JobFacts) -> bool {
        let (own, other, _) = self.apart(waiting, running);
        let is_within = |&place: &usize| {
            let queue = &self.all[place];
            let mut bounded = asked(waiting).filter(|own| queue.is_bounded[own.0]);
            bounded.all(|(resource, amount)| {
                let after = queue.used[resource].saturating_add(amount);
                after as f64 <= queue.entitled[resource]
            })
        };
        let held = amounts(running);
        let bounded = own.last().map(|&place| self.all[place].is_bounded);
        let counts = |resource: usize| bounded.is_some_and(|bounded| bounded[resource]);
        let is_beyond = |&place: &usize| {
            let queue = &self.all[place];
            let mut both = asked(waiting).filter(|own| counts(own.0) && held[own.0] > 0);
            let mut held = held.into_iter().enumerate().filter(|own| own.1 > 0);
            both.any(|(resource, _)| queue.used[resource] as f64 > queue.entitled[resource])
                && held.all(|(resource, amount)| {
                    queue.used[resource] - amount >= self.guaranteed(place, resource)
                })
        };
        !own.is_empty()
            && !other.is_empty()
            && own.iter().all(is_within)
            && other.iter().all(is_beyond)
    }

    /// Place of a job's queue among all; behind them if it was not seen yet.
    pub(super) fn rank(&self, job: &JobFacts) -> i64 {
        let place = self.of_tenants.get(&job.tenant);
        place.map_or(i64::MAX, |&place| self.all[place].rank)
    }
}

/// Resources that a job asks for, and how much of each.
fn asked(job: &JobFacts) -> impl Iterator<Item = (usize, i64)> {
    let all = amounts(job).into_iter().enumerate();
    all.filter(|&(_, amount)| amount > 0)
}

#[cfg(test)]
mod tests;
