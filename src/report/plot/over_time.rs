//! Values of the columns of time, a panel each: allocation, usage, pods, cost and requests.

use super::chart::{self, Line, Panel, highest};
use super::scene::Style;
use super::{Drawn, Material, PlotEntry};
use history::{TrafficData, VariantData};
use metrics::Direction;

pub(super) const ALLOCATION: PlotEntry = PlotEntry {
    name: "allocation",
    title: "Allocation over time",
    caption: "Requests of pods that hold a node, relative to the capacity of the nodes that are \
              up. Each column shows the mean over its time.",
    shows_metrics: false,
    draw: allocation,
};

pub(super) const USAGE: PlotEntry = PlotEntry {
    name: "usage",
    title: "Usage over time",
    caption: "Usage of pods, relative to the capacity of the nodes that are up. Each column shows \
              the mean over its time. Requests are shown above.",
    shows_metrics: false,
    draw: usage,
};

pub(super) const PODS: PlotEntry = PlotEntry {
    name: "pods-over-time",
    title: "Pods over time",
    caption: "Pending pods, running pods and nodes that are up, where these numbers change. Each \
              column shows the mean over its time.",
    shows_metrics: false,
    draw: pods,
};

pub(super) const COST: PlotEntry = PlotEntry {
    name: "cost",
    title: "Cost over time",
    caption: "Hourly cost of the existing nodes, from the time they join. Each column shows the \
              mean over its time. The bill starts at the order, and is rounded.",
    shows_metrics: false,
    draw: cost,
};

pub(super) const REQUESTS: PlotEntry = PlotEntry {
    name: "requests",
    title: "Requests over time",
    caption: "Requests per second of all clients, requests that finally failed, latency of served \
              requests, and requests in progress relative to the pods' slots. Each column covers \
              its time.",
    shows_metrics: false,
    draw: requests,
};

/// A value over time.
struct Quantity {
    title: &'static str,
    better: Direction,
    of: fn(&VariantData) -> Vec<Option<f64>>,
}

const fn quantity(
    title: &'static str,
    better: Direction,
    of: fn(&VariantData) -> Vec<Option<f64>>,
) -> Quantity {
    Quantity { title, better, of }
}

fn defined(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

impl Quantity {
    fn values(&self, material: &Material<'_>) -> impl Iterator<Item = Option<f64>> {
        material.data.variants.iter().flat_map(self.of)
    }

    fn is_positive(&self, material: &Material<'_>) -> bool {
        let mut values = self.values(material);
        values.any(|value| value.is_some_and(|value| value > 0.0))
    }

    /// Its panel, of columns of a width; `None` where no variant has a value.
    fn panel(
        &self,
        material: &Material<'_>,
        style: Style,
        column_ns: fn(&VariantData) -> i64,
    ) -> Option<Panel> {
        let lines = material.data.variants.iter().map(|variant| {
            let index = material.series(&variant.name);
            let (width, values) = (column_ns(variant), (self.of)(variant));
            Line::columns(index, &variant.name, width, variant.end_ns, &values)
        });
        let (clock, lines) = (material.clock(), lines.collect());
        Panel::over_time(self.title, self.better, clock, style, lines)
    }
}

/// The plot of the quantities that have a value, or the reason why there is none.
fn draw<'q>(
    material: &Material<'_>,
    style: Style,
    title: &str,
    quantities: impl IntoIterator<Item = &'q Quantity>,
    none: &'static str,
) -> Result<Drawn, &'static str> {
    let width = |variant: &VariantData| variant.series.column_ns;
    let panels = quantities.into_iter();
    let panels = panels.filter_map(|own| own.panel(material, style, width));
    drawn(style, title, &panels.collect::<Vec<_>>(), none)
}

fn drawn(
    style: Style,
    title: &str,
    panels: &[Panel],
    none: &'static str,
) -> Result<Drawn, &'static str> {
    if panels.is_empty() {
        return Err(none);
    }
    Ok(chart::draw(style, title, "time_s", panels, &[]))
}

fn allocation(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    const ALL: [Quantity; 3] = [
        quantity("GPUs allocated, %", Direction::Higher, |own| {
            own.series.gpu_percent.clone()
        }),
        quantity("CPU allocated, %", Direction::Higher, |own| {
            own.series.cpu_percent.clone()
        }),
        quantity("memory allocated, %", Direction::Higher, |own| {
            own.series.memory_percent.clone()
        }),
    ];
    material.variants()?;
    // A resource that nobody asks for is no news, unless none is asked for.
    let any = ALL.iter().any(|own| own.is_positive(material));
    let asked = ALL.iter().filter(|own| !any || own.is_positive(material));
    let none = "no time passed, or no node was ever up";
    draw(material, style, ALLOCATION.title, asked, none)
}

fn usage(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    const ALL: [Quantity; 2] = [
        quantity("CPU used, %", Direction::Higher, |own| {
            own.series.cpu_used_percent.clone()
        }),
        quantity("memory used, %", Direction::Higher, |own| {
            own.series.memory_used_percent.clone()
        }),
    ];
    let used = ALL.iter().filter(|own| own.is_positive(material));
    let none = "the usage of pods is unknown";
    draw(material, style, USAGE.title, used, none)
}

fn pods(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    const ALL: [Quantity; 3] = [
        quantity("pods pending", Direction::Lower, |own| {
            defined(&own.series.pending)
        }),
        quantity("pods running", Direction::None, |own| {
            defined(&own.series.running)
        }),
        quantity("nodes up", Direction::None, |own| {
            defined(&own.series.nodes_up)
        }),
    ];
    material.variants()?;
    let changing = ALL.iter().filter(|own| {
        let mut all = own.values(material);
        let first = all.next();
        all.any(|value| Some(value) != first)
    });
    let none = "the numbers of pods and nodes never change";
    draw(material, style, PODS.title, changing, none)
}

fn cost(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    const RATE: Quantity = quantity("per hour", Direction::Lower, |own| {
        defined(&own.series.cost_an_hour)
    });
    let mut all = RATE.values(material).flatten();
    let first = all.next().ok_or("no node has a price")?;
    if all.all(|rate| (rate - first).abs() < 1e-9) {
        return Err("the cost of the nodes never changes");
    }
    let mut currencies = material
        .data
        .variants
        .iter()
        .map(|own| &own.series.currency);
    let currency = currencies.find(|own| !own.is_empty());
    let panel = RATE.panel(material, style, |own| own.series.column_ns);
    let mut panel = panel.ok_or("no time passed")?;
    if let Some(currency) = currency {
        panel.title = format!("{currency} per hour");
    }
    drawn(style, COST.title, &[panel], "")
}

fn requests(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    fn traffic(
        variant: &VariantData,
        of: impl Fn(&TrafficData) -> Vec<Option<f64>>,
    ) -> Vec<Option<f64>> {
        variant.traffic.as_ref().map(of).unwrap_or_default()
    }
    const ALL: [Quantity; 5] = [
        quantity("requests per second", Direction::None, |own| {
            traffic(own, |data| defined(&data.offered_per_second))
        }),
        quantity("failed requests per second", Direction::Lower, |own| {
            traffic(own, |data| defined(&data.failed_per_second))
        }),
        quantity("latency, median, ms", Direction::Lower, |own| {
            traffic(own, |data| data.p50_ms.clone())
        }),
        quantity("latency, 99th percentile, ms", Direction::Lower, |own| {
            traffic(own, |data| data.p99_ms.clone())
        }),
        quantity("saturation, %", Direction::Lower, |own| {
            traffic(own, |data| data.saturation_percent.clone())
        }),
    ];
    material.variants()?;
    let width = |own: &VariantData| own.traffic.as_ref().map_or(0, |data| data.column_ns);
    let panels = ALL
        .iter()
        .filter_map(|own| own.panel(material, style, width));
    let panels: Vec<Panel> = panels.filter(|own| highest(&own.lines) > 0.0).collect();
    drawn(style, REQUESTS.title, &panels, "no client made a request")
}
