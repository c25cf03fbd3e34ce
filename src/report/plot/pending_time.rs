//! Pending time of pods: the share of pods that had a node after a time, on a logarithmic axis,
//! since waits span factors of thousands.

use super::axis::Axis;
use super::chart::{self, Line, Panel};
use super::scene::Style;
use super::{Drawn, Material, PlotEntry};
use history::PendingData;
use metrics::Direction;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "pending-time",
    title: "Pending time of pods",
    caption: "Share of all pods that were bound within a given time of their creation, exact at \
              16 points per factor of ten. A line that ends below 100 % means that some pods \
              never got a node.",
    shows_metrics: false,
    draw,
};

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = material.variants()?;
    let pending = || variants.iter().map(|variant| &variant.pending);
    let seconds = |nanos: i64| nanos as f64 / 1e9;
    let least = pending().filter_map(least_wait).min().map(seconds);
    let longest = pending().filter_map(|pending| pending.longest_ns).max();
    let (Some(least), Some(longest)) = (least, longest.filter(|&longest| longest > 0)) else {
        return Err("every bound pod was bound immediately");
    };
    let longest = seconds(longest);
    let lines: Vec<Line> = (variants.iter())
        .filter(|variant| variant.pending.pods > 0)
        .map(|variant| Line {
            index: Some(material.series(&variant.name)),
            name: variant.name.clone(),
            points: points(&variant.pending, longest),
        })
        .collect();
    let label = "time since creation (logarithmic)";
    let x = Axis::durations(material.clock(), label, least, longest);
    let y = Axis::linear("", 0.0, 100.0, 5);
    let title = "pods with a node, % of all pods";
    let panel = Panel::new(title, Direction::Higher, x, y, lines);
    let column = "time_since_creation_s";
    Ok(chart::draw(style, ENTRY.title, column, &[panel], &[]))
}

/// The least bound within which a pod was placed that was not placed at once.
fn least_wait(pending: &PendingData) -> Option<i64> {
    let at_once = *pending.within.first()?;
    let later = pending.within.iter().position(|&within| within > at_once)?;
    // The wait itself lies between this bound and the one before.
    pending.bounds_ns.get(later).copied()
}

fn points(pending: &PendingData, longest: f64) -> Vec<(f64, Option<f64>)> {
    let share = |count: u64| Some(count as f64 / pending.pods as f64 * 100.0);
    let bounds = pending.bounds_ns.iter().zip(&pending.within);
    let mut points: Vec<(f64, Option<f64>)> = bounds
        .map(|(&bound, &within)| (bound as f64 / 1e9, share(within)))
        .map(|(at, share)| (at.min(longest), share))
        .collect();
    points.push((longest, share(pending.placed)));
    points
}
