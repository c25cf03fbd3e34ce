//! Numbers of waiting and running pods over time, and of nodes that are up where that changes.

use super::allocation::over_time;
use super::chart::{self, Panel};
use super::scene::Style;
use super::{Drawn, Material, NO_DATA, PlotEntry};
use history::SeriesData;
use metrics::Direction;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "pods-over-time",
    title: "Pods over time",
    caption: "Pending pods, running pods and nodes that are up, where these numbers change. Each \
              column shows the mean over its time.",
    shows_metrics: false,
    better: "",
    draw,
};

/// One of the counts over time.
type Count = fn(&SeriesData) -> &Vec<f64>;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    if material.data.variants.is_empty() {
        return Err(NO_DATA);
    }
    let counts: [(&str, Direction, Count); 3] = [
        ("pods pending", Direction::Lower, |series| &series.pending),
        ("pods running", Direction::None, |series| &series.running),
        ("nodes up", Direction::None, |series| &series.nodes_up),
    ];
    let changes = |of: Count| {
        let mut all = material
            .data
            .variants
            .iter()
            .flat_map(|variant| of(&variant.series));
        let first = all.next();
        all.any(|value| Some(value) != first)
    };
    let panels: Vec<Panel> = (counts.into_iter())
        .filter(|&(_, _, of)| changes(of))
        .filter_map(|(title, better, of)| {
            over_time(material, style, title, better, |variant| {
                of(&variant.series).iter().copied().map(Some).collect()
            })
        })
        .collect();
    if panels.is_empty() {
        return Err("the numbers of pods and nodes never change");
    }
    Ok(chart::draw(style, ENTRY.title, "time_s", &panels))
}
