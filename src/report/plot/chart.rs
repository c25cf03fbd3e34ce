//! Panels of lines over a shared kind of axis, one line per variant: what most plots are.

use plotters::element::{IntoDynElement, PathElement};
use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::figure::{Chart, Figure, Mesh, Swatch, place, square, stroke, sure};
use super::scene::{self, Area, Paint, Style, units};
use super::{Drawn, Table, cell};
use crate::clock::Clock;
use metrics::Direction;

/// One line: the points of a variant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// The number of the variant's series; `None` for a line that is no variant's.
    pub(super) index: Option<usize>,
    /// The variant's whole name.
    pub(super) name: String,
    /// Points from left to right; a gap where there is no value.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

impl Line {
    /// A line of values by columns of time, of a width up to an end in nanoseconds.
    pub(super) fn columns(
        index: impl Into<Option<usize>>,
        name: &str,
        width_ns: i64,
        end_ns: i64,
        values: &[Option<f64>],
    ) -> Self {
        let width = width_ns as f64 / 1e9;
        let points = values.iter().enumerate();
        let points = points.map(|(column, &value)| (column as f64 * width, value));
        let end = (end_ns as f64 / 1e9, values.last().copied().flatten());
        Self {
            index: index.into(),
            name: name.to_owned(),
            points: points.chain([end]).collect(),
        }
    }

    /// A line of values, each from an instant in nanoseconds on.
    pub(super) fn steps(
        index: impl Into<Option<usize>>,
        name: &str,
        end_ns: i64,
        values: impl Iterator<Item = (i64, f64)>,
    ) -> Self {
        let seconds = |nanos: i64| nanos as f64 / 1e9;
        let mut points: Vec<(f64, Option<f64>)> = values
            .map(|(at, value)| (seconds(at), Some(value)))
            .collect();
        if points.first().is_none_or(|first| first.0 > 0.0) {
            points.insert(0, (0.0, Some(0.0)));
        }
        points.extend(points.last().map(|last| (seconds(end_ns), last.1)));
        Self {
            index: index.into(),
            name: name.to_owned(),
            points,
        }
    }

    /// The last point that has a value.
    pub(super) fn last(&self) -> Option<(f64, f64)> {
        self.points
            .iter()
            .rev()
            .find_map(|&(at, value)| Some((at, value?)))
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.points.iter().filter_map(|&(_, value)| value)
    }

    fn swatch(&self, style: Style) -> Swatch {
        let (length, look) = (units(style.scaled(28.0)), self.look(style));
        Box::new(move |(x, y)| PathElement::new([(x, y), (x + length, y)], look).into_dyn())
    }

    fn look(&self, style: Style) -> plotters::style::ShapeStyle {
        stroke(scene::paint(self.index), style.line())
    }
}

/// The highest value of lines; zero if none is above it.
pub(super) fn highest(lines: &[Line]) -> f64 {
    lines.iter().flat_map(Line::values).fold(0.0, f64::max)
}

/// The place where the last line ends.
pub(super) fn end(lines: &[Line]) -> f64 {
    let points = lines.iter().flat_map(|line| &line.points);
    points.map(|own| own.0).fold(0.0, f64::max)
}

/// Lines over two axes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Panel {
    /// Title of the values, with their unit.
    pub(super) title: String,
    /// Better direction of the values; `None` where they describe an input.
    pub(super) better: Option<Direction>,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Whether lines go straight from point to point; else a value holds until the next.
    pub(super) is_straight: bool,
    pub(super) lines: Vec<Line>,
    /// Instants with what stands above them.
    pub(super) moments: Vec<Moment>,
}

/// Something that happened at a place on the horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    /// Position of the moment.
    pub(super) at: f64,
    /// A sign of a letter or two.
    pub(super) sign: String,
    /// Marks a moment that stands out.
    pub(super) is_strong: bool,
}

/// A line that ends this far from the end of the axis ends early.
const EARLY: f64 = 4.0;
/// Height of a panel's plane on the screen, and on paper.
const PLANE_HEIGHT: (f64, f64) = (250.0, 175.0);
/// Height of the signs of moments above a plane.
const SIGN_HEIGHT: f64 = 12.0;
/// More lines than this are named below all panels, where there is room for all.
const NAMES_MAX: usize = 14;

impl Panel {
    /// Lines of steps.
    pub(super) fn new(
        title: &str,
        better: impl Into<Option<Direction>>,
        x: Axis,
        y: Axis,
        lines: Vec<Line>,
    ) -> Self {
        Self {
            title: title.to_owned(),
            better: better.into(),
            x,
            y,
            is_straight: false,
            lines,
            moments: Vec::new(),
        }
    }

    /// Lines of values over time, from zero on; `None` where no line has a value.
    pub(super) fn over_time(
        title: &str,
        better: Direction,
        clock: Clock,
        style: Style,
        mut lines: Vec<Line>,
    ) -> Option<Self> {
        lines.retain(|line| line.last().is_some());
        let x = Axis::time(clock, end(&lines), style.either(10, 5));
        let y = Axis::up_to(highest(&lines), 5);
        (!lines.is_empty()).then(|| Self::new(title, better, x, y, lines))
    }

    /// The chart with straight lines from point to point in place of steps.
    pub(super) fn straight(self) -> Self {
        Self {
            is_straight: true,
            ..self
        }
    }

    /// The room that the signs of moments need above the plane.
    fn sign_room(&self) -> f64 {
        if self.moments.is_empty() {
            0.0
        } else {
            SIGN_HEIGHT
        }
    }

    /// Whether so many lines go up and down so often that one hides the other.
    fn is_crowded(&self) -> bool {
        const LINES_MIN: usize = 5;
        const TURNS_MIN: f64 = 8.0;
        let (lowest, highest) = ends(self.lines.iter().flat_map(Line::values));
        let ways = self.lines.iter().map(|line| {
            let steps = line.values().zip(line.values().skip(1));
            steps.map(|(one, next)| (next - one).abs()).sum::<f64>()
        });
        let mean = ways.sum::<f64>() / self.lines.len().max(1) as f64;
        self.lines.len() >= LINES_MIN && mean > TURNS_MIN * (highest - lowest)
    }

    /// Whether the names of lines have room beside the plane.
    fn has_names(&self, style: Style) -> bool {
        style == Style::Screen && self.lines.len() <= NAMES_MAX && !self.is_crowded()
    }

    /// The names of lines with a piece of each, in the order of their ends from top to bottom.
    fn legend(&self, style: Style) -> Vec<(String, Swatch)> {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        let height = |line: &Line| line.last().map_or(self.y.from, |own| own.1);
        lines.sort_by(|one, other| height(other).total_cmp(&height(one)));
        entries(&lines, style)
    }

    /// The points that a plane shows of a stretch of a line.
    fn connected(&self, stretch: &[(f64, Option<f64>)]) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(2 * stretch.len());
        for (at, value) in stretch.iter().filter_map(|&(at, value)| Some((at, value?))) {
            if at < self.x.from {
                // What holds until the next point holds where the axis begins.
                points = (!self.is_straight)
                    .then_some((self.x.from, value))
                    .into_iter()
                    .collect();
                continue;
            }
            if let (false, Some(&(_, before))) = (self.is_straight, points.last()) {
                points.push((at, before));
            }
            points.push((at, value));
        }
        points.dedup();
        points
    }

    fn draw_lines(&self, chart: &mut Chart, style: Style) {
        for line in &self.lines {
            // A gap in the data is a gap in the line.
            for stretch in line.points.split(|(_, value)| value.is_none()) {
                let points = self.connected(stretch);
                if let [single] = points[..] {
                    let dot = square(single, style.line(), scene::paint(line.index));
                    sure(chart.draw_series([dot]));
                }
                sure(chart.draw_series(LineSeries::new(points, line.look(style))));
            }
            // Where a line ends early has a dot.
            let end = line.last().unwrap_or((self.x.to, self.y.from));
            let reach = place(chart, (self.x.to, self.y.from)).0 - place(chart, end).0;
            if reach > EARLY && style == Style::Screen {
                let paint = line.index.map_or(Paint::Ink, Paint::Series);
                sure(chart.draw_series([square(end, 6.0, paint)]));
            }
        }
    }

    /// Lines where something happened, with signs above the plane.
    fn draw_moments(&self, figure: &Figure, chart: &Chart) {
        let style = figure.style;
        let mut free = f64::MIN;
        for moment in &self.moments {
            let paint = if moment.is_strong {
                Paint::Ink
            } else {
                Paint::Quiet
            };
            let top = place(chart, (moment.at, self.y.to));
            let bottom = place(chart, (moment.at, self.y.from));
            figure.line(&[top, bottom], paint, style.scaled(1.0));
            // Signs that would run into each other are left out; the lines stay.
            let half = style.text_width(&moment.sign) / 2.0;
            if top.0 - half >= free {
                let above = (top.0, top.1 - style.scaled(8.0));
                figure.text(above, &moment.sign, paint, HPos::Center);
                free = top.0 + half + style.scaled(2.0);
            }
        }
    }
}

/// The least and the greatest of values.
pub(super) fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// The names of lines as they stand in a legend.
fn entries(lines: &[&Line], style: Style) -> Vec<(String, Swatch)> {
    let entries = lines.iter();
    let entries = entries.map(|line| (scene::name(&line.name), line.swatch(style)));
    entries.collect()
}

/// Draws the panels one below the other, and notes below them.
pub(super) fn draw(
    style: Style,
    title: &str,
    x_name: &str,
    panels: &[Panel],
    notes: &[String],
) -> Drawn {
    let mut figure = Figure::new(style, title);
    // All planes begin at one place.
    let widths = panels.iter().map(|panel| panel.y.width(style));
    let left = style.scaled(14.0) + widths.fold(style.scaled(26.0), f64::max);
    for panel in panels {
        figure.panel_heading(&panel.title, panel.better);
        if panel.is_crowded() {
            draw_one_by_one(&mut figure, panel, left);
        } else {
            draw_panel(&mut figure, panel, left);
        }
    }
    let unnamed = panels
        .iter()
        .filter(|own| !own.has_names(style) && !own.is_crowded());
    let mut named: Vec<&Line> = unnamed.flat_map(|panel| &panel.lines).collect();
    named.sort_by_key(|line| (line.index, &line.name));
    named.dedup_by_key(|line| (line.index, &line.name));
    if !named.is_empty() {
        figure.legend(entries(&named, style));
    }
    for note in notes {
        figure.note(note);
    }
    figure.top += style.scaled(6.0);
    figure.finish(description(panels), table(panels, x_name))
}

fn draw_panel(figure: &mut Figure, panel: &Panel, left: f64) {
    let style = figure.style;
    let mut entries = Vec::new();
    if panel.has_names(style) {
        entries = panel.legend(style);
    }
    let right = match entries[..] {
        [] => style.scaled(14.0),
        _ => figure.legend_width(&entries) + style.scaled(16.0),
    };
    let plane = Area {
        x: left,
        y: figure.top + style.scaled(panel.sign_room()),
        width: style.width() - left - right,
        height: style.scaled(style.either(PLANE_HEIGHT.0, PLANE_HEIGHT.1)),
    };
    let mut chart = figure.chart(plane, &panel.x, &panel.y, Mesh::Rows);
    panel.draw_moments(figure, &chart);
    panel.draw_lines(&mut chart, style);
    let beside = (plane.x + plane.width + style.scaled(16.0), plane.y);
    figure.legend_at(beside, entries);
    figure.below(plane, &panel.x);
}

/// Draws every line on a plane of its own, all with the same axes.
fn draw_one_by_one(figure: &mut Figure, panel: &Panel, left: f64) {
    let style = figure.style;
    let last = panel.y.ticks.len().saturating_sub(1);
    let mut y = panel.y.clone();
    let mut places = 0..;
    y.ticks.retain(|_| {
        places
            .next()
            .is_some_and(|at| [0, last / 2, last].contains(&at))
    });
    let names = panel
        .lines
        .iter()
        .map(|line| (scene::name(&line.name), String::new()));
    let names: Vec<(String, String)> = names.collect();
    let size = (left, style.scaled(76.0 + panel.sign_room()));
    // The last plane of a column says what the axes of all count.
    let labelled = names.len().saturating_sub(style.either(2, 1));
    let time = |index: usize| {
        let mut x = panel.x.clone();
        if index < labelled {
            x.label.clear();
        }
        x
    };
    figure.grid(&names, 2, size, time, |figure, index, area, x| {
        let plane = Area {
            y: area.y + style.scaled(panel.sign_room()),
            height: style.scaled(76.0),
            ..area
        };
        let single = Panel {
            lines: vec![panel.lines[index].clone()],
            ..panel.clone()
        };
        let mut chart = figure.chart(plane, x, &y, Mesh::Rows);
        single.draw_moments(figure, &chart);
        single.draw_lines(&mut chart, style);
    });
}

fn description(panels: &[Panel]) -> String {
    let sentences = panels.iter().map(|panel| {
        let ends = panel.lines.iter().filter_map(|line| {
            let (_, value) = line.last()?;
            Some(format!("{} {value:.1}", scene::name(&line.name)))
        });
        let ends: Vec<String> = ends.collect();
        let better = match panel.better.map_or("", Direction::words) {
            "" => String::new(),
            words => format!(" ({words})"),
        };
        format!("{}{better}, at the end: {}.", panel.title, ends.join(", "))
    });
    sentences.collect::<Vec<_>>().join(" ")
}

fn table(panels: &[Panel], x_name: &str) -> Table {
    let lines = panels
        .iter()
        .flat_map(|own| own.lines.iter().map(move |line| (own, line)));
    let points = lines.flat_map(|(panel, line)| {
        let points = line.points.iter();
        points.map(|&(at, value)| {
            let (title, name) = (panel.title.clone(), line.name.clone());
            [title, name, at.to_string(), cell(value)]
        })
    });
    Table::new(["panel", "variant", x_name, "value"], points)
}
