//! Allocation of nodes over time: a map of nodes by columns of time for every variant.

use super::axis::Axis;
use super::scene::{self, Anchor, Area, Paint, Scene, Style};
use super::{Drawn, Material, NO_DATA, PlotEntry, Table};
use crate::clock::Clock;
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
    better: "neither direction is better",
    draw,
};

const MAP_HEIGHT_MIN: f64 = 60.0;
const MAP_HEIGHT_MAX: f64 = 200.0;
/// Height of a row of nodes, where there are few.
const ROW_HEIGHT: f64 = 16.0;
/// Above a map its name, below it the time.
const HEAD: f64 = 26.0;
const FOOT: f64 = 44.0;
const GAP: f64 = 26.0;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = &material.data.variants;
    if variants.is_empty() {
        return Err(NO_DATA);
    }
    let empty = |variant: &&VariantData| variant.heat.rows.is_empty() || variant.heat.columns == 0;
    if variants.iter().any(|variant| empty(&variant)) {
        return Err("no time passed, or there was never a node");
    }
    let mut scene = Scene::new(style);
    let mut top = scene.title(ENTRY.title);
    top = legend(&mut scene, &variants[0].heat.resource, top);
    let across = match (style, variants.len()) {
        (Style::Screen, 2..) => 2,
        _ => 1,
    };
    let margin = style.scaled(12.0);
    let gap = style.scaled(GAP);
    let width = (scene.width() - 2.0 * margin - gap * (across as f64 - 1.0)) / across as f64;
    let rows = variants.iter().map(|variant| variant.heat.rows.len()).max();
    let height =
        style.scaled((rows.unwrap_or(1) as f64 * ROW_HEIGHT).clamp(MAP_HEIGHT_MIN, MAP_HEIGHT_MAX));
    for line in variants.chunks(across) {
        for (place, variant) in line.iter().enumerate() {
            let area = Area {
                x: margin + place as f64 * (width + gap),
                y: top + style.scaled(HEAD),
                width,
                height,
            };
            map(&mut scene, variant, area, material.clock());
        }
        top += style.scaled(HEAD + FOOT) + height;
    }
    scene.height = top;
    Ok(Drawn {
        scene,
        description: description(variants),
        table: table(variants),
    })
}

fn map(scene: &mut Scene, variant: &VariantData, area: Area, clock: Clock) {
    let style = scene.style;
    let heat = &variant.heat;
    let name = scene::name(&variant.name);
    scene.heading((area.x, area.y - style.scaled(12.0)), &name);
    let rows = match heat.nodes_per_row {
        1 => format::counted(heat.rows.len() as u64, "node"),
        nodes => format!(
            "{} of {}",
            plural::count(heat.rows.len(), "row"),
            format::counted(nodes as u64, "node")
        ),
    };
    let place = (area.x + area.width, area.y - style.scaled(12.0));
    scene.text(place, &rows, Paint::Quiet, Anchor::End);
    scene.fill(area, Paint::Grid);
    // The last column may reach beyond the end: the axis ends where the map does.
    let end = heat.column_ns as f64 * heat.columns as f64 / 1e9;
    let cells = heat.rows.iter().map(|row| row.percent.clone()).collect();
    scene.marks.push(scene::Mark::Raster { area, rows: cells });
    let axis = Axis::time(clock, end, if style == Style::Paper { 5 } else { 8 });
    let bottom = area.y + area.height;
    axis.below(
        scene,
        area,
        bottom,
        bottom + style.scaled(4.0),
        Paint::Quiet,
    );
}

fn legend(scene: &mut Scene, resource: &str, top: f64) -> f64 {
    let style = scene.style;
    let y = top + style.scaled(12.0);
    let what = match resource {
        "gpu" => "GPUs allocated",
        "cpu" => "CPU allocated",
        _ => "memory allocated",
    };
    let left = style.scaled(12.0);
    scene.text(
        (left, y),
        &format!("{what}: 0 %"),
        Paint::Ink,
        Anchor::Start,
    );
    let bar = Area {
        x: left + style.scaled(150.0),
        y: y - style.scaled(6.0),
        width: style.scaled(202.0),
        height: style.scaled(12.0),
    };
    let step = bar.width / 101.0;
    for percent in 0..=100_u8 {
        let area = Area {
            x: bar.x + f64::from(percent) * step,
            width: step * if percent < 100 { 1.5 } else { 1.0 },
            ..bar
        };
        scene.fill(area, Paint::Heat(percent));
    }
    let right = bar.x + bar.width + style.scaled(6.0);
    scene.text((right, y), "100 %", Paint::Ink, Anchor::Start);
    top + style.scaled(26.0)
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
    let mut rows = Vec::new();
    for variant in variants {
        let heat = &variant.heat;
        for row in &heat.rows {
            for (column, percent) in row.percent.iter().enumerate() {
                rows.push(vec![
                    variant.name.clone(),
                    row.first.clone(),
                    row.last.clone(),
                    (heat.column_ns as f64 * column as f64 / 1e9).to_string(),
                    percent
                        .map(|percent| percent.to_string())
                        .unwrap_or_default(),
                ]);
            }
        }
    }
    let header = [
        "variant",
        "first_node",
        "last_node",
        "from_s",
        "allocated_percent",
    ];
    Table {
        header: header.map(str::to_owned).to_vec(),
        rows,
    }
}
