//! Growth of the cost of a decision: decisions a second against the number of nodes, a line for
//! each number of classes. The benchmark `growth` measures and draws it.

use super::axis::Axis;
use super::chart::{self, Line, Panel, ends};
use super::scene::Style;
use super::{Plot, PlotEntry};
use crate::format;
use metrics::Direction;

const ENTRY: PlotEntry = PlotEntry {
    name: "growth",
    title: "Decisions per second as clusters and workloads grow",
    caption: "Each line is a number of classes; both axes are logarithmic.",
    shows_metrics: false,
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
    let (nodes, values) = (
        ends(points.iter().map(|point| f64::from(point.nodes))),
        ends(points.iter().map(|point| point.per_second)),
    );
    let x = Axis::powers("nodes", nodes.0, nodes.1);
    let y = Axis::powers("", values.0, values.1);
    let title = "decisions per second";
    let panel = Panel::new(title, Direction::Higher, x, y, lines.collect()).straight();
    ENTRY.plot(chart::draw(style, ENTRY.title, "nodes", &[panel], &[]))
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
