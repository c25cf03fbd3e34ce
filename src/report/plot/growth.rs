//! Growth of the cost of a decision: decisions a second against the number of nodes, a line for
//! each number of classes. The benchmark `growth` measures and draws it.

use super::axis::Axis;
use super::chart::{self, Connection, Line, Panel};
use super::scene::Style;
use super::{Plot, PlotEntry, svg};
use crate::format;
use metrics::Direction;

const ENTRY: PlotEntry = PlotEntry {
    name: "growth",
    title: "Decisions per second as clusters and workloads grow",
    caption: "Each line is a number of classes; both axes are logarithmic.",
    shows_metrics: false,
    better: "",
    draw: |_, _| Err("the benchmark `growth` draws this plot"),
};

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GrowthPoint {
    /// Nodes of the cluster.
    pub nodes: u32,
    /// Classes of the workload.
    pub classes: u32,
    /// Decisions a second of processor time.
    pub per_second: f64,
}

/// Draws measurements; their order does not matter.
pub fn draw(points: &[GrowthPoint], style: Style) -> Plot {
    let mut classes: Vec<u32> = points.iter().map(|point| point.classes).collect();
    classes.sort_unstable();
    classes.dedup();
    let lines = classes.iter().enumerate().map(|(index, &classes)| {
        let of_line = points.iter().filter(|point| point.classes == classes);
        let points = of_line.map(|point| (f64::from(point.nodes), Some(point.per_second)));
        let mut points: Vec<(f64, Option<f64>)> = points.collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let name = format::counted(u64::from(classes), "class");
        Line {
            index: Some(index),
            name,
            points,
        }
    });
    let values = || points.iter().map(|point| point.per_second);
    let nodes = || points.iter().map(|point| f64::from(point.nodes));
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::MAX, f64::min);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let panel = Panel {
        title: "decisions per second".to_owned(),
        better: Some(Direction::Higher),
        x: Axis::powers("nodes", least(&mut nodes()), most(&mut nodes())),
        y: Axis::powers("", least(&mut values()), most(&mut values())),
        connection: Connection::Straight,
        lines: lines.collect(),
        moments: Vec::new(),
    };
    let drawn = chart::draw(style, ENTRY.title, "nodes", &[panel]);
    Plot {
        name: ENTRY.name,
        title: ENTRY.title,
        caption: ENTRY.caption,
        svg: svg::write(&ENTRY, &drawn.scene, &drawn.description),
        drawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_number_of_classes() {
        let point = |nodes, classes, per_second| GrowthPoint {
            nodes,
            classes,
            per_second,
        };
        let points = [
            point(1_000, 10, 250_000.0),
            point(100, 1, 900_000.0),
            point(100, 10, 400_000.0),
            point(100_000, 1, 30_000.0),
        ];
        let plot = draw(&points, Style::Screen);
        for part in ["1 class", "10 classes", "nodes", "decisions per second"] {
            assert!(plot.svg.contains(part), "{part}");
        }
        assert_eq!(plot.csv().lines().count(), 5, "{}", plot.csv());
        assert_eq!(draw(&points, Style::Screen), plot);
    }
}
