//! The candidates in the plane of two metrics, and their Pareto front.

use super::scene::{self, Anchor, Area, Paint, Scene, Style};
use super::{Drawn, Material, PlotEntry, Table};
use crate::format;
use lab::compare::{ParetoPoint, Study};
use metrics::registry;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "pareto",
    title: "Two metrics at once",
    caption: "Means over the runs on the input as it is, with 95 % intervals of gated metrics where \
              seeds change a run. The line connects the Pareto front: candidates that no other candidate beats in one metric without losing \
              in the other.",
    draw,
};

const PLANE_HEIGHT: f64 = 320.0;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let study = material
        .study
        .ok_or("there is no comparison of paired runs")?;
    let pareto = study
        .pareto
        .as_ref()
        .ok_or("no two metrics were chosen (--pareto X,Y)")?;
    if pareto.points.is_empty() {
        return Err("no candidate has both metrics in every run");
    }
    let mut scene = Scene::new(style);
    let top = scene.title(ENTRY.title) + style.scaled(30.0);
    let plane = Area {
        x: style.scaled(90.0),
        y: top,
        width: scene.width() - style.scaled(250.0),
        height: style.scaled(PLANE_HEIGHT),
    };
    let (x, y) = (
        Scaled::new(study, &pareto.points, true),
        Scaled::new(study, &pareto.points, false),
    );
    frame(&mut scene, plane, &x, &y);
    points(&mut scene, study, plane, &x, &y);
    scene.height = plane.y + plane.height + style.scaled(52.0);
    let rows = pareto.points.iter().map(|point| {
        vec![
            point.candidate.clone(),
            point.x.to_string(),
            point.y.to_string(),
            point.on_front.to_string(),
        ]
    });
    let described = pareto.points.iter().map(|point| {
        let side = if point.on_front {
            "on the front"
        } else {
            "beaten"
        };
        format!(
            "{} at {}, {}: {side}",
            point.candidate,
            x.text(point.x),
            y.text(point.y)
        )
    });
    let header = [
        "candidate",
        pareto.x.as_str(),
        pareto.y.as_str(),
        "on_front",
    ];
    Ok(Drawn {
        scene,
        description: described.collect::<Vec<_>>().join("; "),
        table: Table {
            header: header.map(str::to_owned).to_vec(),
            rows: rows.collect(),
        },
    })
}

/// Room that a label takes.
const LABEL_WIDTH: f64 = 120.0;
const LABEL_HEIGHT: f64 = 14.0;

/// The front, and every candidate with its intervals.
fn points(scene: &mut Scene, study: &Study, plane: Area, x: &Scaled, y: &Scaled) {
    let style = scene.style;
    let Some(pareto) = &study.pareto else { return };
    let place = |point: &ParetoPoint| {
        let across = plane.x + x.position(point.x) * plane.width;
        (across, plane.y + (1.0 - y.position(point.y)) * plane.height)
    };
    let mut front: Vec<(f64, f64)> = pareto
        .points
        .iter()
        .filter(|point| point.on_front)
        .map(place)
        .collect();
    front.sort_by(|a, b| a.0.total_cmp(&b.0));
    scene.line(front, Paint::Quiet, style.scaled(1.0));
    let mut labels: Vec<(f64, f64)> = Vec::new();
    for (index, point) in pareto.points.iter().enumerate() {
        let at = place(point);
        let paint = Paint::Series(index);
        if let Some((low, high)) = x.interval(study, &point.candidate) {
            let ends = [low, high].map(|v| (plane.x + x.position(v) * plane.width, at.1));
            scene.line(ends.to_vec(), paint, style.scaled(1.0));
        }
        if let Some((low, high)) = y.interval(study, &point.candidate) {
            let ends = [low, high].map(|v| (at.0, plane.y + (1.0 - y.position(v)) * plane.height));
            scene.line(ends.to_vec(), paint, style.scaled(1.0));
        }
        let size = style.scaled(8.0);
        let area = Area {
            x: at.0 - size / 2.0,
            y: at.1 - size / 2.0,
            width: size,
            height: size,
        };
        scene.fill(area, paint);
        let beside = apart(
            (at.0 + style.scaled(9.0), at.1 - style.scaled(9.0)),
            &labels,
            style.scaled(LABEL_WIDTH),
            style.scaled(LABEL_HEIGHT),
        );
        labels.push(beside);
        scene.text(
            beside,
            &scene::name(&point.candidate),
            Paint::Ink,
            Anchor::Start,
        );
    }
}

/// The place of a label, moved down until it covers none of the others.
fn apart(mut at: (f64, f64), labels: &[(f64, f64)], width: f64, height: f64) -> (f64, f64) {
    // Less than the height, so that what rounding leaves does not count as covered.
    let enough = height * 0.9;
    let covers = |at: (f64, f64)| {
        let near =
            |label: &&(f64, f64)| (label.0 - at.0).abs() < width && (label.1 - at.1).abs() < enough;
        labels.iter().find(near).copied()
    };
    while let Some(label) = covers(at) {
        at.1 = label.1 + height;
    }
    at
}

/// A metric as an axis.
struct Scaled {
    id: String,
    unit: String,
    low: f64,
    high: f64,
}

impl Scaled {
    fn new(study: &Study, points: &[ParetoPoint], is_x: bool) -> Self {
        let ids = study
            .pareto
            .as_ref()
            .map(|pareto| (pareto.x.clone(), pareto.y.clone()));
        let (first, second) = ids.unwrap_or_default();
        let id = if is_x { first } else { second };
        let metrics = study.pairs.iter().flat_map(|pair| &pair.metrics);
        let unit = metrics
            .filter(|found| found.metric == id)
            .map(|found| found.unit.clone())
            .next();
        let mut axis = Self {
            id,
            unit: unit.unwrap_or_default(),
            low: f64::MAX,
            high: f64::MIN,
        };
        for point in points {
            let value = if is_x { point.x } else { point.y };
            let (low, high) = axis
                .interval(study, &point.candidate)
                .unwrap_or((value, value));
            axis.low = axis.low.min(low).min(value);
            axis.high = axis.high.max(high).max(value);
        }
        let room = if axis.high > axis.low {
            (axis.high - axis.low) * 0.08
        } else {
            1.0
        };
        // Where no value is below zero, none can be, and the axis does not say so.
        let is_positive = axis.low >= 0.0;
        axis.low -= room;
        if is_positive {
            axis.low = axis.low.max(0.0);
        }
        axis.high += room;
        axis
    }

    fn position(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn interval(&self, study: &Study, candidate: &str) -> Option<(f64, f64)> {
        let info = study
            .candidates
            .iter()
            .find(|info| info.name == candidate)?;
        let at = info.gated.get(&self.id)?.interval?;
        Some((at.low, at.high))
    }

    fn text(&self, value: f64) -> String {
        format::value(value, &self.unit)
    }
}

fn frame(scene: &mut Scene, plane: Area, x: &Scaled, y: &Scaled) {
    let style = scene.style;
    let thin = style.scaled(1.0);
    let bottom = plane.y + plane.height;
    scene.heading(
        (style.scaled(12.0), plane.y - style.scaled(16.0)),
        &registry::title(&y.id),
    );
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let up = bottom - share * plane.height;
        scene.line(
            vec![(plane.x, up), (plane.x + plane.width, up)],
            Paint::Grid,
            thin,
        );
        let value = y.low + share * (y.high - y.low);
        scene.text(
            (plane.x - style.scaled(7.0), up),
            &y.text(value),
            Paint::Quiet,
            Anchor::End,
        );
        let across = plane.x + share * plane.width;
        let value = x.low + share * (x.high - x.low);
        let below = (across, bottom + style.scaled(14.0));
        scene.text(below, &x.text(value), Paint::Quiet, Anchor::Middle);
    }
    let middle = (plane.x + plane.width / 2.0, bottom + style.scaled(34.0));
    scene.text(
        middle,
        &registry::title(&x.id),
        Paint::Quiet,
        Anchor::Middle,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_equal_candidates_do_not_overlap() {
        let mut labels: Vec<(f64, f64)> = Vec::new();
        for at in [(50.0, 50.0), (50.0, 50.0), (55.0, 52.0), (300.0, 50.0)] {
            labels.push(apart(at, &labels, 120.0, 14.0));
        }
        let heights: Vec<f64> = labels.iter().map(|label| label.1).collect();
        assert_eq!(heights, [50.0, 64.0, 78.0, 50.0]);
    }
}
