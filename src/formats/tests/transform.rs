//! Tests of `arrivals::transform` on real formats.

use crate::prelude::*;
use crate::readers::csv::CsvSource;
use arrivals::Classes;
use arrivals::memory::Recorded;
use arrivals::transform::*;

/// Jobs 1, 2, 3 at 10 s, 20 s, 30 s; the last to end is job 2 at 120.5 s.
fn source() -> Box<dyn ArrivalSource> {
    let text = "submit,run_time,cpu\n10,1,1\n20,100.5,2\n30,,1\n";
    let input = Input::bytes("jobs.csv", text.as_bytes().to_vec());
    Box::new(CsvSource::open(&input, &ReadOptions::default()).expect("a table"))
}

fn listed(mut source: impl ArrivalSource) -> Vec<(String, i64)> {
    let recorded = Recorded::collect(&mut source).expect("good rows");
    let arrivals = recorded.arrivals.iter();
    arrivals
        .map(|arrival| {
            (
                arrival.name.to_string(),
                arrival.submit.as_nanos() / 1_000_000,
            )
        })
        .collect()
}

fn pairs(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs
        .iter()
        .map(|&(name, time)| (name.to_owned(), time))
        .collect()
}

#[test]
fn a_window_starts_at_zero_and_excludes_its_end() {
    let window = Window::new(source(), Instant::from_secs(15), Instant::from_secs(30));
    assert_eq!(listed(window), pairs(&[("job-2", 5_000)]));
}

#[test]
fn scaling_is_exact() {
    let third = Ratio::new(1, 3).expect("positive");
    let scaled = listed(Scale::new(source(), third));
    assert_eq!(
        scaled,
        pairs(&[("job-1", 3_333), ("job-2", 6_666), ("job-3", 10_000)])
    );
    assert_eq!(Ratio::new(0, 1), None);
}

#[test]
fn copies_follow_each_other_by_the_span() {
    let mut repeat = Repeat::new(source(), 3).expect("memory");
    let expected = pairs(&[
        ("job-1", 10_000),
        ("job-2", 20_000),
        ("job-3", 30_000),
        ("job-5", 131_000),
        ("job-6", 141_000),
        ("job-7", 151_000),
        ("job-9", 252_000),
        ("job-10", 262_000),
        ("job-11", 272_000),
    ]);
    for _ in 0..4 {
        repeat.next().expect("good rows");
    }
    assert_eq!(repeat.span(), Duration::from_secs(121));
    assert_eq!(repeat.classes().len(), 2);
    let fork = repeat.fork().expect("memory");
    assert_eq!(listed(Repeat::new(source(), 3).expect("memory")), expected);
    assert_eq!(listed(Boxed(fork)), expected[4..]);
    assert_eq!(listed(repeat), expected[4..]);
}

/// A boxed source as a source.
struct Boxed(Box<dyn ArrivalSource>);

impl ArrivalSource for Boxed {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        self.0.next()
    }

    fn classes(&self) -> &Classes {
        self.0.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.0.fork()
    }
}
