//! Block bootstrap over a log (Künsch, 1989): many logs of the same days in another order, some of them several
//! times and some not at all. Bursts and nights stay what they are, as they lie within a block. What comes out
//! tells how far a result depends on which days were recorded.

use std::sync::Arc;

use arrivals::transform::{CopyNames, postpone};
use arrivals::{Arrival, ArrivalSource, Classes, MemorySource, Recorded};
use intake::TraceError;
use model::resource_list::CPU;
use model::{PodName, PodSpec};
use rng::Stream;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Parts of a block, of ten, that a log must fill for its last block to count as a whole one.
const FILLED_OF_TEN: i64 = 9;

/// A log of whole blocks drawn with replacement from another. It depends on nothing else, so every variant meets
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resampling {
    /// The seed of the runs.
    pub seed: u64,
    /// Number of the replicate.
    pub number: u64,
    /// Length of a block.
    pub block: Duration,
}

impl Resampling {
    /// The block of the log that stands at each place of the replicate.
    fn drawn(self, blocks: usize) -> Vec<usize> {
        let mut stream = Stream::new(self.seed, "lab/blocks", self.number);
        let places = 0..blocks;
        places
            .map(|_| stream.below(blocks as u64) as usize)
            .collect()
    }

    /// The source with its whole blocks drawn anew; what is left of the log behind them stays as it is. Copies of
    /// a job have names of their own, and jobs wait for none of other blocks.
    pub(super) fn apply(
        self,
        mut source: Box<dyn ArrivalSource>,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut log = Recorded::collect(&mut *source)?;
        self.resample(&mut log).ok_or_else(|| TraceError::Format {
            file: "--blocks".to_owned(),
            reason: "a copy of a job has a number or an instant beyond 64 bits".to_owned(),
        })?;
        Ok(Box::new(MemorySource::new(log)))
    }

    fn resample(self, log: &mut Recorded) -> Option<()> {
        let mut names = CopyNames::default();
        log.arrivals.iter().for_each(|own| names.meet(own));
        let (whole, mut blocks) = blocks(std::mem::take(&mut log.arrivals), self.block);
        for block in blocks.values_mut() {
            leave_others(block);
        }
        let mut copies = vec![0; whole];
        for (place, drawn) in self.drawn(whole).into_iter().enumerate() {
            let ahead = i64::try_from(place).ok()? - i64::try_from(drawn).ok()?;
            for own in blocks.get(&drawn).into_iter().flatten() {
                let mut own = own.clone();
                postpone(&mut own, self.block.checked_mul(ahead)?)?;
                names.rename(&mut own, copies[drawn])?;
                log.arrivals.push(own);
            }
            copies[drawn] += 1;
        }
        let rest = blocks.split_off(&whole).into_values();
        log.arrivals.extend(rest.flatten());
        Some(())
    }
}

/// The number of whole blocks of a log, and its jobs by block.
fn blocks(arrivals: Vec<Arrival>, block: Duration) -> (usize, SortedMap<usize, Vec<Arrival>>) {
    let length = block.as_nanos();
    let of = |own: &Arrival| own.submit.since(Instant::ZERO).as_nanos();
    let last = arrivals.last().map_or(0, of);
    let whole = last / length + i64::from(last % length >= length / 10 * FILLED_OF_TEN);
    let mut all: SortedMap<usize, Vec<Arrival>> = SortedMap::new();
    for own in arrivals {
        let place = (of(&own) / length).max(0) as usize;
        all.entry(place).or_default().push(own);
    }
    (whole as usize, all)
}

/// Lets the jobs of a block wait for none of other blocks; the number of those that did.
fn leave_others(block: &mut [Arrival]) -> usize {
    if !block.iter().any(Arrival::has_precedence) {
        return 0;
    }
    let tasks: SortedSet<(u16, PodName)> = { block.iter() }
        .map(|own| (own.part, own.task().clone()))
        .collect();
    let cut = block.iter_mut().filter_map(|own| {
        let part = own.part;
        own.wait_only_for(|name| tasks.contains(&(part, name.clone())))
            .then_some(())
    });
    cut.count()
}

/// A log as a set of blocks that others are drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BlockCensus {
    /// Number of whole blocks.
    pub blocks: usize,
    /// Number of jobs that wait for jobs of other blocks.
    pub cut: usize,
    /// Work of the replicates as shares of that of the log: the least and the most.
    pub work: (f64, f64),
    /// Share of the log's work that is in the block with the most.
    pub largest: f64,
}

impl BlockCensus {
    /// The census of a log, for a number of replicates.
    pub(super) fn of(
        mut source: Box<dyn ArrivalSource>,
        seed: u64,
        block: Duration,
        replicates: u64,
    ) -> Result<Self, TraceError> {
        let log = Recorded::collect(&mut *source)?;
        let classes = Classes::from(log.classes);
        let (whole, mut all) = blocks(log.arrivals, block);
        let mut work = vec![0.0; whole];
        let (mut rest, mut cut) = (0.0, 0);
        for (place, block) in &mut all {
            cut += leave_others(block);
            let mut sum = 0.0;
            for own in &*block {
                sum += work_of(own, &classes.get(own.class)?);
            }
            *work.get_mut(*place).unwrap_or(&mut rest) += sum;
        }
        let total = work.iter().sum::<f64>() + rest;
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for number in 0..replicates {
            let own = Resampling {
                seed,
                number,
                block,
            };
            let drawn = own.drawn(whole).into_iter().map(|at| work[at]);
            let share = (drawn.sum::<f64>() + rest) / total;
            (least, most) = (least.min(share), most.max(share));
        }
        Ok(Self {
            blocks: whole,
            cut,
            work: (least, most),
            largest: work.iter().copied().fold(0.0, f64::max) / total,
        })
    }
}

/// Work of a job: its processors by its run time.
fn work_of(own: &Arrival, spec: &Arc<PodSpec>) -> f64 {
    let requests = spec.requests().unwrap_or_default();
    let cpu = requests.get(CPU).milli_floor().unwrap_or(0);
    let seconds = own.run_time.map_or(0.0, Duration::as_secs_f64);
    cpu.max(1) as f64 * f64::from(own.members) * seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600;

    /// Ten days of eight jobs each, and a morning; each job of a day waits for the one before it.
    fn log() -> Recorded {
        let jobs = (0..10 * 8 + 2_i64).map(|number| {
            let mut own = Arrival::new(
                Instant::from_secs((number / 8) * 24 * HOUR + (number % 8) * 3 * HOUR),
                PodName::Job(number as u64),
            );
            own.run_time = Some(Duration::from_secs(100 + number / 8));
            if number > 0 {
                let after = vec![PodName::Job(number as u64 - 1)];
                own.links = arrivals::Links::of(None, after);
            }
            own
        });
        Recorded {
            arrivals: jobs.collect(),
            classes: vec![Arc::new(PodSpec::default())],
            ..Recorded::default()
        }
    }

    fn resampled(number: u64) -> Recorded {
        let mut log = log();
        let resampling = Resampling {
            seed: 1,
            number,
            block: Duration::from_secs(24 * HOUR),
        };
        resampling.resample(&mut log).expect("a log");
        log
    }

    #[test]
    fn days_are_whole_and_copies_have_names_of_their_own() {
        let mut drawn = SortedSet::new();
        for number in 0..20 {
            let own = resampled(number).arrivals;
            assert_eq!(own.len(), 82);
            assert!(own.is_sorted_by_key(|own| own.submit));
            let names: SortedSet<_> = own.iter().map(|own| own.name.clone()).collect();
            assert_eq!(names.len(), 82, "{number}");
            for day in own[..80].chunks(8) {
                // All of a day are of one day of the log, at the same hours.
                assert!(day.iter().all(|own| own.run_time == day[0].run_time));
                let hour = |own: &Arrival| own.submit.since(Instant::ZERO).as_nanos() % (24 * HOUR);
                assert_eq!(hour(&day[3]), hour(&log().arrivals[3]));
                // Each waits for the one before, under its name in this copy, and the first for none.
                assert_eq!(day[0].after(), []);
                assert!(
                    day.windows(2)
                        .all(|pair| pair[1].after() == [pair[0].name.clone()])
                );
            }
            assert_eq!(
                own[80..].iter().map(|own| &own.name).collect::<Vec<_>>(),
                [&PodName::Job(80), &PodName::Job(81)]
            );
            drawn.insert(own.iter().map(|own| own.run_time).collect::<Vec<_>>());
        }
        assert_eq!(drawn.len(), 20);
        assert_eq!(resampled(3), resampled(3));
    }

    #[test]
    fn a_census_tells_of_blocks_waits_and_work() {
        let census = |hours: i64| {
            let source = Box::new(MemorySource::new(log()));
            let block = Duration::from_secs(hours * HOUR);
            BlockCensus::of(source, 1, block, 50).expect("a log")
        };
        let found = census(24);
        assert_eq!((found.blocks, found.cut), (10, 10));
        assert!(0.9 < found.work.0 && found.work.0 < 1.0 && 1.0 < found.work.1);
        assert!(
            (found.largest - 8.0 * 109.0 / 8_580.0).abs() < 0.005,
            "{found:?}"
        );
        assert_eq!(census(24 * 20).blocks, 0);
        assert_eq!(census(5 * 24).blocks, 2);
    }
}
