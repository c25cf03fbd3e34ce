//! Allocation of each resource over time.

use super::axis::Axis;
use super::chart::{self, Connection, Line, Panel};
use super::scene::Style;
use super::{Drawn, Material, NO_DATA, PlotEntry};
use history::{SeriesData, VariantData};
use metrics::Direction;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "allocation",
    title: "Allocation over time",
    caption: "Requests of pods that hold a node, relative to the capacity of the nodes that are \
              up. Each column shows the mean over its time.",
    shows_metrics: false,
    better: "",
    draw,
};

/// One of the shares over time.
type Share = fn(&SeriesData) -> &Vec<Option<f64>>;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    if material.data.variants.is_empty() {
        return Err(NO_DATA);
    }
    let resources: [(&str, Share); 3] = [
        ("GPUs allocated, %", |series| &series.gpu_percent),
        ("CPU allocated, %", |series| &series.cpu_percent),
        ("memory allocated, %", |series| &series.memory_percent),
    ];
    // A resource that nobody asks for is no news, unless none is asked for.
    let asked = |of: Share| {
        let variants = material.data.variants.iter();
        let mut values = variants.flat_map(|variant| of(&variant.series));
        values.any(|value| value.is_some_and(|share| share > 0.0))
    };
    let any_asked = resources.iter().any(|&(_, of)| asked(of));
    let panels: Vec<Panel> = (resources.into_iter())
        .filter(|&(_, of)| !any_asked || asked(of))
        .filter_map(|(title, of)| {
            let values = |variant: &VariantData| of(&variant.series).clone();
            over_time(material, style, title, Direction::Higher, values)
        })
        .collect();
    if panels.is_empty() {
        return Err("no time passed, or no node was ever up");
    }
    Ok(chart::draw(style, ENTRY.title, "time_s", &panels))
}

/// A panel of a value over time; `None` where no variant has one.
pub(super) fn over_time(
    material: &Material<'_>,
    style: Style,
    title: &str,
    better: Direction,
    values: impl Fn(&VariantData) -> Vec<Option<f64>>,
) -> Option<Panel> {
    let variants = &material.data.variants;
    let lines: Vec<Line> = (variants.iter())
        .map(|variant| {
            let width = variant.series.column_ns as f64 / 1e9;
            let values = values(variant);
            let last = values.last().copied().flatten();
            let points = values.into_iter().enumerate();
            let mut points: Vec<(f64, Option<f64>)> = points
                .map(|(column, value)| (column as f64 * width, value))
                .collect();
            points.push((variant.end_ns as f64 / 1e9, last));
            Line {
                index: Some(material.series(&variant.name)),
                name: variant.name.clone(),
                points,
            }
        })
        .filter(|line| line.last().is_some())
        .collect();
    let end = lines.iter().filter_map(|line| line.points.last());
    let end = end.map(|&(at, _)| at).fold(0.0, f64::max);
    let points = lines.iter().flat_map(|line| &line.points);
    let highest = points.filter_map(|&(_, value)| value).fold(0.0, f64::max);
    let ticks = if style == Style::Paper { 5 } else { 10 };
    (!lines.is_empty()).then(|| Panel {
        title: title.to_owned(),
        better: Some(better),
        x: Axis::time(material.clock(), end, ticks),
        y: Axis::up_to("", highest, 5),
        connection: Connection::Steps,
        lines,
        moments: Vec::new(),
    })
}
