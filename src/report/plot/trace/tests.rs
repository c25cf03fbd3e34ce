//! Tests of the plots of a trace.

use super::*;
use crate::plot::scene::Mark;
use std::fmt::Write as _;

use arrivals::ReadOptions;
use arrivals::inspect::{WorkloadSummary, summarize_workload};
use formats::readers::csv::CsvSource;
use intake::Input;

fn summary(jobs: u32) -> WorkloadSummary {
    let mut text = "submit,run_time,cpu,members\n".to_owned();
    for job in 0..jobs {
        let (submit, run) = (job * 1_800, 10 + job * job);
        let (cpu, members) = (1 + job % 4, 1 + job % 2);
        writeln!(text, "{submit},{run},{cpu},{members}").expect("a string takes any text");
    }
    let input = Input::bytes("jobs.csv", text.into_bytes());
    let mut source = CsvSource::open(&input, &ReadOptions::default()).expect("a table");
    summarize_workload(&mut source).expect("good rows")
}

fn drawn(summary: &WorkloadSummary) -> Vec<Plot> {
    draw(&[Side::alone(&summary.profile)], Style::Screen)
}

#[test]
fn a_distribution_ascends_where_a_value_stands_and_shows_parts_of_a_core() {
    let text = "submit,cpu\n0,500m\n1,500m\n2,500m\n3,8\n";
    let input = Input::bytes("jobs.csv", text.as_bytes());
    let mut source = CsvSource::open(&input, &ReadOptions::default()).expect("a table");
    let summary = summarize_workload(&mut source).expect("good rows");
    let plot = drawn(&summary)
        .into_iter()
        .find(|plot| plot.name == "amounts")
        .expect("two amounts");
    let expected = "panel,variant,amount,value\n% of all arrivals,cores,0.5,75\n% of all arrivals,cores,8,100\n";
    assert_eq!(plot.csv(), expected);
    for tick in ["0", "0.5", "1", "2", "5"] {
        assert!(plot.svg.contains(&format!(">{tick}</text>")), "{tick}");
    }
    // Flat at three quarters, then straight up.
    let is_step = |mark: &Mark| {
        matches!(mark, Mark::Line { points, .. } if matches!(points[..], [(_, a), (x, b), (y, _)] if a.total_cmp(&b).is_eq()
            && x.total_cmp(&y).is_eq()))
    };
    assert!(plot.drawn.scene.marks.iter().any(is_step));
}

#[test]
fn a_trace_is_drawn_as_far_as_it_has_data() {
    let names = |jobs| -> Vec<&str> {
        let plots = drawn(&summary(jobs));
        plots.iter().map(|plot| plot.name).collect()
    };
    assert_eq!(
        names(1_000),
        ["arrivals", "week", "times", "amounts", "tail"]
    );
    assert_eq!(names(1), ["times"]);
    let plots = drawn(&summary(1_000));
    assert!(
        plots[0].csv().starts_with("panel,variant,time_s,value\n"),
        "{}",
        plots[0].csv()
    );
}

#[test]
fn two_workloads_are_drawn_on_the_same_axes() {
    let [one, other] = [summary(1_000), summary(500)];
    let sides = [
        Side {
            name: "trace",
            profile: &one.profile,
        },
        Side {
            name: "generated",
            profile: &other.profile,
        },
    ];
    let plots = draw(&sides, Style::Screen);
    assert_eq!(plots, draw(&sides, Style::Screen));
    let names: Vec<&str> = plots.iter().map(|plot| plot.name).collect();
    assert_eq!(names, ["arrivals", "week", "times", "amounts", "tail"]);
    let variants = |plot: &Plot| {
        let mut all: Vec<String> = Vec::new();
        for row in &plot.drawn.table.rows {
            let own = format!("{}: {}", row[0], row[1]);
            if !all.contains(&own) {
                all.push(own);
            }
        }
        all.join("; ")
    };
    assert_eq!(
        variants(&plots[2]),
        "run time, % of all arrivals: trace; run time, % of all arrivals: generated; \
         gap, % of all arrivals: trace; gap, % of all arrivals: generated"
    );
    assert_eq!(
        variants(&plots[3]),
        "cores, % of all arrivals: trace; cores, % of all arrivals: generated; \
         members, % of all arrivals: trace; members, % of all arrivals: generated"
    );
    // The run times of both end on the axis of the longer ones.
    let runs = plots[2].drawn.table.rows.iter();
    let runs = runs.filter(|row| row[0].starts_with("run") && row[3] == "100");
    let ends: Vec<&str> = runs.map(|row| row[2].as_str()).collect();
    assert_eq!(ends, ["998011", "249011"]);
}

#[test]
fn a_day_is_drawn_where_there_is_no_week() {
    // Three days of two arrivals an hour, and three weeks.
    let [days, weeks] = [summary(144), summary(1_008)];
    let names: Vec<&str> = drawn(&days).iter().map(|plot| plot.name).collect();
    assert_eq!(names, ["arrivals", "day", "times", "amounts", "tail"]);
    let sides = [&days, &weeks].map(|own| Side {
        name: "",
        profile: &own.profile,
    });
    let plots = draw(&sides, Style::Screen);
    assert_eq!(plots[1].name, "day");
}
