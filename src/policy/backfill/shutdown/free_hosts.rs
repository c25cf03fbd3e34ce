//! The hosts that jobs behind the head of the queue may start on now.

use units::{Duration, Instant};

use super::plan::{Fit, Plan, end};

/// The hosts that are free now, with the instants until which they are.
pub(super) struct FreeHosts {
    now: Instant,
    hosts: Vec<FreeHost>,
    /// The instants, ascending.
    ends: Vec<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct FreeHost {
    host: usize,
    until: Instant,
}

impl FreeHosts {
    /// The hosts that are free in a plan now.
    pub(super) fn of(plan: &Plan) -> Self {
        let free = (0..plan.size()).filter_map(|host| {
            let until = plan.free_until(host)?;
            Some(FreeHost { host, until })
        });
        let hosts: Vec<FreeHost> = free.collect();
        let mut ends: Vec<Instant> = hosts.iter().map(|free| free.until).collect();
        ends.sort_unstable();
        Self {
            now: plan.now(),
            hosts,
            ends,
        }
    }

    /// `true` if no host is left.
    pub(super) const fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Takes the lowest hosts that a job could have from now on, if there are enough.
    pub(super) fn take(&mut self, members: usize, requested: Duration) -> Option<Fit> {
        let until = end(self.now, requested);
        let too_short = self.ends.partition_point(|&end| end < until);
        if self.ends.len() - too_short < members {
            return None;
        }
        let mut hosts = Vec::with_capacity(members);
        let ends = &mut self.ends;
        self.hosts.retain(|free| {
            let is_taken = hosts.len() < members && free.until >= until;
            if is_taken {
                hosts.push(free.host);
                ends.remove(ends.partition_point(|&end| end < free.until));
            }
            !is_taken
        });
        let from = self.now;
        Some(Fit { from, until, hosts })
    }
}
