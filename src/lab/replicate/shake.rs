//! Input shaking (Tsafrir, Ouaknine and Feitelson, 2007): many runs on one trace under small
//! perturbations of its arrivals and durations. An effect that survives shaking is real; one that
//! vanishes was an artefact of the very input.

use arrivals::{ArrivalSource, MemorySource, Recorded};
use intake::TraceError;
use rng::{Stream, math};
use units::{Duration, Instant};

/// A run time is changed by up to this share of itself, either way.
pub const SHAKE_OF_RUN_TIME: f64 = 0.01;

/// An instant of arrivals is moved by up to this share of the gap to the nearer of its neighbours, either
/// way. Gaps keep their size up to a fifth, so that a log stays the log that it is: what comes in a batch
/// stays in it, and nothing overtakes.
pub const SHAKE_OF_GAP: f64 = 0.1;

/// One small perturbation of an input. It depends on nothing else, so every variant meets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shaking {
    /// The seed of the runs.
    pub seed: u64,
    /// Number of the perturbation.
    pub number: u64,
}

impl Shaking {
    /// The source with every instant of arrivals but the first and the last moved by up to
    /// [`SHAKE_OF_GAP`], all that arrive in it alike, and every run time changed by up to
    /// [`SHAKE_OF_RUN_TIME`].
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
        let mut instants: Vec<i64> = arrivals.iter().map(|own| own.submit.as_nanos()).collect();
        instants.dedup();
        let mut stream = Stream::new(self.seed, "lab/shaking", self.number);
        let mut either_way = || 2.0 * stream.unit_f64() - 1.0;
        let mut batches = arrivals.chunk_by_mut(|one, next| one.submit == next.submit);
        for (place, at) in instants.iter().enumerate() {
            let neighbours = place.checked_sub(1).zip(instants.get(place + 1));
            let gap =
                neighbours.map_or(0, |(before, after)| (at - instants[before]).min(after - at));
            let moved = math::round_half_even(either_way() * SHAKE_OF_GAP * gap as f64) as i64;
            for arrival in batches.next().into_iter().flatten() {
                arrival.submit = Instant::from_nanos(at + moved);
                let factor = 1.0 + either_way() * SHAKE_OF_RUN_TIME;
                arrival.run_time = arrival.run_time.map(|run_time| {
                    let nanos = math::round_half_even(run_time.as_nanos() as f64 * factor);
                    Duration::from_nanos(nanos as i64)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrivals::Arrival;
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
        for (number, arrival) in first.iter().enumerate() {
            assert_eq!(arrival.name, PodName::Job(number as u64));
            let moved = arrival.submit.as_nanos() - number as i64 * 1_000_000_000;
            assert!(moved.abs() <= 100_000_000, "{number} {moved}");
            let run_time = arrival.run_time.expect("a run time").as_nanos();
            assert!((run_time - 100_000_000_000).abs() <= 1_000_000_000);
        }
    }

    /// Bursts a second apart within days: gaps stay what they are, and what came together does.
    #[test]
    fn gaps_and_batches_keep_their_size() {
        let mut before = recorded();
        for (number, own) in before.arrivals.iter_mut().enumerate() {
            let (burst, place) = (number as i64 / 10, number as i64 % 10);
            own.submit = Instant::from_secs(burst * 86_400 + place / 2);
        }
        let mut after = before.clone();
        Shaking { seed: 3, number: 7 }.shake(&mut after);
        let gaps = |own: &Recorded| -> Vec<i64> {
            let pairs = own.arrivals.windows(2);
            pairs
                .map(|pair| pair[1].submit.as_nanos() - pair[0].submit.as_nanos())
                .collect()
        };
        assert_ne!(before, after);
        for (before, after) in gaps(&before).into_iter().zip(gaps(&after)) {
            assert!((after - before).abs() <= before / 5, "{before} {after}");
        }
    }
}
