//! Plots as SVG. Each is one file below this one and one line in [`REGISTRY`]; a plot says itself
//! whether a summary has what it shows.
//!
//! The same summary gives the same bytes: no fonts are measured, no clock or environment is read.
//! A plot carries its own light and dark colors and a description for screen readers, and stands
//! alone as a file as well as inside the report.

use std::io;

use plotters::drawing::DrawingAreaErrorKind;
use thiserror::Error;

use crate::lab::summary::Summary;

mod canvas;
mod gpu_over_demand;
mod waiting;

/// A kind of plot.
pub struct PlotEntry {
    /// Its name: the file is `plots/NAME.svg`.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: &'static str,
    /// What its lines or bars mean, for the caption.
    pub caption: &'static str,
    /// Draws it; `None` where the summary has nothing to show.
    draw: fn(&Summary) -> Result<Option<Drawing>, DrawError>,
}

/// Every kind of plot, in the order of the report.
pub const REGISTRY: &[PlotEntry] = &[gpu_over_demand::ENTRY, waiting::ENTRY];

/// A plot drawn from one summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// Its name: the file is `plots/NAME.svg`.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// What its lines or bars mean.
    pub caption: &'static str,
    /// The SVG document, without an XML declaration, so that HTML can hold it.
    pub svg: String,
}

/// A plot that could not be drawn: a defect of the program.
#[derive(Debug, Error)]
#[error("the plot `{name}` could not be drawn: {reason}")]
pub struct PlotError {
    /// The plot.
    pub name: &'static str,
    /// What the drawing library said.
    pub reason: String,
}

type DrawError = DrawingAreaErrorKind<io::Error>;

/// The SVG of a plot and what it says in words.
struct Drawing {
    svg: String,
    description: String,
}

/// Every plot that `summary` has something for.
pub fn draw_all(summary: &Summary) -> Result<Vec<Plot>, PlotError> {
    let mut plots = Vec::new();
    for entry in REGISTRY {
        let drawing = (entry.draw)(summary).map_err(|error| PlotError {
            name: entry.name,
            reason: error.to_string(),
        })?;
        if let Some(drawing) = drawing {
            plots.push(Plot {
                name: entry.name,
                title: entry.title,
                caption: entry.caption,
                svg: canvas::finish(entry, &drawing),
            });
        }
    }
    Ok(plots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn names(summary: &Summary) -> Vec<&'static str> {
        draw_all(summary)
            .unwrap()
            .iter()
            .map(|plot| plot.name)
            .collect()
    }

    #[test]
    fn each_summary_gets_the_plots_it_has_data_for() {
        assert_eq!(names(&example::fill_up()), ["gpu-over-demand"]);
        assert_eq!(names(&example::batch()), ["waiting"]);
        let mut empty = example::batch();
        empty.variants.clear();
        assert!(names(&empty).is_empty());
    }

    #[test]
    fn the_same_summary_gives_the_same_bytes() {
        for summary in [example::fill_up(), example::batch()] {
            assert_eq!(draw_all(&summary).unwrap(), draw_all(&summary).unwrap());
        }
    }

    #[test]
    fn names_are_text() {
        let mut summary = example::fill_up();
        summary.variants[0].name = "<script>alert(\"1\")</script>".to_owned();
        let svg = draw_all(&summary).unwrap().remove(0).svg;
        assert!(!svg.contains("<script"));
        assert!(svg.contains("&lt;script&gt;"));
    }

    #[test]
    fn odd_series_are_drawn_as_far_as_they_go() {
        let mut summary = example::fill_up();
        let arrived = |summary: &mut Summary, index: usize| {
            summary.variants[index].arrived.clone().unwrap_or_default()
        };
        let mut gaps = arrived(&mut summary, 0);
        for at in 20..40 {
            gaps.allocation_percent[at] = None;
        }
        gaps.fragmentation_percent.clear();
        summary.variants[0].arrived = Some(gaps);
        let mut nothing = arrived(&mut summary, 1);
        nothing.allocation_percent.fill(None);
        nothing.fragmentation_percent.fill(Some(f64::NAN));
        summary.variants[1].arrived = Some(nothing);
        summary.variants[2].arrived = None;
        assert_eq!(names(&summary), ["gpu-over-demand"]);
        for variant in &mut summary.variants {
            variant.arrived = Some(crate::lab::summary::ArrivedSummary::default());
        }
        assert!(names(&summary).is_empty());
    }
}
