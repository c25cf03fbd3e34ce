//! Cost of the nodes over time.

use super::allocation::over_time;
use super::chart;
use super::scene::Style;
use super::{Drawn, Material, PlotEntry};
use history::VariantData;
use metrics::Direction;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "cost",
    title: "Cost over time",
    caption: "Hourly cost of the existing nodes, from the time they join. Each column shows the \
              mean over its time. The bill starts at the order, and is rounded.",
    shows_metrics: false,
    better: "",
    draw,
};

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = &material.data.variants;
    let rates = |variant: &VariantData| variant.series.cost_an_hour.clone();
    let mut all = variants.iter().flat_map(rates);
    let first = all.next().ok_or("no node has a price")?;
    if all.all(|rate| (rate - first).abs() < 1e-9) {
        return Err("the cost of the nodes never changes");
    }
    let currency = variants.iter().map(|own| &own.series.currency);
    let currency = currency.fold("", |known, own| if known.is_empty() { own } else { known });
    let title = match currency {
        "" => "per hour".to_owned(),
        currency => format!("{currency} per hour"),
    };
    let values = |variant: &VariantData| rates(variant).into_iter().map(Some).collect();
    let panel = over_time(material, style, &title, Direction::Lower, values);
    let panel = panel.ok_or("no time passed")?;
    Ok(chart::draw(style, ENTRY.title, "time_s", &[panel]))
}
