//! Pods over time, one bar each in the order of their creation; consecutive ones share a bar where
//! there are many, which is as long as they are in the mean.

use plotters::element::{PathElement, Rectangle};
use plotters::style::Color;

use super::axis::Axis;
use super::figure::{Figure, Mesh, stroke, sure};
use super::scene::{self, Area, Paint, Style};
use super::{Drawn, Material, PlotEntry, Table, cell};
use crate::format;
use history::{Bar, TimelineData, VariantData};
use units::plural;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "timeline",
    title: "Timeline of pods",
    caption: "Every bar is a pod, or the mean of several consecutive pods, in the order of creation \
              from top to bottom. Thin: waiting for a node. Thick: from the binding to the end, as \
              high as the share of its pods that got a node.",
    shows_metrics: false,
    draw,
};

/// Most bars drawn of a variant.
const BARS_SHOWN_MAX: usize = 100;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = material.variants()?;
    if (variants.iter()).all(|variant| variant.timeline.bars.is_empty() || variant.end_ns == 0) {
        return Err("no time passed, or there was never a pod");
    }
    let mut figure = Figure::new(style, ENTRY.title);
    figure.better("↓ less waiting (thin) is better");
    let shown = variants.iter().map(|variant| merged(&variant.timeline));
    let shown: Vec<TimelineData> = shown.collect();
    let names = variants.iter().zip(&shown).map(|(variant, timeline)| {
        let bars = match timeline.pods_per_bar {
            1 => format::counted(timeline.bars.len() as u64, "pod"),
            pods => format!(
                "{} of {}",
                plural::count(timeline.bars.len(), "bar"),
                format::counted(pods, "pod")
            ),
        };
        (scene::name(&variant.name), bars)
    });
    let names: Vec<(String, String)> = names.collect();
    let bars = shown.iter().map(|timeline| timeline.bars.len()).max();
    let height = style.scaled((bars.unwrap_or(1) as f64 * 14.0).clamp(60.0, 220.0));
    let time = |index: usize| {
        let end: &VariantData = &variants[index];
        Axis::time(
            material.clock(),
            end.end_ns as f64 / 1e9,
            style.either(8, 5),
        )
    };
    figure.grid(&names, 2, (0.0, height), time, |figure, index, plane, x| {
        let series = material.series(&variants[index].name);
        bars_of(figure, &shown[index].bars, plane, x, series);
    });
    Ok(figure.finish(description(variants), table(variants)))
}

/// The bars put together until they are few enough to be seen.
fn merged(timeline: &TimelineData) -> TimelineData {
    let mut shown = timeline.clone();
    while shown.bars.len() > BARS_SHOWN_MAX {
        shown.pods_per_bar *= 2;
        shown.bars = (shown.bars.chunks(2))
            .map(|pair| match pair {
                [first, second] => Bar {
                    name: first.name.clone(),
                    pods: first.pods + second.pods,
                    placed: first.placed + second.placed,
                    succeeded: first.succeeded + second.succeeded,
                    failed: first.failed + second.failed,
                    submit_ns: Weights::of(first.pods, second.pods)
                        .mean(first.submit_ns, second.submit_ns),
                    bound_ns: match (first.bound_ns, second.bound_ns) {
                        (Some(one), Some(other)) => {
                            Some(Weights::of(first.placed, second.placed).mean(one, other))
                        }
                        (one, other) => one.or(other),
                    },
                    end_ns: (first.end_ns.zip(second.end_ns))
                        .map(|(one, other)| Weights::of(first.pods, second.pods).mean(one, other)),
                },
                others => others[0].clone(),
            })
            .collect();
    }
    shown
}

/// Numbers of pods of two means.
#[derive(Clone, Copy)]
struct Weights {
    first: i128,
    second: i128,
}

impl Weights {
    fn of(first: u64, second: u64) -> Self {
        Self {
            first: i128::from(first),
            second: i128::from(second),
        }
    }

    /// The mean of all pods.
    fn mean(self, one: i64, other: i64) -> i64 {
        let sum = i128::from(one) * self.first + i128::from(other) * self.second;
        (sum / (self.first + self.second).max(1)) as i64
    }
}

fn bars_of(figure: &Figure, bars: &[Bar], plane: Area, x: &Axis, series: usize) {
    let y = Axis::bare(0.0, bars.len().max(1) as f64);
    let mut chart = figure.chart(plane, x, &y, Mesh::Columns);
    let pitch = plane.height / y.to;
    // Bars as thin as these stand without a gap: gaps would show as stripes.
    let free = if pitch < 4.0 { 0.0 } else { 0.1 };
    let waiting = stroke(Paint::Quiet, (pitch * 0.2).clamp(0.5, 3.0));
    let least = x.to * 0.7 / plane.width;
    let seconds = |nanos: i64| nanos as f64 / 1e9;
    for (row, bar) in bars.iter().enumerate() {
        let bottom = y.row(row);
        let end = bar.end_ns.map_or(x.to, seconds);
        let begin = bar.bound_ns.map_or(end, seconds);
        let submit = seconds(bar.submit_ns);
        let waits = if bar.placed < bar.pods { end } else { begin };
        if waits > submit {
            let middle = bottom + 0.5;
            let line = PathElement::new([(submit, middle), (waits, middle)], waiting);
            sure(chart.draw_series([line]));
        }
        if bar.bound_ns.is_some() {
            let share = bar.placed as f64 / bar.pods.max(1) as f64;
            let top = bottom + free + (1.0 - 2.0 * free) * share;
            let corners = [(begin, bottom + free), (end.max(begin + least), top)];
            let bar = Rectangle::new(corners, Paint::Series(series).filled());
            sure(chart.draw_series([bar]));
        }
    }
}

fn description(variants: &[VariantData]) -> String {
    let sentences: Vec<String> = (variants.iter())
        .map(|variant| {
            let bars = &variant.timeline.bars;
            let count = |of: fn(&Bar) -> u64| format::count(bars.iter().map(of).sum());
            let pods = bars.iter().map(|bar| bar.pods).sum();
            format!(
                "{}: {}, {} got a node, {} succeeded, {} ended without success.",
                scene::name(&variant.name),
                format::counted(pods, "pod"),
                count(|bar| bar.placed),
                count(|bar| bar.succeeded),
                count(|bar| bar.failed)
            )
        })
        .collect();
    sentences.join(" ")
}

fn table(variants: &[VariantData]) -> Table {
    let header = [
        "variant",
        "first_pod",
        "pods",
        "placed",
        "succeeded",
        "failed",
        "submit_ns",
        "bound_ns",
        "end_ns",
    ];
    let rows = variants.iter().flat_map(|variant| {
        variant.timeline.bars.iter().map(move |bar| {
            [
                variant.name.clone(),
                bar.name.clone(),
                bar.pods.to_string(),
                bar.placed.to_string(),
                bar.succeeded.to_string(),
                bar.failed.to_string(),
                bar.submit_ns.to_string(),
                cell(bar.bound_ns),
                cell(bar.end_ns),
            ]
        })
    });
    Table::new(header, rows)
}
