//! Waits of jobs: bars per variant for slowdown and pending time of a run over time.

use super::scene::{self, Anchor, Area, Mark, Paint, Scene, Style, Weight, text_width};
use super::{Drawn, Material, PlotEntry, Table};
use crate::comparison::{Comparison, Row, Rows};

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "waiting",
    title: "Slowdown and waiting",
    caption: "Bars start at zero; each group has its own scale. Other metrics can be chosen with \
              --metric.",
    shows_metrics: true,
    better: "",
    draw,
};

const METRICS: [&str; 3] = [
    "bounded_slowdown.mean",
    "pending_time.mean",
    "pending_time.p99",
];

const BAR_PITCH: f64 = 24.0;
const BAR_HEIGHT: f64 = 15.0;
const GROUP_FRAME: f64 = 46.0;
/// Room for the value behind the longest bar.
const VALUE_WIDTH: f64 = 120.0;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = &material.summary.variants;
    let is_fill_up = variants.iter().any(|variant| variant.arrived.is_some());
    if is_fill_up && material.metrics.is_empty() {
        return Err("in a fill-up no pod departs, so waiting times are meaningless");
    }
    let usual = METRICS.map(str::to_owned);
    let ids = match material.metrics {
        [] => &usual[..],
        chosen => chosen,
    };
    let comparison = Comparison::new(material.summary, Rows::All);
    let measured = |row: &&Row| row.cells.iter().any(|cell| cell.value.is_some());
    let rows: Vec<&Row> = (ids.iter())
        .filter_map(|id| {
            let mut measured = comparison.rows.iter().filter(measured);
            measured.find(|row| row.id == **id)
        })
        .collect();
    if rows.is_empty() {
        return Err("neither slowdown nor pending time was measured");
    }
    let waited = |row: &&Row| {
        row.cells
            .iter()
            .any(|cell| cell.value.is_some_and(|value| value > 0.0))
    };
    if material.metrics.is_empty() && !rows.iter().any(waited) {
        return Err("no pod waited for a node");
    }
    let names: Vec<&str> = (comparison.columns.iter())
        .map(|column| column.name.as_str())
        .collect();
    let series = variants.iter().map(|own| material.series(&own.name));
    let series: Vec<usize> = series.collect();
    let mut scene = Scene::new(style);
    let mut top = scene.title(match material.metrics {
        [] => ENTRY.title,
        _ => "Metrics side by side",
    });
    for row in &rows {
        draw_group(&mut scene, row, &names, &series, top);
        top += style.scaled(GROUP_FRAME + names.len() as f64 * BAR_PITCH);
    }
    scene.height = top;
    Ok(Drawn {
        scene,
        description: description(&rows, &names),
        table: table(&rows, &names),
    })
}

fn draw_group(scene: &mut Scene, row: &Row, names: &[&str], series: &[usize], top: f64) {
    let style = scene.style;
    scene.panel_heading(top + style.scaled(14.0), &row.label, row.better);
    let widths = names
        .iter()
        .map(|name| text_width(&scene::name(name), style.text()));
    let left = style.scaled(20.0) + widths.fold(0.0, f64::max);
    let values = row.cells.iter().filter_map(|cell| cell.value);
    let value_max = values.fold(0.0, f64::max);
    let longest = scene.width() - style.scaled(VALUE_WIDTH) - left;
    for (index, (cell, name)) in row.cells.iter().zip(names).enumerate() {
        let middle = top + style.scaled(38.0 + index as f64 * BAR_PITCH);
        let place = (left - style.scaled(8.0), middle);
        scene.text(place, &scene::name(name), Paint::Ink, Anchor::End);
        let length = match cell.value {
            Some(value) if value_max > 0.0 => longest * (value / value_max).clamp(0.0, 1.0),
            _ => 0.0,
        };
        let height = style.scaled(BAR_HEIGHT);
        let bar = Area {
            x: left,
            y: middle - height / 2.0,
            width: length,
            height,
        };
        scene.fill(bar, Paint::Series(series[index]));
        let place = (left + length + style.scaled(8.0), middle);
        if cell.best {
            let text = format!("{} ◀ best", cell.text);
            scene.text(place, &text, Paint::Ink, Anchor::Start);
            if let Some(Mark::Text(text)) = scene.marks.last_mut() {
                text.weight = Weight::Bold;
            }
        } else {
            scene.text(place, &cell.text, Paint::Quiet, Anchor::Start);
        }
    }
    let from = top + style.scaled(26.0);
    let to = from + style.scaled(names.len() as f64 * BAR_PITCH);
    let width = style.scaled(1.0);
    scene.line(vec![(left, from), (left, to)], Paint::Quiet, width);
}

fn description(rows: &[&Row], names: &[&str]) -> String {
    let sentences: Vec<String> = (rows.iter())
        .map(|row| {
            let cells = row.cells.iter().zip(names);
            let values: Vec<String> = cells
                .map(|(cell, name)| format!("{} {}", scene::name(name), cell.text))
                .collect();
            format!("{}: {}.", row.label, values.join(", "))
        })
        .collect();
    sentences.join(" ")
}

fn table(rows: &[&Row], names: &[&str]) -> Table {
    let cells = rows.iter().flat_map(|row| {
        row.cells.iter().zip(names).map(move |(cell, name)| {
            let value = cell.value.map(|value| value.to_string());
            let fields = [&row.id, &row.unit, *name, &value.unwrap_or_default()];
            fields.map(str::to_owned).to_vec()
        })
    });
    Table {
        header: ["metric", "unit", "variant", "value"]
            .map(str::to_owned)
            .to_vec(),
        rows: cells.collect(),
    }
}
