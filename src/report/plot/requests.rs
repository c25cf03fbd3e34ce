//! Requests of clients over time: how many, how long they take, how many fail, how full pods are.

use super::axis::Axis;
use super::chart::{self, Connection, Line, Panel};
use super::scene::Style;
use super::{Drawn, Material, NO_DATA, PlotEntry};
use history::TrafficData;
use metrics::Direction;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "requests",
    title: "Requests over time",
    caption: "Requests per second of all clients, requests that finally failed, latency of served \
              requests, and requests in progress relative to the pods' slots. Each column covers \
              its time.",
    shows_metrics: false,
    better: "",
    draw,
};

/// One of the values over time.
type Values = fn(&TrafficData) -> Vec<Option<f64>>;

fn some(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    if material.data.variants.is_empty() {
        return Err(NO_DATA);
    }
    let (lower, none) = (Direction::Lower, Direction::None);
    let values: [(&str, Direction, Values); 5] = [
        ("requests per second", none, |data| {
            some(&data.offered_per_second)
        }),
        ("failed requests per second", lower, |data| {
            some(&data.failed_per_second)
        }),
        ("latency, median, ms", lower, |data| data.p50_ms.clone()),
        ("latency, 99th percentile, ms", lower, |data| {
            data.p99_ms.clone()
        }),
        ("saturation, %", lower, |data| {
            data.saturation_percent.clone()
        }),
    ];
    let panels: Vec<Panel> = (values.into_iter())
        .filter_map(|(title, better, of)| {
            let panel = panel(material, style, title, of)?;
            let better = Some(better);
            Some(Panel { better, ..panel })
        })
        .collect();
    if panels.is_empty() {
        return Err("no client made a request");
    }
    Ok(chart::draw(style, ENTRY.title, "time_s", &panels))
}

fn panel(material: &Material<'_>, style: Style, title: &str, of: Values) -> Option<Panel> {
    let variants = material.data.variants.iter();
    let lines: Vec<Line> = variants
        .filter_map(|variant| {
            let data = variant.traffic.as_ref()?;
            let width = data.column_ns as f64 / 1e9;
            let values = of(data);
            let last = values.last().copied().flatten();
            let points = values.into_iter().enumerate();
            let mut points: Vec<(f64, Option<f64>)> = points
                .map(|(column, value)| (column as f64 * width, value))
                .collect();
            points.push((variant.end_ns as f64 / 1e9, last));
            Some(Line {
                index: Some(material.series(&variant.name)),
                name: variant.name.clone(),
                points,
            })
        })
        .filter(|line| line.last().is_some())
        .collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let end = points().map(|&(at, _)| at).fold(0.0, f64::max);
    let highest = points().filter_map(|&(_, value)| value).fold(0.0, f64::max);
    let ticks = if style == Style::Paper { 5 } else { 10 };
    (!lines.is_empty() && highest > 0.0).then(|| Panel {
        title: title.to_owned(),
        better: Some(Direction::None),
        x: Axis::time(material.clock(), end, ticks),
        y: Axis::up_to("", highest, 5),
        connection: Connection::Steps,
        moments: Vec::new(),
        lines,
    })
}
