//! Volcano's queues with its proportion plugin (spec: orchestrators-b.md section 7.6): what each queue
//! deserves of the cluster is poured out by weight, one resource after the other, and the queue with the
//! smallest share of what it deserves goes first; the largest share over its resources counts. A queue that
//! has what it deserves of a resource starts no job that asks for it (volcano-sh/volcano:
//! `pkg/scheduler/plugins/proportion`, overused queues, before v1.7; its `AllocatableFn`, which holds back jobs that
//! would take a queue beyond what it deserves, is not followed).
//!
//! A tenant's jobs are a queue; jobs within one go in the order of submission. Queues with equal shares
//! go in the order of tenants. In a tree, what a queue deserves is poured out to the queues in it. A queue
//! that has less than it deserves may take it back from queues that have more (`reclaim`).

use scheduler::batch::{JobFacts, JobOrder, MachineFacts, Score};
use units::Instant;

use super::JobOrderEntry;
use super::queues::{QueueOptions, Queues};

/// The registry's entry.
pub const ENTRY: JobOrderEntry = JobOrderEntry {
    name: "volcano",
    summary: "Volcano's queues: the one with the smallest share of what it deserves by weight.",
    uses_estimates: false,
    build: |options| Box::new(Volcano::new(options.queues.clone(), options.reclaims)),
};

/// Claim of a queue to one resource, in any one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// Weight among the queues.
    pub weight: f64,
    /// Amount that running and waiting jobs ask for together.
    pub request: f64,
    /// Most that the queue may have; infinite without a limit.
    pub capability: f64,
    /// Least that the queue deserves, whatever it asks for.
    pub guaranteed: f64,
}

/// The part of a total below which nothing is left to pour out.
const NOTHING: f64 = 1e-12;

/// Amounts that queues deserve of a total: it is poured out by weight, again and again, until every
/// queue has what it asks for or may have, or nothing is left.
pub fn deserved(total: f64, claims: &[Claim]) -> Vec<f64> {
    let guaranteed: f64 = claims.iter().map(|claim| claim.guaranteed).sum();
    let mut deserved = vec![0.0_f64; claims.len()];
    let mut is_met: Vec<bool> = claims.iter().map(|claim| claim.weight <= 0.0).collect();
    let mut left = total;
    while left.abs() > total.abs() * NOTHING {
        let open = || claims.iter().zip(&is_met).filter(|(_, is_met)| !**is_met);
        let weights: f64 = open().map(|(own, _)| own.weight).sum();
        if weights <= 0.0 {
            break;
        }
        let mut poured = 0.0;
        for (place, own) in claims.iter().enumerate() {
            if is_met[place] {
                continue;
            }
            let before = deserved[place];
            // What others are guaranteed is not to be had.
            let most = (own.capability).min(total - (guaranteed - own.guaranteed));
            let after = before + left * own.weight / weights;
            let after = after.min(most).min(own.request).max(own.guaranteed);
            deserved[place] = after;
            is_met[place] = own.request <= after || after <= before;
            poured += after - before;
        }
        left -= poured;
    }
    deserved
}

/// The share of what a queue deserves that it has: 1 if it has something of nothing.
pub fn share(allocated: f64, deserved: f64) -> f64 {
    if deserved > 0.0 {
        allocated / deserved
    } else if allocated > 0.0 {
        1.0
    } else {
        0.0
    }
}

/// The order, with the use of every queue.
#[derive(Clone, Debug)]
pub struct Volcano {
    queues: Queues,
    reclaims: bool,
}

impl Volcano {
    /// An order of empty queues, which may reclaim.
    pub fn new(queues: Vec<QueueOptions>, reclaims: bool) -> Self {
        Self {
            queues: Queues::new(queues),
            reclaims,
        }
    }

    /// Pours a total of a resource out to queues, and what each deserves to the queues in it.
    fn pour(&mut self, resource: usize, total: f64, siblings: &[usize]) {
        let claims = siblings.iter().map(|&own| self.claim(own, resource));
        let claims: Vec<Claim> = claims.collect();
        for (&place, deserved) in siblings.iter().zip(deserved(total, &claims)) {
            let queue = self.queues.at_mut(place);
            let used = queue.used[resource] as f64;
            queue.entitled[resource] = deserved;
            queue.share = queue.share.max(share(used, deserved));
            queue.is_closed[resource] = !queue.is_inner() && used > 0.0 && deserved <= used;
            if queue.is_inner() {
                let children = queue.children.clone();
                self.pour(resource, deserved, &children);
            }
        }
    }

    fn claim(&self, place: usize, resource: usize) -> Claim {
        let queue = self.queues.at(place);
        let capability = queue.options.capability[resource];
        Claim {
            weight: f64::from(queue.options.weight),
            request: self.request(place, resource),
            capability: capability.map_or(f64::INFINITY, |most| most as f64),
            guaranteed: self.queues.guaranteed(place, resource) as f64,
        }
    }

    /// Amount of a resource that jobs of a queue ask for; of what is asked for below it, no more than the
    /// queues there may have.
    fn request(&self, place: usize, resource: usize) -> f64 {
        let queue = self.queues.at(place);
        if !queue.is_inner() {
            return queue.used[resource].saturating_add(queue.pending[resource]) as f64;
        }
        let below = queue.children.iter().map(|&child| {
            let most = self.queues.at(child).options.capability[resource];
            let most = most.map_or(f64::INFINITY, |most| most as f64);
            self.request(child, resource).min(most)
        });
        below.sum()
    }
}

impl JobOrder for Volcano {
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
        let (total, top) = (self.queues.total(), self.queues.top().to_vec());
        self.queues.clear_shares();
        for (resource, total) in total.into_iter().enumerate() {
            self.pour(resource, total as f64, &top);
        }
        let share = |queues: &Queues, place| queues.at(place).share;
        self.queues.rank_all(|queues, one, other| {
            let (one, other) = (share(queues, one), share(queues, other));
            one.total_cmp(&other)
        });
    }

    fn holds_back(&self, job: &JobFacts) -> bool {
        self.queues.hold_back(job)
    }

    fn reclaims(&self) -> bool {
        self.reclaims
    }

    fn may_reclaim(&self, waiting: &JobFacts, running: &JobFacts) -> bool {
        self.queues.may_reclaim(waiting, running)
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
    use proptest::prelude::*;

    use super::super::queues::processors;
    use super::*;
    use units::TenantId;

    fn claim(weight: f64, request: f64, capability: f64, guaranteed: f64) -> Claim {
        Claim {
            weight,
            request,
            capability,
            guaranteed,
        }
    }

    #[test]
    fn a_total_is_poured_out_by_weight() {
        let all = f64::INFINITY;
        let claims = [
            claim(1.0, 10.0, all, 0.0),
            claim(2.0, 100.0, all, 0.0),
            claim(1.0, 60.0, all, 0.0),
        ];
        assert_eq!(deserved(100.0, &claims), [10.0, 60.0, 30.0]);
        let capped = [claim(4.0, 60.0, 25.0, 0.0), claim(2.0, 4.0, all, 0.0)];
        assert_eq!(deserved(100.0, &capped), [25.0, 4.0]);
        // What is guaranteed is deserved without a request, and lost to others.
        let guaranteed = [claim(1.0, 0.0, all, 30.0), claim(1.0, 100.0, all, 0.0)];
        assert_eq!(deserved(100.0, &guaranteed), [30.0, 70.0]);
        assert_eq!(deserved(0.0, &claims), [0.0; 3]);
        assert!(share(1.0, 0.0) > share(0.0, 0.0));
    }

    fn job(tenant: u32, processors: i64) -> JobFacts {
        JobFacts {
            submitted: Instant::from_secs(i64::from(tenant)),
            ..crate::job_order::fixture::job(tenant, processors)
        }
    }

    #[test]
    fn a_queue_with_what_it_deserves_starts_nothing() {
        let capped = QueueOptions {
            capability: processors(Some(30)),
            ..QueueOptions::of(TenantId(2))
        };
        let mut order = Volcano::new(vec![capped], false);
        order.machine(&MachineFacts {
            nodes: 1,
            processors: 100,
            memory: 0,
            gpu_milli: 0,
        });
        let now = Instant::ZERO;
        order.started(now, &job(0, 60));
        order.started(now, &job(1, 10));
        let waiting = [job(0, 50), job(1, 50), job(2, 31)];
        order.waiting(&mut waiting.iter());
        order.refresh(now);
        assert!(waiting.map(|job| order.holds_back(&job)) == [true, false, true]);
        assert!(order.score(&job(2, 1), now) < order.score(&job(1, 1), now));
        assert!(order.score(&job(1, 1), now) < order.score(&job(0, 1), now));
        assert!(!order.holds_back(&job(2, 30)));
        order.ended(now, &job(0, 60));
        order.waiting(&mut waiting.iter());
        order.refresh(now);
        assert!(!order.holds_back(&waiting[0]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_queue_deserves_more_than_it_asks_for_or_may_have(
            total in 1_u32..1_000,
            queues in prop::collection::vec((1_u32..5, 0_u32..500, prop::option::of(1_u32..300)), 1..8),
        ) {
            let claims: Vec<Claim> = queues
                .iter()
                .map(|&(weight, request, most)| {
                    let most = most.map_or(f64::INFINITY, f64::from);
                    claim(f64::from(weight), f64::from(request), most, 0.0)
                })
                .collect();
            let deserved = deserved(f64::from(total), &claims);
            let sum: f64 = deserved.iter().sum();
            prop_assert!(sum <= f64::from(total) * (1.0 + 1e-9));
            let bound = |own: &Claim| own.request.min(own.capability);
            for (own, &deserved) in claims.iter().zip(&deserved) {
                prop_assert!(deserved <= bound(own));
            }
            // Nothing is left while a queue could take more.
            let wanted: f64 = claims.iter().map(bound).sum();
            prop_assert!((sum - wanted.min(f64::from(total))).abs() < 1e-6);
        }
    }
}
