//! Hosts over time, as the rules that switch them see them: jobs hold hosts until they have run as
//! long as they asked to, switching takes its time, and a host that sleeps does so without end.

use fixedbitset::FixedBitSet;
use smallvec::SmallVec;

use scheduler::batch::JobNumber;
use units::{Duration, Instant};

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
struct Stay {
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
    hosts: Vec<SmallVec<[Stay; 4]>>,
}

impl Plan {
    pub(super) fn new(now: Instant, hosts: usize) -> Self {
        Self {
            now,
            hosts: vec![SmallVec::new(); hosts],
        }
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

    /// The earliest instant at which as many hosts are free for as long as a job asks for.
    pub(super) fn first_fit(&self, members: usize, requested: Duration) -> Option<Fit> {
        self.instants().into_iter().find_map(|from| {
            let until = from.saturating_add(requested).max(just_after(from));
            let free = (0..self.hosts.len()).filter(|&host| self.is_free(host, from, until));
            let hosts: Vec<usize> = free.take(members).collect();
            (hosts.len() == members).then_some(Fit { from, until, hosts })
        })
    }

    /// Adds a stay.
    pub(super) fn hold(&mut self, host: usize, from: Instant, until: Instant, cause: Cause) {
        let stays = &mut self.hosts[host];
        stays.push(Stay { from, until, cause });
        stays.sort_by_key(|stay| stay.from);
    }

    /// Gives a job its hosts.
    pub(super) fn reserve(&mut self, job: JobNumber, fit: &Fit) {
        for &host in &fit.hosts {
            self.hold(host, fit.from, fit.until, Cause::Job(job));
        }
    }

    /// Takes the reservation of a job out.
    pub(super) fn release(&mut self, job: JobNumber) {
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
        let mut end = start;
        let mut from = at;
        let later = self.instants().into_iter().filter(|&next| next > at);
        for until in later.chain([Instant::MAX]) {
            if load <= 0.0 {
                break;
            }
            let free = self.free_at(from).count_ones(..) as f64;
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
