//! Plots of a trace: arrivals over time and over the week, distributions of times and amounts, and the tail
//! of run times. `windtunnel trace inspect --out` draws them.

use super::axis::Axis;
use super::chart::{self, Connection, Line, Panel};
use super::scene::Style;
use super::{Plot, PlotEntry, svg};
use crate::clock::Clock;
use trace::inspect::{Curves, WorkloadSummary};

/// Points with the share of all values up to each.
type Curve = [(i64, f64)];

/// Name of a time, its values in seconds, and its distribution.
type Times<'a> = (&'a str, Vec<f64>, &'a Vec<(i64, f64)>);

const ARRIVALS: PlotEntry = entry(
    "arrivals",
    "Arrivals over time",
    "Arrivals of each hour; of each of 500 equal parts where the trace is longer than 500 hours, as a mean per hour.",
);

const WEEK: PlotEntry = entry(
    "week",
    "Arrivals over a week",
    "Rate of each hour of the week beside the mean rate, from the trace's instant 0 on.",
);

const TIMES: PlotEntry = entry(
    "times",
    "Distributions of times",
    "Share of the arrivals whose time is at most that on the axis.",
);

const AMOUNTS: PlotEntry = entry(
    "amounts",
    "Distributions of amounts",
    "Share of the arrivals whose amount is at most that on the axis.",
);

const TAIL: PlotEntry = entry(
    "tail",
    "Tail of the run times",
    "One in how many jobs runs longer than the time on the axis; a power law is a straight line.",
);

const fn entry(name: &'static str, title: &'static str, caption: &'static str) -> PlotEntry {
    PlotEntry {
        name,
        title,
        caption,
        shows_metrics: false,
        better: "",
        draw: |_, _| Err("`windtunnel trace inspect --out` draws this plot"),
    }
}

/// Draws the plots that the arrivals of a trace have data for.
pub fn draw(summary: &WorkloadSummary, style: Style) -> Vec<Plot> {
    let curves = &summary.curves;
    let plots = [
        arrivals(summary, style),
        week(summary, style),
        times(curves, style),
        amounts(curves, style),
        tail(curves, style),
    ];
    plots.into_iter().flatten().collect()
}

fn arrivals(summary: &WorkloadSummary, style: Style) -> Option<Plot> {
    const PARTS: i64 = 500;
    let hours = &summary.arrivals_per_hour;
    let (first, last) = (hours.first()?.0, hours.last()?.0);
    let each = (last - first + 1 + PARTS - 1) / PARTS;
    let parts = (last - first) / each + 1;
    if parts < 2 {
        return None;
    }
    let mut counts = vec![0_u64; parts as usize];
    for &(hour, count) in hours {
        counts[((hour - first) / each) as usize] += count;
    }
    let at = |part: i64| ((first + part * each) * 3_600) as f64;
    let points = (0..parts).zip(&counts);
    let points = points.map(|(part, &count)| (at(part), Some(count as f64 / each as f64)));
    let points: Vec<(f64, Option<f64>)> = points.collect();
    let most = points.iter().filter_map(|own| own.1).fold(0.0, f64::max);
    let panel = Panel {
        connection: Connection::Steps,
        ..panel(
            "arrivals per hour",
            Axis::time(Clock::Time, at(parts), 6),
            Axis::up_to("", most, 5),
            vec![line(0, "arrivals", points)],
        )
    };
    Some(plot(&ARRIVALS, style, "time_s", panel))
}

fn week(summary: &WorkloadSummary, style: Style) -> Option<Plot> {
    let rhythm = summary.rhythm.as_ref()?;
    let rates = rhythm.week.as_ref().or(rhythm.day.as_ref())?;
    let mut points: Vec<(f64, Option<f64>)> = (0..)
        .zip(rates)
        .map(|(hour, &rate)| (f64::from(hour) * 3_600.0, Some(rate)))
        .collect();
    let end = points.len() as f64 * 3_600.0;
    points.push((end, rates.last().copied()));
    let most = rates.iter().copied().fold(0.0, f64::max);
    let panel = Panel {
        connection: Connection::Steps,
        ..panel(
            "rate, multiple of the mean",
            Axis::time(Clock::Time, end, 7),
            Axis::up_to("", most, 5),
            vec![line(0, "rate", points)],
        )
    };
    Some(plot(&WEEK, style, "time_s", panel))
}

fn times(curves: &Curves, style: Style) -> Option<Plot> {
    let known = [
        ("run time", &curves.run_time),
        ("gap", &curves.gap),
        ("recorded wait", &curves.historic_wait),
    ];
    let known = known.into_iter().filter(|(_, curve)| !curve.is_empty());
    let seconds = |curve: &Curve| curve.iter().map(|own| own.0 as f64 / 1e9).collect();
    let all: Vec<Times<'_>> = known
        .map(|(name, curve)| (name, seconds(curve), curve))
        .collect();
    let values = || all.iter().flat_map(|own| own.1.iter().copied());
    let least = values().filter(|own| *own > 0.0).fold(f64::MAX, f64::min);
    let most = values().fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let lines = all.iter().enumerate().map(|(index, (name, at, curve))| {
        let points = at.iter().zip(curve.iter());
        let points = points.map(|(&at, own)| (at, Some(own.1 * 100.0)));
        line(index, name, points.collect())
    });
    let panel = Panel {
        connection: Connection::Steps,
        ..panel(
            "% of all arrivals",
            Axis::durations(Clock::Time, "time (logarithmic)", least, most),
            Axis::linear("", 0.0, 100.0, 5),
            lines.collect(),
        )
    };
    Some(plot(&TIMES, style, "time_s", panel))
}

fn amounts(curves: &Curves, style: Style) -> Option<Plot> {
    let known = [
        ("cores", &curves.cpu_milli, 1e3),
        ("members", &curves.members, 1.0),
    ];
    let varies = |curve: &Curve| curve.len() > 1;
    let known = known.into_iter().filter(|(_, curve, _)| varies(curve));
    let lines: Vec<Line> = known
        .enumerate()
        .map(|(index, (name, curve, unit))| {
            let points = curve.iter();
            let points = points.map(|own| (own.0 as f64 / unit, Some(own.1 * 100.0)));
            line(index, name, points.collect())
        })
        .collect();
    let amounts = || lines.iter().flat_map(|own| &own.points).map(|own| own.0);
    let most = amounts().fold(1.0, f64::max);
    let least = amounts().filter(|own| *own > 0.0).fold(1.0, f64::min);
    if lines.is_empty() {
        return None;
    }
    let panel = Panel {
        connection: Connection::Steps,
        ..panel(
            "% of all arrivals",
            Axis::powers("amount (logarithmic)", least, most),
            Axis::linear("", 0.0, 100.0, 5),
            lines,
        )
    };
    Some(plot(&AMOUNTS, style, "amount", panel))
}

fn tail(curves: &Curves, style: Style) -> Option<Plot> {
    let exceeded = curves.run_time.iter().filter(|own| own.1 < 1.0);
    let points = exceeded.map(|&(value, share)| (value as f64 / 1e9, Some(1.0 / (1.0 - share))));
    let points: Vec<(f64, Option<f64>)> = points.filter(|own| own.0 > 0.0).collect();
    let (least, most) = (points.first()?.0, points.last()?.0);
    if points.len() < 2 {
        return None;
    }
    let highest = points.iter().filter_map(|own| own.1).fold(1.0, f64::max);
    let panel = panel(
        "one in … jobs runs longer",
        Axis::durations(Clock::Time, "run time (logarithmic)", least, most),
        Axis::powers("", 1.0, highest),
        vec![line(0, "run time", points)],
    );
    Some(plot(&TAIL, style, "run_time_s", panel))
}

fn line(index: usize, name: &str, points: Vec<(f64, Option<f64>)>) -> Line {
    Line {
        index: Some(index),
        name: name.to_owned(),
        points,
    }
}

fn panel(title: &str, x: Axis, y: Axis, lines: Vec<Line>) -> Panel {
    Panel {
        title: title.to_owned(),
        better: None,
        x,
        y,
        connection: Connection::Straight,
        lines,
        moments: Vec::new(),
    }
}

fn plot(entry: &'static PlotEntry, style: Style, x_name: &str, panel: Panel) -> Plot {
    let drawn = chart::draw(style, entry.title, x_name, &[panel]);
    Plot {
        name: entry.name,
        title: entry.title,
        caption: entry.caption,
        svg: svg::write(entry, &drawn.scene, &drawn.description),
        drawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::scene::Mark;
    use std::fmt::Write as _;

    use trace::inspect::summarize_workload;
    use trace::{Input, ReadOptions, formats::csv::CsvSource};

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

    #[test]
    fn a_distribution_ascends_where_a_value_stands_and_shows_parts_of_a_core() {
        let text = "submit,cpu\n0,500m\n1,500m\n2,500m\n3,8\n";
        let input = Input::bytes("jobs.csv", text.as_bytes());
        let mut source = CsvSource::open(&input, &ReadOptions::default()).expect("a table");
        let summary = summarize_workload(&mut source).expect("good rows");
        let plot = amounts(&summary.curves, Style::Screen).expect("two amounts");
        let expected = "panel,variant,amount,value\n% of all arrivals,cores,0.5,75\n% of all arrivals,cores,8,100\n";
        assert_eq!(plot.csv(), expected);
        for tick in ["0.1", "1", "10"] {
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
            let plots = draw(&summary(jobs), Style::Screen);
            plots.iter().map(|plot| plot.name).collect()
        };
        assert_eq!(
            names(1_000),
            ["arrivals", "week", "times", "amounts", "tail"]
        );
        assert_eq!(names(1), ["times"]);
        let plots = draw(&summary(1_000), Style::Screen);
        assert!(
            plots[0].csv().starts_with("panel,variant,time_s,value\n"),
            "{}",
            plots[0].csv()
        );
    }
}
