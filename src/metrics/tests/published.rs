//! Metrics against published tables: FGD's fill-ups, replayed from recorded placements, and two
//! recorded schedules of a job log. Tables and traces stay outside the package; without them these
//! tests say so and pass.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use crate::families::packing::arrived_demand::{ArrivedTables, PUBLISHED_COLUMNS};
use crate::record::collector::Collector;
use crate::record::jobs::JobTemplate;
use crate::record::setup::Setup;
use crate::record::workloads::Workloads;
use crate::recorder::Recorder;
use crate::tests::fixture::Bench;
use crate::{
    ClusterState, JobOutcome, JobRecord, MeasuredWindow, MetricValue, REGISTRY, RunEnd, Values,
};
use cluster::fragmentation::{Shape, TypicalPods};
use cluster::{GpuColumns, Store};
use model::{DeviceSet, Event, GpuInventory, GpuRequest, Node, PodSpec, ResourceList, Text};
use units::{ClassId, Duration, Instant, Quantity, TenantId};

/// A gzipped text under `../shared`, or `None` with a word about it.
fn text(path: &str) -> Option<String> {
    let found = text_of_project(&format!("../shared/{path}"));
    if found.is_none() {
        println!("skipped: needs ../shared/{path}");
    }
    found
}

/// A gzipped text of the project; `None` if there is none.
fn text_of_project(path: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[expect(clippy::disallowed_methods, reason = "a test reads its tables itself")]
    let file = std::fs::File::open(root.join(path)).ok()?;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("a gzipped text");
    Some(text)
}

/// The rows of a gzipped table under `../shared`.
fn table(path: &str) -> Option<Vec<csv::StringRecord>> {
    text(path).map(|text| records(&text))
}

fn records(text: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.expect("a row")).collect()
}

fn number<T: std::str::FromStr>(row: &csv::StringRecord, column: usize) -> T {
    row[column]
        .parse()
        .unwrap_or_else(|_| panic!("a number in column {column} of {row:?}"))
}

/// The column of a published table for one run.
fn published(table: &[csv::StringRecord], policy: &str, first: usize) -> Option<Vec<f64>> {
    let row = table
        .iter()
        .find(|row| &row[0] == "openb_pod_list_default" && &row[1] == policy && &row[3] == "42")?;
    Some(
        (first..first + 131)
            .map(|column| number(row, column))
            .collect(),
    )
}

fn pod_shape(row: &csv::StringRecord) -> Shape {
    let devices: i64 = number(row, 3);
    Shape {
        cpu_milli: number(row, 1),
        gpu_milli: if devices == 0 { 0 } else { number(row, 4) },
        devices,
        models: if devices == 0 {
            String::new()
        } else {
            row[5].to_owned()
        },
    }
}

fn pod_spec(row: &csv::StringRecord) -> Arc<PodSpec> {
    let shape = pod_shape(row);
    let memory: i64 = number(row, 2);
    let mut models: Vec<Text> = shape.models.split('|').map(Into::into).collect();
    models.retain(|model| !model.is_empty());
    models.sort();
    crate::tests::fixture::spec(
        shape.cpu_milli,
        memory << 20,
        GpuRequest {
            devices: shape.devices as u8,
            milli_per_device: shape.gpu_milli as u16,
            models,
        },
    )
}

fn gpu_columns(shape: &Shape, store: &Store) -> GpuColumns {
    let known = |model| store.gpu_models().get(model);
    let models = match shape.models.as_str() {
        "" => u64::MAX,
        models => models
            .split('|')
            .filter_map(known)
            .map(|index| 1 << index)
            .sum(),
    };
    GpuColumns {
        devices: shape.devices as u8,
        milli_per_device: shape.gpu_milli as u16,
        models,
    }
}

fn openb_node(row: &csv::StringRecord) -> Arc<Node> {
    let memory: i64 = number(row, 2);
    Arc::new(Node {
        name: row[0].into(),
        allocatable: ResourceList::from_pairs([
            ("cpu", Quantity::from_milli(number(row, 1))),
            ("memory", Quantity::from_units(memory << 20)),
            ("pods", Quantity::from_units(1_001)),
        ]),
        gpu: Some(GpuInventory {
            devices: number(row, 3),
            model: row[4].into(),
        }),
        ..Node::default()
    })
}

/// The tables of a fill-up from its recorded placements.
fn replay(
    setup: &Setup,
    nodes: &[csv::StringRecord],
    specs: &[Arc<PodSpec>],
    placements: &[csv::StringRecord],
) -> ArrivedTables {
    let mut bench = Bench::new(Recorder::new(setup).with_arrived(PUBLISHED_COLUMNS));
    for row in nodes {
        bench.add_node(0, openb_node(row));
    }
    for (row, secs) in placements.iter().zip(0..) {
        let pod = bench.submit(secs, &specs[number::<usize>(row, 1)], None);
        let Some(node) = bench.store.nodes().by_name(&row[2]) else {
            bench.apply(secs, &Event::PodUnschedulable { pod });
            continue;
        };
        let mut devices = DeviceSet::EMPTY;
        for index in row[3].split('-').filter_map(|index| index.parse().ok()) {
            devices.insert(index);
        }
        bench.bind(secs, pod, node.0, devices);
    }
    bench.finish(1 << 20).arrived.expect("asked for")
}

#[test]
fn fill_ups_give_the_published_tables_bit_for_bit() {
    let (Some(nodes), Some(pods), Some(allocation), Some(amount), Some(share)) = (
        table("traces/openb/openb_node_list_gpu_node.csv.gz"),
        table("traces/openb/openb_pod_list_default.csv.gz"),
        table("vectors/fgd/analysis_allo_discrete.csv.gz"),
        table("vectors/fgd/analysis_frag_discrete.csv.gz"),
        table("vectors/fgd/analysis_frag_ratio_discrete.csv.gz"),
    ) else {
        return;
    };
    let mut with_models = Store::new();
    for row in &nodes {
        let event = with_models.node_added(openb_node(row));
        with_models.apply(Instant::ZERO, event).expect("a node");
    }
    let typical = Arc::new(TypicalPods::of_workload(
        pods.iter().map(pod_shape),
        0.95,
        |shape| gpu_columns(shape, &with_models),
    ));
    let specs: Vec<Arc<PodSpec>> = pods.iter().map(pod_spec).collect();
    let mut compared = 0;
    for policy in [
        "02-DotProd",
        "03-GpuClustering",
        "04-GpuPacking",
        "05-BestFit",
        "06-FGD",
    ] {
        let path = format!("vectors/fgd/placements/placements_default_{policy}_42.csv.gz");
        let (Some(placements), Some(allocation)) =
            (table(&path), published(&allocation, policy, 5))
        else {
            continue;
        };
        let setup = Setup {
            typical: Some(typical.clone()),
            ..Setup::default()
        };
        let tables = replay(&setup, &nodes, &specs, &placements);
        for (name, found, expected) in [
            ("allocation", tables.allocation, Some(allocation)),
            (
                "fragmented",
                tables.fragmented,
                published(&amount, policy, 4),
            ),
            (
                "share",
                tables.fragmented_share,
                published(&share, policy, 4),
            ),
        ] {
            let expected = expected.expect("the same rows in all three tables");
            for (column, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found, &Some(*expected), "{policy} {name} {column}");
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 5, "runs compared");
}

/// All values over jobs given by submission, start and end in seconds.
fn values_of(jobs: impl Iterator<Item = [i64; 3]>) -> Vec<MetricValue> {
    let setup = Setup::default();
    let mut collectors: Vec<Box<dyn Collector>> = REGISTRY
        .iter()
        .map(|entry| (entry.construct)(&setup))
        .collect();
    for secs in jobs {
        let [submit, start, end] = secs.map(Instant::from_secs);
        let job = JobRecord {
            submit,
            bound: Some(start),
            start: Some(start),
            last_start: None,
            paused: Duration::ZERO,
            requeued: Duration::ZERO,
            end,
            outcome: JobOutcome::Succeeded,
            pods: 1,
            template: JobTemplate::Class(ClassId(0)),
            tenant: TenantId(0),
            priority: 0,
            cpu_milli: 1_000,
            memory_bytes: 0,
            number: 0,
            measured: true,
            ended_in_window: true,
            is_replaced: false,
        };
        for collector in &mut collectors {
            collector.job(&job);
        }
    }
    let (store, state) = (Store::new(), ClusterState::default());
    let measured = MeasuredWindow::new(setup.window);
    let end = RunEnd {
        at: Instant::ZERO,
        window: measured.of_run(Instant::ZERO),
        measured: &measured,
        state: &state,
        store: &store,
        workloads: &Workloads::default(),
        alerts: &crate::alerts::AlertLog::default(),
    };
    let both = REGISTRY.iter().zip(&collectors);
    both.flat_map(|(entry, collector)| {
        let mut values = Values::of(entry.statistics);
        collector.finish(&end, &mut values);
        values.named(entry.subject).expect("each is read once")
    })
    .collect()
}

/// The value of an id.
fn value(values: &[MetricValue], id: &str) -> f64 {
    let found = values.iter().find(|value| value.id == id);
    found.and_then(|value| value.value).expect(id)
}

#[test]
fn recorded_schedules_give_the_published_averages() {
    let expected = [
        ("fifo", 16_282.5, 15_343.5, 34_276.0, 124.6, 31.3, 1_532.0),
        ("easy", 2_043.5, 79.0, 21_099.1, 16.5, 1.11, 291.0),
    ];
    for (name, wait, wait_p50, wait_p99, slowdown, slowdown_p50, slowdown_p99) in expected {
        let text = text_of_project(&format!("tests/data/metrics/{name}.csv.gz"));
        let rows = records(&text.expect("a recorded schedule"));
        let values = values_of(
            rows.iter()
                .map(|row| [1, 2, 3].map(|column| number(row, column))),
        );
        // Published to so many digits.
        for (id, expected, half_digit) in [
            ("first_wait.mean", wait, 0.05),
            ("first_wait.p50", wait_p50, 0.05),
            ("first_wait.p99", wait_p99, 0.05),
            ("bounded_slowdown.mean", slowdown, 0.05),
            ("bounded_slowdown.p50", slowdown_p50, 0.05),
            ("bounded_slowdown.p99", slowdown_p99, 0.5),
        ] {
            let found = value(&values, id);
            let near = (found - expected).abs() <= half_digit * 1.000_001;
            assert!(near, "{name} {id}: {found}, published {expected}");
        }
    }
}

/// First come, first served on 2,000 processors; every job of the log asks for one.
#[test]
fn a_job_log_first_come_first_served_gives_the_published_slowdown() {
    let Some(log) = text("traces/swf/LCG-2005-1.swf.gz") else {
        return;
    };
    let mut jobs: Vec<(i64, i64)> = log
        .lines()
        .filter(|line| !line.starts_with(';'))
        .map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let mut next = |skip| fields.nth(skip).and_then(|field| field.parse().ok());
            let submit = next(0).expect("a submission");
            (submit, next(1).expect("a run time"))
        })
        .filter(|&(_, run)| run > 0)
        .collect();
    jobs.sort_by_key(|&(submit, _)| submit);
    let mut free_at: BinaryHeap<Reverse<i64>> = std::iter::repeat_n(Reverse(0), 2_000).collect();
    let mut previous = 0;
    let values = values_of(jobs.iter().map(|&(submit, run)| {
        let Reverse(free) = free_at.pop().expect("2,000 processors");
        previous = free.max(submit).max(previous);
        free_at.push(Reverse(previous + run));
        [submit, previous, previous + run]
    }));
    let count = |id| value(&values, id) as u64;
    assert_eq!(count("jobs.measured"), 187_520);
    assert_eq!(count("jobs.waited"), 76_965);
    let slowdown = value(&values, "bounded_slowdown.mean");
    assert_eq!(format!("{slowdown:.4}"), "44.9025");
}
