//! Plots of a trace: arrivals over time and over the week, distributions of times and amounts, and the tail
//! of run times; of one workload, or of several on the same axes. `windtunnel trace inspect --out` and `windtunnel trace fit
//! --out` draw them.

pub mod laws;

use super::axis::Axis;
use super::chart::{self, Line, Panel, end, highest};
use super::scene::Style;
use super::{Plot, PlotEntry};
use crate::clock::Clock;
use arrivals::inspect::{Curves, Profile, Rhythm};

/// Points with the share of all values up to each.
type Curve = [(i64, f64)];

/// A workload to be drawn.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Name of its lines; empty where it is the only one.
    pub name: &'a str,
    /// The workload's arrivals over time and distributions.
    pub profile: &'a Profile,
}

impl<'a> Side<'a> {
    /// A workload beside which there is no other.
    pub const fn alone(profile: &'a Profile) -> Self {
        Self { name: "", profile }
    }
}

/// A property of arrivals of which the distribution is drawn.
struct Property {
    name: &'static str,
    /// Name with the unit of an amount.
    in_unit: &'static str,
    of: fn(&Curves) -> &Curve,
    /// The parts in which a unit is counted.
    unit: f64,
}

/// Times, drawn in seconds.
const TIMES_OF: [Property; 4] = [
    time("run time", |own| &own.run_time),
    time("gap", |own| &own.gap),
    time("recorded wait", |own| &own.historic_wait),
    time("time limit", |own| &own.time_limit),
];

const AMOUNTS_OF: [Property; 4] = [
    amount("cores", "cores", |own| &own.cpu_milli, 1e3),
    amount("members", "members", |own| &own.members, 1.0),
    amount("memory", "memory, GiB", |own| &own.memory_bytes, GIB),
    amount("GPUs", "GPUs", |own| &own.gpu_milli, 1e3),
];

const GIB: f64 = (1_u32 << 30) as f64;

const fn time(name: &'static str, of: fn(&Curves) -> &Curve) -> Property {
    amount(name, name, of, 1e9)
}

const fn amount(
    name: &'static str,
    in_unit: &'static str,
    of: fn(&Curves) -> &Curve,
    unit: f64,
) -> Property {
    Property {
        name,
        in_unit,
        of,
        unit,
    }
}

const ARRIVALS: PlotEntry = entry(
    "arrivals",
    "Arrivals over time",
    "Arrivals of each hour; of each of 500 equal parts where the trace is longer than 500 hours, as a mean per hour (of 200 where \
     two workloads are drawn).",
);

const WEEK: PlotEntry = entry(
    "week",
    "Arrivals over a week",
    "Rate of each hour of the week beside the mean rate, from the trace's instant 0 on.",
);

const DAY: PlotEntry = entry(
    "day",
    "Arrivals over a day",
    "Rate of each hour of the day beside the mean rate, from the trace's instant 0 on; the trace is shorter than a week.",
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
        draw: |_, _| Err("`windtunnel trace inspect --out` and `trace fit --out` draw this plot"),
    }
}

/// Every plot of a trace, in the order of its page.
const ALL: [&PlotEntry; 6] = [&ARRIVALS, &WEEK, &DAY, &TIMES, &AMOUNTS, &TAIL];

/// Names of the plots of a trace, drawn or not.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|entry| entry.name)
}

/// Draws the plots that the arrivals of workloads have data for.
pub fn draw(sides: &[Side<'_>], style: Style) -> Vec<Plot> {
    let plots = [
        arrivals(sides, style),
        week(sides, style),
        distributions(&TIMES_KIND, sides, style),
        distributions(&AMOUNTS_KIND, sides, style),
        tail(sides, style),
    ];
    plots.into_iter().flatten().collect()
}

fn arrivals(sides: &[Side<'_>], style: Style) -> Option<Plot> {
    // Steps of two lines hide each other where they are narrow.
    let most = if sides.len() == 1 { 500 } else { 200 };
    let hours = || sides.iter().flat_map(|own| &own.profile.arrivals_per_hour);
    let first = hours().map(|own| own.0).min()?;
    let last = hours().map(|own| own.0).max()?;
    let each = (last - first + 1 + most - 1) / most;
    let parts = (last - first) / each + 1;
    if parts < 2 {
        return None;
    }
    let at = |part: i64| ((first + part * each) * 3_600) as f64;
    let lines = lines(sides, "arrivals", |profile| {
        let mut counts = vec![0_u64; parts as usize];
        for &(hour, count) in &profile.arrivals_per_hour {
            counts[((hour - first) / each) as usize] += count;
        }
        let points = (0..parts).zip(&counts);
        let points = points.map(|(part, &count)| (at(part), Some(count as f64 / each as f64)));
        points.collect()
    });
    let panel = panel(
        "arrivals per hour",
        Axis::time(Clock::Time, at(parts), 6),
        Axis::up_to(highest(&lines), 5),
        lines,
    );
    Some(plot(&ARRIVALS, style, "time_s", &[panel]))
}

fn week(sides: &[Side<'_>], style: Style) -> Option<Plot> {
    let rhythms: Option<Vec<&Rhythm>> = sides
        .iter()
        .map(|own| own.profile.rhythm.as_ref())
        .collect();
    let rhythms = rhythms?;
    // A week of one beside a day of the other would tell nothing.
    let has_week = rhythms.iter().all(|own| own.week.is_some());
    let rates = |own: &Rhythm| {
        if has_week {
            own.week.clone()
        } else {
            own.day.clone()
        }
    };
    if !rhythms.iter().all(|own| rates(own).is_some()) {
        return None;
    }
    let lines = lines(sides, "rate", |profile| {
        let rates = profile.rhythm.as_ref().and_then(rates).unwrap_or_default();
        let last = rates.last().copied();
        let rates = rates.into_iter().chain(last);
        let points = (0..).zip(rates);
        let points = points.map(|(hour, rate)| (f64::from(hour) * 3_600.0, Some(rate)));
        points.collect()
    });
    let panel = panel(
        "rate, multiple of the mean",
        Axis::time(Clock::Time, end(&lines), 7),
        Axis::up_to(highest(&lines), 5),
        lines,
    );
    let entry = if has_week { &WEEK } else { &DAY };
    Some(plot(entry, style, "time_s", &[panel]))
}

/// Distributions that share an axis where one workload is drawn.
struct Kind {
    entry: &'static PlotEntry,
    properties: &'static [Property],
    /// Name of the axis that they share.
    name: &'static str,
    /// Name of the column of values.
    column: &'static str,
    axis: fn(&str, &[Line]) -> Option<Axis>,
}

const TIMES_KIND: Kind = Kind {
    entry: &TIMES,
    properties: &TIMES_OF,
    name: "time",
    column: "time_s",
    axis: |name, lines| {
        let (least, most) = (lowest_above_zero(lines)?, end(lines));
        Some(Axis::durations(Clock::Time, name, least, most))
    },
};

const AMOUNTS_KIND: Kind = Kind {
    entry: &AMOUNTS,
    properties: &AMOUNTS_OF,
    name: "amount",
    column: "amount",
    axis: |name, lines| {
        let mut places = lines.iter().flat_map(|own| &own.points).map(|own| own.0);
        let first = places.next()?;
        // An amount that all jobs have tells nothing.
        if places.all(|own| own.total_cmp(&first).is_eq()) {
            return None;
        }
        let (least, most) = (lowest_above_zero(lines)?, end(lines));
        Some(Axis::amounts(name, least, most))
    },
};

/// One workload's distributions on a plane, or a plane for each distribution of several workloads.
fn distributions(kind: &Kind, sides: &[Side<'_>], style: Style) -> Option<Plot> {
    let lines_of = |property: &Property| {
        lines(sides, property.in_unit, |profile| {
            let points = (property.of)(&profile.curves).iter();
            let points = points.map(|own| (own.0 as f64 / property.unit, Some(own.1 * 100.0)));
            points.collect()
        })
    };
    let planes = kind.properties.iter().filter_map(|property| {
        let lines = lines_of(property);
        // A plane is drawn of what has an axis of its own.
        let axis = (kind.axis)(&on_axis(property.in_unit), &lines)?;
        Some(shares(&format!("{}, {SHARES}", property.name), axis, lines))
    });
    let mut planes: Vec<Panel> = planes.collect();
    if let [_] = sides {
        let lines = planes.into_iter().map(|own| own.lines);
        let lines = lines.flatten().enumerate();
        let lines = lines.map(|(index, line)| Line {
            index: Some(index),
            ..line
        });
        let lines: Vec<Line> = lines.collect();
        let axis = (kind.axis)(&on_axis(kind.name), &lines)?;
        planes = vec![shares(SHARES, axis, lines)];
    }
    (!planes.is_empty()).then(|| plot(kind.entry, style, kind.column, &planes))
}

const SHARES: &str = "% of all arrivals";

fn on_axis(name: &str) -> String {
    format!("{name} (logarithmic)")
}

fn shares(title: &str, x: Axis, lines: Vec<Line>) -> Panel {
    panel(title, x, Axis::linear("", 0.0, 100.0, 5), lines)
}

fn tail(sides: &[Side<'_>], style: Style) -> Option<Plot> {
    let lines = lines(sides, "run time", |profile| {
        let exceeded = profile.curves.run_time.iter().filter(|own| own.1 < 1.0);
        let points =
            exceeded.map(|&(value, share)| (value as f64 / 1e9, Some(1.0 / (1.0 - share))));
        points.filter(|own| own.0 > 0.0).collect()
    });
    if lines.iter().all(|own| own.points.len() < 2) {
        return None;
    }
    let least = lowest_above_zero(&lines)?;
    let x = Axis::durations(Clock::Time, "run time (logarithmic)", least, end(&lines));
    let y = Axis::powers("", 1.0, highest(&lines).max(1.0));
    let panel = panel("one in … jobs runs longer", x, y, lines).straight();
    Some(plot(&TAIL, style, "run_time_s", &[panel]))
}

/// The lines of workloads that have points, by the names of these, or by the name of a line that is alone.
fn lines(
    sides: &[Side<'_>],
    alone: &str,
    points: impl Fn(&Profile) -> Vec<(f64, Option<f64>)>,
) -> Vec<Line> {
    let all = sides.iter().enumerate().map(|(index, side)| Line {
        index: Some(index),
        name: if sides.len() == 1 { alone } else { side.name }.to_owned(),
        points: points(side.profile),
    });
    all.filter(|own| !own.points.is_empty()).collect()
}

/// The first place above zero at which there is a point.
fn lowest_above_zero(lines: &[Line]) -> Option<f64> {
    let places = lines.iter().flat_map(|own| &own.points).map(|own| own.0);
    places.filter(|own| *own > 0.0).reduce(f64::min)
}

fn panel(title: &str, x: Axis, y: Axis, lines: Vec<Line>) -> Panel {
    Panel::new(title, None, x, y, lines)
}

fn plot(entry: &'static PlotEntry, style: Style, x_name: &str, panels: &[Panel]) -> Plot {
    entry.plot(chart::draw(style, entry.title, x_name, panels, &[]))
}

#[cfg(test)]
mod tests;
