//! Decisions once a period: hosts are switched with the trend of the load, or down to the share that
//! is kept.

use fixedbitset::FixedBitSet;
use units::Instant;

use super::decide::Head;
use super::hosts::{both, either, lowest, size, without};
use super::{Policy, Power, Shutdown};

/// Purpose of the last switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Wake,
    PutToSleep,
}

/// The liquid load horizon over time, and what was switched since the last stage.
#[derive(Clone, Debug, Default)]
pub(super) struct Trend {
    is_begun: bool,
    mode: Mode,
    /// Integral of the horizon since the last stage, and over the period before that.
    area: f64,
    area_before: f64,
    pub(super) horizon: f64,
    pub(super) at: Instant,
    pub(super) switched_off: FixedBitSet,
    pub(super) switched_on: FixedBitSet,
}

impl Shutdown {
    /// Adds the horizon since the last decision to the trend, by the plan of that decision.
    pub(super) fn follow(&mut self, now: Instant) {
        if self.policy != Policy::Inertial {
            return;
        }
        let horizon = self.plan.horizon(self.load(), now);
        let elapsed = now.since(self.trend.at).as_secs_f64();
        self.trend.area += f64::midpoint(self.trend.horizon, horizon) * elapsed;
        self.trend.horizon = horizon;
        self.trend.at = now;
    }

    /// Takes note of the horizon after a decision.
    pub(super) fn note_horizon(&mut self, now: Instant) {
        if self.policy == Policy::Inertial {
            self.trend.horizon = self.plan.horizon(self.load(), now);
            self.trend.at = now;
        }
    }

    /// Looks at the load, once a period.
    pub(super) fn stage(&mut self, now: Instant) {
        self.follow(now);
        self.plan_afresh(now);
        self.count_awake(size(&self.to_switch_off));
        self.to_switch_off.clear();
        match self.policy {
            Policy::Inertial => self.inertial(now),
            Policy::Opportunistic => self.opportunistic(now),
        }
    }

    fn inertial(&mut self, now: Instant) {
        let head = self.head(&mut self.plan.clone());
        let needs_hosts = head.as_ref().is_some_and(|head| head.fit.is_none());
        if !std::mem::replace(&mut self.trend.is_begun, true) {
            self.trend.mode = Mode::Wake;
        } else if !needs_hosts {
            self.follow_trend(head.as_ref());
        }
        if let Some(Head {
            job,
            fit: Some(fit),
            ..
        }) = &head
        {
            self.plan.reserve(job.number, fit);
        }
        self.trend.area_before = std::mem::take(&mut self.trend.area);
        let switched = self.plan_switches(&self.to_switch_off.clone(), &self.to_switch_on.clone());
        self.to_switch_off.difference_with(&switched.off);
        self.to_switch_on.difference_with(&switched.on);
        self.trend.switched_off = switched.off;
        self.trend.switched_on = switched.on;
        self.commit();
        let head = head.map(|head| head.job);
        if needs_hosts
            && let Some(job) = head
            && let Some(fit) = self.plan.first_fit(job.members, job.planned)
        {
            self.plan.reserve(job.number, &fit);
        }
        self.look_at_idle(now);
        if !self.is_waking() {
            self.switch_idle_off(now, head);
        }
        self.note_horizon(now);
    }

    /// Switches more hosts the same way as long as the trend goes on, and turns round otherwise.
    fn follow_trend(&mut self, head: Option<&Head>) {
        let period = self.options.period.as_secs_f64();
        if self.trend.area / period >= self.options.horizon.as_secs_f64() {
            self.trend.mode = Mode::Wake;
            self.trend.area_before = 0.0;
        }
        let is_rising = self.trend.area > self.trend.area_before;
        match (self.trend.mode, is_rising) {
            (Mode::Wake, true) => self.wake_more(),
            (Mode::PutToSleep, false) => self.put_more_to_sleep(head),
            (Mode::Wake, false) => self.trend.mode = Mode::PutToSleep,
            (Mode::PutToSleep, true) => self.trend.mode = Mode::Wake,
        }
    }

    /// Number of hosts to switch, at least one, from the number switched before.
    fn altered(&self, before: usize) -> usize {
        let times = (before as f64 * self.options.factor) as usize;
        (times + self.options.increment as usize).max(1)
    }

    fn wake_more(&mut self) {
        let asleep = self.hosts_that(|power| power == Power::Asleep);
        let wakeable = without(&asleep, &self.to_switch_on);
        let count = self.altered(size(&self.trend.switched_on));
        let woken = self.first_to_wake(count.min(size(&wakeable)), &wakeable);
        self.count_awake(size(&woken));
        self.to_switch_on.union_with(&woken);
    }

    fn put_more_to_sleep(&mut self, head: Option<&Head>) {
        let awake = self.hosts_that(|power| power == Power::Awake);
        let able = without(&awake, &self.to_switch_off);
        let reserved = head.map_or(0, |head| head.job.members);
        let count = self.altered(size(&self.trend.switched_off));
        let count = count.min(size(&able).saturating_sub(reserved));
        let asleep_already = self.off_for_idleness.min(count);
        let mut off = FixedBitSet::new();
        if count > asleep_already {
            off = self.first_to_sleep(count, &able, head);
        }
        self.off_by_policy += size(&off) + asleep_already;
        self.off_for_idleness -= asleep_already;
        self.to_switch_off.union_with(&off);
    }

    /// So many hosts of a set that are free earliest, the lowest of these; of those that the head could
    /// use, as many as it can spare.
    fn first_to_sleep(&self, count: usize, able: &FixedBitSet, head: Option<&Head>) -> FixedBitSet {
        let mut chosen = FixedBitSet::with_capacity(self.power.len());
        let mut spared = FixedBitSet::with_capacity(self.power.len());
        let (needed, usable) = match head {
            Some(head) => (head.job.members, both(able, &head.usable)),
            None => (0, FixedBitSet::new()),
        };
        let can_spare = size(&usable).saturating_sub(needed);
        for at in self.plan.instants() {
            let free = without(&both(&self.plan.free_at(at), able), &chosen);
            let of_head = both(&free, &without(&usable, &spared));
            let most = (can_spare - size(&spared)).min(count - size(&chosen));
            let taken = lowest(&of_head, most);
            spared.union_with(&taken);
            chosen.union_with(&taken);
            let others = without(&free, &of_head);
            chosen.union_with(&lowest(&others, count - size(&chosen)));
            if size(&chosen) == count {
                break;
            }
        }
        chosen
    }

    fn opportunistic(&mut self, now: Instant) {
        let up = self.up();
        let awake_soon = without(&either(&up, &self.to_switch_on), &self.to_switch_off);
        let mut kept = (self.options.kept_awake * self.power.len() as f64) as usize;
        let head = self.head(&mut self.plan.clone());
        if head.as_ref().is_none_or(|head| head.fit.is_some()) {
            kept = kept.max(head.as_ref().map_or(0, |head| head.job.members));
            let count = size(&awake_soon).saturating_sub(kept);
            if count > 0 {
                let asleep_already = self.off_for_idleness.min(count);
                self.off_by_policy += asleep_already;
                self.off_for_idleness -= asleep_already;
                let off = self.first_to_sleep(count, &awake_soon, head.as_ref());
                self.off_by_policy += size(&off);
                self.to_switch_off.union_with(&off);
                let switched = self.plan_switches(&self.to_switch_off.clone(), &FixedBitSet::new());
                self.to_switch_off.difference_with(&switched.off);
                self.commit();
            }
            self.look_at_idle(now);
            if !self.is_waking() {
                self.switch_idle_off(now, head.map(|head| head.job));
            }
        }
        let beyond = self.off_for_idleness.saturating_sub(kept);
        self.off_for_idleness -= beyond;
        self.off_by_policy += beyond;
    }
}
