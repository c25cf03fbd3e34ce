//! A round of decisions: EASY backfilling over the hosts that are up, waking hosts that the head of the
//! queue needs.

use fixedbitset::FixedBitSet;
use units::{Instant, SortedMap};

use scheduler::batch::JobNumber;

use super::free_hosts::FreeHosts;
use super::hosts::{Hosts, both, either, lowest, set, size, without};
use super::plan::{Cause, Fit, Plan};
use super::{Power, Runs, Shutdown, Waits};

/// Hosts whose switches begin now.
#[derive(Clone, Debug, Default)]
pub(super) struct HostSwitches {
    pub(super) off: FixedBitSet,
    pub(super) on: FixedBitSet,
}

/// The head of the queue in a plan.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) job: Waits,
    /// `None` if hosts have to be woken for it.
    pub(super) fit: Option<Fit>,
    /// The hosts that are free for all the time of its fit.
    pub(super) usable: FixedBitSet,
}

impl Shutdown {
    /// Decides on the queue as it is now.
    pub(super) fn decide(&mut self, now: Instant, queue: Vec<Waits>) {
        self.follow(now);
        self.queue = queue;
        self.plan_afresh(now);
        let mut switched =
            self.plan_switches(&self.to_switch_off.clone(), &self.to_switch_on.clone());
        let mut head = None;
        let mut looked_at = 0;
        while let Some(&job) = self.queue.get(looked_at) {
            looked_at += 1;
            if let Some(fit) = self.plan.first_fit(job.members, job.planned) {
                self.plan.reserve(job.number, &fit);
                if fit.from == now {
                    continue;
                }
            } else {
                self.make_room(job, &mut switched);
            }
            head = Some(job);
            break;
        }
        self.to_switch_off.difference_with(&switched.off);
        self.to_switch_on.difference_with(&switched.on);
        if !self.queue.is_empty() {
            self.trend.switched_off.union_with(&switched.off);
            self.trend.switched_on.union_with(&switched.on);
        }
        self.backfill(looked_at);
        self.commit();
        self.look_at_idle(now);
        let needed = self.idle_hosts_to_wake();
        if size(&needed) > 0 {
            self.off_for_idleness = self.off_for_idleness.saturating_sub(size(&needed));
            let switched = self.plan_switches(&FixedBitSet::new(), &needed);
            self.to_switch_on
                .union_with(&without(&needed, &switched.on));
            self.commit();
        } else if self.options.is_prompt && !self.is_waking() {
            self.switch_idle_off(now, head);
        }
        self.note_horizon(now);
    }

    /// Whether hosts are on their way up, or are to be.
    pub(super) fn is_waking(&self) -> bool {
        let is_on_its_way = |power: &Power| matches!(power, Power::SwitchingOn { .. });
        size(&self.to_switch_on) > 0 || self.power.iter().any(is_on_its_way)
    }

    /// Puts switches into the plan; returns the hosts whose switches begin now.
    pub(super) fn plan_switches(&mut self, off: &FixedBitSet, on: &FixedBitSet) -> HostSwitches {
        let now = Some(self.plan.now());
        let takes_on = self.planned(self.options.reckoned_switch_on());
        let takes_off = self.planned(self.options.switch_off);
        let mut switched = HostSwitches::default();
        for host in on.ones() {
            if self.plan.switch_on(host, takes_on) == now {
                switched.on.extend([host]);
            }
        }
        for host in off.ones() {
            if self.plan.switch_off(host, takes_off) == now {
                switched.off.extend([host]);
            }
        }
        switched
    }

    /// Makes room for the head of the queue, which does not fit: hosts that are to be switched off stay on,
    /// and if that is not enough, hosts are woken.
    fn make_room(&mut self, head: Waits, switched: &mut HostSwitches) {
        for host in self.to_switch_off.ones() {
            self.plan.stay_on(host);
        }
        if let Some(fit) = self.plan.first_fit(head.members, head.planned) {
            self.plan.reserve(head.number, &fit);
            let kept = both(&self.to_switch_off, &set(&fit.hosts));
            self.count_awake(size(&kept));
            let still_off = without(&self.to_switch_off, &kept);
            self.plan_switches(&still_off, &FixedBitSet::new());
            switched.off.difference_with(&kept);
            self.to_switch_off = still_off;
            return;
        }
        let up = size(&either(&self.up(), &self.to_switch_on));
        let missing = head.members.saturating_sub(up);
        let sleepers =
            self.hosts_that(|power| matches!(power, Power::Asleep | Power::SwitchingOff { .. }));
        let woken = self.first_to_wake(missing, &without(&sleepers, &self.to_switch_on));
        let now = self.plan_switches(&FixedBitSet::new(), &woken);
        if let Some(fit) = self.plan.first_fit(head.members, head.planned) {
            self.plan.reserve(head.number, &fit);
        }
        self.count_awake(size(&self.to_switch_off));
        self.count_awake(size(&woken));
        switched.off.difference_with(&self.to_switch_off);
        self.to_switch_off.clear();
        switched.on.union_with(&now.on);
        self.to_switch_on.union_with(&without(&woken, &now.on));
    }

    /// Takes note that hosts stay or get up: first of those that the policy put to sleep.
    pub(super) fn count_awake(&mut self, hosts: usize) {
        let by_policy = hosts.min(self.off_by_policy);
        self.off_by_policy -= by_policy;
        self.off_for_idleness = self.off_for_idleness.saturating_sub(hosts - by_policy);
    }

    /// So many hosts that may be woken: the earliest ones that sleep, the lowest of these.
    pub(super) fn first_to_wake(&self, count: usize, wakeable: &FixedBitSet) -> FixedBitSet {
        let mut woken = FixedBitSet::with_capacity(self.power.len());
        for at in self.plan.instants() {
            let missing = count - size(&woken);
            if missing == 0 {
                break;
            }
            let asleep = both(&self.plan.asleep_at(at), wakeable);
            woken.union_with(&lowest(&without(&asleep, &woken), missing));
        }
        woken
    }

    /// Plans the jobs from a place in the queue on that start now.
    fn backfill(&mut self, behind: usize) {
        let mut free = FreeHosts::of(&self.plan);
        for job in &self.queue[behind..] {
            if free.is_empty() {
                break;
            }
            if let Some(fit) = free.take(job.members, job.planned) {
                self.plan.reserve(job.number, &fit);
            }
        }
    }

    /// Begins all that the plan has for now: starts of jobs and switches.
    pub(super) fn commit(&mut self) {
        let now = self.plan.now();
        let mut started: SortedMap<JobNumber, Hosts> = self.plan.begun().collect();
        for host in 0..self.power.len() {
            match (self.plan.cause(host, now), self.power[host]) {
                (Some(Cause::SwitchingOn), Power::Asleep) => {
                    self.power[host] = Power::SwitchingOn {
                        planned: now
                            .saturating_add(self.planned(self.options.reckoned_switch_on())),
                        at: now.saturating_add(self.options.switch_on),
                    };
                }
                (Some(Cause::SwitchingOff), Power::Awake) => {
                    self.power[host] = Power::SwitchingOff {
                        planned: now.saturating_add(self.planned(self.options.switch_off)),
                        at: now.saturating_add(self.options.switch_off),
                    };
                    self.switches.push((host, false));
                }
                _ => {}
            }
        }
        if started.is_empty() {
            return;
        }
        let mut queue = std::mem::take(&mut self.queue);
        queue.retain(|job| {
            let Some(hosts) = started.remove(&job.number) else {
                return true;
            };
            let until = now.saturating_add(job.planned);
            self.starts.push_back((job.number, hosts.clone()));
            self.running.insert(job.number, Runs { until, hosts });
            false
        });
        self.queue = queue;
    }

    /// The head of the queue in a plan, from which its reservation is taken out.
    pub(super) fn head(&self, plan: &mut Plan) -> Option<Head> {
        let job = *self.queue.first()?;
        plan.release(job.number);
        let fit = plan.first_fit(job.members, job.planned);
        let usable = match &fit {
            Some(fit) => plan.free_during(fit.from, fit.until),
            None => FixedBitSet::new(),
        };
        Some(Head { job, fit, usable })
    }
}
