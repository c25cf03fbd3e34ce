//! GPU allocation and fragmentation while a cluster is filled: one line per variant, over the
//! demand that has arrived, the form in which GPU packing policies are published.

use super::axis::{Axis, rounded_up};
use super::chart::{self, Line, Panel};
use super::scene::Style;
use super::{Drawn, Material, PlotEntry};
use crate::format;
use lab::summary::ArrivedSummary;
use metrics::Direction;
use metrics::arrived_demand::PUBLISHED_COLUMNS;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "gpu-over-demand",
    title: "GPU allocation and fragmentation over arrived demand",
    caption: "Every point is the mean over all events at which the GPUs requested so far reached \
              that share of the cluster's GPUs.",
    shows_metrics: false,
    draw,
};

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let panels = [
        panel(
            material,
            style,
            "GPUs allocated, % of all GPUs",
            Direction::Higher,
            |arrived| &arrived.allocation_percent,
        ),
        panel(
            material,
            style,
            "GPUs fragmented, % of all GPUs",
            Direction::Lower,
            |arrived| &arrived.fragmentation_percent,
        ),
    ];
    let panels: Vec<Panel> = panels.into_iter().flatten().collect();
    if panels.is_empty() {
        return Err("only a fill-up with GPUs has this plot");
    }
    let notes = endings(material);
    let mut drawn = chart::draw(
        style,
        ENTRY.title,
        "arrived_demand_percent",
        &panels,
        &notes,
    );
    for line in notes {
        drawn.description.push(' ');
        drawn.description.push_str(&line);
    }
    Ok(drawn)
}

/// Where each curve ends and why, in sentences; curves with the same end share one.
fn endings(material: &Material<'_>) -> Vec<String> {
    let variants = material.summary.variants.iter();
    let ends = variants.filter_map(|variant| {
        let points = &variant.arrived.as_ref()?.allocation_percent;
        let last = points.iter().rposition(Option::is_some)?;
        Some((last, format::clean(&variant.name)))
    });
    let ends: Vec<(usize, String)> = ends.collect();
    let mut places: Vec<usize> = ends.iter().map(|(end, _)| *end).collect();
    places.sort_unstable();
    places.dedup();
    let Some(&furthest) = places.last() else {
        return Vec::new();
    };
    let sentence = |&place: &usize| {
        let own = ends.iter().filter(|(end, _)| *end == place);
        let names: Vec<&str> = own.map(|(_, name)| name.as_str()).collect();
        let (who, verb) = match names.as_slice() {
            names if names.len() == ends.len() && names.len() > 1 => ("All".to_owned(), "end"),
            [name] => ((*name).to_owned(), "ends"),
            names => (names.join(", "), "end"),
        };
        let why = if place + 1 == PUBLISHED_COLUMNS {
            "where the axis of the published curves ends"
        } else if place < furthest {
            "no decision was made on the pods that came after, though other candidates decided on \
             more: they were refused, or waited untried, to the end of the run"
        } else {
            "no further pod was decided on, as a rule because all had arrived"
        };
        format!("{who} {verb} at {place} % demand: {why}.")
    };
    places.iter().map(sentence).collect()
}

fn panel(
    material: &Material<'_>,
    style: Style,
    title: &str,
    better: Direction,
    points: fn(&ArrivedSummary) -> &Vec<Option<f64>>,
) -> Option<Panel> {
    let variants = material.summary.variants.iter();
    let lines: Vec<Line> = variants
        .filter_map(|variant| {
            let points = points(variant.arrived.as_ref()?);
            let numbered = points.iter().enumerate();
            let line = Line {
                index: Some(material.series(&variant.name)),
                name: variant.name.clone(),
                points: numbered
                    .map(|(at, value)| (at as f64, value.filter(|value| value.is_finite())))
                    .collect(),
            };
            line.last().is_some().then_some(line)
        })
        .collect();
    let end = (lines.iter())
        .filter_map(Line::last)
        .map(|(at, _)| (at as usize).max(1))
        .max()?;
    let start = start(&lines);
    let shown = || {
        let points = lines.iter().flat_map(|line| line.points.iter().skip(start));
        points.filter_map(|&(_, value)| value)
    };
    let top = rounded_up(shown().fold(0.0, f64::max));
    let bottom = shown().fold(top, f64::min);
    let (bottom, title) = if start == 0 {
        (bottom.min(0.0), title.to_owned())
    } else {
        let from = (bottom / 10.0).floor() * 10.0;
        let title = match style {
            Style::Screen => {
                format!("{title} (from {start} % demand; before that, the lines coincide)")
            }
            Style::Paper => title.to_owned(),
        };
        (from, title)
    };
    let demand = "arrived GPU demand, % of the cluster's GPUs";
    let x = Axis::linear(demand, start as f64, end as f64, style.either(14, 6));
    let y = Axis::linear("", bottom, top, 6);
    Some(Panel::new(&title, better, x, y, lines).straight())
}

/// Until a cluster fills up, every variant allocates all that arrives. That common part is left
/// out, in steps of ten percent, when it is more than a quarter of the drawing, so that there is
/// room for where the lines part.
fn start(lines: &[Line]) -> usize {
    let demand_max = (lines.iter().map(|line| line.points.len()).max()).unwrap_or(0);
    let highest = (lines.iter().flat_map(|line| &line.points)).filter_map(|&(_, value)| value);
    // Two lines closer than this are one to the eye.
    let visible = highest.fold(0.0, f64::max) / 200.0;
    let part = (0..demand_max).find(|&at| {
        let values = || lines.iter().filter_map(|line| line.points.get(at)?.1);
        values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min) > visible
    });
    let ends = lines.iter().filter_map(Line::last);
    let shortest = ends.map(|(at, _)| at as usize).min().unwrap_or(0);
    let start = part.unwrap_or(0).min(shortest).saturating_sub(10) / 10 * 10;
    if start * 4 > demand_max { start } else { 0 }
}
