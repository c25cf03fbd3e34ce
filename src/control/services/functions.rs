//! Functions: instances that take one request at a time, begin when one is wanted and end when none
//! has come for a while (spec: orchestrators-a.md 9.7). Nothing runs without requests.

use std::collections::VecDeque;

use units::{Duration, Instant};

/// Limits within which instances of a function are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionLimits {
    /// Time for which an instance stays after its last request.
    pub keep_alive: Duration,
    /// Instances at most.
    pub concurrency: u32,
    /// Instances that are always there.
    pub provisioned: u32,
    /// Requests that wait for an instance at most; more are turned away.
    pub queue_limit: u32,
}

impl Default for FunctionLimits {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(600),
            concurrency: 1000,
            provisioned: 0,
            queue_limit: 0,
        }
    }
}

/// Outcome of a request to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// An instance that was idle takes it.
    Warm,
    /// An instance begins for it.
    Cold,
    /// It waits for an instance.
    Queued,
    /// It is turned away.
    Throttled,
}

/// The instances of a function. They are alike, so that those at work are a number.
#[derive(Clone, Debug)]
pub struct FunctionPool {
    limits: FunctionLimits,
    busy: u32,
    /// Instants at which the idle instances ended their last request, ascending.
    idle: VecDeque<Instant>,
    queued: u32,
    created: u64,
}

impl FunctionPool {
    /// The provisioned instances alone.
    pub fn new(limits: FunctionLimits) -> Self {
        let provisioned = limits.provisioned.min(limits.concurrency);
        Self {
            limits,
            busy: 0,
            idle: (0..provisioned).map(|_| Instant::ZERO).collect(),
            queued: 0,
            created: u64::from(provisioned),
        }
    }

    /// A request comes: of the idle instances the one that was used last takes it.
    pub fn invoke(&mut self, now: Instant) -> Invocation {
        self.expire(now);
        if self.busy >= self.limits.concurrency {
            if self.queued < self.limits.queue_limit {
                self.queued += 1;
                return Invocation::Queued;
            }
            return Invocation::Throttled;
        }
        self.busy += 1;
        if self.idle.pop_back().is_some() {
            return Invocation::Warm;
        }
        self.created += 1;
        Invocation::Cold
    }

    /// An instance is done; whether it takes a request that waits.
    pub fn finish(&mut self, now: Instant) -> bool {
        if self.queued > 0 {
            self.queued -= 1;
            return true;
        }
        self.busy = self.busy.saturating_sub(1);
        self.idle.push_back(now);
        false
    }

    /// Instances idle for too long are removed.
    pub fn expire(&mut self, now: Instant) {
        while self.instances() > self.limits.provisioned
            && let Some(&last) = self.idle.front()
            && now.since(last) > self.limits.keep_alive
        {
            self.idle.pop_front();
        }
    }

    /// Instances that are there, at work or idle.
    pub fn instances(&self) -> u32 {
        self.busy + self.idle.len() as u32
    }

    /// Instances at work.
    pub const fn busy(&self) -> u32 {
        self.busy
    }

    /// Instances that have begun so far, the provisioned ones included.
    pub const fn created(&self) -> u64 {
        self.created
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Instant {
        Instant::from_secs(secs)
    }

    /// Runs requests that take so long each, a cold start besides; what became of each.
    fn run(limits: FunctionLimits, arrivals: &[i64], work: i64, cold: i64) -> Vec<Invocation> {
        let mut own = FunctionPool::new(limits);
        let mut ends: Vec<i64> = Vec::new();
        let mut seen = Vec::new();
        for &arrival in arrivals {
            ends.sort_unstable();
            while ends.first().is_some_and(|end| *end <= arrival) {
                let end = ends.remove(0);
                if own.finish(at(end)) {
                    ends.push(end + work);
                    ends.sort_unstable();
                }
            }
            let invocation = own.invoke(at(arrival));
            match invocation {
                Invocation::Warm => ends.push(arrival + work),
                Invocation::Cold => ends.push(arrival + cold + work),
                Invocation::Queued | Invocation::Throttled => {}
            }
            seen.push(invocation);
        }
        seen
    }

    /// The worked example of orchestrators-a.md 9.7.
    #[test]
    fn the_instance_used_last_is_warm_for_ten_minutes() {
        use Invocation::{Cold, Warm};
        let arrivals = [0, 5, 6, 20, 640, 1300];
        let seen = run(FunctionLimits::default(), &arrivals, 10, 2);
        assert_eq!(seen, [Cold, Cold, Cold, Warm, Cold, Cold]);
        // The end at 30 s is 610 s before 640 s, the one at 652 s 648 s before 1,300 s; at the edge
        // an instance is still there.
        let seen = run(FunctionLimits::default(), &[0, 612, 1223], 10, 2);
        assert_eq!(seen, [Cold, Warm, Cold]);
    }

    #[test]
    fn above_its_limit_a_function_throttles_or_queues() {
        use Invocation::{Cold, Queued, Throttled, Warm};
        let mut limits = FunctionLimits {
            concurrency: 2,
            ..FunctionLimits::default()
        };
        let arrivals = [0, 1, 2, 3, 30];
        let seen = run(limits, &arrivals, 10, 2);
        assert_eq!(seen, [Cold, Cold, Throttled, Throttled, Warm]);
        limits.queue_limit = 1;
        let seen = run(limits, &arrivals, 10, 2);
        assert_eq!(seen, [Cold, Cold, Queued, Throttled, Warm]);
    }

    #[test]
    fn provisioned_instances_stay_and_others_do_not() {
        use Invocation::{Cold, Warm};
        let limits = FunctionLimits {
            provisioned: 1,
            ..FunctionLimits::default()
        };
        let seen = run(limits, &[5_000, 5_001, 9_000, 9_001], 10, 2);
        assert_eq!(seen, [Warm, Cold, Warm, Cold]);
        let mut own = FunctionPool::new(limits);
        own.expire(at(100_000));
        assert_eq!((own.instances(), own.created()), (1, 1));
    }
}
