//! Plots of the laws of failures: times of a log beside the laws that were fitted to them, a plane for each class of
//! nodes. `windtunnel trace fit --out` draws them of a failure log.

use workloads::fit::failures::{ClassCurves, LawCurves};

use super::{Curve, entry, lowest_above_zero, on_axis, plot, shares};
use crate::clock::Clock;
use crate::plot::axis::Axis;
use crate::plot::chart::Line;
use crate::plot::scene::Style;
use crate::plot::{Plot, PlotEntry};

const BETWEEN: PlotEntry = entry(
    "between-failures",
    "Times between failures",
    "Share of the times from a node's return to its next failure that are at most that on the axis, of the log and by the law \
     that was fitted to them.",
);

const REPAIR: PlotEntry = entry(
    "repairs",
    "Times of repair",
    "Share of the repairs that take at most the time on the axis, of the log and by the law that was fitted to them.",
);

/// Names of the plots of a failure log.
pub fn names() -> impl Iterator<Item = &'static str> {
    [&BETWEEN, &REPAIR].into_iter().map(|entry| entry.name)
}

/// Draws the distributions of classes of nodes.
pub fn draw(classes: &[ClassCurves], style: Style) -> Vec<Plot> {
    let between = drawn(&BETWEEN, style, classes, |own| &own.between);
    let repair = drawn(&REPAIR, style, classes, |own| &own.repair);
    [between, repair].into_iter().flatten().collect()
}

fn drawn(
    entry: &'static PlotEntry,
    style: Style,
    classes: &[ClassCurves],
    times: impl Fn(&ClassCurves) -> &LawCurves,
) -> Option<Plot> {
    let planes = classes.iter().filter_map(|class| {
        let own = times(class);
        let log = line(0, "log", &own.log);
        // The axis is that of the log, as laws reach from near zero to far beyond it.
        let (least, most) = (
            lowest_above_zero(std::slice::from_ref(&log))?,
            log.last()?.0,
        );
        let axis = Axis::durations(Clock::Time, &on_axis("time"), least, most);
        let name = class.name.as_deref().unwrap_or("all nodes");
        let lines = vec![log, line(1, "law", &own.law)];
        Some(shares(&format!("{name}, % of all times"), axis, lines))
    });
    let planes: Vec<_> = planes.collect();
    (!planes.is_empty()).then(|| plot(entry, style, "time_s", &planes))
}

fn line(index: usize, name: &str, curve: &Curve) -> Line {
    let points = curve.iter();
    let points = points.map(|own| (own.0 as f64 / 1e9, Some(own.1 * 100.0)));
    Line {
        index: Some(index),
        name: name.to_owned(),
        points: points.collect(),
    }
}
