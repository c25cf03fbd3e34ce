//! The candidates in the plane of two metrics, and their Pareto front.

use super::axis::{Limits, round_values};
use super::scene::{self, Anchor, Area, Paint, Scene, Style};
use super::{Drawn, Material, PlotEntry, SERIES_COLORS, Table};
use crate::format;
use crate::study::figures::{Ends, Range, StudyFigures};
use lab::compare::{ParetoPoint, mark_front};
use metrics::{Direction, registry};

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "pareto",
    title: "Two metrics at once",
    caption: "Values of both metrics: of paired runs the means over the runs on the input as it is, \
              with 95 % intervals of gated metrics where seeds change a run. The line connects the \
              Pareto front: candidates that no other candidate beats in one metric without losing \
              in the other.",
    shows_metrics: true,
    better: "",
    draw,
};

const PLANE_HEIGHT: f64 = 320.0;
/// Height of a candidate's line beside the plane.
const NAME_HEIGHT: f64 = 18.0;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let pareto = material.figures.and_then(|study| study.pareto.as_ref());
    let (x, y) = match (material.metrics, pareto) {
        ([x, y], _) => (x, y),
        ([], Some(pareto)) => (&pareto.x, &pareto.y),
        ([], None) => return Err("no two metrics were chosen (--metric X Y)"),
        _ => return Err("it shows two metrics, not one and not three"),
    };
    let (x, y) = (Measured::new(material, x), Measured::new(material, y));
    let mut points: Vec<ParetoPoint> = (material.order.iter())
        .filter_map(|name| {
            Some(ParetoPoint {
                candidate: name.clone(),
                x: x.value(name)?.mean,
                y: y.value(name)?.mean,
                on_front: false,
            })
        })
        .collect();
    if points.is_empty() {
        return Err("no candidate has both metrics");
    }
    mark_front(&mut points, (x.better, y.better));
    let mut scene = Scene::new(style);
    let top = scene.title(ENTRY.title) + style.scaled(30.0);
    let widths = points.iter().map(|point| {
        let name = scene::name(&point.candidate);
        scene::text_width(&name, style.text())
    });
    let names = match style {
        Style::Screen => widths.fold(0.0, f64::max) + style.scaled(54.0),
        Style::Paper => style.scaled(20.0),
    };
    let left = style.scaled(90.0);
    let plane = Area {
        x: left,
        y: top,
        width: scene.width() - left - names,
        height: style.scaled(PLANE_HEIGHT),
    };
    let (across, up) = (Scaled::new(&x, &points), Scaled::new(&y, &points));
    frame(&mut scene, plane, &across, &up);
    draw_points(&mut scene, material, &points, plane, &across, &up);
    scene.height = plane.y + plane.height + style.scaled(44.0);
    match style {
        Style::Screen => beside(&mut scene, material, &points, plane, &up),
        Style::Paper => below(&mut scene, material, &points),
    }
    scene.height += style.scaled(8.0);
    Ok(Drawn {
        scene,
        description: description(&points, &x, &y),
        table: table(&points, &x, &y),
    })
}

fn description(points: &[ParetoPoint], x: &Measured<'_>, y: &Measured<'_>) -> String {
    let described = points.iter().map(|point| {
        let side = if point.on_front {
            "on the front"
        } else {
            "beaten"
        };
        let (x, y) = (x.text(point.x), y.text(point.y));
        format!("{} at {x}, {y}: {side}", point.candidate)
    });
    described.collect::<Vec<_>>().join("; ")
}

fn table(points: &[ParetoPoint], x: &Measured<'_>, y: &Measured<'_>) -> Table {
    let rows = points.iter().map(|point| {
        vec![
            point.candidate.clone(),
            point.x.to_string(),
            point.y.to_string(),
            point.on_front.to_string(),
        ]
    });
    let header = ["candidate", x.id, y.id, "on_front"];
    Table {
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// The front, and every candidate with its intervals.
fn draw_points(
    scene: &mut Scene,
    material: &Material<'_>,
    points: &[ParetoPoint],
    plane: Area,
    x: &Scaled<'_>,
    y: &Scaled<'_>,
) {
    let style = scene.style;
    let across = |value: f64| plane.x + x.position(value) * plane.width;
    let up = |value: f64| plane.y + (1.0 - y.position(value)) * plane.height;
    let front = points.iter().filter(|point| point.on_front);
    let mut front: Vec<(f64, f64)> = front.map(|own| (across(own.x), up(own.y))).collect();
    front.sort_by(|a, b| a.0.total_cmp(&b.0));
    scene.line(front, Paint::Quiet, style.scaled(1.0));
    for point in points {
        let at = (across(point.x), up(point.y));
        let paint = Paint::Series(material.series(&point.candidate));
        let thin = style.scaled(1.0);
        let ends = |of: &Measured<'_>| of.value(&point.candidate).and_then(|own| own.ends);
        if let Some(ends) = ends(x.of) {
            let line = vec![(across(ends.low), at.1), (across(ends.high), at.1)];
            scene.line(line, paint, thin);
        }
        if let Some(ends) = ends(y.of) {
            let line = vec![(at.0, up(ends.low)), (at.0, up(ends.high))];
            scene.line(line, paint, thin);
        }
        dot(scene, at.0, at.1, material.series(&point.candidate));
    }
}

/// The mark of a candidate. Where colors come again, and on paper, which has few greys, its form tells
/// it apart.
fn dot(scene: &mut Scene, x: f64, y: f64, series: usize) {
    let style = scene.style;
    let paint = Paint::Series(series);
    let reach = style.scaled(4.0);
    let form = match style {
        Style::Screen => series / SERIES_COLORS,
        Style::Paper => series,
    };
    let corners: &[[f64; 2]] = match form % 4 {
        0 => {
            let area = Area {
                x: x - reach,
                y: y - reach,
                width: 2.0 * reach,
                height: 2.0 * reach,
            };
            return scene.fill(area, paint);
        }
        1 => &[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]],
        2 => &[[0.0, -1.4], [1.4, 0.0], [0.0, 1.4], [-1.4, 0.0]],
        _ => &[[0.0, -1.2], [1.2, 1.0], [-1.2, 1.0]],
    };
    let closed = corners.iter().chain(corners.first());
    let points = closed.map(|[across, down]| (x + across * reach, y + down * reach));
    scene.line(points.collect(), paint, style.line());
}

/// The names beside the plane, at the heights of their points as far as there is room: in the plane
/// they would cover points and intervals.
fn beside(
    scene: &mut Scene,
    material: &Material<'_>,
    points: &[ParetoPoint],
    plane: Area,
    y: &Scaled<'_>,
) {
    let style = scene.style;
    let height = |point: &ParetoPoint| plane.y + (1.0 - y.position(point.y)) * plane.height;
    let wanted: Vec<f64> = points.iter().map(height).collect();
    let bottom = plane.y + plane.height;
    let placed = scene::spread(&wanted, style.scaled(NAME_HEIGHT), plane.y, bottom);
    let left = plane.x + plane.width + style.scaled(22.0);
    for (point, at) in points.iter().zip(placed) {
        dot(scene, left, at, material.series(&point.candidate));
        let text = (left + style.scaled(12.0), at);
        scene.text(
            text,
            &scene::name(&point.candidate),
            Paint::Ink,
            Anchor::Start,
        );
    }
}

/// The names below the plane, in rows.
fn below(scene: &mut Scene, material: &Material<'_>, points: &[ParetoPoint]) {
    let style = scene.style;
    let left = style.scaled(16.0);
    let (mut x, mut y) = (left, scene.height + style.scaled(8.0));
    for point in points {
        let name = scene::name(&point.candidate);
        let width = style.scaled(32.0) + scene::text_width(&name, style.text());
        if x > left && x + width > scene.width() {
            x = left;
            y += style.scaled(NAME_HEIGHT);
        }
        dot(scene, x, y, material.series(&point.candidate));
        scene.text(
            (x + style.scaled(12.0), y),
            &name,
            Paint::Ink,
            Anchor::Start,
        );
        x += width;
    }
    scene.height = y + style.scaled(8.0);
}

/// Value of a candidate with its interval.
struct Value {
    mean: f64,
    ends: Option<Ends>,
}

/// A metric of all candidates: of paired runs where there is a comparison, otherwise of one run each.
struct Measured<'a> {
    id: &'a str,
    unit: String,
    better: Direction,
    material: &'a Material<'a>,
}

impl<'a> Measured<'a> {
    fn new(material: &'a Material<'a>, id: &'a str) -> Self {
        let figures = material.figures.and_then(|study| study.metric(id));
        let mut variants = material.summary.variants.iter();
        let run = variants.find_map(|variant| variant.metrics.get(id));
        let (unit, better) = match (figures, run) {
            (Some(own), _) => (own.unit.clone(), own.better.as_str()),
            (None, Some(own)) => (own.unit.clone(), own.better.as_str()),
            (None, None) => (String::new(), "none"),
        };
        Self {
            id,
            unit,
            better: Direction::of_name(better),
            material,
        }
    }

    fn value(&self, name: &str) -> Option<Value> {
        if let Some(study) = self.material.figures {
            return self.paired(study, name);
        }
        let mut variants = self.material.summary.variants.iter();
        let variant = variants.find(|variant| variant.name == name)?;
        let mean = variant.metrics.get(self.id)?.value;
        let mean = mean.filter(|value| value.is_finite())?;
        Some(Value { mean, ends: None })
    }

    fn paired(&self, study: &StudyFigures, name: &str) -> Option<Value> {
        let info = study.candidates.iter().find(|own| own.name == name)?;
        if let Some(gated) = info.gated.get(self.id) {
            let ends = gated.interval.and_then(Range::ends);
            return Some(Value {
                mean: gated.mean?,
                ends,
            });
        }
        let pair = study.pairs.iter().find(|pair| pair.candidate == name);
        let mean = match pair {
            Some(pair) => pair.metrics.iter().find(|own| own.metric == self.id)?.head,
            None => study.metric(self.id)?.base,
        };
        let mean = mean.filter(|value| value.is_finite())?;
        Some(Value { mean, ends: None })
    }

    fn text(&self, value: f64) -> String {
        format::value(value, &self.unit)
    }
}

/// A metric as an axis.
struct Scaled<'a> {
    of: &'a Measured<'a>,
    low: f64,
    high: f64,
}

impl<'a> Scaled<'a> {
    fn new(of: &'a Measured<'a>, points: &[ParetoPoint]) -> Self {
        let values = points.iter().filter_map(|point| of.value(&point.candidate));
        let ends = values.flat_map(|value| {
            let ends = value.ends.map(|ends| [ends.low, ends.high]);
            ends.into_iter().flatten().chain([value.mean])
        });
        let ends: Vec<f64> = ends.collect();
        let low = ends.iter().copied().fold(f64::MAX, f64::min);
        let high = ends.iter().copied().fold(f64::MIN, f64::max);
        let room = match high - low {
            span if span > 0.0 => span * 0.08,
            _ if high.abs() > 0.0 => high.abs() * 0.1,
            _ => 1.0,
        };
        let limits = Limits::of(of.id, &ends);
        let (low, high) = limits.within(low - room, high + room);
        Self { of, low, high }
    }

    fn position(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

fn frame(scene: &mut Scene, plane: Area, x: &Scaled<'_>, y: &Scaled<'_>) {
    let style = scene.style;
    let thin = style.scaled(1.0);
    let bottom = plane.y + plane.height;
    let heading = plane.y - style.scaled(16.0);
    scene.panel_heading(heading, &registry::title(y.of.id), y.of.better);
    for (value, words) in round_values(&y.of.unit, y.low, y.high, 5) {
        let up = bottom - y.position(value) * plane.height;
        let line = vec![(plane.x, up), (plane.x + plane.width, up)];
        scene.line(line, Paint::Grid, thin);
        let beside = (plane.x - style.scaled(7.0), up);
        scene.text(beside, &words, Paint::Quiet, Anchor::End);
    }
    let foot = vec![(plane.x, bottom), (plane.x + plane.width, bottom)];
    scene.line(foot, Paint::Quiet, thin);
    let count = if style == Style::Paper { 3 } else { 6 };
    for (value, words) in round_values(&x.of.unit, x.low, x.high, count) {
        let across = plane.x + x.position(value) * plane.width;
        let tick = vec![(across, bottom), (across, bottom + style.scaled(4.0))];
        scene.line(tick, Paint::Quiet, thin);
        let half = scene::text_width(&words, style.text()) / 2.0;
        let middle = across.min(scene.width() - half - style.scaled(4.0));
        let below = (middle, bottom + style.scaled(14.0));
        scene.text(below, &words, Paint::Quiet, Anchor::Middle);
    }
    let better = match x.of.better {
        Direction::Higher => " (→ higher is better)",
        Direction::Lower => " (← lower is better)",
        Direction::None => "",
    };
    let title = format!("{}{better}", registry::title(x.of.id));
    let middle = (plane.x + plane.width / 2.0, bottom + style.scaled(34.0));
    scene.text(middle, &title, Paint::Quiet, Anchor::Middle);
}
