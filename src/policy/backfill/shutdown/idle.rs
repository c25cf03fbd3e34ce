//! Hosts that are idle: they are switched off for that, and woken first for waiting jobs.

use fixedbitset::FixedBitSet;
use units::Instant;

use super::hosts::{both, either, lowest, set, size, without};
use super::{Shutdown, Waits};

impl Shutdown {
    /// Takes note of hosts that became free or busy.
    pub(super) fn look_at_idle(&mut self, now: Instant) {
        let free = self.plan.free_at(self.plan.now());
        for host in without(&free, &self.idle).ones() {
            self.idle_since[host] = now;
        }
        self.idle = free;
    }

    /// Switches hosts off that have been idle for long enough, but as many as the head needs.
    pub(super) fn switch_idle_off(&mut self, now: Instant, head: Option<Waits>) {
        self.look_at_idle(now);
        let awake_soon = without(&either(&self.up(), &self.to_switch_on), &self.to_switch_off);
        let long_idle = |&host: &usize| now.since(self.idle_since[host]) >= self.options.idle_time;
        let mut idle = FixedBitSet::with_capacity(self.power.len());
        idle.extend(self.idle.ones().filter(long_idle));
        let needed = head.map_or(0, |head| head.members);
        let off = lowest(&idle, size(&awake_soon).saturating_sub(needed));
        if size(&off) == 0 {
            return;
        }
        let switched = self.plan_switches(&off, &FixedBitSet::new());
        self.commit();
        self.off_for_idleness += size(&switched.off);
    }

    /// Hosts that were switched off for idleness and that waiting jobs could use now, beside what the
    /// head has reserved.
    pub(super) fn idle_hosts_to_wake(&self) -> FixedBitSet {
        let mut woken = FixedBitSet::with_capacity(self.power.len());
        if self.queue.is_empty() || self.off_for_idleness == 0 {
            return woken;
        }
        let mut plan = self.plan.clone();
        let asleep = plan.asleep_at(plan.now());
        let mut wakeable = lowest(&asleep, self.off_for_idleness);
        let mut idle = self.idle.clone();
        let mut usable = either(&idle, &wakeable);
        if let Some(fit) = self.head(&mut plan).and_then(|head| head.fit) {
            let reserved = set(&fit.hosts);
            idle.difference_with(&reserved);
            usable.difference_with(&reserved);
        }
        for job in &self.queue {
            if size(&wakeable) == 0 {
                break;
            }
            if job.members > size(&usable) {
                continue;
            }
            let mut hosts = lowest(&idle, job.members);
            idle.difference_with(&hosts);
            let missing = job.members - size(&hosts);
            hosts.union_with(&lowest(&usable, missing));
            usable.difference_with(&hosts);
            let own = both(&wakeable, &hosts);
            wakeable.difference_with(&own);
            woken.union_with(&own);
        }
        woken
    }
}
