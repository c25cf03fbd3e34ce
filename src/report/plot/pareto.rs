//! The candidates in the plane of two metrics, and their Pareto front.

use plotters::element::{DynElement, EmptyElement, IntoDynElement, PathElement};
use plotters::series::LineSeries;

use super::axis::{Axis, Limits};
use super::chart::ends;
use super::figure::{Chart, Figure, Mesh, Swatch, square, stroke, sure};
use super::scene::{self, Area, Paint, Scene, Style, units};
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
    draw,
};

const PLANE_HEIGHT: f64 = 320.0;

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
    let mut figure = Figure::new(style, ENTRY.title);
    let (across, up) = (x.axis(&points, style.either(6, 5)), y.axis(&points, 5));
    let label = match x.better {
        Direction::Higher => " (→ higher is better)",
        Direction::Lower => " (← lower is better)",
        Direction::None => "",
    };
    let across = Axis {
        label: format!("{}{label}", registry::title(x.id)),
        ..across
    };
    figure.panel_heading(&registry::title(y.id), Some(y.better));
    let left = up.width(style) + style.scaled(20.0);
    let plane = Area {
        x: left,
        y: figure.top,
        width: style.width() - left - style.scaled(30.0),
        height: style.scaled(PLANE_HEIGHT),
    };
    let mut chart = figure.chart(plane, &across, &up, Mesh::Rows);
    draw_points(&mut chart, style, material, &points, &x, &y);
    figure.below(plane, &across);
    let entries = points.iter().map(|point| {
        let series = material.series(&point.candidate);
        let swatch: Swatch = Box::new(move |(x, y)| {
            let shift = units(style.scaled(25.0));
            dot((x + shift, y), style, series)
        });
        (scene::name(&point.candidate), swatch)
    });
    figure.legend(entries.collect());
    Ok(figure.finish(description(&points, &x, &y), table(&points, &x, &y)))
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
        let (x, y) = (point.x.to_string(), point.y.to_string());
        [point.candidate.clone(), x, y, point.on_front.to_string()]
    });
    Table::new(["candidate", x.id, y.id, "on_front"], rows)
}

/// The front, and every candidate with its intervals.
fn draw_points(
    chart: &mut Chart,
    style: Style,
    material: &Material<'_>,
    points: &[ParetoPoint],
    x: &Measured<'_>,
    y: &Measured<'_>,
) {
    let thin = style.scaled(1.0);
    let front = points.iter().filter(|point| point.on_front);
    let mut front: Vec<(f64, f64)> = front.map(|own| (own.x, own.y)).collect();
    front.sort_by(|a, b| a.0.total_cmp(&b.0));
    sure(chart.draw_series(LineSeries::new(front, stroke(Paint::Quiet, thin))));
    for point in points {
        let series = material.series(&point.candidate);
        let look = stroke(Paint::Series(series), thin);
        let ends = |of: &Measured<'_>| of.value(&point.candidate).and_then(|own| own.ends);
        let across = ends(x).map(|ends| [(ends.low, point.y), (ends.high, point.y)]);
        let up = ends(y).map(|ends| [(point.x, ends.low), (point.x, ends.high)]);
        for interval in [across, up].into_iter().flatten() {
            sure(chart.draw_series(LineSeries::new(interval, look)));
        }
        sure(chart.draw_series([dot((point.x, point.y), style, series)]));
    }
}

/// The mark of a candidate. Where colors come again, and on paper, which has few greys, its form tells
/// it apart.
fn dot<C: Clone + 'static>(at: C, style: Style, series: usize) -> DynElement<'static, Scene, C> {
    let (paint, reach) = (Paint::Series(series), style.scaled(4.0));
    let form = style.either(series / SERIES_COLORS, series);
    let corners: &[[f64; 2]] = match form % 4 {
        0 => return square(at, 2.0 * reach, paint),
        1 => &[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]],
        2 => &[[0.0, -1.4], [1.4, 0.0], [0.0, 1.4], [-1.4, 0.0]],
        _ => &[[0.0, -1.2], [1.2, 1.0], [-1.2, 1.0]],
    };
    let closed = corners.iter().chain(corners.first());
    let points = closed.map(|own| (units(own[0] * reach), units(own[1] * reach)));
    let points: Vec<(i32, i32)> = points.collect();
    (EmptyElement::at(at) + PathElement::new(points, stroke(paint, style.line()))).into_dyn()
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

    /// The metric as an axis over the candidates' values and intervals, with a little room.
    fn axis(&self, points: &[ParetoPoint], count: usize) -> Axis {
        let values = points
            .iter()
            .filter_map(|point| self.value(&point.candidate));
        let all = values.flat_map(|value| {
            let ends = value.ends.map(|ends| [ends.low, ends.high]);
            ends.into_iter().flatten().chain([value.mean])
        });
        let all: Vec<f64> = all.collect();
        let (low, high) = ends(all.iter().copied());
        let room = match high - low {
            span if span > 0.0 => span * 0.08,
            _ if high.abs() > 0.0 => high.abs() * 0.1,
            _ => 1.0,
        };
        let (low, high) = Limits::of(self.id, &all).within(low - room, high + room);
        Axis::metric(&self.unit, low, high, count)
    }
}
