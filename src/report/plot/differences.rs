//! Distance of every candidate from the baseline in the gated metrics, with intervals.

use super::scene::{self, Anchor, Area, Paint, Scene, Style};
use super::{Drawn, Material, PlotEntry, Table};
use crate::study::{change, row};
use lab::compare::{Judgement, Pair};
use metrics::registry;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "differences",
    title: "Differences from the baseline, with 95 % intervals",
    caption: "Relative difference of the means over paired runs with Fieller's interval; a bar that \
              does not cross the zero line is a significant difference before the correction \
              for several tests. Every panel has its own scale.",
    draw,
};

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let study = material
        .study
        .ok_or("there is no comparison of paired runs")?;
    let mut scene = Scene::new(style);
    let mut top = scene.title(ENTRY.title);
    let mut table = Table {
        header: ["metric", "candidate", "change", "low", "high", "verdict"]
            .map(str::to_owned)
            .to_vec(),
        rows: Vec::new(),
    };
    let names = study
        .pairs
        .iter()
        .map(|pair| scene::text_width(&scene::name(&pair.candidate), style.text()));
    let left = names.fold(style.scaled(60.0), f64::max) + style.scaled(24.0);
    let mut described = Vec::new();
    for id in &study.gated {
        let found: Vec<(usize, &Pair, &Judgement)> = (study.pairs.iter().enumerate())
            .filter_map(|(index, pair)| {
                let judgement = pair.metrics.iter().find(|found| found.metric == *id)?;
                judgement.relative?;
                Some((index, pair, judgement))
            })
            .collect();
        if found.is_empty() {
            continue;
        }
        top = panel(&mut scene, id, &found, left, top);
        for (_, pair, judgement) in found {
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            let interval = judgement.relative_interval;
            table.rows.push(vec![
                id.clone(),
                pair.candidate.clone(),
                number(judgement.relative),
                number(interval.map(|at| at.low)),
                number(interval.map(|at| at.high)),
                row(pair, judgement).verdict,
            ]);
            described.push(format!("{} {}: {}", pair.candidate, id, change(judgement)));
        }
    }
    if table.rows.is_empty() {
        return Err("no gated metric has a relative difference");
    }
    scene.height = top + style.scaled(6.0);
    Ok(Drawn {
        scene,
        description: described.join("; "),
        table,
    })
}

fn panel(
    scene: &mut Scene,
    id: &str,
    found: &[(usize, &Pair, &Judgement)],
    left: f64,
    top: f64,
) -> f64 {
    let style = scene.style;
    let (line, gap) = (style.scaled(1.0), style.scaled(20.0));
    let right = scene.width() - style.scaled(230.0);
    let ends = found.iter().flat_map(|(_, _, judgement)| {
        let at = judgement.relative_interval;
        [
            judgement.relative,
            at.map(|at| at.low),
            at.map(|at| at.high),
        ]
    });
    let ends: Vec<f64> = ends.flatten().chain(std::iter::once(0.0)).collect();
    let low = ends.iter().copied().fold(f64::MAX, f64::min);
    let high = ends.iter().copied().fold(f64::MIN, f64::max);
    let width = if high > low { high - low } else { 1.0 };
    let x = |value: f64| left + (value - low) / width * (right - left);
    scene.heading(
        (style.scaled(12.0), top + style.scaled(14.0)),
        &registry::title(id),
    );
    let first = top + style.scaled(34.0);
    let bottom = first + gap * found.len() as f64 - style.scaled(8.0);
    scene.line(
        vec![(x(0.0), first - style.scaled(8.0)), (x(0.0), bottom)],
        Paint::Grid,
        line,
    );
    for (place, (index, pair, judgement)) in found.iter().enumerate() {
        let y = first + gap * place as f64;
        let paint = Paint::Series(*index);
        scene.text(
            (left - style.scaled(12.0), y),
            &scene::name(&pair.candidate),
            Paint::Ink,
            Anchor::End,
        );
        if let Some(at) = judgement.relative_interval {
            scene.line(vec![(x(at.low), y), (x(at.high), y)], paint, style.line());
            for end in [at.low, at.high] {
                let reach = style.scaled(4.0);
                scene.line(
                    vec![(x(end), y - reach), (x(end), y + reach)],
                    paint,
                    style.line(),
                );
            }
        }
        if let Some(value) = judgement.relative {
            let size = style.scaled(7.0);
            let area = Area {
                x: x(value) - size / 2.0,
                y: y - size / 2.0,
                width: size,
                height: size,
            };
            scene.fill(area, paint);
        }
        let words = change(judgement);
        scene.text(
            (right + style.scaled(12.0), y),
            &words,
            Paint::Quiet,
            Anchor::Start,
        );
    }
    bottom + style.scaled(16.0)
}
