//! Hosts that Docker Machine makes, up to a number at a time (spec: orchestrators-a.md section 4).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use control::docker_machine::{Creation, Phase, Times};
use rng::{Distribution, Stream};
use units::{Duration, Instant};

/// Options of Docker Machine.
#[derive(Clone, Debug)]
pub struct HostCreationOptions {
    /// Time that each phase takes, in the order of [`Phase::ALL`].
    pub takes: [Distribution; 8],
    /// Part of the creations that fails in each phase, in millionths.
    pub failure_ppm: [u32; 8],
    /// The most creations at a time; `None` is no limit.
    pub parallel: Option<usize>,
    /// Time from a ready host until its node joins; `None` is no time.
    pub join_delay: Option<Distribution>,
}

/// The creations under way.
#[derive(Clone, Debug, Default)]
pub struct HostCreations {
    /// Ends of the last creations, as many as there may be at a time.
    ends: BinaryHeap<Reverse<Instant>>,
}

/// An outcome of a creation: when the node joins, or when and where it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreationOutcome {
    /// Instant at which the node joins, or the creation fails.
    pub at: Instant,
    /// The phase in which it fails; `None` if the node joins.
    pub fails_in: Option<Phase>,
}

impl HostCreations {
    /// Creates a host as soon as one more may be under way, with a boot time of its group if that has one.
    pub fn create(
        &mut self,
        options: &HostCreationOptions,
        boot: Option<&Distribution>,
        now: Instant,
        stream: &mut Stream,
    ) -> CreationOutcome {
        let is_full = options.parallel.is_some_and(|most| self.ends.len() >= most);
        let free = if is_full { self.ends.pop() } else { None };
        let begun = free.map_or(now, |Reverse(end)| end.max(now));
        let mut takes = [Duration::ZERO; 8];
        let mut fails_in = None;
        for (number, phase) in Phase::ALL.into_iter().enumerate() {
            let own = boot.filter(|_| phase == Phase::Boot);
            takes[number] = own.unwrap_or(&options.takes[number]).sample(stream);
            let fails = stream.below(1_000_000) < u64::from(options.failure_ppm[number]);
            fails_in = fails_in.or(fails.then_some(phase));
        }
        let mut creation = Creation::new(begun, Times(takes), fails_in);
        let steps = std::iter::from_fn(|| creation.next_step());
        let (at, fails_in) = steps.last().map_or((begun, None), |step| {
            (step.at, step.has_failed.then_some(step.phase))
        });
        if options.parallel.is_some() {
            self.ends.push(Reverse(at));
        }
        let delay = options.join_delay.as_ref();
        let delay = delay.filter(|_| fails_in.is_none());
        let delay = delay.map_or(Duration::ZERO, |delay| delay.sample(stream));
        CreationOutcome {
            at: at.saturating_add(delay),
            fails_in,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Identity;

    fn options(parallel: Option<usize>, failing: Option<usize>) -> HostCreationOptions {
        let secs = |secs| Distribution::constant(Duration::from_secs(secs)).expect("a time");
        let mut failure_ppm = [0; 8];
        if let Some(phase) = failing {
            failure_ppm[phase] = 1_000_000;
        }
        HostCreationOptions {
            takes: [1, 20, 25, 4, 1, 40, 5, 1].map(secs),
            failure_ppm,
            parallel,
            join_delay: Some(secs(10)),
        }
    }

    fn ends(options: &HostCreationOptions, boot: Option<i64>) -> Vec<(i64, Option<Phase>)> {
        let boot = boot.map(|secs| Distribution::constant(Duration::from_secs(secs)));
        let boot = boot.and_then(Result::ok);
        let mut creations = HostCreations::default();
        let mut stream = Stream::of(1, "provider", Identity::of("host"));
        let ends = (0..3).map(|_| {
            let own = creations.create(options, boot.as_ref(), Instant::ZERO, &mut stream);
            (own.at.as_nanos() / 1_000_000_000, own.fails_in)
        });
        ends.collect()
    }

    #[test]
    fn hosts_wait_for_their_turn() {
        // One takes 102 s, as in the worked example, and joins 10 s later.
        let at = |all: Vec<(i64, Option<Phase>)>| all.into_iter().map(|(at, _)| at);
        let all: Vec<i64> = at(ends(&options(None, None), None)).collect();
        assert_eq!(all, [112, 112, 112]);
        let all: Vec<i64> = at(ends(&options(Some(1), None), None)).collect();
        assert_eq!(all, [112, 214, 316]);
        let all: Vec<i64> = at(ends(&options(Some(2), None), None)).collect();
        assert_eq!(all, [112, 112, 214]);
    }

    #[test]
    fn a_boot_time_of_a_group_replaces_that_of_the_driver() {
        let [first, ..] = ends(&options(None, None), Some(50))[..] else {
            panic!("three hosts");
        };
        // 21 s, seen at 72 s instead of 48.
        assert_eq!(first, (136, None));
    }

    #[test]
    fn a_failed_creation_keeps_its_place_until_it_is_given_up() {
        let all = ends(&options(Some(1), Some(2)), None);
        // The host's state is polled for 180 s, after 21 s.
        let expected = [201, 402, 603].map(|at| (at, Some(Phase::Boot)));
        assert_eq!(all, expected);
    }
}
