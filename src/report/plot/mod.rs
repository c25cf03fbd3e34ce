//! Plots as SVG and PNG, with the data behind them as CSV. Each is one file below this one and one
//! line in [`REGISTRY`]; a plot itself decides whether a run has data for it.
//!
//! Equal data gives equal bytes: no system fonts, clock or environment are read. On the screen a
//! plot carries its own light and dark colors and a description for screen readers; for a paper
//! ([`Style::Paper`]) it is a column wide, in greys and dashes.

use serde::Serialize;
use thiserror::Error;

use self::figure::Figure;
use crate::clock::Clock;
use crate::study::StudyFigures;
use history::{ReportData, VariantData};
use lab::summary::Summary;

mod axis;
mod chart;
mod colors;
pub mod critical_difference;
mod differences;
mod failures;
mod figure;
mod font;
mod gpu_over_demand;
pub mod growth;
mod node_heat;
mod over_time;
mod pareto;
mod pdf;
mod pending_time;
mod png;
pub(crate) mod queue;
mod scene;
mod svg;
pub mod sweep;
mod timeline;
pub mod trace;
mod waiting;
mod workloads;

pub(crate) use colors::SERIES_COLORS;
pub use colors::{Rgb, series_variables};
pub use scene::Style;

/// Material of the runs that plots are drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// Metrics of the runs.
    pub summary: &'a Summary,
    /// Data collected for plots, in the order of the summary's variants; runs of older programs
    /// have none.
    pub data: &'a ReportData,
    /// Figures of the comparison of paired runs that they are part of, if any.
    pub figures: Option<&'a StudyFigures>,
    /// Names of all candidates in their order, drawn or not.
    pub order: &'a [String],
    /// Metrics chosen for plots of metrics; the usual ones if empty.
    pub metrics: &'a [String],
    /// Colors chosen for candidates.
    pub colors: &'a [(String, Rgb)],
}

impl Material<'_> {
    /// The clock that the runs share.
    pub(crate) fn clock(&self) -> Clock {
        Clock::shared(self.summary)
    }

    /// The data of the runs, or the reason why there is none.
    fn variants(&self) -> Result<&[VariantData], &'static str> {
        match &self.data.variants[..] {
            [] => Err("the result folder has no report.json"),
            variants => Ok(variants),
        }
    }

    /// The number of a candidate's series, which decides its color and its dashes in every plot: its
    /// place in the order of all candidates.
    pub(crate) fn series(&self, name: &str) -> usize {
        let place = self.order.iter().position(|known| known == name);
        place.unwrap_or(self.order.len())
    }
}

/// Kind of plot.
pub struct PlotEntry {
    /// Name of the plot: the files are `plots/NAME.svg`, `plots/NAME.csv` …
    pub name: &'static str,
    /// Title of the plot in a few words.
    pub title: &'static str,
    /// Caption that explains its lines or bars.
    pub caption: &'static str,
    /// Whether the plot shows metrics, which can be chosen.
    pub shows_metrics: bool,
    /// Draws the plot, or returns in words why the runs have no data for it.
    draw: fn(&Material<'_>, Style) -> Result<Drawn, &'static str>,
}

/// Every kind of plot, in the order of the report.
pub const REGISTRY: &[PlotEntry] = &[
    differences::ENTRY,
    critical_difference::ENTRY,
    pareto::ENTRY,
    gpu_over_demand::ENTRY,
    over_time::ALLOCATION,
    over_time::USAGE,
    workloads::ENTRY,
    over_time::PODS,
    over_time::COST,
    over_time::REQUESTS,
    waiting::ENTRY,
    pending_time::ENTRY,
    node_heat::ENTRY,
    timeline::ENTRY,
    failures::ENTRY,
];

/// Plot that was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Name of the plot.
    pub name: &'static str,
    /// Title of the plot.
    pub title: &'static str,
    /// Caption that explains its lines or bars.
    pub caption: String,
    /// SVG document, without an XML declaration, so that HTML can hold it.
    pub svg: String,
    drawn: Drawn,
}

/// Plot that the runs have no data for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NotDrawn {
    /// Name of the plot.
    pub name: &'static str,
    /// Title of the plot.
    pub title: &'static str,
    /// Reason why it is not drawn.
    pub reason: &'static str,
}

/// Error for a plot that is too large to be a PNG.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the plot `{name}` is too large for a PNG; take --format svg")]
pub struct TooLarge {
    /// Name of the plot.
    pub name: &'static str,
}

/// Scene of a plot, its description in words, and the data behind it.
#[derive(Clone, Debug, PartialEq)]
struct Drawn {
    scene: scene::Scene,
    description: String,
    table: Table,
}

/// Data behind a plot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Self {
        Self {
            header: header.map(str::to_owned).to_vec(),
            rows: rows.into_iter().map(Vec::from).collect(),
        }
    }
}

/// A value as it stands in a table; nothing where there is none.
fn cell(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

impl PlotEntry {
    /// Draws the plot.
    ///
    /// # Errors
    /// In words why not, if the runs have no data for it.
    pub fn draw(&self, material: &Material<'_>, style: Style) -> Result<Plot, NotDrawn> {
        let mut drawn = (self.draw)(material, style).map_err(|reason| NotDrawn {
            name: self.name,
            title: self.title,
            reason,
        })?;
        // A paper has a caption of its own, but a picture of one run says so itself.
        if let (Style::Paper, Some(run)) = (style, self.only_run(material)) {
            Figure::note_below(&mut drawn.scene, &run);
        }
        for (name, color) in material.colors {
            drawn.scene.recolor(material.series(name), *color);
        }
        Ok(Plot {
            caption: self.caption_of(material),
            ..self.plot(drawn)
        })
    }

    /// The run that a plot shows of each candidate, among the means of a comparison.
    fn only_run(&self, material: &Material<'_>) -> Option<String> {
        let first = material.summary.variants.first();
        let run = first.filter(|_| material.figures.is_some() && !self.shows_metrics)?;
        Some(format!("One run each, seed {}.", run.seed))
    }

    /// The caption, with the run that is shown.
    fn caption_of(&self, material: &Material<'_>) -> String {
        let run = self.only_run(material);
        run.map_or_else(
            || self.caption.to_owned(),
            |run| format!("{run} {}", self.caption),
        )
    }

    fn plot(&self, drawn: Drawn) -> Plot {
        Plot {
            name: self.name,
            title: self.title,
            caption: self.caption.to_owned(),
            svg: svg::write(self.name, self.title, &drawn),
            drawn,
        }
    }
}

impl Plot {
    /// Plot as PNG: twice the size of the screen's SVG, or 600 dots per inch for a paper.
    pub fn png(&self) -> Result<Vec<u8>, TooLarge> {
        png::write(&self.drawn.scene).ok_or(TooLarge { name: self.name })
    }

    /// Plot as PDF, a single page of its size with the text as text.
    pub fn pdf(&self) -> Vec<u8> {
        pdf::write(self.title, &self.drawn.scene)
    }

    /// Data behind the plot: CSV with a header.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in std::iter::once(&self.drawn.table.header).chain(&self.drawn.table.rows) {
            let written = writer.write_record(row);
            written.expect("invariant: rows are as long as the header, and a vector takes them");
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Draws every plot with data, and lists those without.
pub fn draw_all(material: &Material<'_>, style: Style) -> (Vec<Plot>, Vec<NotDrawn>) {
    let mut plots = Vec::new();
    let mut missing = Vec::new();
    for entry in REGISTRY {
        match entry.draw(material, style) {
            Ok(plot) => plots.push(plot),
            Err(why) => missing.push(why),
        }
    }
    (plots, missing)
}

/// Finds the plot of a name.
pub fn find(name: &str) -> Option<&'static PlotEntry> {
    REGISTRY.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests;
