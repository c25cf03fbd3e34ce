//! Hosts over time, as the rules that switch them see them: jobs hold hosts until they have run as
//! long as they asked to, switching takes its time, and a host that sleeps does so without end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fixedbitset::FixedBitSet;
use smallvec::SmallVec;

use scheduler::batch::JobNumber;
use units::{Duration, Instant};

use super::hosts::Hosts;

/// A reason for which a host takes no job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Job(JobNumber),
    SwitchingOn,
    SwitchingOff,
    Asleep,
    /// The host is down, and not because it was switched off.
    Down,
}

/// Time for which a host takes no other job.
#[derive(Clone, Copy, Debug)]
struct Occupancy {
    from: Instant,
    until: Instant,
    cause: Cause,
}

/// An instant from which on hosts are free for as long as a job asks for.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    pub(super) from: Instant,
    pub(super) until: Instant,
    /// The lowest hosts, ascending.
    pub(super) hosts: Vec<usize>,
}

/// The stays on every host from now on.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    now: Instant,
    hosts: Vec<SmallVec<[Occupancy; 4]>>,
    /// Jobs that were given hosts from now on.
    begun: Vec<(JobNumber, Hosts)>,
}

impl Plan {
    pub(super) fn new(now: Instant, hosts: usize) -> Self {
        Self {
            now,
            hosts: vec![SmallVec::new(); hosts],
            begun: Vec::new(),
        }
    }

    /// Makes this an empty plan from an instant on.
    pub(super) fn reset(&mut self, now: Instant, hosts: usize) {
        self.now = now;
        self.begun.clear();
        self.hosts.iter_mut().for_each(SmallVec::clear);
        self.hosts.resize(hosts, SmallVec::new());
    }

    /// Number of hosts.
    pub(super) const fn size(&self) -> usize {
        self.hosts.len()
    }

    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// The present and every later instant at which a stay begins or ends.
    pub(super) fn instants(&self) -> Vec<Instant> {
        let stays = self.hosts.iter().flatten();
        let later = stays.flat_map(|stay| [stay.from, stay.until]);
        let later = later.filter(|&at| self.now < at && at < Instant::MAX);
        let mut instants: Vec<Instant> = std::iter::once(self.now).chain(later).collect();
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// The reason for which a host takes no job at an instant.
    pub(super) fn cause(&self, host: usize, at: Instant) -> Option<Cause> {
        let stay = self.hosts[host]
            .iter()
            .find(|stay| stay.from <= at && at < stay.until);
        stay.map(|stay| stay.cause)
    }

    /// The hosts that are free at an instant.
    pub(super) fn free_at(&self, at: Instant) -> FixedBitSet {
        self.hosts_where(|host| self.cause(host, at).is_none())
    }

    /// The hosts that sleep at an instant.
    pub(super) fn asleep_at(&self, at: Instant) -> FixedBitSet {
        self.hosts_where(|host| self.cause(host, at) == Some(Cause::Asleep))
    }

    /// The hosts that are free from an instant to another.
    pub(super) fn free_during(&self, from: Instant, until: Instant) -> FixedBitSet {
        self.hosts_where(|host| self.is_free(host, from, until))
    }

    fn hosts_where(&self, holds: impl Fn(usize) -> bool) -> FixedBitSet {
        let mut hosts = FixedBitSet::with_capacity(self.hosts.len());
        hosts.extend((0..self.hosts.len()).filter(|&host| holds(host)));
        hosts
    }

    fn is_free(&self, host: usize, from: Instant, until: Instant) -> bool {
        let mut stays = self.hosts[host].iter();
        stays.all(|stay| stay.until <= from || until <= stay.from)
    }

    /// The times in which a host is free, from the present on.
    fn gaps(&self, host: usize) -> impl Iterator<Item = Gap> {
        let mut free_from = self.now;
        let stays = self.hosts[host].iter();
        let ends = stays.map(|stay| (stay.from, stay.until));
        let ends = ends.chain([(Instant::MAX, Instant::MAX)]);
        ends.filter_map(move |(busy_from, busy_until)| {
            let gap = Gap {
                from: free_from,
                until: busy_from,
            };
            free_from = free_from.max(busy_until);
            (gap.from < gap.until).then_some(gap)
        })
    }

    /// The lowest hosts that a job could have from now on.
    fn fit_now(&self, members: usize, requested: Duration) -> Option<Fit> {
        let (from, until) = (self.now, end(self.now, requested));
        let free = (0..self.hosts.len()).filter(|&host| self.is_free(host, from, until));
        let hosts: Vec<usize> = free.take(members).collect();
        (hosts.len() == members).then_some(Fit { from, until, hosts })
    }

    /// The instant until which a host that is free now stays so; `None` if it isn't.
    pub(super) fn free_until(&self, host: usize) -> Option<Instant> {
        let first = self.gaps(host).next()?;
        (first.from == self.now).then_some(first.until)
    }

    /// The earliest instant at which as many hosts are free for as long as a job asks for.
    ///
    /// As hosts only turn free at the begin of a gap, the earliest instant is one.
    pub(super) fn first_fit(&self, members: usize, requested: Duration) -> Option<Fit> {
        let now = self.fit_now(members, requested);
        if now.is_some() {
            return now;
        }
        let wide = |gap: &Gap| end(gap.from, requested) <= gap.until;
        let gaps = (0..self.hosts.len()).flat_map(|host| self.gaps(host).filter(wide));
        let mut by_begin: BinaryHeap<Reverse<Gap>> = gaps.map(Reverse).collect();
        let mut open: BinaryHeap<Reverse<Instant>> = BinaryHeap::new();
        while let Some(Reverse(gap)) = by_begin.pop() {
            open.push(Reverse(gap.until));
            let from = gap.from;
            if by_begin.peek().is_some_and(|next| next.0.from == from) {
                continue;
            }
            let until = end(from, requested);
            while open.peek().is_some_and(|closes| closes.0 < until) {
                open.pop();
            }
            if open.len() >= members {
                let free = (0..self.hosts.len()).filter(|&host| self.is_free(host, from, until));
                let hosts = free.take(members).collect();
                return Some(Fit { from, until, hosts });
            }
        }
        None
    }

    /// Adds a stay.
    pub(super) fn hold(&mut self, host: usize, from: Instant, until: Instant, cause: Cause) {
        let stays = &mut self.hosts[host];
        let after = stays.iter().rposition(|stay| stay.from <= from);
        let at = after.map_or(0, |position| position + 1);
        stays.insert(at, Occupancy { from, until, cause });
    }

    /// Gives a job its hosts.
    pub(super) fn reserve(&mut self, job: JobNumber, fit: &Fit) {
        for &host in &fit.hosts {
            self.hold(host, fit.from, fit.until, Cause::Job(job));
        }
        if fit.from == self.now {
            self.begun.push((job, SmallVec::from_slice(&fit.hosts)));
        }
    }

    /// Hands out the jobs that were given hosts from now on, each once.
    pub(super) fn begun(&mut self) -> impl Iterator<Item = (JobNumber, Hosts)> {
        self.begun.drain(..)
    }

    /// Takes the reservation of a job out.
    pub(super) fn release(&mut self, job: JobNumber) {
        self.begun.retain(|&(begun, _)| begun != job);
        for stays in &mut self.hosts {
            stays.retain(|stay| stay.cause != Cause::Job(job));
        }
    }

    /// Lets a host sleep after the last thing that it does; returns the instant at which it begins to
    /// switch off, `None` if it sleeps already or is down.
    pub(super) fn switch_off(&mut self, host: usize, takes: Duration) -> Option<Instant> {
        let ends = self.hosts[host].iter().map(|stay| stay.until);
        let from = ends.max().unwrap_or(self.now).max(self.now);
        if from == Instant::MAX {
            return None;
        }
        let off = from.saturating_add(takes);
        self.hold(host, from, off, Cause::SwitchingOff);
        self.hold(host, off, Instant::MAX, Cause::Asleep);
        Some(from)
    }

    /// Undoes [`Self::switch_off`].
    pub(super) fn stay_on(&mut self, host: usize) {
        let stays = &mut self.hosts[host];
        for cause in [Cause::Asleep, Cause::SwitchingOff] {
            if stays.last().is_some_and(|stay| stay.cause == cause) {
                stays.pop();
            }
        }
    }

    /// Wakes a host as soon as it sleeps; returns the instant at which it begins to switch on.
    pub(super) fn switch_on(&mut self, host: usize, takes: Duration) -> Option<Instant> {
        let stays = &mut self.hosts[host];
        let asleep = stays.last().filter(|stay| stay.cause == Cause::Asleep)?;
        let from = asleep.from;
        stays.pop();
        self.hold(host, from, from.saturating_add(takes), Cause::SwitchingOn);
        Some(from)
    }

    /// Seconds from an instant until the waiting work, in host-seconds, were done if it flowed into the
    /// gaps of the plan like a liquid: the liquid load horizon.
    pub(super) fn horizon(&self, mut load: f64, at: Instant) -> f64 {
        let start = seconds(at);
        if load <= 0.0 {
            return 0.0;
        }
        let mut end = start;
        let mut from = at;
        let mut free = self.free_at(at).count_ones(..);
        let mut changes = self.changes(at);
        while load > 0.0 {
            let next = changes.peek().map_or(Instant::MAX, |change| change.0.at);
            let gap = free as f64 * (seconds(next) - seconds(from));
            if gap <= load {
                load -= gap;
                end = seconds(next);
            } else {
                end += load / free as f64;
                load = 0.0;
            }
            if next == Instant::MAX {
                break;
            }
            from = next;
            while let Some(Reverse(change)) = changes.peek().filter(|change| change.0.at == next) {
                match change.kind {
                    Kind::Frees => free += 1,
                    Kind::Takes => free -= 1,
                    Kind::Neither => {}
                }
                changes.pop();
            }
        }
        if load > 0.0 {
            ENDLESS - start
        } else {
            end - start
        }
    }

    /// The instants after another one at which a stay begins or ends, and what becomes of its host then;
    /// the earliest first.
    fn changes(&self, at: Instant) -> BinaryHeap<Reverse<Change>> {
        let mut changes = Vec::new();
        for (host, stays) in self.hosts.iter().enumerate() {
            let mut add = |at: Instant, kind: Kind| changes.push(Reverse(Change { at, kind }));
            for gap in self.gaps(host) {
                add(gap.from, Kind::Frees);
                add(gap.until, Kind::Takes);
            }
            // The work is parted at every begin and end: it is a sum of floats.
            if stays.len() > 1 {
                for stay in stays {
                    add(stay.from, Kind::Neither);
                    add(stay.until, Kind::Neither);
                }
            }
        }
        changes.retain(|change| at < change.0.at && change.0.at < Instant::MAX);
        changes.into()
    }
}

/// Time in which a host is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gap {
    from: Instant,
    until: Instant,
}

/// An instant at which something happens on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    at: Instant,
    kind: Kind,
}

/// A change of a host, in the order within one instant: the number of free hosts never falls below
/// zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Frees,
    Takes,
    Neither,
}

/// The end of a job that begins at an instant: whatever holds a host does so for a while.
pub(super) fn end(from: Instant, requested: Duration) -> Instant {
    from.saturating_add(requested).max(just_after(from))
}

/// Seconds that stand for an instant that never comes.
const ENDLESS: f64 = 1e19;

fn seconds(at: Instant) -> f64 {
    if at == Instant::MAX {
        ENDLESS
    } else {
        at.as_secs_f64()
    }
}

/// The next instant: what holds a host holds it for a while.
pub(super) fn just_after(at: Instant) -> Instant {
    at.saturating_add(Duration::from_nanos(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::free_hosts::FreeHosts;
    use super::*;

    fn at(second: i64) -> Instant {
        Instant::from_secs(second)
    }

    fn span(seconds: i64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_host_sleeps_after_its_last_job_and_wakes_once_it_sleeps() {
        let mut plan = Plan::new(at(10), 2);
        plan.hold(0, at(10), at(20), Cause::Job(JobNumber(1)));
        assert_eq!(plan.switch_off(0, span(5)), Some(at(20)));
        assert_eq!(plan.switch_off(0, span(5)), None);
        assert_eq!(plan.cause(0, at(22)), Some(Cause::SwitchingOff));
        assert_eq!(plan.switch_on(0, span(7)), Some(at(25)));
        assert_eq!(plan.cause(0, at(31)), Some(Cause::SwitchingOn));
        assert_eq!(plan.cause(0, at(32)), None);
        assert_eq!(plan.switch_on(1, span(7)), None);
        assert_eq!(plan.switch_off(1, span(5)), Some(at(10)));
        plan.stay_on(1);
        assert_eq!(plan.cause(1, at(10)), None);
    }

    #[test]
    fn a_job_takes_the_lowest_hosts_that_are_free_for_all_its_time() {
        let mut plan = Plan::new(at(0), 3);
        plan.hold(0, at(0), at(10), Cause::Job(JobNumber(1)));
        plan.hold(1, at(5), at(30), Cause::Job(JobNumber(2)));
        let fit = plan.first_fit(2, span(10)).expect("room at 10 s");
        assert_eq!((fit.from, fit.hosts), (at(10), vec![0, 2]));
        let fit = plan.first_fit(2, span(5)).expect("room now");
        assert_eq!((fit.from, fit.hosts), (at(0), vec![1, 2]));
        plan.switch_off(2, span(1));
        assert!(plan.first_fit(3, span(1)).is_none());
    }

    /// The definition of [`Plan::first_fit`]: every instant, every host.
    fn plain_fit(
        plan: &Plan,
        members: usize,
        requested: Duration,
    ) -> Option<(Instant, Vec<usize>)> {
        plan.instants().into_iter().find_map(|from| {
            let until = end(from, requested);
            let free = plan.free_during(from, until);
            let hosts: Vec<usize> = free.ones().take(members).collect();
            (hosts.len() == members).then_some((from, hosts))
        })
    }

    /// The definition of [`Plan::horizon`]: the hosts that are free are counted at every instant.
    fn plain_horizon(plan: &Plan, mut load: f64, at: Instant) -> f64 {
        let (start, mut end, mut from) = (seconds(at), seconds(at), at);
        let later = plan.instants().into_iter().filter(|&next| next > at);
        for until in later.chain([Instant::MAX]) {
            if load <= 0.0 {
                break;
            }
            let free = plan.free_at(from).count_ones(..) as f64;
            let gap = free * (seconds(until) - seconds(from));
            if gap <= load {
                load -= gap;
                end = seconds(until);
            } else {
                end += load / free;
                load = 0.0;
            }
            from = until;
        }
        if load > 0.0 {
            ENDLESS - start
        } else {
            end - start
        }
    }

    proptest! {
        #[test]
        fn fits_and_horizons_are_those_of_every_instant(
            stays in prop::collection::vec((0_usize..6, 0_i64..30, 0_i64..12, 0_u8..6), 0..14),
            jobs in prop::collection::vec((1_usize..5, 0_i64..20), 1..8),
            later in 0_i64..25,
            load in 0.0_f64..200.0,
        ) {
            let mut plan = Plan::new(at(0), 6);
            for (host, from, length, kind) in stays {
                match kind {
                    0 => { plan.switch_off(host, span(length)); }
                    1 => { plan.switch_on(host, span(length)); }
                    2 => plan.hold(host, at(from), Instant::MAX, Cause::Down),
                    _ => plan.hold(host, at(from), at(from + length), Cause::SwitchingOn),
                }
            }
            let expected = plain_horizon(&plan, load, at(later));
            prop_assert_eq!(plan.horizon(load, at(later)).to_bits(), expected.to_bits());
            let mut free = FreeHosts::of(&plan);
            for (number, (members, length)) in jobs.into_iter().enumerate() {
                let expected = plain_fit(&plan, members, span(length));
                let found = plan.first_fit(members, span(length));
                let found = found.map(|fit| (fit.from, fit.hosts));
                prop_assert_eq!(&found, &expected);
                let now = free.take(members, span(length));
                let starts = expected.filter(|&(from, _)| from == at(0)).map(|(_, hosts)| hosts);
                prop_assert_eq!(now.as_ref().map(|fit| fit.hosts.clone()), starts);
                if let Some(fit) = now {
                    plan.reserve(JobNumber(number as u64), &fit);
                }
            }
        }
    }

    #[test]
    fn waiting_work_flows_into_the_gaps() {
        let mut plan = Plan::new(at(0), 2);
        plan.hold(0, at(0), at(10), Cause::Job(JobNumber(1)));
        // Ten host-seconds until 10 s, then two hosts.
        assert!((plan.horizon(14.0, at(0)) - 12.0).abs() < 1e-9);
        assert!(plan.horizon(0.0, at(0)).abs() < 1e-9);
        plan.hold(1, at(0), Instant::MAX, Cause::Asleep);
        plan.hold(0, at(10), Instant::MAX, Cause::Asleep);
        assert!(plan.horizon(1.0, at(0)) > 1e18);
    }
}
