//! Resource usage of pods over time, if usage is modelled.

use super::allocation::over_time;
use super::chart::{self, Panel};
use super::scene::Style;
use super::{Drawn, Material, PlotEntry};
use history::{SeriesData, VariantData};
use metrics::Direction;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "usage",
    title: "Usage over time",
    caption: "Usage of pods, relative to the capacity of the nodes that are up. Each column shows \
              the mean over its time. Requests are shown above.",
    shows_metrics: false,
    better: "",
    draw,
};

/// One of the shares over time.
type Share = fn(&SeriesData) -> &Vec<Option<f64>>;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let resources: [(&str, Share); 2] = [
        ("CPU used, %", |series| &series.cpu_used_percent),
        ("memory used, %", |series| &series.memory_used_percent),
    ];
    let is_used = |of: Share| {
        let mut values = (material.data.variants.iter()).flat_map(|variant| of(&variant.series));
        values.any(|value| value.is_some_and(|share| share > 0.0))
    };
    let panels: Vec<Panel> = (resources.into_iter())
        .filter(|&(_, of)| is_used(of))
        .filter_map(|(title, of)| {
            let values = |variant: &VariantData| of(&variant.series).clone();
            over_time(material, style, title, Direction::Higher, values)
        })
        .collect();
    if panels.is_empty() {
        return Err("the usage of pods is unknown");
    }
    Ok(chart::draw(style, ENTRY.title, "time_s", &panels))
}
