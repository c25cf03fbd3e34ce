//! How long jobs wait: bars per variant for slowdown and pending time of a run over time.

use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, ShapeStyle};

use crate::lab::summary::Summary;
use crate::report::comparison::{Comparison, Row, Rows};
use crate::report::plot::canvas::{self, Area, INK, QUIET, SCALE, TEXT_SIZE};
use crate::report::plot::{DrawError, Drawing, PlotEntry};

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "waiting",
    title: "Slowdown and waiting",
    caption: "Shorter is better. Bars start at zero; each group has a scale of its own.",
    draw,
};

const METRICS: [&str; 3] = [
    "bounded_slowdown.mean",
    "pending_time.mean",
    "pending_time.p99",
];

const WIDTH: i32 = 940;
const TITLE_HEIGHT: i32 = 40;
const BAR_PITCH: i32 = 24;
const BAR_HEIGHT: i32 = 15;
const GROUP_FRAME: i32 = 46;
/// Room for the value behind the longest bar.
const VALUE_WIDTH: i32 = 120;

fn draw(summary: &Summary) -> Result<Option<Drawing>, DrawError> {
    // In a fill-up nothing departs, so how long pods wait says nothing.
    if summary
        .variants
        .iter()
        .any(|variant| variant.arrived.is_some())
    {
        return Ok(None);
    }
    let comparison = Comparison::new(summary, Rows::All);
    let measured = |row: &&Row| row.cells.iter().any(|cell| cell.value.is_some());
    let rows: Vec<&Row> = METRICS
        .iter()
        .filter_map(|id| {
            comparison
                .rows
                .iter()
                .filter(measured)
                .find(|row| row.id == *id)
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = comparison
        .columns
        .iter()
        .map(|column| canvas::name(&column.name))
        .collect();
    let group_height = GROUP_FRAME + names.len() as i32 * BAR_PITCH;
    let height = TITLE_HEIGHT + rows.len() as i32 * group_height;
    let svg = canvas::draw((WIDTH, height), |area| {
        let title = canvas::bold(17, INK, HPos::Left);
        area.draw(&Text::new(ENTRY.title, (12 * SCALE, 22 * SCALE), title))?;
        for (index, row) in rows.iter().enumerate() {
            draw_group(
                area,
                row,
                &names,
                TITLE_HEIGHT + index as i32 * group_height,
            )?;
        }
        Ok(())
    })?;
    Ok(Some(Drawing {
        svg,
        description: description(&rows, &names),
    }))
}

fn draw_group(area: &Area<'_>, row: &Row, names: &[String], top: i32) -> Result<(), DrawError> {
    let title = canvas::bold(TEXT_SIZE, INK, HPos::Left);
    area.draw(&Text::new(
        row.label.clone(),
        (12 * SCALE, (top + 14) * SCALE),
        title,
    ))?;
    let label_width = names
        .iter()
        .map(|name| canvas::text_width(name, TEXT_SIZE))
        .max()
        .unwrap_or(0);
    let left = 20 + label_width;
    let value_max = row
        .cells
        .iter()
        .filter_map(|cell| cell.value)
        .fold(0.0, f64::max);
    for (index, (cell, name)) in row.cells.iter().zip(names).enumerate() {
        let middle = top + 38 + index as i32 * BAR_PITCH;
        let text = canvas::text(TEXT_SIZE, INK, HPos::Right);
        area.draw(&Text::new(
            name.clone(),
            ((left - 8) * SCALE, middle * SCALE),
            text,
        ))?;
        let share = match cell.value {
            Some(value) if value_max > 0.0 => (value / value_max).clamp(0.0, 1.0),
            _ => 0.0,
        };
        let length = (f64::from((WIDTH - VALUE_WIDTH - left) * SCALE) * share) as i32;
        let upper_left = (left * SCALE, (middle - BAR_HEIGHT / 2) * SCALE);
        let lower_right = (left * SCALE + length, (middle + BAR_HEIGHT / 2) * SCALE);
        let fill = ShapeStyle::from(&canvas::series_color(0)).filled();
        area.draw(&Rectangle::new([upper_left, lower_right], fill))?;
        let mark = if cell.best { " ◀ best" } else { "" };
        let value = format!("{}{mark}", cell.text);
        let style = if cell.best {
            canvas::bold(TEXT_SIZE, INK, HPos::Left)
        } else {
            canvas::text(TEXT_SIZE, QUIET, HPos::Left)
        };
        area.draw(&Text::new(
            value,
            (lower_right.0 + 8 * SCALE, middle * SCALE),
            style,
        ))?;
    }
    let axis = QUIET.stroke_width(SCALE as u32);
    let ends = [
        (left * SCALE, (top + 26) * SCALE),
        (
            left * SCALE,
            (top + 26 + names.len() as i32 * BAR_PITCH) * SCALE,
        ),
    ];
    area.draw(&plotters::element::PathElement::new(ends, axis))
}

fn description(rows: &[&Row], names: &[String]) -> String {
    let sentences: Vec<String> = rows
        .iter()
        .map(|row| {
            let values: Vec<String> = row
                .cells
                .iter()
                .zip(names)
                .map(|(cell, name)| format!("{name} {}", cell.text))
                .collect();
            format!("{}: {}.", row.label, values.join(", "))
        })
        .collect();
    sentences.join(" ")
}
