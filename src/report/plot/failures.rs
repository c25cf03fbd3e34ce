//! Failures over time: a lane per kind of failure, and a bar from start to end of each.

use super::axis::Axis;
use super::scene::{self, Anchor, Area, Paint, Scene, Style};
use super::{Drawn, Material, NO_DATA, PlotEntry, Table};
use crate::clock::Clock;
use crate::format;
use history::{IncidentEntry, VariantData};

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "failures",
    title: "Failures over time",
    caption: "Failures from start to end, one lane per kind, whether or not the control plane \
              noticed them. The height of a bar is the share of nodes affected, or full height if \
              the failure does not affect nodes.",
    shows_metrics: false,
    better: "neither direction is better: failures are an input",
    draw,
};

const HEAD: f64 = 26.0;
const FOOT: f64 = 44.0;
const LANE: f64 = 22.0;
/// Position at which bars begin, beside the names of the lanes.
const NAMES: f64 = 130.0;

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let variants = &material.data.variants;
    if variants.is_empty() {
        return Err(NO_DATA);
    }
    if variants
        .iter()
        .all(|variant| variant.incidents.listed.is_empty() || variant.end_ns == 0)
    {
        return Err("nothing failed");
    }
    let mut scene = Scene::new(style);
    let mut top = scene.title(ENTRY.title);
    let margin = style.scaled(12.0);
    for variant in variants {
        let index = material.series(&variant.name);
        let lanes = lanes(variant);
        let height = style.scaled(LANE) * lanes.len().max(1) as f64;
        let area = Area {
            x: margin + style.scaled(NAMES),
            y: top + style.scaled(HEAD),
            width: scene.width() - 2.0 * margin - style.scaled(NAMES),
            height,
        };
        panel(&mut scene, variant, &lanes, area, index, material.clock());
        top += style.scaled(HEAD + FOOT) + height;
    }
    scene.height = top;
    Ok(Drawn {
        scene,
        description: description(variants),
        table: table(variants),
    })
}

/// The kinds of failures in the order of their first.
fn lanes(variant: &VariantData) -> Vec<&str> {
    let mut lanes: Vec<&str> = Vec::new();
    for incident in &variant.incidents.listed {
        if !lanes.contains(&incident.what.as_str()) {
            lanes.push(&incident.what);
        }
    }
    lanes
}

fn panel(
    scene: &mut Scene,
    variant: &VariantData,
    lanes: &[&str],
    area: Area,
    index: usize,
    clock: Clock,
) {
    let style = scene.style;
    let above = area.y - style.scaled(12.0);
    let left = area.x - style.scaled(NAMES);
    scene.heading((left, above), &scene::name(&variant.name));
    let count = format::counted(variant.incidents.total, "failure");
    let end = area.x + area.width;
    scene.text((end, above), &count, Paint::Quiet, Anchor::End);
    let axis = Axis::time(clock, variant.end_ns as f64 / 1e9, 8);
    let place = |nanos: i64| area.x + axis.position(nanos as f64 / 1e9) * area.width;
    axis.below(scene, area, area.y, area.y + area.height, Paint::Grid);
    let pitch = area.height / lanes.len().max(1) as f64;
    for (lane, name) in lanes.iter().enumerate() {
        let bottom = area.y + (lane + 1) as f64 * pitch;
        let middle = bottom - pitch * 0.35;
        scene.text((left, middle), name, Paint::Quiet, Anchor::Start);
        let own = variant
            .incidents
            .listed
            .iter()
            .filter(|own| own.what == **name);
        for incident in own {
            let height = (pitch * 0.8 * share(incident, variant)).max(2.0);
            let begin = place(incident.from_ns);
            let over = place(incident.to_ns.unwrap_or(variant.end_ns));
            let bar = Area {
                x: begin,
                y: bottom - pitch * 0.1 - height,
                width: (over - begin).max(1.0),
                height,
            };
            scene.fill(bar, Paint::Series(index));
        }
    }
}

/// The share of the nodes that a failure is about.
fn share(incident: &IncidentEntry, variant: &VariantData) -> f64 {
    match incident.nodes {
        0 => 1.0,
        nodes => (nodes as f64 / variant.nodes.total.max(1) as f64).min(1.0),
    }
}

fn description(variants: &[VariantData]) -> String {
    let sentence = |variant: &VariantData| {
        let kinds = lanes(variant);
        let counted = kinds.iter().map(|kind| {
            let listed = variant.incidents.listed.iter();
            let count = listed.filter(|own| own.what == **kind).count();
            format!("{kind} {} times", format::count(count as u64))
        });
        let counted: Vec<String> = counted.collect();
        let name = scene::name(&variant.name);
        if counted.is_empty() {
            return format!("{name}: nothing failed.");
        }
        format!("{name}: {}.", counted.join(", "))
    };
    let sentences: Vec<String> = variants.iter().map(sentence).collect();
    sentences.join(" ")
}

fn table(variants: &[VariantData]) -> Table {
    let header = ["variant", "what", "nodes", "first_node", "from_ns", "to_ns"];
    let rows = variants.iter().flat_map(|variant| {
        variant.incidents.listed.iter().map(move |own| {
            vec![
                variant.name.clone(),
                own.what.clone(),
                own.nodes.to_string(),
                own.first.clone(),
                own.from_ns.to_string(),
                own.to_ns.map(|at| at.to_string()).unwrap_or_default(),
            ]
        })
    });
    Table {
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}
