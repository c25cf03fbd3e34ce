//! EASY backfilling over hosts that are switched off and on, as the schedulers of Batsim have it
//! (`energy_bf_monitoring_inertial` and `energy_bf_subpart_sleeper` of Batsched; spec:
//! published-results.md section 3): the head of the queue reserves the lowest hosts that are free from
//! its earliest start on, a job behind it starts if it finds hosts now beside that reservation, and
//! hosts that sleep are woken where the head does not fit without them.
//!
//! A rule decides whenever jobs arrive or end or a host is up or off, and once a period: then hosts
//! are switched off or on by the policy. Each member of a job has a host of its own.

mod decide;
mod free_hosts;
mod hosts;
mod idle;
mod options;
mod plan;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use fixedbitset::FixedBitSet;

use scheduler::batch::{JobNumber, Pass, PassRule, Start};
use units::{Duration, Instant, NodeId, SortedMap, SortedSet};

use self::hosts::{Hosts, set, size};
pub use self::options::ShutdownOptions;
use self::plan::{Cause, Plan, just_after};
use self::stage::Trend;
use super::{BackfillEntry, RuleKind};

/// The registry's entry of the policy that follows the trend of the load.
pub const INERTIAL: BackfillEntry = BackfillEntry {
    name: "inertial-shutdown",
    summary: "EASY over hosts that are switched off while less work waits, and on while more does.",
    uses_estimates: true,
    rule: RuleKind::Switches(|options| Box::new(Shutdown::new(Policy::Inertial, options.shutdown))),
};

/// The registry's entry of the policy that keeps a share of the hosts from being switched off for good.
pub const OPPORTUNISTIC: BackfillEntry = BackfillEntry {
    name: "opportunistic-shutdown",
    summary: "EASY over hosts that are switched off when idle, and on for waiting jobs.",
    uses_estimates: true,
    rule: RuleKind::Switches(|options| {
        Box::new(Shutdown::new(Policy::Opportunistic, options.shutdown))
    }),
};

/// The rule by which hosts are switched off and on once a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Inertial,
    Opportunistic,
}

/// State of a host's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    Awake,
    Asleep,
    /// On its way up: when plans reckon with it, and when it is.
    SwitchingOn {
        planned: Instant,
        at: Instant,
    },
    /// On its way down, likewise.
    SwitchingOff {
        planned: Instant,
        at: Instant,
    },
}

impl Power {
    /// The instant at which a switch ends.
    const fn switched_at(self) -> Option<Instant> {
        match self {
            Self::SwitchingOn { at, .. } | Self::SwitchingOff { at, .. } => Some(at),
            Self::Awake | Self::Asleep => None,
        }
    }
}

/// A waiting job.
#[derive(Clone, Copy, Debug)]
struct Waits {
    number: JobNumber,
    members: usize,
    /// Time for which it holds its hosts in plans.
    planned: Duration,
}

/// A job that holds hosts.
#[derive(Clone, Debug)]
struct Runs {
    until: Instant,
    hosts: Hosts,
}

/// EASY backfilling over hosts that are switched off and on.
#[derive(Clone, Debug)]
pub struct Shutdown {
    policy: Policy,
    options: ShutdownOptions,
    power: Vec<Power>,
    /// The hosts that are down, and not because they were switched off.
    down: FixedBitSet,
    queue: Vec<Waits>,
    running: SortedMap<JobNumber, Runs>,
    /// Hosts that are to be switched as soon as they can be.
    to_switch_off: FixedBitSet,
    to_switch_on: FixedBitSet,
    /// Number of hosts that are off or are to be, by the reason.
    off_by_policy: usize,
    off_for_idleness: usize,
    /// The hosts that were free at the last look, and since when each is.
    idle: FixedBitSet,
    idle_since: Vec<Instant>,
    /// The plan of the last decision.
    plan: Plan,
    trend: Trend,
    next_stage: Option<Instant>,
    has_begun: bool,
    /// Marks that jobs that run may be others than those known here.
    is_stale: bool,
    /// Decisions that were not carried out yet.
    starts: VecDeque<(JobNumber, Hosts)>,
    switches: Vec<(usize, bool)>,
}

impl Shutdown {
    fn new(policy: Policy, options: ShutdownOptions) -> Self {
        Self {
            policy,
            options,
            power: Vec::new(),
            down: FixedBitSet::new(),
            queue: Vec::new(),
            running: SortedMap::new(),
            to_switch_off: FixedBitSet::new(),
            to_switch_on: FixedBitSet::new(),
            off_by_policy: 0,
            off_for_idleness: 0,
            idle: FixedBitSet::new(),
            idle_since: Vec::new(),
            plan: Plan::new(Instant::ZERO, 0),
            trend: Trend::default(),
            next_stage: None,
            has_begun: false,
            is_stale: true,
            starts: VecDeque::new(),
            switches: Vec::new(),
        }
    }

    /// Takes note of jobs and hosts, and decides if anything happened.
    fn look(&mut self, pass: &mut Pass<'_>) {
        let now = microsecond(pass.now());
        let is_grown = self.grow(now, pass.hosts());
        let is_other = self.look_for_outages(pass);
        let is_switched = self.finish_switches(now);
        let delay = self.options.manager_delay;
        let has_ended = std::mem::take(&mut self.is_stale)
            && self.follow_jobs(pass.running().map(|(number, until, nodes)| {
                let hosts = nodes.map(NodeId::index).collect();
                let until = microsecond(until).saturating_add(delay);
                (number, Runs { until, hosts })
            }));
        let queue = pass.queue().map(|next| Waits {
            number: next.number(),
            members: next.facts.members as usize,
            planned: self.planned(next.facts.requested),
        });
        let queue = queue.collect();
        let is_news = is_grown || is_other || is_switched || has_ended;
        self.react(now, queue, is_news);
    }

    /// Takes note of the jobs that hold hosts, in order; returns whether any of those known has ended.
    fn follow_jobs(&mut self, jobs: impl Iterator<Item = (JobNumber, Runs)>) -> bool {
        let mut known = self.running.iter_mut().peekable();
        let mut ended = Vec::new();
        let mut others = Vec::new();
        for (number, runs) in jobs {
            while let Some((&other, _)) = known.next_if(|(other, _)| **other < number) {
                ended.push(other);
            }
            match known.next_if(|(other, _)| **other == number) {
                Some((_, own)) => *own = runs,
                None => others.push((number, runs)),
            }
        }
        ended.extend(known.map(|(&other, _)| other));
        for job in &ended {
            self.running.remove(job);
        }
        self.running.extend(others);
        !ended.is_empty()
    }

    /// The jobs of a queue that waited at the last decision.
    fn known_of(&self, queue: &[Waits]) -> Vec<Waits> {
        let mut rest = self.queue.iter().map(|job| job.number).peekable();
        let is_next = |job: &&Waits| rest.next_if_eq(&job.number).is_some();
        let known: Vec<Waits> = queue.iter().filter(is_next).copied().collect();
        if known.len() == self.queue.len() {
            return known;
        }
        // Jobs left the queue, or it has another order.
        let known: SortedSet<JobNumber> = self.queue.iter().map(|job| job.number).collect();
        let is_known = |job: &&Waits| known.contains(&job.number);
        queue.iter().filter(is_known).copied().collect()
    }

    /// Decides if jobs arrived, a stage is due, or there is other news: jobs ended or hosts changed.
    fn react(&mut self, now: Instant, mut queue: Vec<Waits>, is_other_news: bool) {
        let known = self.known_of(&queue);
        let has_arrived = known.len() < queue.len();
        let is_stage = self.next_stage.is_some_and(|at| at <= now);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let is_news = is_other_news || has_arrived;
        if !(is_news || is_stage || is_first) {
            return;
        }
        if is_first {
            // The hosts are there before the first job is.
            self.queue.clear();
            self.decide(now, Vec::new());
        }
        self.queue = known;
        if has_arrived && self.next_stage.is_none() {
            self.next_stage = Some(now.saturating_add(self.options.period));
        }
        if is_stage {
            self.stage(now);
            self.next_stage = Some(now.saturating_add(self.options.period));
            queue.retain(|job| !self.running.contains_key(&job.number));
        }
        if is_news || is_stage {
            self.decide(now, queue);
        }
    }

    /// The time that plans reckon with for what takes a time by itself.
    fn planned(&self, takes: Duration) -> Duration {
        takes.saturating_add(self.options.manager_delay)
    }

    /// Takes note of hosts that are new.
    fn grow(&mut self, now: Instant, hosts: usize) -> bool {
        let is_grown = hosts > self.power.len();
        if is_grown {
            self.idle.grow(hosts);
            self.idle.insert_range(self.power.len()..hosts);
            self.power.resize(hosts, Power::Awake);
            self.idle_since.resize(hosts, now);
            self.plan_afresh(now);
        }
        is_grown
    }

    fn look_for_outages(&mut self, pass: &Pass<'_>) -> bool {
        let is_down = |&host: &usize| {
            self.power[host] == Power::Awake && !pass.is_up(NodeId::from_index(host))
        };
        let down: Vec<usize> = (0..self.power.len()).filter(is_down).collect();
        let is_other = !self.down.ones().eq(down.iter().copied());
        self.down = set(&down);
        is_other
    }

    fn finish_switches(&mut self, now: Instant) -> bool {
        let mut is_switched = false;
        for (host, power) in self.power.iter_mut().enumerate() {
            match *power {
                Power::SwitchingOn { at, .. } if at <= now => {
                    *power = Power::Awake;
                    self.switches.push((host, true));
                    is_switched = true;
                }
                Power::SwitchingOff { at, .. } if at <= now => {
                    *power = Power::Asleep;
                    is_switched = true;
                }
                _ => {}
            }
        }
        is_switched
    }

    /// Plans running jobs and hosts that sleep or are being switched, and nothing else.
    fn plan_afresh(&mut self, now: Instant) {
        let plan = &mut self.plan;
        plan.reset(now, self.power.len());
        for (&number, job) in &self.running {
            let until = job.until.max(just_after(now));
            for &host in &job.hosts {
                plan.hold(host, now, until, Cause::Job(number));
            }
        }
        for (host, power) in self.power.iter().enumerate() {
            match *power {
                Power::Awake => {}
                Power::Asleep => plan.hold(host, now, Instant::MAX, Cause::Asleep),
                Power::SwitchingOn { planned, .. } => {
                    let up = planned.max(just_after(now));
                    plan.hold(host, now, up, Cause::SwitchingOn);
                }
                Power::SwitchingOff { planned, .. } => {
                    let off = planned.max(just_after(now));
                    plan.hold(host, now, off, Cause::SwitchingOff);
                    plan.hold(host, off, Instant::MAX, Cause::Asleep);
                }
            }
        }
        for host in self.down.ones() {
            plan.hold(host, now, Instant::MAX, Cause::Down);
        }
    }

    /// The hosts whose power is in one of some states.
    fn hosts_that(&self, is: impl Fn(Power) -> bool) -> FixedBitSet {
        let mut hosts = FixedBitSet::with_capacity(self.power.len());
        hosts.extend((0..self.power.len()).filter(|&host| is(self.power[host])));
        hosts
    }

    /// The hosts that are up or on their way up.
    fn up(&self) -> FixedBitSet {
        self.hosts_that(|power| matches!(power, Power::Awake | Power::SwitchingOn { .. }))
    }

    /// Work that waits, in host-seconds.
    fn load(&self) -> f64 {
        let work = |job: &Waits| job.members as f64 * job.planned.as_secs_f64();
        self.queue.iter().map(work).sum()
    }

    /// Hands out the next start that was decided, and every switch.
    fn carry_out(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        for (host, ready) in self.switches.drain(..) {
            pass.switch(NodeId::from_index(host), ready);
        }
        while let Some((number, hosts)) = self.starts.pop_front() {
            let nodes: Vec<NodeId> = hosts.into_iter().map(NodeId::from_index).collect();
            self.is_stale = true;
            let candidate = pass.waiting(number);
            let start = candidate.and_then(|candidate| pass.start_on(&candidate, &nodes));
            if start.is_some() {
                return start;
            }
            // It waits on.
            self.running.remove(&number);
        }
        None
    }

    /// Asks for the wake-ups of switches and of the next stage. What nothing waits for does not keep
    /// a run going.
    fn ask(&self, pass: &mut Pass<'_>) {
        let ends = self.power.iter().filter_map(|power| power.switched_at());
        match ends.min() {
            Some(at) if size(&self.to_switch_on) > 0 || !self.queue.is_empty() => pass.wake_at(at),
            Some(at) => pass.wake_idle_at(at),
            None => {}
        }
        if let Some(at) = self.next_stage {
            pass.wake_idle_at(at);
        }
    }
}

/// The microsecond that an instant is in, by its end: Batsim tells times to the microsecond, so what
/// happens within one is simultaneous in plans.
fn microsecond(at: Instant) -> Instant {
    match at.as_nanos().checked_add(999) {
        Some(nanos) => Instant::from_nanos(nanos - nanos.rem_euclid(1_000)),
        None => at,
    }
}

impl PassRule for Shutdown {
    fn name(&self) -> &'static str {
        match self.policy {
            Policy::Inertial => INERTIAL.name,
            Policy::Opportunistic => OPPORTUNISTIC.name,
        }
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        self.is_stale |= pass.news().freed;
        if self.starts.is_empty() {
            self.look(pass);
        }
        self.ask(pass);
        self.carry_out(pass)
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(self.clone())
    }
}
