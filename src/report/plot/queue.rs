//! A queue of Kueue over time: what it holds of each quota, the workloads that wait, and its dominant
//! share, a line for each variant.

use super::axis::Axis;
use super::chart::{self, Line, Panel, highest};
use super::scene::Style;
use super::svg;
use crate::clock::Clock;
use crate::format;
use lab::summary::QueueSummary;
use metrics::Direction;

/// Most quotas that are drawn.
const USES_MAX: usize = 4;

/// A queue in a variant, with the variant's number and name.
pub(crate) type QueueOf<'a> = (usize, &'a str, &'a QueueSummary);

/// Draws a queue; `place` is its number in the report. `None` where no time passed.
pub(crate) fn draw(
    place: usize,
    name: &str,
    variants: &[QueueOf<'_>],
    clock: Clock,
) -> Option<String> {
    let mut panels = Vec::new();
    let mut uses: Vec<(&str, &str)> = Vec::new();
    for own in variants.iter().flat_map(|(_, _, own)| &own.uses) {
        let pair = (own.flavor.as_str(), own.resource.as_str());
        if !uses.contains(&pair) {
            uses.push(pair);
        }
    }
    for (flavor, resource) in uses.into_iter().take(USES_MAX) {
        let of = |own: &QueueSummary| {
            let mut uses = own.uses.iter();
            let own = uses.find(|own| own.flavor == flavor && own.resource == resource)?;
            Some((own.nominal, own.held.clone()))
        };
        let nominal = variants.iter().filter_map(|(_, _, own)| of(own));
        let nominal = nominal.map(|(nominal, _)| nominal).fold(0.0, f64::max);
        let title = format!(
            "{resource} of {flavor} held, of a quota of {}",
            amount(nominal)
        );
        let values = |own: &QueueSummary| of(own).map_or_else(Vec::new, |(_, held)| held);
        panels.extend(panel(variants, clock, &title, nominal, values));
    }
    let waiting = |own: &QueueSummary| {
        own.timeline
            .as_ref()
            .map_or_else(Vec::new, |own| own.waiting.clone())
    };
    panels.extend(panel(variants, clock, "workloads waiting", 1.0, waiting));
    let share = |own: &QueueSummary| {
        let share = own.timeline.iter().flat_map(|own| &own.share);
        share.map(|share| share * 100.0).collect()
    };
    panels.extend(panel(
        variants,
        clock,
        "dominant share of all quotas, %",
        1.0,
        share,
    ));
    if panels.is_empty() {
        return None;
    }
    let title = format!("Queue {} over time", format::clean(name));
    let drawn = chart::draw(Style::Screen, &title, "time_s", &panels, &[]);
    Some(svg::write(&format!("queue-{place}"), &title, &drawn))
}

/// A panel of one value over time; `None` where no variant has one.
fn panel(
    variants: &[QueueOf<'_>],
    clock: Clock,
    title: &str,
    least_top: f64,
    values: impl Fn(&QueueSummary) -> Vec<f64>,
) -> Option<Panel> {
    let lines = variants.iter().filter_map(|(index, name, own)| {
        let timeline = own.timeline.as_ref()?;
        let at = |step: usize| timeline.from_s + step as f64 * timeline.step_s;
        let values = values(own);
        let last = *values.last()?;
        let steps = values.iter().enumerate();
        let mut points: Vec<(f64, Option<f64>)> = steps
            .map(|(step, value)| (at(step), Some(*value)))
            .collect();
        points.push((at(values.len()), Some(last)));
        Some(Line {
            index: Some(*index),
            name: (*name).to_owned(),
            points,
        })
    });
    let (lines, style) = (lines.collect(), Style::Screen);
    let mut panel = Panel::over_time(title, Direction::None, clock, style, lines)?;
    panel.y = Axis::up_to(highest(&panel.lines).max(least_top), 5);
    Some(panel)
}

/// An amount with as many digits as it needs, three at most behind the point.
fn amount(value: f64) -> String {
    let decimals = if value.fract() == 0.0 { 0 } else { 3 };
    format::fixed(value, decimals)
}
