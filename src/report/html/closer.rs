//! Data of the report's script: pods, nodes, events and bars of every variant, as compact
//! lists, and the script itself.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::format;
use crate::plot::SERIES_COLORS;
use history::{NODES_MAX, PODS_MAX, PodEntry, ReportData, VariantData};
use units::SortedMap;

/// The one script of a report.
pub(super) const SCRIPT: &str = include_str!("closer.js");

/// Nodes, and events of nodes, listed over all variants.
const LISTED_MAX: usize = 6 * NODES_MAX;

/// The script's hash as a content policy writes it.
pub(super) fn script_hash() -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(SCRIPT)))
}

/// Embedded details.
#[derive(Serialize)]
pub(super) struct Details {
    /// Whether times are steps of a fill-up.
    steps: bool,
    outcomes: Vec<String>,
    variants: Vec<Value>,
}

impl Details {
    pub(super) fn new(data: &ReportData, series: &[usize], clock: Clock) -> Self {
        let mut details = Self {
            steps: clock == Clock::Steps,
            outcomes: Vec::new(),
            variants: Vec::new(),
        };
        let count = data.variants.len().max(1);
        for (index, variant) in data.variants.iter().enumerate() {
            let mut value = details.variant(variant, count);
            let color = series.get(index).copied().unwrap_or(index) % SERIES_COLORS;
            value["series"] = json!(color);
            details.variants.push(value);
        }
        details
    }

    fn variant(&mut self, variant: &VariantData, variants: usize) -> Value {
        let nodes: Vec<&_> = (variant.nodes.listed.iter())
            .take(LISTED_MAX / variants)
            .collect();
        let indexes: SortedMap<&str, usize> = (nodes.iter().enumerate())
            .map(|(index, node)| (node.name.as_str(), index))
            .collect();
        let pods: Vec<Value> = (shown_pods(variant, variants).into_iter())
            .map(|pod| {
                let node = pod.node.as_deref().map(|node| match indexes.get(node) {
                    Some(index) => json!(index),
                    None => json!(node),
                });
                json!([
                    pod.name,
                    seconds(pod.submit_ns),
                    pod.bound_ns.map(seconds),
                    pod.started_ns.map(seconds),
                    pod.ended_ns.map(seconds),
                    node,
                    self.outcome(&pod.outcome)
                ])
            })
            .collect();
        let bars = variant.timeline.bars.iter().map(|bar| {
            let times = [bar.bound_ns, bar.end_ns].map(|at| at.map(seconds));
            let [bound, end] = times;
            json!([
                bar.name,
                bar.pods,
                bar.placed,
                seconds(bar.submit_ns),
                bound,
                end
            ])
        });
        let events = variant.events.listed.iter().take(LISTED_MAX / variants);
        json!({
            "name": format::clean(&variant.name),
            "end": seconds(variant.end_ns),
            "resource": if variant.heat.resource == "gpu" { "GPU" } else { "CPU" },
            "podsTotal": variant.pods.total,
            "podsPerBar": variant.timeline.pods_per_bar,
            "bars": bars.collect::<Vec<_>>(),
            "pods": pods,
            "nodes": nodes.iter()
                .map(|node| json!([node.name, node.pods, node.mean_percent, node.end_percent]))
                .collect::<Vec<_>>(),
            "events": events
                .map(|event| json!([seconds(event.at_ns), event.node, event.what]))
                .collect::<Vec<_>>(),
        })
    }

    fn outcome(&mut self, outcome: &str) -> usize {
        let known = self.outcomes.iter().position(|known| known == outcome);
        known.unwrap_or_else(|| {
            self.outcomes.push(outcome.to_owned());
            self.outcomes.len() - 1
        })
    }
}

/// The pods of a variant that have room in the page: those that were pending longest.
fn shown_pods(variant: &VariantData, variants: usize) -> Vec<&PodEntry> {
    let room = PODS_MAX / variants;
    let listed = &variant.pods.listed;
    let waited = |pod: &PodEntry| {
        let until = pod.bound_ns.or(pod.ended_ns).unwrap_or(variant.end_ns);
        until.saturating_sub(pod.submit_ns)
    };
    let mut order: Vec<usize> = (0..listed.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(waited(&listed[index])), index));
    order.truncate(room);
    order.sort_unstable();
    order.into_iter().map(|index| &listed[index]).collect()
}

/// Parts of a variant that were put together or left out, in words.
pub(super) fn aggregated(variant: &VariantData, variants: usize, clock: Clock) -> Vec<String> {
    let duration = |nanos: i64| clock.duration(nanos as f64 / 1e9);
    let pods = shown_pods(variant, variants).len() as u64;
    let nodes = variant.nodes.listed.len().min(LISTED_MAX / variants) as u64;
    let events = variant.events.listed.len().min(LISTED_MAX / variants) as u64;
    let mut parts = Vec::new();
    parts.push(format!(
        "time series in columns of {}",
        duration(variant.series.column_ns)
    ));
    parts.push(match variant.heat.nodes_per_row {
        0 | 1 => format!(
            "heat map in columns of {}, one row per node",
            duration(variant.heat.column_ns)
        ),
        nodes => format!(
            "heat map in columns of {}, one row per {}",
            duration(variant.heat.column_ns),
            format::counted(nodes as u64, "node")
        ),
    });
    parts.push(match variant.timeline.pods_per_bar {
        0 | 1 => "timeline with one bar per pod".to_owned(),
        pods => format!("timeline with one bar per {}", format::counted(pods, "pod")),
    });
    let listed = |shown: u64, total: u64, what: &str, which: &str, others: &str| {
        if shown == total {
            format!("search over all {} {what}", format::count(total))
        } else {
            let (shown, total) = (format::count(shown), format::count(total));
            format!("search over {shown} of {total} {what}, {which} ({others})")
        }
    };
    let table = "the table of pods in the result folder lists all";
    let longest = "those with the longest wait for a node";
    parts.push(listed(pods, variant.pods.total, "pods", longest, table));
    let first = "the first ones";
    let counted = "the others are in the metrics and plots only";
    parts.push(listed(nodes, variant.nodes.total, "nodes", first, counted));
    parts.push(listed(
        events,
        variant.events.total,
        "events of nodes",
        first,
        counted,
    ));
    parts
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
