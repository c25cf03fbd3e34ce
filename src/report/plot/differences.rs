//! Distance of every candidate from the baseline in metrics, with intervals.

use super::scene::{self, Anchor, Area, Paint, Scene, Style};
use super::{Drawn, Material, PlotEntry, Table};
use crate::sense::Sense;
use crate::study::figures::{Ends, MetricFigures, PairFigures, Range};
use crate::study::signed;
use metrics::{Direction, registry};

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "differences",
    title: "Differences from the baseline, with 95 % intervals",
    caption: "Relative difference of the means over paired runs with Fieller's interval, in the \
              gated metrics or those chosen with --metric; an interval that does not cross the \
              zero line is a significant difference before the correction for several tests. \
              Every panel has its own scale.",
    shows_metrics: true,
    better: "",
    draw,
};

/// One bar: a candidate's difference in a metric.
struct Bar<'a> {
    pair: &'a PairFigures,
    found: &'a MetricFigures,
    series: usize,
    relative: f64,
    interval: Option<Ends>,
}

impl Bar<'_> {
    /// The ends that the panel has to show.
    fn reach(&self) -> impl Iterator<Item = f64> {
        let ends = self.interval.map(|at| [at.low, at.high]);
        ends.into_iter().flatten().chain([self.relative])
    }

    fn words(&self) -> String {
        let share = |value: f64| signed(value * 100.0);
        let interval = self.interval;
        let interval = interval.map(|at| format!(" [{}, {}]", share(at.low), share(at.high)));
        let interval = interval.unwrap_or_default();
        let verdict = self.found.words(self.pair);
        let sign = match self.sense().sign() {
            "" => String::new(),
            sign => format!("{sign} "),
        };
        format!("{} %{interval}  {sign}{verdict}", share(self.relative))
    }

    /// Sense of the verdict; that of a pair that is not comparable is neither good nor bad.
    fn sense(&self) -> Sense {
        let verdict = self.found.verdict.as_deref();
        Sense::of_word(verdict.filter(|_| self.pair.not_comparable.is_empty()))
    }
}

fn draw(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let study = material
        .figures
        .ok_or("only a comparison of paired runs has differences from a baseline")?;
    let ids = match material.metrics {
        [] => &study.gated,
        chosen => chosen,
    };
    let mut scene = Scene::new(style);
    let mut top = scene.title(ENTRY.title);
    let mut table = Table {
        header: ["metric", "candidate", "change", "low", "high", "verdict"]
            .map(str::to_owned)
            .to_vec(),
        rows: Vec::new(),
    };
    let mut described = Vec::new();
    let mut without: Vec<String> = Vec::new();
    let panels: Vec<Vec<Bar<'_>>> = ids.iter().map(|id| bars(material, id)).collect();
    let room = Room::of(&scene, &panels);
    for (id, bars) in ids.iter().zip(&panels) {
        if bars.is_empty() {
            without.push(registry::title(id));
            continue;
        }
        top = panel(&mut scene, id, bars, &room, top);
        for bar in bars {
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            table.rows.push(vec![
                id.clone(),
                bar.pair.candidate.clone(),
                bar.relative.to_string(),
                number(bar.interval.map(|at| at.low)),
                number(bar.interval.map(|at| at.high)),
                bar.found.words(bar.pair).to_owned(),
            ]);
            described.push(format!("{} {id}: {}", bar.pair.candidate, bar.words()));
        }
    }
    if table.rows.is_empty() {
        return Err("no metric chosen has a relative difference");
    }
    scene.height = top;
    if !without.is_empty() {
        let list = without.join(", ");
        scene.note(&format!("No relative difference: {list}."));
    }
    scene.height += style.scaled(6.0);
    Ok(Drawn {
        scene,
        description: described.join("; "),
        table,
    })
}

fn bars<'a>(material: &Material<'a>, id: &str) -> Vec<Bar<'a>> {
    let pairs = material.figures.into_iter().flat_map(|study| &study.pairs);
    let bar = |pair: &'a PairFigures| {
        let found = pair.metrics.iter().find(|found| found.metric == *id)?;
        Some(Bar {
            pair,
            found,
            series: material.series(&pair.candidate),
            relative: found.relative?,
            interval: found.relative_interval.and_then(Range::ends),
        })
    };
    pairs.filter_map(bar).collect()
}

/// Room between the names and the words of all panels.
struct Room {
    left: f64,
    right: f64,
    has_words: bool,
}

impl Room {
    fn of(scene: &Scene, panels: &[Vec<Bar<'_>>]) -> Self {
        let style = scene.style;
        let bars = || panels.iter().flatten();
        let widest = |texts: &mut dyn Iterator<Item = String>| {
            let widths = texts.map(|text| scene::text_width(&text, style.text()));
            widths.fold(style.scaled(60.0), f64::max)
        };
        let mut names = bars().map(|bar| scene::name(&bar.pair.candidate));
        let left = widest(&mut names) + style.scaled(24.0);
        let mut words = bars().map(Bar::words);
        let right = scene.width() - widest(&mut words) - style.scaled(24.0);
        // A narrow page has no room beside the bars: the words stand in the data.
        let has_words = right - left > style.scaled(110.0);
        Self {
            left,
            right: if has_words {
                right
            } else {
                scene.width() - style.scaled(12.0)
            },
            has_words,
        }
    }
}

fn panel(scene: &mut Scene, id: &str, bars: &[Bar<'_>], room: &Room, top: f64) -> f64 {
    let style = scene.style;
    let (thin, gap) = (style.scaled(1.0), style.scaled(20.0));
    let ends: Vec<f64> = bars.iter().flat_map(Bar::reach).chain([0.0]).collect();
    let low = ends.iter().copied().fold(f64::MAX, f64::min);
    let high = ends.iter().copied().fold(f64::MIN, f64::max);
    let width = if high > low { high - low } else { 1.0 };
    let x = |value: f64| room.left + (value - low) / width * (room.right - room.left);
    let better = bars.first().map_or("none", |bar| bar.found.better.as_str());
    let heading = top + style.scaled(14.0);
    scene.panel_heading(heading, &registry::title(id), Direction::of_name(better));
    let first = top + style.scaled(34.0);
    let bottom = first + gap * bars.len() as f64 - style.scaled(8.0);
    let zero = vec![(x(0.0), first - style.scaled(8.0)), (x(0.0), bottom)];
    scene.line(zero, Paint::Quiet, thin);
    for (place, bar) in bars.iter().enumerate() {
        let y = first + gap * place as f64;
        let paint = Paint::Series(bar.series);
        let name = scene::name(&bar.pair.candidate);
        let beside = (room.left - style.scaled(12.0), y);
        scene.text(beside, &name, Paint::Ink, Anchor::End);
        if let Some(at) = bar.interval {
            let reach = style.scaled(4.0);
            scene.line(vec![(x(at.low), y), (x(at.high), y)], paint, style.line());
            for end in [x(at.low), x(at.high)] {
                let cap = vec![(end, y - reach), (end, y + reach)];
                scene.line(cap, paint, style.line());
            }
        }
        let size = style.scaled(7.0);
        let area = Area {
            x: x(bar.relative) - size / 2.0,
            y: y - size / 2.0,
            width: size,
            height: size,
        };
        scene.fill(area, paint);
        if room.has_words {
            let at = (room.right + style.scaled(12.0), y);
            scene.text(at, &bar.words(), Paint::Quiet, Anchor::Start);
        }
    }
    // The zero line is the only mark of the scale: its ends are in the words.
    let at = (x(0.0), bottom + style.scaled(8.0));
    scene.text(at, "0 %", Paint::Quiet, Anchor::Middle);
    bottom + style.scaled(24.0)
}
