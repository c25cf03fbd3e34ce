//! Chronos: worked examples and schedules that are refused.

use super::super::chronos::calendar::{DateTime, Period};
use super::super::chronos::graph::JobGraph;
use super::super::chronos::job::{AfterFailure, Job, JobOptions, Launch};
use super::super::chronos::schedule::{Schedule, ScheduleError};
use model::Text;

fn time(text: &str) -> DateTime {
    DateTime::parse(text).expect("a time")
}

#[test]
fn schedules_move_past_now_and_count_one_run() {
    for (text, launched, expected, skips) in [
        (
            "R5/2024-01-01T00:00:00Z/PT1H",
            "2024-01-01T03:20:30Z",
            "R4/2024-01-01T04:00:00.000Z/PT1H",
            4,
        ),
        (
            "R/2024-01-01T12:00:00Z/PT10M",
            "2024-01-01T12:00:07Z",
            "R/2024-01-01T12:10:00.000Z/PT10M",
            1,
        ),
        (
            "R2/2024-01-31T00:00:00Z/P1M",
            "2024-01-31T00:00:00Z",
            "R1/2024-02-29T00:00:00.000Z/P1M",
            1,
        ),
        (
            "R2/2025-01-01T00:00:00Z/P1D",
            "2024-01-01T00:00:00Z",
            "R1/2025-01-01T00:00:00.000Z/P1D",
            0,
        ),
        (
            "R2/2024-01-01T02:00:00+02:00/P1Y",
            "2024-01-01T00:00:01Z",
            "R1/2025-01-01T00:00:00.000Z/P1Y",
            1,
        ),
    ] {
        let mut schedule = Schedule::parse(text, time(launched)).expect("a schedule");
        let found = schedule.advance(time(launched));
        assert_eq!(
            (schedule.to_string().as_str(), found),
            (expected, skips),
            "{text}"
        );
    }
    let now = time("2024-01-01T00:00:00Z");
    let empty = Schedule::parse("R//PT1H", now).expect("a schedule");
    assert_eq!(empty.start.to_string(), "2023-12-31T23:59:59.000Z");
    for text in ["R/2020-01-01T00:00:00Z/PT0S", "R3/2020-01-01T00:00:00Z/P0D"] {
        let told = Schedule::parse(text, now).map_err(|error| error.to_string());
        assert!(
            told.is_err_and(|told| told.contains("never ends in the past")),
            "{text}"
        );
    }
    for text in [
        "",
        "R5",
        "5//PT1H",
        "Rx//PT1H",
        "R//1H",
        "R/2024-02-30T00:00:00Z/PT1H",
        "R/2024-02-29T00:00:00.500Z/PT1H",
        "R/2024-02-29T00:00:00Z/PT1.5S",
        "R//P",
    ] {
        let told = Schedule::parse(text, now);
        assert!(matches!(told, Err(ScheduleError::Part { .. })), "{text}");
    }
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("2000-02-29T12:00:00Z", 951_825_600),
        ("2024-03-01T00:00:00.250Z", 1_709_251_200),
        ("1969-12-31T23:59:59Z", -1),
    ] {
        assert_eq!(time(text), DateTime(seconds), "{text}");
        assert_eq!(time(&DateTime(seconds).to_string()), DateTime(seconds));
    }
    let period = Period::parse("P1Y2M3DT4H5M6S").expect("a period");
    assert_eq!(
        (period.months, period.seconds),
        (14, 3 * 86_400 + 4 * 3_600 + 5 * 60 + 6)
    );
    assert_eq!(
        time("2024-12-31T00:00:00Z").plus(&period, -1),
        time("2023-10-27T19:54:54Z")
    );
}

#[test]
fn late_runs_are_missed_and_failed_ones_tried_again() {
    let schedule =
        || Schedule::parse("R3/1970-01-01T00:00:00Z/PT60S", DateTime(0)).expect("a schedule");
    let options = JobOptions {
        epsilon: Some(10),
        disable_after_failures: 2,
        ..JobOptions::default()
    };
    let mut job = Job::new(options, schedule());
    assert_eq!(job.offered(DateTime(10)), Some(Launch::Run(DateTime(0))));
    assert_eq!(job.offered(DateTime(60)), None);
    assert_eq!(
        job.failed(DateTime(65), 0),
        AfterFailure::Retry(DateTime(125))
    );
    assert_eq!(
        job.offered(DateTime(71)),
        Some(Launch::Missed(DateTime(60)))
    );
    assert_eq!(job.failed(DateTime(130), 2), AfterFailure::GiveUp);
    assert_eq!(job.failed(DateTime(140), 0), AfterFailure::Disable);
    assert!(job.is_disabled());
    let mut job = Job::new(options, schedule());
    for now in [0, 60, 120] {
        assert!(matches!(job.offered(DateTime(now)), Some(Launch::Run(_))));
        job.finished(DateTime(now + 5));
    }
    assert!(job.is_disabled() && job.offered(DateTime(180)).is_none());
}

#[test]
fn retries_move_the_schedule_and_may_make_it_endless() {
    let schedule =
        Schedule::parse("R1/1970-01-01T00:00:00Z/PT600S", DateTime(0)).expect("a schedule");
    let mut job = Job::new(JobOptions::default(), schedule);
    // Without an epsilon no run is too late.
    assert_eq!(job.offered(DateTime(500)), Some(Launch::Run(DateTime(0))));
    assert!(job.drops() && !job.wants_offer(DateTime(600)));
    assert_eq!(
        job.failed(DateTime(510), 0),
        AfterFailure::Retry(DateTime(570))
    );
    assert_eq!(job.schedule.repeat, Some(0));
    job.retried(DateTime(570));
    assert_eq!(
        (job.schedule.repeat, job.schedule.start),
        (None, DateTime(600))
    );
    // A run that is killed neither fails nor ends well.
    job.killed();
    assert!(!job.drops() && !job.is_disabled());
    assert_eq!(job.offered(DateTime(600)), Some(Launch::Run(DateTime(600))));
}

#[test]
fn children_wait_for_all_parents_and_cycles_are_named() {
    let text = |names: &[&str]| names.iter().map(|&name| name.into()).collect::<Vec<Text>>();
    let mut graph =
        JobGraph::new([("z".into(), text(&["x", "y"]))], text(&["y"])).expect("a graph");
    let none: [Text; 0] = [];
    assert_eq!(
        (graph.finished("x"), graph.finished("x")),
        (none.to_vec(), none.to_vec())
    );
    assert_eq!(graph.failed("x"), none);
    assert_eq!(graph.failed("y"), text(&["z"]));
    graph.running("z");
    assert_eq!(graph.finished("y"), none);
    let cyclic = [
        ("a".into(), text(&["c"])),
        ("b".into(), text(&["a"])),
        ("c".into(), text(&["b", "d"])),
    ];
    let told = JobGraph::new(cyclic, [])
        .map(|_| ())
        .map_err(|error| error.to_string());
    let expected = "jobs wait for each other: b → c → a → b; remove one of these dependencies";
    assert_eq!(told, Err(expected.to_owned()));
    assert!(JobGraph::new([("a".into(), text(&["a"]))], []).is_err());
}
