//! Made-up summaries for the tests of this layer: a fill-up with six policies and a batch run.

use history::{
    Bar, EventList, HeatData, HeatRow, IncidentEntry, IncidentList, NodeEntry, NodeEventEntry,
    NodeList, PendingData, PodEntry, PodList, REPORT_DATA_VERSION, ReportData, SeriesData,
    TimelineData, VariantData, WaitingList, WaitingPods,
};
use lab::summary::{
    ArrivedSummary, InputSummary, MetricDefinition, MetricSummary, SCHEMA_VERSION, Summary,
    VariantSummary,
};
use units::SortedMap;

fn metric(value: Option<f64>, unit: &str, better: &str, note: Option<&str>) -> MetricSummary {
    MetricSummary {
        value,
        unit: unit.to_owned(),
        better: better.to_owned(),
        note: note.map(str::to_owned),
        ..MetricSummary::default()
    }
}

fn variant(name: &str, digest: &str) -> VariantSummary {
    VariantSummary {
        name: name.to_owned(),
        seed: 42,
        system: "kubernetes".to_owned(),
        scheduler: name.to_owned(),
        nodes: 1213,
        pods: 10_866,
        ended: "drained".to_owned(),
        end_ns: 10_866_000_000_000,
        changes: 32_598,
        decisions: 10_866,
        digest: digest.to_owned(),
        ledger: vec!["pods.csv: 3 rows without a GPU model: taken as any model".to_owned()],
        ..VariantSummary::default()
    }
}

fn summary(name: &str, description: &str, variants: Vec<VariantSummary>) -> Summary {
    Summary {
        schema_version: SCHEMA_VERSION,
        windtunnel: "0.1.0".to_owned(),
        build: String::new(),
        name: name.to_owned(),
        description: description.to_owned(),
        scenario_hash: "5a17c0de00112233445566778899aabbccddeeff00112233445566778899aabb"
            .to_owned(),
        inputs: vec![InputSummary {
            path: "traces/gpu-cluster/pods.csv".to_owned(),
            blake3: "c0ffee0000112233445566778899aabbccddeeff00112233445566778899aabb".to_owned(),
        }],
        variants,
        definitions: vec![MetricDefinition {
            titles: SortedMap::from([(
                "fragmentation.gpu.end".to_owned(),
                "GPU fragmentation, end".to_owned(),
            )]),
            definition: "GPUs that a pod drawn from the workload could not use, over all GPUs."
                .to_owned(),
        }],
    }
}

/// A fill-up to 130 % with six policies. Each saturates at its own height.
pub(crate) fn fill_up() -> Summary {
    let policies = [
        ("random", "b1a6e1d20c55", 0.812, 0.152, 412.0),
        ("dot-product", "09abf00d2211", 0.871, 0.103, 231.0),
        ("gpu-clustering", "51cc00aa9931", 0.869, 0.109, 240.0),
        ("gpu-packing", "77e0123fa001", 0.885, 0.089, 190.0),
        ("best-fit", "e09f4410ab77", 0.889, 0.087, 186.0),
        ("fgd", "6f1c90af3310", 0.931, 0.051, 77.0),
    ];
    let variants = policies.map(|(name, digest, allocation, fragmentation, never_placed)| {
        let mut variant = variant(name, digest);
        let mut arrived = ArrivedSummary::default();
        for percent in 0..=130_u32 {
            let demand = f64::from(percent) / 100.0;
            // A soft knee where the cluster runs full.
            let allocated = demand.min(allocation - (1.3 - demand).max(0.0) * 0.02);
            let fragmented = fragmentation * (0.3 + demand / 1.3 * 0.7);
            arrived.allocation_percent.push(Some(allocated * 100.0));
            arrived.fragmentation_percent.push(Some(fragmented * 100.0));
            arrived
                .fragmented_idle_percent
                .push(Some((fragmented / (1.0 - allocated) * 100.0).min(100.0)));
        }
        variant.arrived = Some(arrived);
        variant.metrics = SortedMap::from(
            [
                (
                    "allocation.gpu.end",
                    metric(Some(allocation), "ratio", "higher", None),
                ),
                (
                    "allocation.gpu.peak",
                    metric(Some(allocation), "ratio", "higher", None),
                ),
                (
                    "fragmentation.gpu.end",
                    metric(Some(fragmentation), "ratio", "lower", None),
                ),
                (
                    "pods.never_placed",
                    metric(Some(never_placed), "pods", "lower", None),
                ),
                (
                    "pods.submitted",
                    metric(Some(10_866.0), "pods", "none", None),
                ),
                (
                    "makespan",
                    metric(None, "seconds", "lower", Some("no pod finished")),
                ),
            ]
            .map(|(id, metric)| (id.to_owned(), metric)),
        );
        variant
    });
    let question = "Which policy strands fewer GPUs on a cluster filled to 130 %?";
    summary("gpu-packing", question, variants.to_vec())
}

/// A batch run over time with three queue policies.
pub(crate) fn batch() -> Summary {
    let policies = [
        ("fcfs", "aa01", 44.9025, 7_920.0),
        ("sjf", "aa02", 12.31, 1_250.0),
        ("f1", "ab03", 9.87, 1_410.0),
    ];
    let variants = policies.map(|(name, digest, slowdown, pending)| {
        let mut variant = variant(name, digest);
        variant.system = "slurm".to_owned();
        variant.nodes = 2000;
        variant.pods = 188_041;
        variant.metrics = SortedMap::from(
            [
                (
                    "bounded_slowdown.mean",
                    metric(Some(slowdown), "factor", "lower", None),
                ),
                (
                    "pending_time.mean",
                    metric(Some(pending), "seconds", "lower", None),
                ),
                (
                    "pending_time.p99",
                    metric(Some(pending * 11.0), "seconds", "lower", None),
                ),
                (
                    "makespan",
                    metric(Some(31_536_000.0), "seconds", "lower", None),
                ),
            ]
            .map(|(id, metric)| (id.to_owned(), metric)),
        );
        variant
    });
    summary(
        "lcg-queue",
        "How long do jobs wait under each order?",
        variants.to_vec(),
    )
}

/// Drawing of the runs of a summary: three nodes, one of them down for a while, and four pods for
/// each variant.
pub(crate) fn data(summary: &Summary) -> ReportData {
    let variants = summary.variants.iter().enumerate();
    ReportData {
        schema_version: REPORT_DATA_VERSION,
        variants: variants
            .map(|(index, variant)| variant_data(&variant.name, index))
            .collect(),
    }
}

const SECOND: i64 = 1_000_000_000;

/// Pods that wait at the end, of the first variant alone.
fn waiting(index: usize) -> WaitingList {
    if index > 0 {
        return WaitingList::default();
    }
    WaitingList {
        pods: 3,
        listed: vec![WaitingPods {
            first: "shop/<large>-0".to_owned(),
            pods: 3,
            since_ns: 20 * SECOND,
            reason: "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu"
                .to_owned(),
            filters: vec![
                "NodeUnschedulable".to_owned(),
                "NodeResourcesFit".to_owned(),
            ],
        }],
    }
}

fn variant_data(name: &str, index: usize) -> VariantData {
    let heat = |number: usize| HeatRow {
        first: format!("node-{number}"),
        last: format!("node-{number}"),
        percent: vec![Some(0), Some(50), None, Some((number * 30 + index) as u8)],
    };
    VariantData {
        waiting: waiting(index),
        name: name.to_owned(),
        end_ns: 100 * SECOND,
        series: SeriesData {
            column_ns: 25 * SECOND,
            cpu_percent: vec![Some(0.0), Some(40.5), Some(80.0 + index as f64), Some(20.0)],
            memory_percent: vec![Some(1.0); 4],
            gpu_percent: vec![None; 4],
            pending: vec![4.0, 2.5, 1.0, 1.0],
            running: vec![0.0, 1.5, 2.0, 1.0],
            nodes_up: vec![3.0, 3.0, 2.0, 3.0],
            ..SeriesData::default()
        },
        pending: PendingData {
            pods: 4,
            placed: 3,
            bounds_ns: vec![0, 20 * SECOND, 40 * SECOND],
            within: vec![1, 2, 3],
            longest_ns: Some(38 * SECOND),
        },
        heat: HeatData {
            resource: "cpu".to_owned(),
            column_ns: 25 * SECOND,
            columns: 4,
            nodes_per_row: 1,
            rows: (0..3).map(heat).collect(),
        },
        timeline: TimelineData {
            pods_per_bar: 1,
            bars: (0..4).map(bar).collect(),
        },
        pods: PodList {
            total: 4,
            listed: (0..4).map(pod).collect(),
        },
        nodes: NodeList {
            total: 3,
            listed: (0..3).map(node).collect(),
        },
        events: EventList {
            total: 1,
            listed: vec![NodeEventEntry {
                at_ns: 50 * SECOND,
                node: "node-2".to_owned(),
                what: "down".to_owned(),
            }],
        },
        incidents: IncidentList {
            total: 1,
            listed: vec![IncidentEntry {
                from_ns: 50 * SECOND,
                to_ns: Some(75 * SECOND),
                what: "down".to_owned(),
                nodes: 1,
                first: "node-2".to_owned(),
            }],
        },
        ..VariantData::default()
    }
}

fn node(number: usize) -> NodeEntry {
    NodeEntry {
        name: format!("node-{number}"),
        pods: 1,
        mean_percent: Some(40.0),
        end_percent: Some(20.0),
    }
}

fn pod(number: usize) -> PodEntry {
    PodEntry {
        name: format!("job-{number}"),
        submit_ns: number as i64 * SECOND,
        bound_ns: (number < 3).then_some(number as i64 * 20 * SECOND),
        started_ns: None,
        ended_ns: (number < 2).then_some(50 * SECOND),
        node: (number < 3).then(|| format!("node-{number}")),
        outcome: ["succeeded", "error", "running", "pending"][number].to_owned(),
    }
}

fn bar(number: usize) -> Bar {
    let pod = pod(number);
    Bar {
        name: pod.name,
        pods: 1,
        placed: u64::from(number < 3),
        submit_ns: pod.submit_ns,
        bound_ns: pod.bound_ns,
        end_ns: pod.ended_ns,
        ..Bar::default()
    }
}
