//! Input shaking (Tsafrir, Ouaknine and Feitelson, 2007): many runs on one trace under small
//! perturbations of its arrivals and durations. An effect that survives shaking is real; one that
//! vanishes was an artefact of the very input.

use arrivals::{Arrival, ArrivalSource, MemorySource, Recorded};
use intake::TraceError;
use rng::{Stream, math};
use units::{Duration, Instant};

/// A run time is changed by up to this share of itself, either way.
pub const SHAKE_OF_RUN_TIME: f64 = 0.01;

/// One small perturbation of an input. It depends on nothing else, so every variant meets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shaking {
    /// The seed of the runs.
    pub seed: u64,
    /// Number of the perturbation.
    pub number: u64,
}

impl Shaking {
    /// The source with every arrival moved by up to the mean time between arrivals, either way and not before the
    /// first, members of a gang with the first of them, and every run time by up to [`SHAKE_OF_RUN_TIME`].
    pub fn apply(
        self,
        mut source: Box<dyn ArrivalSource>,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut recorded = Recorded::collect(&mut *source)?;
        self.shake(&mut recorded);
        Ok(Box::new(MemorySource::new(recorded)))
    }

    fn shake(self, recorded: &mut Recorded) {
        let arrivals = &mut recorded.arrivals;
        let (Some(first), Some(last)) = (arrivals.first(), arrivals.last()) else {
            return;
        };
        let (first, last) = (first.submit.as_nanos(), last.submit.as_nanos());
        let gap = (last - first) as f64 / arrivals.len() as f64;
        let mut stream = Stream::new(self.seed, "lab/shaking", self.number);
        // The last arrival if it is a member of a gang, as it was and as it is submitted.
        let mut last: Option<(Arrival, Instant)> = None;
        for arrival in arrivals.iter_mut() {
            let of_mate = last.filter(|(mate, _)| arrival.is_mate_of(mate));
            let before = arrival.gang().is_some().then(|| arrival.clone());
            let moved = math::round_half_even((2.0 * stream.unit_f64() - 1.0) * gap) as i64;
            let at = arrival.submit.as_nanos().saturating_add(moved).max(first);
            arrival.submit = of_mate.map_or(Instant::from_nanos(at), |mate| mate.1);
            last = before.map(|before| (before, arrival.submit));
            let factor = 1.0 + (2.0 * stream.unit_f64() - 1.0) * SHAKE_OF_RUN_TIME;
            arrival.run_time = arrival.run_time.map(|run_time| {
                let nanos = math::round_half_even(run_time.as_nanos() as f64 * factor);
                Duration::from_nanos(nanos as i64)
            });
        }
        arrivals.sort_by_key(|arrival| arrival.submit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PodName;

    fn recorded() -> Recorded {
        let arrival = |number: i64| Arrival {
            run_time: Some(Duration::from_secs(100)),
            ..Arrival::new(
                Instant::from_nanos(number * 1_000_000_000),
                PodName::Job(number as u64),
            )
        };
        Recorded {
            arrivals: (0..200).map(arrival).collect(),
            ..Recorded::default()
        }
    }

    #[test]
    fn members_of_a_gang_are_moved_alike() {
        let mut recorded = recorded();
        for own in &mut recorded.arrivals[50..53] {
            own.submit = Instant::from_secs(50);
            own.join("train".into());
        }
        Shaking { seed: 1, number: 1 }.shake(&mut recorded);
        let arrivals = &recorded.arrivals;
        let first = arrivals.iter().position(|own| own.gang().is_some());
        let first = first.expect("a gang");
        assert!(arrivals[first + 1].is_mate_of(&arrivals[first]));
        assert!(arrivals[first + 2].is_mate_of(&arrivals[first]));
    }

    #[test]
    fn little_is_moved_and_nothing_lost() {
        let shaken = |number| {
            let mut recorded = recorded();
            Shaking { seed: 1, number }.shake(&mut recorded);
            recorded.arrivals
        };
        let (first, second) = (shaken(1), shaken(2));
        assert_eq!(first, shaken(1));
        assert_ne!(first, second);
        assert_eq!(first.len(), 200);
        assert!(first.is_sorted_by_key(|arrival| arrival.submit));
        let mut swapped = 0;
        for (place, arrival) in first.iter().enumerate() {
            let PodName::Job(number) = arrival.name else {
                panic!("a name that was not given");
            };
            let moved = arrival.submit.as_nanos() - number as i64 * 1_000_000_000;
            assert!(moved.abs() <= 1_000_000_000, "{number} {moved}");
            let run_time = arrival.run_time.expect("a run time").as_nanos();
            assert!((run_time - 100_000_000_000).abs() <= 1_000_000_000);
            swapped += usize::from(place as u64 != number);
        }
        assert!(swapped > 30, "{swapped}");
    }
}
