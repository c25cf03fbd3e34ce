//! YuniKorn's queues (spec: orchestrators-b.md section 7.6): by priority, then by the share of what
//! they are guaranteed, the largest over their resources, then the one that more waits for. No job takes
//! its queue beyond its maximum.
//!
//! A tenant's jobs are a queue; jobs within one go in the order of submission (`fifo`). Queues that are
//! equal in all this go in the order of tenants. In a tree, queues of one parent are in this order, and
//! the queues in each before the next one. A queue that uses less than it is guaranteed may take it back
//! from queues that use more than they are guaranteed (`reclaim`); memory and GPUs count where the queue is
//! guaranteed some.
//!
//! Priorities of queues add up along the tree, up to one that fences them (`priority.policy`), and no job ends
//! for one of lower priority (apache/yunikorn-core v1.8, `pkg/scheduler/objects/queue.go`,
//! `FindEligiblePreemptionVictims`).

use std::cmp::Ordering;

use scheduler::batch::{JobFacts, JobOrder, MachineFacts, Score};
use units::Instant;

use super::JobOrderEntry;
use super::queues::{Amounts, Preemption, QueueOptions, Queues, RESOURCES};

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "yunikorn",
    summary: "YuniKorn's queues: by priority, then the smallest share of what they are guaranteed.",
    uses_estimates: false,
    build: |options| Box::new(Yunikorn::new(options.queues.clone(), options.reclaims)),
};

/// Use of one resource by a queue, in any one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResourceUse {
    /// Amount in use.
    pub used: f64,
    /// Amount that the queue is guaranteed; `None` states none.
    pub guaranteed: Option<f64>,
    /// Fair maximum, which counts where nothing is guaranteed; `None` if there is none either.
    pub fair_max: Option<f64>,
}

impl ResourceUse {
    fn share(self) -> f64 {
        match self.guaranteed.or(self.fair_max) {
            Some(whole) if whole > 0.0 => self.used / whole,
            Some(_) if self.used > 0.0 => 1.0,
            Some(_) | None => 0.0,
        }
    }
}

/// The share of a queue: the largest over its resources.
pub fn share(resources: impl IntoIterator<Item = ResourceUse>) -> f64 {
    let shares = resources.into_iter().map(ResourceUse::share);
    shares.fold(0.0, f64::max)
}

/// Facts that the place of a queue among its siblings follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueFacts {
    /// Priority of the queue.
    pub priority: i32,
    /// Share of the queue.
    pub share: f64,
    /// Amount that waits, beside that of the cluster.
    pub pending: f64,
}

impl QueueFacts {
    /// The order of two queues, the one to serve first being less.
    pub fn order(&self, other: &Self) -> Ordering {
        let priority = other.priority.cmp(&self.priority);
        let share = || self.share.total_cmp(&other.share);
        let pending = || other.pending.total_cmp(&self.pending);
        priority.then_with(share).then_with(pending)
    }
}

/// The order, with the use of every queue.
#[derive(Clone, Debug)]
pub struct Yunikorn {
    queues: Queues,
    reclaims: bool,
}

impl Yunikorn {
    /// An order of empty queues, which may reclaim.
    pub fn new(queues: Vec<QueueOptions>, reclaims: bool) -> Self {
        Self {
            queues: Queues::new(queues),
            reclaims,
        }
    }

    /// Notes the shares of queues of which none may have more than `most`, and of the queues in them.
    fn note_shares(&mut self, most: Amounts, siblings: &[usize]) {
        for &place in siblings {
            let mut fair_max = most;
            let all: [usize; RESOURCES] = std::array::from_fn(|resource| resource);
            let used = all.map(|resource| {
                let guaranteed = self.queues.guaranteed(place, resource);
                let queue = self.queues.at_mut(place);
                let options = &queue.options;
                let most = options.capability[resource];
                fair_max[resource] =
                    most.map_or(fair_max[resource], |most| most.min(fair_max[resource]));
                let states_any = options.guaranteed[resource].is_some() || guaranteed > 0;
                queue.entitled[resource] = guaranteed as f64;
                // A queue without any guarantee is entitled to no processors.
                queue.is_bounded[resource] = states_any || resource == 0;
                ResourceUse {
                    used: queue.used[resource] as f64,
                    guaranteed: states_any.then_some(guaranteed as f64),
                    fair_max: Some(fair_max[resource] as f64),
                }
            });
            let queue = self.queues.at_mut(place);
            queue.share = share(used);
            let children = queue.children.clone();
            self.note_shares(fair_max, &children);
        }
    }

    /// Whether a running job is one that may end for a waiting one: within the preemption fence of the
    /// waiting one, in no queue whose jobs are spared, and of no higher priority.
    fn may_preempt(&self, waiting: &JobFacts, running: &JobFacts) -> bool {
        let (own, other, shared) = self.queues.apart(waiting, running);
        let options = |&place: &usize| &self.queues.at(place).options;
        let is_fence = |place| options(place).preemption == Some(Preemption::Fence);
        let all = self.queues.path(running.tenant);
        let stated = all.iter().find_map(|place| options(place).preemption);
        if own.iter().any(is_fence) || stated == Some(Preemption::Disabled) {
            return false;
        }
        // As in the original, the priority of the queue that both are in counts for the waiting job.
        let mut priority = 0_i64;
        for own in own.iter().chain(&shared).map(options) {
            let before = if own.is_priority_fence { 0 } else { priority };
            priority = before + i64::from(own.priority);
        }
        let mut is_fenced = false;
        for other in other.iter().rev().map(options) {
            let below = priority - i64::from(other.priority);
            if !other.is_priority_fence {
                priority = below;
            } else if below < 0 {
                return false;
            }
            is_fenced |= other.is_priority_fence;
        }
        is_fenced || priority >= 0
    }
}

/// The priority of a queue among its siblings: its own, and the highest of those in it that wait.
fn priority(queues: &Queues, place: usize) -> i32 {
    let queue = queues.at(place);
    let own = queue.options.priority;
    let waits = |&&child: &&usize| queues.at(child).pending.iter().any(|&amount| amount > 0);
    let below = queue.children.iter().filter(waits);
    let below = below.map(|&child| priority(queues, child)).max();
    let below = below.filter(|_| !queue.options.is_priority_fence);
    own.saturating_add(below.unwrap_or(0))
}

impl JobOrder for Yunikorn {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn score(&self, job: &JobFacts, _: Instant) -> Score {
        Score::pair(self.queues.rank(job), job.submitted.as_nanos())
    }

    fn ages(&self) -> bool {
        true
    }

    fn needs_passes(&self) -> bool {
        true
    }

    fn follows_changes(&self) -> bool {
        true
    }

    fn waiting(&mut self, jobs: &mut dyn Iterator<Item = &JobFacts>) {
        self.queues.waiting(jobs);
    }

    fn refresh(&mut self, _: Instant) {
        let top = self.queues.top().to_vec();
        let total = self.queues.total();
        self.note_shares(total, &top);
        let part = |pending: Amounts| {
            let each = pending.iter().zip(total).filter(|own| own.1 > 0);
            let parts = each.map(|(&pending, total)| pending as f64 / total as f64);
            parts.fold(0.0, f64::max)
        };
        self.queues.rank_all(|queues, one, other| {
            let standing = |place| {
                let queue = queues.at(place);
                QueueFacts {
                    priority: priority(queues, place),
                    share: queue.share,
                    pending: part(queue.pending),
                }
            };
            standing(one).order(&standing(other))
        });
    }

    fn holds_back(&self, job: &JobFacts) -> bool {
        self.queues.hold_back(job)
    }

    fn reclaims(&self) -> bool {
        self.reclaims
    }

    fn may_reclaim(&self, waiting: &JobFacts, running: &JobFacts) -> bool {
        self.queues.may_reclaim(waiting, running) && self.may_preempt(waiting, running)
    }

    fn machine(&mut self, machine: &MachineFacts) {
        self.queues.machine(machine);
    }

    fn started(&mut self, _: Instant, job: &JobFacts) {
        self.queues.started(job);
    }

    fn ended(&mut self, _: Instant, job: &JobFacts) {
        self.queues.ended(job);
    }

    fn clone_order(&self) -> Box<dyn JobOrder> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::queues::processors;
    use super::*;
    use crate::job_order::fixture::job;
    use units::TenantId;

    #[test]
    fn a_share_is_of_what_is_guaranteed_or_else_of_the_fair_maximum() {
        let used = |used, guaranteed, fair_max| ResourceUse {
            used,
            guaranteed,
            fair_max,
        };
        let check = |all: &[ResourceUse], expected: f64| {
            let found = share(all.iter().copied());
            assert!((found - expected).abs() < 1e-12, "{found}");
        };
        check(
            &[used(26.0, None, Some(50.0)), used(79.0, None, Some(800.0))],
            0.52,
        );
        check(
            &[
                used(1.0, Some(10.0), Some(50.0)),
                used(92.0, Some(50.0), None),
            ],
            1.84,
        );
        // A guarantee of nothing is used up by anything.
        check(&[used(7.0, Some(0.0), Some(50.0))], 1.0);
        check(
            &[used(0.0, Some(0.0), Some(50.0)), used(3.0, None, None)],
            0.0,
        );
    }

    #[test]
    fn queues_go_by_priority_share_and_what_waits() {
        let options = |tenant, priority, capability| QueueOptions {
            priority,
            capability: processors(capability),
            guaranteed: processors(Some(10)),
            ..QueueOptions::of(TenantId(tenant))
        };
        let mut order = Yunikorn::new(
            vec![
                options(0, 0, Some(12)),
                options(1, 0, None),
                options(2, 1, None),
                options(3, 0, None),
            ],
            false,
        );
        let now = Instant::ZERO;
        order.machine(&MachineFacts {
            nodes: 1,
            processors: 100,
            memory: 0,
            gpu_milli: 0,
        });
        for (tenant, processors) in [(0, 10), (2, 90)] {
            order.started(now, &job(tenant, processors));
        }
        let waiting = [job(0, 3), job(1, 1), job(2, 1), job(3, 2)];
        order.waiting(&mut waiting.iter());
        order.refresh(now);
        let mut sorted = [0, 1, 2, 3];
        sorted.sort_by_key(|&place: &usize| order.score(&waiting[place], now));
        assert_eq!(sorted, [2, 3, 1, 0]);
        assert!(waiting.map(|job| order.holds_back(&job)) == [true, false, false, false]);
        assert!(!order.holds_back(&job(0, 2)));
    }
}
