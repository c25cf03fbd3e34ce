//! Waits of jobs: bars per variant for slowdown and pending time of a run over time.

use plotters::element::Rectangle;
use plotters::series::LineSeries;
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::chart::ends;
use super::figure::{Figure, Mesh, place, stroke, sure};
use super::scene::{self, Area, Paint, Style};
use super::{Drawn, Material, PlotEntry, Table, cell};
use crate::comparison::{Cell, Comparison, Row};
use crate::study::figures::Ends;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "waiting",
    title: "Slowdown and waiting",
    caption: "Bars start at zero; each group has its own scale. Whiskers are 95 % intervals of the means of \
              gated metrics. Other metrics can be chosen with --metric.",
    shows_metrics: true,
    draw,
};

const METRICS: [&str; 3] = [
    "bounded_slowdown.mean",
    "pending_time.mean",
    "pending_time.p99",
];

const BAR_PITCH: f64 = 24.0;

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
    let mut comparison = Comparison::in_metrics(material.summary, ids);
    if let Some(study) = material.figures {
        study.show_means(&mut comparison);
    }
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
    let mut figure = Figure::new(
        style,
        match material.metrics {
            [] => ENTRY.title,
            _ => "Metrics side by side",
        },
    );
    let whiskers = |row: &Row| -> Vec<Option<Ends>> {
        let interval = |name: &&str| material.figures?.interval(&row.id, name);
        names.iter().map(interval).collect()
    };
    for row in &rows {
        group(&mut figure, row, &names, &series, &whiskers(row));
    }
    let whiskers: Vec<Option<Ends>> = rows.iter().flat_map(|row| whiskers(row)).collect();
    if style == Style::Paper && whiskers.iter().any(Option::is_some) {
        figure.note("Means of all runs, with 95 % intervals of gated metrics.");
    }
    Ok(figure.finish(description(&rows, &names), table(&rows, &names, &whiskers)))
}

fn group(
    figure: &mut Figure,
    row: &Row,
    names: &[&str],
    series: &[usize],
    whiskers: &[Option<Ends>],
) {
    let style = figure.style;
    figure.panel_heading(&row.label, Some(row.better));
    let values = row.cells.iter().filter_map(|cell| cell.value);
    let reach = whiskers.iter().flatten().map(|at| at.high);
    let (_, most) = ends(values.chain(reach).chain([0.0]));
    let most = if most > 0.0 { most } else { 1.0 };
    // The end of a whisker has a width.
    let most = if whiskers.iter().any(Option::is_some) {
        most * 1.02
    } else {
        most
    };
    let y = Axis::names(names.iter().map(|name| scene::name(name)));
    let left = y.width(style) + style.scaled(20.0);
    // Bold letters are wider by a tenth.
    let widths = row.cells.iter();
    let widths = widths.map(|cell| style.text_width(&words(cell)));
    let right = ends(widths).1 * 1.1 + style.scaled(16.0);
    let plane = Area {
        x: left,
        y: figure.top,
        width: style.width() - left - right,
        height: style.scaled(BAR_PITCH) * y.to,
    };
    let x = Axis::metric(&row.unit, 0.0, most, style.either(6, 4));
    let mut chart = figure.chart(plane, &x, &y, Mesh::None);
    for (index, cell) in row.cells.iter().enumerate() {
        let (bottom, paint) = (y.row(index), Paint::Series(series[index]));
        let value = cell.value.unwrap_or(0.0).clamp(0.0, most);
        let corners = [(0.0, bottom + 0.2), (value, bottom + 0.8)];
        sure(chart.draw_series([Rectangle::new(corners, paint.filled())]));
        if let Some(at) = whiskers[index] {
            let (low, high) = (at.low.max(0.0), at.high.max(0.0));
            let lines = [
                (low, high, 0.5, 0.5),
                (low, low, 0.35, 0.65),
                (high, high, 0.35, 0.65),
            ];
            // On a light line, as bars may be as dark as ink.
            for (paint, width) in [(Paint::Grid, 3.0), (Paint::Ink, 1.0)] {
                let look = stroke(paint, style.scaled(width));
                for (from, to, below, above) in lines {
                    let line = [(from, bottom + below), (to, bottom + above)];
                    sure(chart.draw_series(LineSeries::new(line, look)));
                }
            }
        }
        let end = whiskers[index].map_or(value, |at| at.high.max(value));
        let (across, middle) = place(&chart, (end, bottom + 0.5));
        let at = (across + style.scaled(8.0), middle);
        if cell.best {
            figure.heading(at, &words(cell));
        } else {
            figure.text(at, &words(cell), Paint::Quiet, HPos::Left);
        }
    }
    figure.below(plane, &x);
}

/// Label of a bar: its value, and a mark if it is the best.
fn words(cell: &Cell) -> String {
    let best = if cell.best { " ◀ best" } else { "" };
    format!("{}{best}", cell.text)
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

fn table(rows: &[&Row], names: &[&str], whiskers: &[Option<Ends>]) -> Table {
    let cells = rows.iter().flat_map(|row| {
        let cells = row.cells.iter().zip(names);
        cells.map(|(own, name)| {
            let (id, unit, name) = (row.id.clone(), row.unit.clone(), (*name).to_owned());
            [id, unit, name, cell(own.value)]
        })
    });
    if whiskers.iter().all(Option::is_none) {
        return Table::new(["metric", "unit", "variant", "value"], cells);
    }
    let cells = cells.zip(whiskers).map(|([id, unit, name, value], at)| {
        let [low, high] = [at.map(|at| at.low), at.map(|at| at.high)].map(cell);
        [id, unit, name, value, low, high]
    });
    Table::new(["metric", "unit", "variant", "value", "low", "high"], cells)
}
