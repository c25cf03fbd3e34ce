//! The collector on small runs driven by hand, and `report.json` written and read.

use std::sync::Arc;

use super::*;
use cluster::{Observer, Store};
use metrics::Resource;
use model::{
    DeviceSet, EndReason, Event, Node, PodCreated, PodName, PodRef, PodSpec, ResourceList,
};
use units::{Instant, NodeId, Quantity, TenantId};

const SECOND: i64 = 1_000_000_000;

struct Bench {
    store: Store,
    collector: Collector,
    spec: Arc<PodSpec>,
}

impl Bench {
    /// Nodes of two cores; pods ask for one.
    fn new(nodes: usize, pods_max: usize) -> Self {
        let requests = ResourceList::from_pairs([("cpu", Quantity::from_milli(1_000))]);
        let mut bench = Self {
            store: Store::new(),
            collector: Collector::new(Resource::Cpu, pods_max),
            spec: Arc::new(PodSpec::with_requests(requests)),
        };
        for number in 0..nodes {
            bench.add_node(0, number);
        }
        if let Some(event) = bench.store.class_added(&bench.spec) {
            bench.apply(0, &event);
        }
        bench
    }

    fn add_node(&mut self, secs: i64, number: usize) {
        let node = Node {
            name: format!("node-{number}").as_str().into(),
            allocatable: ResourceList::from_pairs([
                ("cpu", Quantity::from_milli(2_000)),
                ("pods", Quantity::from_units(10)),
            ]),
            ..Node::default()
        };
        let event = self.store.node_added(Arc::new(node));
        self.apply(secs, &event);
    }

    fn apply(&mut self, secs: i64, event: &Event) {
        let at = Instant::from_secs(secs);
        let ended = self.store.apply(at, event.clone());
        let ended = ended.unwrap_or_else(|why| panic!("{event:?}: {why}"));
        self.collector
            .observe(at, event, ended.as_ref(), &self.store);
        self.collector.settled(at, &self.store);
    }

    fn submit(&mut self, secs: i64) -> PodRef {
        let pod = self.store.pods().next();
        let created = PodCreated {
            pod,
            class: self.store.class_of(&self.spec).expect("added before"),
            name: PodName::Job(u64::from(pod.id.0)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        };
        self.apply(secs, &Event::PodCreated(created));
        pod
    }

    fn bind(&mut self, secs: i64, pod: PodRef, node: u32) {
        let (node, devices) = (NodeId(node), DeviceSet::EMPTY);
        self.apply(secs, &Event::PodBound { pod, node, devices });
    }

    fn end(&mut self, secs: i64, pod: PodRef) {
        let reason = EndReason::Completed;
        self.apply(secs, &Event::PodEnded { pod, reason });
    }

    fn finish(self, secs: i64) -> VariantData {
        let alerts = metrics::alerts::AlertLog::default();
        let at = Instant::from_secs(secs);
        self.collector.finish(at, &self.store, &alerts)
    }
}

/// The mean of a series over time, by columns of a width with a shorter last one.
fn mean(values: &[f64], width: i64, end: i64) -> f64 {
    let lengths = (0..values.len() as i64).map(|column| width.min(end - column * width) as f64);
    let sum: f64 = values
        .iter()
        .zip(lengths)
        .map(|(value, length)| value * length)
        .sum();
    sum / end as f64
}

#[test]
fn a_pod_that_waits_and_runs() {
    let mut bench = Bench::new(2, 10);
    let first = bench.submit(0);
    bench.bind(0, first, 0);
    let second = bench.submit(10);
    bench.bind(30, second, 1);
    bench.end(50, second);
    let data = bench.finish(100);

    let end = 100 * SECOND;
    let share = |values: &[Option<f64>]| -> Vec<f64> { values.iter().flatten().copied().collect() };
    let cpu = mean(&share(&data.series.cpu_percent), data.series.column_ns, end);
    // One core for 100 s and one for 20 s, of four cores for 100 s.
    assert!((cpu - 30.0).abs() < 0.01, "{cpu}");
    let pending = mean(&data.series.pending, data.series.column_ns, end);
    assert!((pending - 0.2).abs() < 0.01, "{pending}");

    assert_eq!((data.pending.pods, data.pending.placed), (2, 2));
    assert_eq!(
        data.pending.within.first(),
        Some(&1),
        "one was placed at once"
    );
    assert_eq!(data.pending.longest_ns, Some(20 * SECOND));

    let nodes: Vec<(u64, Option<f64>, Option<f64>)> = (data.nodes.listed.iter())
        .map(|node| (node.pods, node.mean_percent, node.end_percent))
        .collect();
    assert_eq!(
        nodes,
        [(1, Some(50.0), Some(50.0)), (1, Some(10.0), Some(0.0))]
    );
    let outcomes: Vec<&str> = (data.pods.listed.iter())
        .map(|pod| pod.outcome.as_str())
        .collect();
    assert_eq!(outcomes, ["starting", "succeeded"]);
    assert_eq!(data.timeline.bars[1].bound_ns, Some(30 * SECOND));
    assert_eq!(data.timeline.bars[1].end_ns, Some(50 * SECOND));
    assert_eq!(data.timeline.bars[0].end_ns, None, "it lives");
    assert_eq!(data.events.total, 0, "the cluster at the start is no event");
}

#[test]
fn everything_stays_within_its_bounds_and_nothing_is_lost() {
    let mut bench = Bench::new(250, 20);
    let mut waiting = Vec::new();
    for secs in 0..3_003 {
        waiting.push(bench.submit(secs));
        if secs % 7 == 6 {
            for (node, pod) in waiting.drain(..).enumerate() {
                bench.bind(secs, pod, node as u32 * 30);
                bench.end(secs, pod);
            }
        }
    }
    let data = bench.finish(4_000);
    assert!(data.series.pending.len() <= SERIES_COLUMNS_MAX);
    assert!(data.heat.columns <= HEAT_COLUMNS_MAX && data.heat.rows.len() <= HEAT_ROWS_MAX);
    assert_eq!((data.heat.nodes_per_row, data.heat.rows.len()), (4, 63));
    assert_eq!(data.heat.rows[62].last, "node-249");
    assert_eq!(
        (data.timeline.pods_per_bar, data.timeline.bars.len()),
        (8, 376)
    );
    assert_eq!(
        data.timeline.bars.iter().map(|bar| bar.pods).sum::<u64>(),
        3_003
    );
    assert_eq!(
        data.timeline.bars.iter().map(|bar| bar.placed).sum::<u64>(),
        3_003
    );
    assert_eq!((data.pods.total, data.pods.listed.len()), (3_003, 20));
    let waits = data
        .pods
        .listed
        .iter()
        .map(|pod| pod.bound_ns.unwrap() - pod.submit_ns);
    assert_eq!(
        waits.min(),
        Some(6 * SECOND),
        "those that waited longest are kept"
    );
    assert_eq!(data.pending.within.last(), Some(&3_003));
}

#[test]
fn nothing_at_all() {
    let data = Bench::new(0, 10).finish(0);
    assert!(data.series.pending.is_empty() && data.heat.rows.is_empty());
    assert!(data.pending.bounds_ns.is_empty() && data.timeline.bars.is_empty());
    data.check().unwrap();
    let still = Bench::new(1, 10).finish(0);
    assert_eq!(still.heat.columns, 0, "no time passed");
    still.check().unwrap();
}

#[test]
fn a_node_goes_down_and_another_joins() {
    let mut bench = Bench::new(1, 10);
    let (node, ready) = (NodeId(0), false);
    bench.apply(25, &Event::NodeReadiness { node, ready });
    bench.add_node(50, 1);
    let data = bench.finish(100);
    let events: Vec<(i64, &str, &str)> = (data.events.listed.iter())
        .map(|event| {
            (
                event.at_ns / SECOND,
                event.node.as_str(),
                event.what.as_str(),
            )
        })
        .collect();
    assert_eq!(events, [(25, "node-0", "down"), (50, "node-1", "joined")]);
    let row = &data.heat.rows[0].percent;
    assert_eq!((row.first(), row.last()), (Some(&Some(0)), Some(&None)));
    assert_eq!(data.nodes.listed[0].end_percent, None, "it is not up");
}

#[test]
fn what_is_written_is_read() {
    let mut variant = Bench::new(3, 10).finish(10);
    variant.name = "a".to_owned();
    let data = ReportData {
        schema_version: REPORT_DATA_VERSION,
        variants: vec![variant.clone(), variant],
    };
    let read: ReportData = serde_json::from_str(&data.to_json()).unwrap();
    assert_eq!(read, data);
    read.check(&["a", "a"]).unwrap();
    assert!(read.check(&["a"]).is_err(), "other variants");
    let mut future = read.clone();
    future.schema_version += 1;
    assert!(future.check(&["a", "a"]).is_err(), "a later version");
    let mut uneven = read;
    uneven.variants[0].series.running.push(1.0);
    assert!(
        uneven.check(&["a", "a"]).is_err(),
        "lists of unequal length"
    );
}
