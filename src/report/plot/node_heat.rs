//! Allocation of nodes over time: a map of nodes by columns of time for every variant.

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::figure::{Figure, Mesh};
use super::scene::{self, Area, Paint, Style};
use super::{Drawn, Material, PlotEntry, Table, cell};
use crate::format;
use history::{HeatData, VariantData};
use units::plural;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "node-heat",
    title: "Allocation of nodes over time",
    caption: "Every row is a node, or several consecutive nodes where there are more than 100; \
              every column is a time interval. The darker, the more is allocated; empty where no \
              node of the row is up or none has the resource.",
    shows_metrics: false,
    draw,
};

const MAP_HEIGHT_MIN: f64 = 60.0;
const MAP_HEIGHT_MAX: f64 = 200.0;
/// Height of a row of nodes, where there are few.
const ROW_HEIGHT: f64 = 16.0;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = material.variants()?;
    let is_empty = |own: &VariantData| own.heat.rows.is_empty() || own.heat.columns == 0;
    if variants.iter().any(is_empty) {
        return Err("no time passed, or there was never a node");
    }
    let mut figure = Figure::new(style, ENTRY.title);
    figure.better("neither direction is better");
    scale(&mut figure, &variants[0].heat.resource);
    let names = variants.iter().map(|variant| {
        let rows = match variant.heat.nodes_per_row {
            1 => format::counted(variant.heat.rows.len() as u64, "node"),
            nodes => format!(
                "{} of {}",
                plural::count(variant.heat.rows.len(), "row"),
                format::counted(nodes as u64, "node")
            ),
        };
        (scene::name(&variant.name), rows)
    });
    let names: Vec<(String, String)> = names.collect();
    let rows = variants.iter().map(|variant| variant.heat.rows.len()).max();
    let height =
        style.scaled((rows.unwrap_or(1) as f64 * ROW_HEIGHT).clamp(MAP_HEIGHT_MIN, MAP_HEIGHT_MAX));
    let time = |index: usize| {
        // The last column may reach beyond the end: the axis ends where the map does.
        let heat: &HeatData = &variants[index].heat;
        let end = heat.column_ns as f64 * heat.columns as f64 / 1e9;
        Axis::time(material.clock(), end, style.either(8, 5))
    };
    figure.grid(&names, 2, (0.0, height), time, |figure, index, plane, x| {
        figure.fill(plane, Paint::Grid);
        let rows = variants[index].heat.rows.iter();
        figure.raster(plane, rows.map(|row| row.percent.clone()).collect());
        figure.chart(plane, x, &Axis::bare(0.0, 1.0), Mesh::None);
    });
    Ok(figure.finish(description(variants), table(variants)))
}

/// Draws the legend of the shades, from 0 % to 100 %.
fn scale(figure: &mut Figure, resource: &str) {
    let style = figure.style;
    let y = figure.top + style.scaled(12.0);
    let what = match resource {
        "gpu" => "GPUs allocated: 0 %",
        "cpu" => "CPU allocated: 0 %",
        _ => "memory allocated: 0 %",
    };
    let left = style.scaled(12.0);
    figure.text((left, y), what, Paint::Ink, HPos::Left);
    let left = left + style.text_width(what) + style.scaled(8.0);
    let shades = Area {
        x: left,
        y: y - style.scaled(6.0),
        width: style.scaled(202.0),
        height: style.scaled(12.0),
    };
    figure.raster(shades, vec![(0..=100).map(Some).collect()]);
    let right = left + shades.width + style.scaled(8.0);
    figure.text((right, y), "100 %", Paint::Ink, HPos::Left);
    figure.top += style.scaled(26.0);
}

/// The mean of a map at a column, over its rows with a value.
fn mean(heat: &HeatData, column: usize) -> Option<f64> {
    let cells = heat.rows.iter().filter_map(|row| *row.percent.get(column)?);
    let values: Vec<f64> = cells.map(f64::from).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn description(variants: &[VariantData]) -> String {
    let sentences: Vec<String> = (variants.iter())
        .map(|variant| {
            let heat = &variant.heat;
            let at = |column: usize| {
                mean(heat, column).map_or("none".to_owned(), |mean| format!("{mean:.0} %"))
            };
            format!(
                "{}: allocated {} in the first, {} in the middle and {} in the last column.",
                scene::name(&variant.name),
                at(0),
                at(heat.columns / 2),
                at(heat.columns - 1)
            )
        })
        .collect();
    sentences.join(" ")
}

fn table(variants: &[VariantData]) -> Table {
    let header = [
        "variant",
        "first_node",
        "last_node",
        "from_s",
        "allocated_percent",
    ];
    let rows = variants.iter().flat_map(|variant| {
        let rows = variant.heat.rows.iter();
        rows.flat_map(move |row| {
            let cells = row.percent.iter().enumerate();
            cells.map(move |(column, percent)| {
                let from = variant.heat.column_ns as f64 * column as f64 / 1e9;
                [
                    variant.name.clone(),
                    row.first.clone(),
                    row.last.clone(),
                    from.to_string(),
                    cell(*percent),
                ]
            })
        })
    });
    Table::new(header, rows)
}
