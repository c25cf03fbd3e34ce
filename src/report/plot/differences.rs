//! Distance of every candidate from the baseline in metrics, with intervals.

use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::chart::ends;
use super::figure::{Figure, Mesh, place, square, stroke, sure};
use super::scene::{self, Area, Paint, Style};
use super::{Drawn, Material, PlotEntry, Table, cell};
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
    let mut figure = Figure::new(style, ENTRY.title);
    let panels: Vec<Vec<Bar<'_>>> = ids.iter().map(|id| bars(material, id)).collect();
    let room = Room::of(style, &panels);
    for (id, bars) in ids.iter().zip(&panels).filter(|own| !own.1.is_empty()) {
        panel(&mut figure, id, bars, &room);
    }
    let without = ids.iter().zip(&panels).filter(|own| own.1.is_empty());
    let without: Vec<String> = without.map(|(id, _)| registry::title(id)).collect();
    if without.len() == ids.len() {
        return Err("no metric chosen has a relative difference");
    }
    if !without.is_empty() {
        let list = without.join(", ");
        figure.note(&format!("No relative difference: {list}."));
    }
    if style == Style::Paper {
        let is_head = |name: &str| study.pairs.iter().any(|pair| pair.candidate == name);
        let mut all = study.candidates.iter().map(|own| own.name.as_str());
        let base = all.find(|name| !is_head(name)).unwrap_or("the baseline");
        let base = scene::name(base);
        figure.note(&format!("Change against {base}, 95 % intervals."));
    }
    figure.top += style.scaled(6.0);
    let drawn = ids.iter().zip(&panels);
    let drawn = drawn.flat_map(|(id, bars)| bars.iter().map(move |bar| (id, bar)));
    let described = drawn.clone();
    let described =
        described.map(|(id, bar)| format!("{} {id}: {}", bar.pair.candidate, bar.words()));
    let description = described.collect::<Vec<_>>().join("; ");
    let rows = drawn.map(|(id, bar)| {
        [
            id.clone(),
            bar.pair.candidate.clone(),
            bar.relative.to_string(),
            cell(bar.interval.map(|at| at.low)),
            cell(bar.interval.map(|at| at.high)),
            bar.found.words(bar.pair).to_owned(),
        ]
    });
    let header = ["metric", "candidate", "change", "low", "high", "verdict"];
    Ok(figure.finish(description, Table::new(header, rows)))
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

/// Room between the names and the words of all panels. A narrow page has no room for words beside the
/// bars: they stand in the data.
struct Room {
    left: f64,
    right: f64,
    has_words: bool,
}

impl Room {
    fn of(style: Style, panels: &[Vec<Bar<'_>>]) -> Self {
        let width = |text: String| style.text_width(&text) + style.scaled(24.0);
        let bars = || panels.iter().flatten();
        let names = bars().map(|bar| width(scene::name(&bar.pair.candidate)));
        let left = names.fold(style.scaled(84.0), f64::max);
        let words = bars().map(|bar| width(bar.words()));
        let right = style.width() - words.fold(style.scaled(84.0), f64::max);
        let has_words = right - left > style.scaled(110.0);
        let whole = style.width() - style.scaled(24.0);
        Self {
            left,
            right: if has_words { right } else { whole },
            has_words,
        }
    }
}

fn panel(figure: &mut Figure, id: &str, bars: &[Bar<'_>], room: &Room) {
    let style = figure.style;
    let better = bars.first().map_or("none", |bar| bar.found.better.as_str());
    figure.panel_heading(&registry::title(id), Some(Direction::of_name(better)));
    let (low, high) = ends(bars.iter().flat_map(Bar::reach).chain([0.0]));
    let high = if high > low { high } else { low + 1.0 };
    let space = (high - low) * 0.03;
    let x = Axis::metric("ratio", low - space, high + space, style.either(6, 4));
    let y = Axis::names(bars.iter().map(|bar| scene::name(&bar.pair.candidate)));
    let plane = Area {
        x: room.left,
        y: figure.top,
        width: room.right - room.left,
        height: style.scaled(20.0) * y.to,
    };
    let mut chart = figure.chart(plane, &x, &y, Mesh::Columns);
    let zero = [(0.0, 0.0), (0.0, y.to)];
    let thin = style.scaled(1.0);
    sure(chart.draw_series(LineSeries::new(zero, stroke(Paint::Ink, thin))));
    for (row, bar) in bars.iter().enumerate() {
        let (middle, paint) = (y.row(row) + 0.5, Paint::Series(bar.series));
        let look = stroke(paint, style.line());
        if let Some(at) = bar.interval {
            let whole = [(at.low, middle), (at.high, middle)];
            sure(chart.draw_series(LineSeries::new(whole, look)));
            for end in [at.low, at.high] {
                let cap = [(end, middle - 0.3), (end, middle + 0.3)];
                sure(chart.draw_series(LineSeries::new(cap, look)));
            }
        }
        let at = (bar.relative, middle);
        sure(chart.draw_series([square(at, style.scaled(5.0), paint)]));
        if room.has_words {
            let at = (room.right + style.scaled(12.0), place(&chart, at).1);
            figure.text(at, &bar.words(), Paint::Quiet, HPos::Left);
        }
    }
    figure.below(plane, &x);
}
