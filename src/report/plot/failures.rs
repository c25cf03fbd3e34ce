//! Failures over time: a lane per kind of failure, and a bar from start to end of each.

use plotters::element::Rectangle;
use plotters::style::Color;

use super::axis::Axis;
use super::figure::{Figure, Mesh, sure};
use super::scene::{self, Area, Paint, Style};
use super::{Drawn, Material, PlotEntry, Table, cell};
use crate::format;
use history::{IncidentEntry, VariantData};

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "failures",
    title: "Failures over time",
    caption: "Failures from start to end, one lane per kind, whether or not the control plane \
              noticed them. The height of a bar is the share of nodes affected, or full height if \
              the failure does not affect nodes.",
    shows_metrics: false,
    draw,
};

const LANE: f64 = 22.0;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = material.variants()?;
    let is_whole = |own: &VariantData| own.incidents.listed.is_empty() || own.end_ns == 0;
    if variants.iter().all(is_whole) {
        return Err("nothing failed");
    }
    let mut figure = Figure::new(style, ENTRY.title);
    figure.better("neither direction is better: failures are an input");
    let kinds = variants.iter().map(lanes);
    let lanes = kinds.map(|own| Axis::names(own.into_iter().map(format::clean)));
    let lanes: Vec<Axis> = lanes.collect();
    let widths = lanes.iter().map(|axis| axis.width(style));
    let left = widths.fold(style.scaled(60.0), f64::max) + style.scaled(8.0);
    for (variant, y) in variants.iter().zip(&lanes) {
        let end = variant.end_ns as f64 / 1e9;
        let x = Axis::time(material.clock(), end, style.either(8, 5));
        let count = format::counted(variant.incidents.total, "failure");
        let names = [(scene::name(&variant.name), count)];
        let size = (left, style.scaled(LANE) * y.to.max(1.0));
        let paint = Paint::Series(material.series(&variant.name));
        figure.grid(
            &names,
            1,
            size,
            |_| x.clone(),
            |figure, _, plane, x| {
                bars(figure, variant, plane, x, y, paint);
            },
        );
    }
    Ok(figure.finish(description(variants), table(variants)))
}

/// The kinds of failures in the order of their first.
fn lanes(variant: &VariantData) -> Vec<&str> {
    let mut lanes: Vec<&str> = Vec::new();
    for incident in &variant.incidents.listed {
        if !lanes.contains(&incident.what.as_str()) {
            lanes.push(&incident.what);
        }
    }
    lanes
}

fn bars(figure: &Figure, variant: &VariantData, plane: Area, x: &Axis, y: &Axis, paint: Paint) {
    let mut chart = figure.chart(plane, x, y, Mesh::Columns);
    // No failure is too short or too small to be seen.
    let (width, height) = (x.to / plane.width, 2.0 * y.to / plane.height);
    for (lane, name) in lanes(variant).into_iter().enumerate() {
        let bottom = y.row(lane) + 0.1;
        let own = variant.incidents.listed.iter();
        let own = own.filter(|own| own.what == name).map(|incident| {
            let begin = incident.from_ns as f64 / 1e9;
            let over = incident.to_ns.map_or(x.to, |at| at as f64 / 1e9);
            let top = bottom + (0.8 * share(incident, variant)).max(height);
            let corners = [(begin, bottom), (over.max(begin + width), top)];
            Rectangle::new(corners, paint.filled())
        });
        sure(chart.draw_series(own));
    }
}

/// The share of the nodes that a failure is about.
fn share(incident: &IncidentEntry, variant: &VariantData) -> f64 {
    match incident.nodes {
        0 => 1.0,
        nodes => (nodes as f64 / variant.nodes.total.max(1) as f64).min(1.0),
    }
}

fn description(variants: &[VariantData]) -> String {
    let sentence = |variant: &VariantData| {
        let counted = lanes(variant).into_iter().map(|kind| {
            let listed = variant.incidents.listed.iter();
            let count = listed.filter(|own| own.what == kind).count();
            format!("{kind} {} times", format::count(count as u64))
        });
        let counted: Vec<String> = counted.collect();
        let name = scene::name(&variant.name);
        if counted.is_empty() {
            return format!("{name}: nothing failed.");
        }
        format!("{name}: {}.", counted.join(", "))
    };
    let sentences: Vec<String> = variants.iter().map(sentence).collect();
    sentences.join(" ")
}

fn table(variants: &[VariantData]) -> Table {
    let header = ["variant", "what", "nodes", "first_node", "from_ns", "to_ns"];
    let rows = variants.iter().flat_map(|variant| {
        variant.incidents.listed.iter().map(move |own| {
            [
                variant.name.clone(),
                own.what.clone(),
                own.nodes.to_string(),
                own.first.clone(),
                own.from_ns.to_string(),
                cell(own.to_ns),
            ]
        })
    });
    Table::new(header, rows)
}
