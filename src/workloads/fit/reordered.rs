//! Waits of a trace's own jobs in random order within windows of time: the window from which on they change tells how
//! much of the order of jobs a mix has to keep.

use rng::Stream;
use units::Duration;

use super::columns::{Columns, Job, MOST_JOBS};
use super::head::time;
use super::waiting::{Pool, at};
use super::{SEEDS, check_number};
use arrivals::stream::ArrivalSource;
use intake::TraceError;

/// Mean waits of a trace's jobs on the pool of [`Waiting`](super::Waiting), as they are and in random orders.
#[derive(Clone, Debug, PartialEq)]
pub struct Reordered {
    /// Mean wait of the jobs as they are, in seconds.
    pub as_is_seconds: f64,
    /// Waits in random order within each window, in the order of the windows, and last in random order in all.
    pub orders: Vec<OrderWaits>,
}

/// Mean waits in several random orders of one kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderWaits {
    /// Least mean wait, in seconds.
    pub least_seconds: f64,
    /// Greatest mean wait, in seconds.
    pub most_seconds: f64,
}

/// Reorders the jobs of a trace within windows, which count from the first submission: the submissions stay, and jobs
/// trade them at random, three times. `None` if no job ends.
///
/// # Errors
/// The trace can't be read, or has fewer than ten jobs.
pub fn reordered(
    name: &str,
    source: &mut dyn ArrivalSource,
    windows: &[Duration],
) -> Result<Option<Reordered>, TraceError> {
    let trace = Columns::read(source, MOST_JOBS)?;
    check_number(name, source, &trace)?;
    let Some(pool) = Pool::of(&trace) else {
        return Ok(None);
    };
    let windows = windows.iter().copied().map(Some).chain([None]);
    Ok(Some(Reordered {
        as_is_seconds: pool.mean(&trace.jobs).wait,
        orders: windows.map(|own| waits(&trace, &pool, own)).collect(),
    }))
}

/// Waits in random orders within windows of a length, or in all.
fn waits(trace: &Columns, pool: &Pool, window: Option<Duration>) -> OrderWaits {
    let waits = SEEDS.map(|seed| {
        pool.mean(&at(trace, &shuffled(&trace.jobs, window, seed)))
            .wait
    });
    OrderWaits {
        least_seconds: waits.into_iter().fold(f64::INFINITY, f64::min),
        most_seconds: waits.into_iter().fold(0.0, f64::max),
    }
}

/// Jobs in random order within windows.
fn shuffled(jobs: &[Job], window: Option<Duration>, seed: u64) -> Vec<Job> {
    let mut jobs = jobs.to_vec();
    let mut stream = Stream::new(seed, "fit/order-within", 0);
    let first = jobs.first().map_or(0, |own| own.submit);
    let length = window.map_or(i64::MAX, |own| own.as_nanos().max(1));
    let number = |job: &Job| (job.submit - first) / length;
    for part in jobs.chunk_by_mut(|one, other| number(one) == number(other)) {
        stream.shuffle(part);
    }
    jobs
}

impl Reordered {
    /// Head of a table of Markdown with a row for each trace.
    pub fn head(windows: &[Duration]) -> String {
        let within = windows.iter().map(|own| format!("within {own}"));
        let titles: Vec<String> = within.chain(["in all".to_owned()]).collect();
        let rule = "| --- ".repeat(titles.len() + 2);
        format!("| trace | as it is | {} |\n{rule}|\n", titles.join(" | "))
    }

    /// Row of that table, named by its trace.
    pub fn row(&self, name: &str) -> String {
        let orders: Vec<String> = self.orders.iter().map(OrderWaits::words).collect();
        let own = time(self.as_is_seconds);
        format!("| {name} | {own} | {} |\n", orders.join(" | "))
    }
}

impl OrderWaits {
    fn words(&self) -> String {
        let [least, most] = [self.least_seconds, self.most_seconds].map(time);
        if least == most {
            least
        } else {
            format!("{least} to {most}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrivals::ReadOptions;
    use formats::readers::csv::CsvSource;
    use intake::Input;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    fn source(table: &str) -> CsvSource {
        let input = Input::bytes("jobs.csv", table.as_bytes());
        CsvSource::open(&input, &ReadOptions::default()).expect("a table")
    }

    fn waits_of(table: &str, windows: &[Duration]) -> Reordered {
        let own = reordered("jobs.csv", &mut source(table), windows).expect("a trace");
        own.expect("jobs that end")
    }

    /// Nights of long jobs between days of short ones.
    fn days() -> String {
        let mut table = "submit,cpu,run_time\n".to_owned();
        for hour in 0..240 {
            let run_time = if hour % 24 < 8 { 30_000 } else { 600 };
            let second = hour * 3_600;
            let _ = writeln!(table, "{second},1,{run_time}\n{},1,60", second + 1);
        }
        table
    }

    #[test]
    fn windows_without_two_jobs_change_nothing() {
        let own = waits_of(&days(), &[Duration::from_millis(500)]);
        let first = own.orders[0];
        assert!(own.as_is_seconds > 0.0);
        for found in [first.least_seconds, first.most_seconds] {
            assert!((found - own.as_is_seconds).abs() < 1e-9, "{own:?}");
        }
    }

    #[test]
    fn waits_that_the_hour_makes_go_with_the_order() {
        let own = waits_of(
            &days(),
            &[Duration::from_secs(3_600), Duration::from_secs(86_400)],
        );
        let [hour, _, all] = own.orders[..] else {
            panic!("two windows, and all");
        };
        assert!(hour.least_seconds > own.as_is_seconds / 2.0, "{own:?}");
        assert!(all.most_seconds < own.as_is_seconds, "{own:?}");
    }

    #[test]
    fn a_table_has_a_column_for_each_window() {
        let windows = [Duration::from_secs(3_600), Duration::from_secs(86_400)];
        let own = waits_of(&days(), &windows);
        let head = Reordered::head(&windows);
        assert!(
            head.starts_with("| trace | as it is | within 1h | within 1d | in all |\n"),
            "{head}"
        );
        for line in [
            head.lines().nth(1).expect("a rule"),
            own.row("days").trim_end(),
        ] {
            assert_eq!(line.matches('|').count(), 6, "{line}");
        }
    }

    proptest! {
        #[test]
        fn jobs_stay_in_their_window(submits in prop::collection::vec(0_i64..1_000, 1..60), length in 1_i64..400) {
            let mut submits = submits;
            submits.sort_unstable();
            let rows = submits.iter().map(|at| format!("{at},1,10\n"));
            let table = "submit,cpu,run_time\n".to_owned() + &rows.collect::<String>();
            let jobs = Columns::read(&mut source(&table), MOST_JOBS).expect("a trace").jobs;
            let moved = shuffled(&jobs, Some(Duration::from_secs(length)), 1);
            let seconds = |job: &Job| job.submit / 1_000_000_000;
            let first = submits[0];
            for (job, at) in moved.iter().zip(&submits) {
                prop_assert_eq!((seconds(job) - first) / length, (at - first) / length);
            }
            let mut sorted: Vec<i64> = moved.iter().map(seconds).collect();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, submits);
        }
    }
}
