//! Queues of jobs that share a cluster, for the orders that choose a queue before they choose a job: a
//! tenant's jobs are a queue. Amounts are processors.

use scheduler::batch::{JobFacts, MachineFacts};
use units::{SortedMap, TenantId};

/// Declaration of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// The tenant whose jobs wait in it.
    pub tenant: TenantId,
    /// Weight among the queues, at least 1.
    pub weight: u32,
    /// Priority; queues of the highest go first.
    pub priority: i32,
    /// Processors that the queue is to have whatever others ask for; `None` states none.
    pub guaranteed: Option<i64>,
    /// Most processors that the queue may use; `None` for no limit.
    pub capability: Option<i64>,
}

impl QueueOptions {
    /// A queue without limits, of weight 1 and priority 0.
    pub const fn of(tenant: TenantId) -> Self {
        Self {
            tenant,
            weight: 1,
            priority: 0,
            guaranteed: None,
            capability: None,
        }
    }
}

/// A queue with its present use.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) options: QueueOptions,
    /// Processors of jobs that run, and of jobs that wait.
    pub(super) used: i64,
    pub(super) pending: i64,
    /// Place of the queue among all, from 0, as of the last scoring.
    pub(super) rank: i64,
    /// Marks a queue none of whose jobs may start, as of the last scoring.
    pub(super) is_closed: bool,
}

/// All queues, each from the first job of its tenant on.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    declared: Vec<QueueOptions>,
    of_tenants: SortedMap<TenantId, Queue>,
    machine: MachineFacts,
}

impl Queues {
    /// Queues as declared; tenants without a declaration have the usual ones.
    pub(super) fn new(declared: Vec<QueueOptions>) -> Self {
        Self {
            declared,
            of_tenants: SortedMap::new(),
            machine: MachineFacts::default(),
        }
    }

    fn of(&mut self, tenant: TenantId) -> &mut Queue {
        let declared = self.declared.iter().find(|own| own.tenant == tenant);
        let options = || {
            declared
                .cloned()
                .unwrap_or_else(|| QueueOptions::of(tenant))
        };
        self.of_tenants.entry(tenant).or_insert_with(|| Queue {
            options: options(),
            used: 0,
            pending: 0,
            rank: i64::MAX,
            is_closed: false,
        })
    }

    /// The queues, by tenant.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Queue> {
        self.of_tenants.values_mut()
    }

    /// The queue of a job, if any of its tenant's jobs was seen at a scoring.
    pub(super) fn queue(&self, job: &JobFacts) -> Option<&Queue> {
        self.of_tenants.get(&job.tenant)
    }

    /// Processors of the cluster.
    pub(super) const fn processors(&self) -> i64 {
        self.machine.processors
    }

    pub(super) fn machine(&mut self, machine: &MachineFacts) {
        self.machine = *machine;
    }

    pub(super) fn waiting(&mut self, jobs: &mut dyn Iterator<Item = &JobFacts>) {
        for queue in self.of_tenants.values_mut() {
            queue.pending = 0;
        }
        for job in jobs {
            let queue = self.of(job.tenant);
            queue.pending = queue.pending.saturating_add(job.processors);
        }
    }

    pub(super) fn started(&mut self, job: &JobFacts) {
        self.of(job.tenant).used += job.processors;
    }

    pub(super) fn ended(&mut self, job: &JobFacts) {
        self.of(job.tenant).used -= job.processors;
    }

    /// `true` if the queue of a job is closed, or the job would take it beyond its capability.
    pub(super) fn hold_back(&self, job: &JobFacts) -> bool {
        self.queue(job).is_some_and(|queue| {
            let after = queue.used.saturating_add(job.processors);
            queue.is_closed || queue.options.capability.is_some_and(|most| after > most)
        })
    }

    /// Place of a job's queue among all; behind them if it was not seen yet.
    pub(super) fn rank(&self, job: &JobFacts) -> i64 {
        self.queue(job).map_or(i64::MAX, |queue| queue.rank)
    }
}
