//! GPU allocation and fragmentation while a cluster is filled: one line per variant, over the
//! demand that has arrived, the form in which GPU packing policies are published.

use plotters::chart::ChartBuilder;
use plotters::element::{PathElement, Text};
use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, ShapeStyle, TRANSPARENT};

use crate::lab::summary::{ArrivedSummary, Summary};
use crate::report::plot::canvas::{
    self, Area, GRID, INK, LABEL_GAP, QUIET, SCALE, SERIES_WIDTH, TEXT_SIZE,
};
use crate::report::plot::{DrawError, Drawing, PlotEntry};

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "gpu-over-demand",
    title: "GPU allocation and fragmentation over arrived demand",
    caption: "Every point is the mean over all events at which the GPUs asked for so far came to \
              that share of the cluster's GPUs.",
    draw,
};

const WIDTH: i32 = 940;
const TITLE_HEIGHT: i32 = 40;
const PANEL_HEIGHT_MIN: i32 = 270;
/// Above and below the lines: panel title, axis labels.
const PANEL_FRAME: i32 = 84;
const LEFT: i32 = 48;
/// From the end of the lines to the text of their labels.
const LEADER: i32 = 20;
const SWATCH: i32 = 34;

struct Line {
    index: usize,
    name: String,
    points: Vec<Option<f64>>,
}

impl Line {
    fn last(&self) -> Option<(usize, f64)> {
        self.points
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, value)| Some((at, (*value)?)))
    }
}

struct Panel {
    title: &'static str,
    lines: Vec<Line>,
    /// The demand at which the drawing begins.
    start: usize,
}

impl Panel {
    /// The values drawn.
    fn values(&self) -> impl Iterator<Item = f64> {
        self.lines
            .iter()
            .flat_map(|line| line.points.iter().skip(self.start).flatten().copied())
    }
}

fn draw(summary: &Summary) -> Result<Option<Drawing>, DrawError> {
    let panels = [
        panel(summary, "GPUs allocated, % of all GPUs", |arrived| {
            &arrived.allocation_percent
        }),
        panel(summary, "GPUs fragmented, % of all GPUs", |arrived| {
            &arrived.fragmentation_percent
        }),
    ];
    let panels: Vec<Panel> = panels
        .into_iter()
        .filter(|panel| !panel.lines.is_empty())
        .collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let line_count = summary.variants.len() as i32;
    let panel_height = PANEL_HEIGHT_MIN.max(line_count * LABEL_GAP) + PANEL_FRAME;
    let height = TITLE_HEIGHT + panels.len() as i32 * panel_height;
    let svg = canvas::draw((WIDTH, height), |area| {
        let title = canvas::bold(17, INK, HPos::Left);
        area.draw(&Text::new(ENTRY.title, (12 * SCALE, 22 * SCALE), title))?;
        for (row, panel) in panels.iter().enumerate() {
            draw_panel(
                area,
                panel,
                TITLE_HEIGHT + row as i32 * panel_height,
                panel_height,
            )?;
        }
        Ok(())
    })?;
    Ok(Some(Drawing {
        svg,
        description: description(&panels),
    }))
}

fn panel(
    summary: &Summary,
    title: &'static str,
    points: fn(&ArrivedSummary) -> &Vec<Option<f64>>,
) -> Panel {
    let lines = summary
        .variants
        .iter()
        .enumerate()
        .filter_map(|(index, variant)| {
            let points = points(variant.arrived.as_ref()?);
            let points: Vec<Option<f64>> = points
                .iter()
                .map(|point| point.filter(|value| value.is_finite()))
                .collect();
            let line = Line {
                index,
                name: canvas::name(&variant.name),
                points,
            };
            line.last().is_some().then_some(line)
        });
    let lines: Vec<Line> = lines.collect();
    let start = start(&lines);
    Panel {
        title,
        lines,
        start,
    }
}

/// Until a cluster fills up, every variant allocates all that arrives. That common part is left
/// out, in steps of ten percent, when it is more than a quarter of the drawing, so that there is
/// room for where the lines part.
fn start(lines: &[Line]) -> usize {
    let demand_max = lines
        .iter()
        .map(|line| line.points.len())
        .max()
        .unwrap_or(0);
    let highest = lines
        .iter()
        .flat_map(|line| line.points.iter().flatten())
        .copied();
    // Two lines closer than this are one to the eye.
    let visible = highest.fold(0.0, f64::max) / 200.0;
    let part = (0..demand_max).find(|&at| {
        let values = || {
            lines
                .iter()
                .filter_map(|line| line.points.get(at).copied().flatten())
        };
        values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min) > visible
    });
    let shortest = lines
        .iter()
        .filter_map(Line::last)
        .map(|(at, _)| at)
        .min()
        .unwrap_or(0);
    let start = part.unwrap_or(0).min(shortest).saturating_sub(10) / 10 * 10;
    if start * 4 > demand_max { start } else { 0 }
}

fn draw_panel(area: &Area<'_>, panel: &Panel, top: i32, height: i32) -> Result<(), DrawError> {
    let label_width = panel
        .lines
        .iter()
        .map(|line| canvas::text_width(&line.name, TEXT_SIZE))
        .max()
        .unwrap_or(0);
    let right = WIDTH - LEADER - SWATCH - label_width - 18;
    let demand_max = panel
        .lines
        .iter()
        .map(|line| line.points.len())
        .max()
        .unwrap_or(2)
        .max(2)
        - 1;
    let value_max = canvas::rounded_up(panel.values().fold(0.0, f64::max));
    let (value_min, heading) = match panel.start {
        0 => (panel.values().fold(0.0, f64::min), panel.title.to_owned()),
        start => (
            (panel.values().fold(value_max, f64::min) / 10.0).floor() * 10.0,
            format!(
                "{} (from {start} % demand: before, the lines are one)",
                panel.title
            ),
        ),
    };
    let title = canvas::bold(TEXT_SIZE, INK, HPos::Left);
    area.draw(&Text::new(heading, (12 * SCALE, (top + 14) * SCALE), title))?;

    let plane = area.clone().shrink(
        (0, (top + 30) * SCALE),
        ((right * SCALE) as u32, ((height - 36) * SCALE) as u32),
    );
    let mut chart = ChartBuilder::on(&plane)
        .x_label_area_size(44 * SCALE)
        .y_label_area_size(LEFT * SCALE)
        .build_cartesian_2d(panel.start as f64..demand_max as f64, value_min..value_max)?;
    let labels = canvas::text(TEXT_SIZE - 1, QUIET, HPos::Left);
    chart
        .configure_mesh()
        .bold_line_style(ShapeStyle::from(&GRID).stroke_width(SCALE as u32))
        .light_line_style(TRANSPARENT)
        .axis_style(ShapeStyle::from(&QUIET).stroke_width(SCALE as u32))
        .set_all_tick_mark_size(4 * SCALE)
        .x_labels(14)
        .y_labels(6)
        .label_style(labels.clone())
        .axis_desc_style(labels)
        .x_desc("arrived GPU demand, % of the cluster's GPUs")
        .x_label_formatter(&|demand| format!("{demand:.0}"))
        .y_label_formatter(&|value| axis_number(*value, value_max))
        .draw()?;

    let mut ends = Vec::new();
    for line in &panel.lines {
        let style = canvas::series_color(line.index).stroke_width(SERIES_WIDTH);
        // A gap in the data is a gap in the line.
        for stretch in stretches(&line.points, panel.start) {
            chart.draw_series(LineSeries::new(stretch, style))?;
        }
        if let Some((at, value)) = line.last() {
            ends.push(chart.backend_coord(&(at as f64, value)));
        }
    }
    let (_, pixels) = chart.plotting_area().get_pixel_range();
    draw_labels(
        area,
        panel,
        &ends,
        right * SCALE,
        (pixels.start, pixels.end),
    )
}

/// Each line's name at its end, with a leader and a piece of the line, so that no legend has to be
/// matched by color.
fn draw_labels(
    area: &Area<'_>,
    panel: &Panel,
    ends: &[(i32, i32)],
    right: i32,
    (top, bottom): (i32, i32),
) -> Result<(), DrawError> {
    let wanted: Vec<i32> = ends.iter().map(|&(_, y)| y).collect();
    let placed = canvas::spread(&wanted, LABEL_GAP * SCALE, top, bottom);
    for ((line, &(end_x, end_y)), y) in panel.lines.iter().zip(ends).zip(placed) {
        let color = canvas::series_color(line.index);
        let from = right + LEADER * SCALE;
        let to = from + (SWATCH - 6) * SCALE;
        let leader = color.stroke_width(SCALE as u32 - 1);
        area.draw(&PathElement::new(
            [(end_x, end_y), (right + 4 * SCALE, end_y), (from, y)],
            leader,
        ))?;
        area.draw(&PathElement::new(
            [(from, y), (to, y)],
            color.stroke_width(SERIES_WIDTH),
        ))?;
        let text = canvas::text(TEXT_SIZE, INK, HPos::Left);
        area.draw(&Text::new(line.name.clone(), (to + 6 * SCALE, y), text))?;
    }
    Ok(())
}

/// The runs of defined points.
fn stretches(points: &[Option<f64>], start: usize) -> Vec<Vec<(f64, f64)>> {
    let numbered: Vec<(usize, Option<f64>)> =
        points.iter().copied().enumerate().skip(start).collect();
    numbered
        .split(|(_, value)| value.is_none())
        .filter(|stretch| !stretch.is_empty())
        .map(|stretch| {
            stretch
                .iter()
                .filter_map(|&(at, value)| Some((at as f64, value?)))
                .collect()
        })
        .collect()
}

fn axis_number(value: f64, value_max: f64) -> String {
    match value_max {
        _ if value_max > 5.0 => format!("{value:.0}"),
        _ if value_max > 0.5 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn description(panels: &[Panel]) -> String {
    let sentences: Vec<String> = panels
        .iter()
        .map(|panel| {
            let ends: Vec<String> = panel
                .lines
                .iter()
                .filter_map(|line| {
                    let (at, value) = line.last()?;
                    Some(format!("{} {value:.1} at {at} % demand", line.name))
                })
                .collect();
            format!("{}: {}.", panel.title, ends.join(", "))
        })
        .collect();
    sentences.join(" ")
}
