//! Pods over time, one bar each in the order of their creation; consecutive ones share a bar where
//! there are many.

use super::axis::Axis;
use super::scene::{self, Anchor, Area, Paint, Scene, Style};
use super::{Drawn, Material, NO_DATA, PlotEntry, Table};
use crate::clock::Clock;
use crate::format;
use history::{Bar, TimelineData, VariantData};
use units::plural;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "timeline",
    title: "Timeline of pods",
    caption: "Every bar is a pod, or several consecutive pods, in the order of creation from top \
              to bottom. Thin: waiting for a node. Thick: from the first binding to the last end, \
              as high as the share of its pods that got a node.",
    shows_metrics: false,
    better: "↓ less waiting (thin) is better",
    draw,
};

/// Most bars drawn of a variant.
const BARS_SHOWN_MAX: usize = 100;
const HEAD: f64 = 26.0;
const FOOT: f64 = 44.0;
const GAP: f64 = 26.0;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = &material.data.variants;
    if variants.is_empty() {
        return Err(NO_DATA);
    }
    if (variants.iter()).all(|variant| variant.timeline.bars.is_empty() || variant.end_ns == 0) {
        return Err("no time passed, or there was never a pod");
    }
    let mut scene = Scene::new(style);
    let mut top = scene.title(ENTRY.title);
    let across = match (style, variants.len()) {
        (Style::Screen, 2..) => 2,
        _ => 1,
    };
    let margin = style.scaled(12.0);
    let gap = style.scaled(GAP);
    let width = (scene.width() - 2.0 * margin - gap * (across as f64 - 1.0)) / across as f64;
    let shown: Vec<(TimelineData, &VariantData)> = (variants.iter())
        .map(|variant| (merged(&variant.timeline), variant))
        .collect();
    let bars = shown.iter().map(|(timeline, _)| timeline.bars.len()).max();
    let height = style.scaled((bars.unwrap_or(1) as f64 * 14.0).clamp(60.0, 220.0));
    for line in shown.chunks(across) {
        for (place, (timeline, variant)) in line.iter().enumerate() {
            let area = Area {
                x: margin + place as f64 * (width + gap),
                y: top + style.scaled(HEAD),
                width,
                height,
            };
            let index = material.series(&variant.name);
            panel(&mut scene, timeline, variant, area, index, material.clock());
        }
        top += style.scaled(HEAD + FOOT) + height;
    }
    scene.height = top;
    Ok(Drawn {
        scene,
        description: description(variants),
        table: table(variants),
    })
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
                    submit_ns: first.submit_ns,
                    bound_ns: [first.bound_ns, second.bound_ns]
                        .into_iter()
                        .flatten()
                        .min(),
                    end_ns: first.end_ns.zip(second.end_ns).map(|(a, b)| a.max(b)),
                },
                others => others[0].clone(),
            })
            .collect();
    }
    shown
}

fn panel(
    scene: &mut Scene,
    timeline: &TimelineData,
    variant: &VariantData,
    area: Area,
    index: usize,
    clock: Clock,
) {
    let style = scene.style;
    let above = area.y - style.scaled(12.0);
    scene.heading((area.x, above), &scene::name(&variant.name));
    let bars = match timeline.pods_per_bar {
        1 => format::counted(timeline.bars.len() as u64, "pod"),
        pods => format!(
            "{} of {}",
            plural::count(timeline.bars.len(), "bar"),
            format::counted(pods, "pod")
        ),
    };
    scene.text(
        (area.x + area.width, above),
        &bars,
        Paint::Quiet,
        Anchor::End,
    );
    let axis = Axis::time(clock, variant.end_ns as f64 / 1e9, 8);
    let place = |nanos: i64| area.x + axis.position(nanos as f64 / 1e9) * area.width;
    let bottom = area.y + area.height;
    axis.below(scene, area, area.y, bottom, Paint::Grid);
    let pitch = area.height / timeline.bars.len().max(1) as f64;
    // Bars as thin as these stand without a gap: gaps would show as stripes.
    let free = if pitch < 4.0 { 0.0 } else { pitch * 0.1 };
    for (row, bar) in timeline.bars.iter().enumerate() {
        let bottom = area.y + (row + 1) as f64 * pitch;
        let end = place(bar.end_ns.unwrap_or(variant.end_ns));
        let begin = bar.bound_ns.map_or(end, place);
        let submit = place(bar.submit_ns);
        let waits = if bar.placed < bar.pods { end } else { begin };
        if waits > submit {
            let middle = bottom - pitch / 2.0;
            let width = (pitch * 0.2).max(0.5);
            scene.line(vec![(submit, middle), (waits, middle)], Paint::Quiet, width);
        }
        if bar.bound_ns.is_some() {
            let share = bar.placed as f64 / bar.pods.max(1) as f64;
            let height = (pitch - 2.0 * free) * share;
            let thick = Area {
                x: begin,
                y: bottom - free - height,
                width: (end - begin).max(0.7),
                height,
            };
            scene.fill(thick, Paint::Series(index));
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
    let time = |at: Option<i64>| at.map(|at| at.to_string()).unwrap_or_default();
    let rows = variants.iter().flat_map(|variant| {
        variant.timeline.bars.iter().map(move |bar| {
            vec![
                variant.name.clone(),
                bar.name.clone(),
                bar.pods.to_string(),
                bar.placed.to_string(),
                bar.succeeded.to_string(),
                bar.failed.to_string(),
                bar.submit_ns.to_string(),
                time(bar.bound_ns),
                time(bar.end_ns),
            ]
        })
    });
    Table {
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}
