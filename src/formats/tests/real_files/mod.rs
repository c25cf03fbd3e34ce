//! The readers on the published files, which lie beside the package where it is developed; without
//! them these tests say so and pass.

mod counts;
mod parquet;

use std::path::{Path, PathBuf};

use crate::readers::openb_nodes;
use crate::readers::openb_pods::{OpenbPod, read_openb_pods};
use crate::readers::swf::{SwfSource, read_swf_jobs};
use crate::registry;
use crate::tests::prelude::*;
use arrivals::fill_up::{FillPod, FillResource, published_order};
use arrivals::transform;

/// A file of the shared folder, if it is there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: needs ../shared/{path}", path = path.display());
    None
}

fn recorded(path: &str, options: &ReadOptions) -> Option<Recorded> {
    let input = Input::path(shared(path)?);
    let entry = registry::recognize(&input).expect("a known format");
    let arrivals::format::Constructor::Workload(open) = entry.open else {
        panic!("{path} is a workload");
    };
    let mut source = open(&input, options).expect("a readable file");
    Some(Recorded::collect(&mut *source).expect("no bad row"))
}

#[test]
fn logs_have_the_known_numbers_of_jobs() {
    for (file, arrivals, dropped) in [
        ("LCG-2005-1.swf.gz", 187_520, &[("run time 0", 521)][..]),
        (
            "NASA-iPSC-1993-3.1-cln.swf.gz",
            18_066,
            &[("run time 0", 173)],
        ),
        ("lublin_256.swf.gz", 10_000, &[]),
        (
            "HPC2N-2002-2.2-first3170.swf.gz",
            3_145,
            &[("run time not known", 25)],
        ),
        ("alea-jaros1.swf", 12, &[("column names without `;`", 1)]),
        (
            "alea-jaros2.swf",
            12,
            &[("preceding job that is not read above; not waited for", 0)],
        ),
        (
            "alea-jaros3.swf",
            16,
            &[("fields beyond the 18th, not used", 16)],
        ),
        ("accasim-sample.swf", 25, &[]),
        ("opendc-ctc-excerpt.swf", 5, &[]),
    ] {
        let Some(recorded) = recorded(&format!("traces/swf/{file}"), &ReadOptions::default())
        else {
            return;
        };
        assert_eq!(recorded.arrivals.len(), arrivals, "{file}");
        for &(kind, count) in dropped {
            assert_eq!(recorded.ledger.count(kind), count, "{file}: {kind}");
        }
        assert!(
            recorded.arrivals.is_sorted_by_key(|arrival| arrival.submit),
            "{file}"
        );
    }
}

#[test]
fn slurm_logs_are_read_with_names() {
    let path = "traces/swf/slurm-micro-500.swf-semicolon.gz";
    let Some(recorded) = recorded(path, &ReadOptions::default()) else {
        return;
    };
    let left_out: u64 = recorded
        .ledger
        .entries()
        .iter()
        .filter(|entry| entry.action == Action::Drop)
        .map(|entry| entry.count)
        .sum();
    assert_eq!(recorded.arrivals.len() as u64 + left_out, 500);
    assert!(
        recorded.tenants.contains(&"user5".into()),
        "{:?}",
        recorded.tenants
    );
}

#[test]
fn raw_rows_and_header_of_a_log() {
    let Some(path) = shared("traces/swf/lublin_256.swf.gz") else {
        return;
    };
    let (header, jobs) = read_swf_jobs(&Input::path(path)).expect("a clean log");
    assert_eq!(header.processors(), Some(256));
    assert_eq!(jobs.len(), 10_000);
    assert_eq!(jobs[0].submit, Duration::from_secs(5_094));
    assert_eq!(jobs[0].run, Duration::from_secs(12_072));
}

#[test]
fn a_log_repeated_spans_to_its_last_end() {
    let Some(path) = shared("traces/swf/LCG-2005-1.swf.gz") else {
        return;
    };
    let source = SwfSource::open(&Input::path(path), &ReadOptions::default()).expect("a log");
    let mut repeat = transform::Repeat::new(Box::new(source), 2).expect("a log");
    let mut jobs = 0;
    let mut last = units::Instant::ZERO;
    while let Some(arrival) = repeat.next().expect("good rows") {
        assert!(arrival.submit >= last);
        last = arrival.submit;
        jobs += 1;
    }
    assert_eq!(jobs, 2 * 187_520);
    // The largest sum of fields 2 and 4 (there are no waits), taken from the file by hand.
    assert_eq!(repeat.span(), Duration::from_secs(1_123_132));
}

fn openb_node_list() -> Option<Vec<model::Node>> {
    let path = shared("traces/openb/openb_node_list_gpu_node.csv.gz")?;
    let list = openb_nodes::read(&Input::path(path), &ReadOptions::default());
    Some(list.expect("good rows").nodes)
}

#[test]
fn openb_has_its_published_size() {
    let Some(nodes) = openb_node_list() else {
        return;
    };
    assert_eq!(nodes.len(), 1_213);
    assert_eq!(FillResource::Gpu.capacity_milli(&nodes), 6_212_000);
    assert_eq!(FillResource::Cpu.capacity_milli(&nodes), 107_018_000);
    let path = "traces/openb/openb_pod_list_default.csv.gz";
    let Some(all) = recorded(path, &ReadOptions::default()) else {
        return;
    };
    assert_eq!(all.arrivals.len(), 8_152);
    assert_eq!(all.ledger.count("pod never ran; stays for its life"), 897);
    let ran_only = options_with(|own| own.ran_only = true);
    let ran = recorded(path, &ran_only).expect("read above");
    assert_eq!(ran.arrivals.len(), 8_152 - 897);
}

/// The rows `seed,kind,values` of one workload's published orders.
fn published(workload: &str) -> Option<Vec<(i64, String, Vec<u32>)>> {
    let path = shared(&format!("vectors/fgd/orders/{workload}.csv.gz"))?;
    let text = Input::path(path).read_to_string().expect("readable");
    let rows = text.lines().skip(1).map(|line| {
        let mut fields = line.splitn(3, ',');
        let mut field = || fields.next().expect("three fields");
        let (seed, kind, values) = (field(), field(), field());
        let values = values
            .split(' ')
            .map(|value| value.parse().expect("a number"));
        (
            seed.parse().expect("a seed"),
            kind.to_owned(),
            values.collect(),
        )
    });
    Some(rows.collect())
}

#[test]
fn every_published_order_comes_out_of_the_generator() {
    let Some(nodes) = openb_node_list() else {
        return;
    };
    let node_names: Vec<&str> = nodes.iter().map(|node| &*node.name).collect();
    let mut compared = 0;
    for variant in [
        "cpu050",
        "cpu100",
        "cpu200",
        "cpu250",
        "default",
        "gpushare100",
        "gpushare40",
        "gpushare60",
        "gpushare80",
        "gpuspec10",
        "gpuspec20",
        "gpuspec25",
        "gpuspec33",
        "multigpu20",
        "multigpu30",
        "multigpu40",
        "multigpu50",
    ] {
        let workload = format!("openb_pod_list_{variant}");
        let Some(path) = shared(&format!("traces/openb/{workload}.csv.gz")) else {
            return;
        };
        let pods: Vec<OpenbPod> = read_openb_pods(&Input::path(path)).expect("good rows");
        let pods: Vec<FillPod<'_>> = pods.iter().map(FillPod::from).collect();
        for (seed, kind, values) in published(&workload).expect("beside the traces") {
            let order = published_order(&pods, &node_names, 8_075_600, seed).expect("possible");
            let own = match kind.as_str() {
                "pods" => &order.rows,
                "node_rank" => &order.node_ranks,
                other => panic!("unknown kind {other}"),
            };
            assert_eq!(*own, values, "{workload} seed {seed} {kind}");
            compared += 1;
        }
    }
    assert_eq!(compared, 17 * 10 * 2);
}

/// A file, its format, the arrivals in it, and counts of its ledger.
pub(crate) type Published = (
    &'static str,
    &'static str,
    usize,
    &'static [(&'static str, u64)],
);

const PUBLISHED: &[Published] = &[
    (
        "google-2011/task-events-sample-1.csv",
        "google-2011-tasks",
        10,
        &[("no request; counted as 0", 0)],
    ),
    (
        "azure-vm-2017/vmtable-sample.csv.gz",
        "azure-vm",
        10,
        &[("there at the end of the trace; run time not known", 6)],
    ),
    (
        "azure-vm-2017/vm_cpu_readings-sample.csv.gz",
        "azure-vm",
        100,
        &[],
    ),
    ("planetlab/20110303.tar.gz", "planetlab", 1_052, &[]),
    ("planetlab/20110306.tar.gz", "planetlab", 898, &[]),
    ("planetlab/20110409.tar.gz", "planetlab", 1_358, &[]),
    (
        "bitbrains/bitbrains-one-vm.csv.gz",
        "bitbrains",
        1,
        &[("gap above 300 s; the machine was off and uses nothing", 299)],
    ),
    (
        "philly/philly_jobs.csv.gz",
        "philly-table",
        82_247,
        &[("submitted before the row above; sorted", 44_878)],
    ),
    (
        "google-2011/task-usage-sample-1.csv",
        "google-2011-usage",
        10,
        &[],
    ),
    ("simkube/bare-pods.sktrace", "simkube", 4, &[]),
    ("simkube/cronjob.sktrace", "simkube", 3, &[]),
    (
        "simkube/dsb-scaling.sktrace",
        "simkube",
        54,
        &[("pods of another template; replaced at once", 0)],
    ),
    ("gwf/trace.gwf", "gwf", 70, &[]),
    (
        "alibaba-dlrm-2025/disaggregated_DLRM_trace.csv.gz",
        "alibaba-dlrm-2025",
        23_871,
        &[
            (
                "there before the start of the trace; arrives at 0",
                23_871 - 16_591,
            ),
            (
                "there at the end of the trace; run time not known",
                23_871 - 14_993,
            ),
        ],
    ),
    (
        "wfformat/trace.json.gz",
        "wfformat",
        26,
        &[("waits for a task that is not there; ignored", 0)],
    ),
    ("tiresias/60_job.csv", "tiresias-jobs", 60, &[]),
    (
        "chronus/trace_job_Philly_SLO.csv.gz",
        "chronus",
        30_735,
        &[
            ("deadline of a job, not enforced", 30_735),
            ("job without a GPU", 205),
        ],
    ),
    (
        "gavel-msr/seed0_11cb48.trace.gz",
        "gavel",
        2_000,
        &[("steps without a throughput; run time not known", 2_000)],
    ),
    ("gavel-msr/seed0_6c71a0.trace.gz", "gavel", 2_000, &[]),
    ("gavel-msr/seed0_ee9e8c.trace.gz", "gavel", 2_000, &[]),
    (
        "azure-functions/Azure2021_200.csv",
        "azure-functions-2021",
        199,
        &[("began before the trace; arrives at 0", 0)],
    ),
    (
        "azure-llm-2023/AzureLLMInferenceTrace_code.csv.gz",
        "azure-llm-2023",
        8_819,
        &[("request in tokens; run time not known", 8_819)],
    ),
    (
        "azure-functions/invocations.csv",
        "azure-functions-2019",
        1_150 + 3 * 1_125,
        &[("run time not known", 4)],
    ),
];

#[test]
fn published_traces_of_clusters_have_their_rows() {
    check_published(PUBLISHED);
}

pub(crate) fn check_published(published: &[Published]) {
    for &(file, format, arrivals, dirt) in published {
        let path = format!("traces/{file}");
        let Some(full) = shared(&path) else {
            return;
        };
        let entry = registry::recognize(&Input::path(full)).expect("a known format");
        assert_eq!(entry.name, format, "{file}");
        let usage = entry.options.contains(&"usage");
        let options = options_with(|own| own.usage = usage);
        let recorded = recorded(&path, &options).expect("read above");
        println!("{file}\n{}", recorded.ledger);
        assert_eq!(recorded.arrivals.len(), arrivals, "{file}");
        assert!(
            recorded.arrivals.is_sorted_by_key(|arrival| arrival.submit),
            "{file}"
        );
        for &(kind, count) in dirt {
            assert_eq!(recorded.ledger.count(kind), count, "{file}: {kind}");
        }
    }
}

#[test]
fn published_machines_are_nodes() {
    for (file, format, count, gpus) in [
        (
            "alibaba-spot-gpu-2026/node_info_df.csv.gz",
            "alibaba-spot-gpu-2026-machines",
            4_278,
            10_412,
        ),
        ("tiresias/cluster_spec.csv", "tiresias-machines", 16, 64),
        ("tiresias/n32g4.csv", "tiresias-machines", 32, 128),
    ] {
        let Some(path) = shared(&format!("traces/{file}")) else {
            return;
        };
        let input = Input::path(path);
        let entry = registry::recognize(&input).expect("a known format");
        assert_eq!(entry.name, format, "{file}");
        let arrivals::format::Constructor::Nodes(read) = entry.open else {
            panic!("nodes");
        };
        let nodes = read(&input, &ReadOptions::default()).expect("good rows");
        assert_eq!(nodes.nodes.len(), count, "{file}");
        let devices = nodes.nodes.iter().filter_map(|node| node.gpu.as_ref());
        let devices: u32 = devices.map(|gpu| u32::from(gpu.devices)).sum();
        assert_eq!(devices, gpus, "{file}");
    }
}

#[test]
fn published_machine_events_are_nodes() {
    let Some(path) = shared("traces/google-2011/machine-events-sample-1.csv") else {
        return;
    };
    let input = Input::path(path);
    let entry = registry::recognize(&input).expect("a known format");
    assert_eq!(entry.name, "google-2011-machines");
    let arrivals::format::Constructor::Nodes(read) = entry.open else {
        panic!("nodes");
    };
    let nodes = read(&input, &ReadOptions::default())
        .expect("good rows")
        .nodes;
    assert_eq!(nodes.len(), 6);
    assert_eq!(nodes[0].allocatable.get("cpu").milli_floor(), Ok(32_000));
}

#[test]
fn every_workload_of_batsim_is_read() {
    let Some(folder) = shared("traces/batsim") else {
        return;
    };
    let files = Input::path(folder)
        .files()
        .expect("readable")
        .expect("a folder");
    assert_eq!(files.len(), 29);
    let options = options_with(|own| own.rows = RowPolicy::REPORT);
    for file in files {
        let entry = registry::recognize(&file).expect("a known format");
        assert_eq!(entry.name, "batsim", "{}", file.name);
        let arrivals::format::Constructor::Workload(open) = entry.open else {
            panic!("a workload");
        };
        let recorded = collected(open(&file, &options));
        let bad = recorded.ledger.bad_row_count();
        // Submissions up to 1e17 s after the start are beyond what a run can reach.
        let expected = match file.name.rsplit('/').next() {
            Some("test_long_workload.json") => 8,
            Some("test_smpi_mapping.json") => 3,
            _ => 0,
        };
        assert_eq!(
            bad,
            expected,
            "{}: {:?}",
            file.name,
            recorded.ledger.bad_rows()
        );
        assert!(!recorded.arrivals.is_empty(), "{}", file.name);
    }
}

#[test]
fn published_workflows_have_their_edges() {
    for (file, waiting, edges) in [
        ("swf/alea-jaros1.swf", 8, 8),
        ("swf/alea-jaros2.swf", 2, 10),
        ("gwf/trace.gwf", 60, 0),
        ("wfformat/trace.json.gz", 25, 0),
        ("opendc/workflow_example", 3, 0),
    ] {
        let Some(recorded) = recorded(&format!("traces/{file}"), &ReadOptions::default()) else {
            return;
        };
        let after = recorded.arrivals.iter().map(|own| own.after().len());
        let found = (
            after.clone().filter(|&own| own > 0).count(),
            after.sum::<usize>(),
        );
        assert_eq!(found.0, waiting, "{file}");
        assert!(edges == 0 || found.1 == edges, "{file}: {found:?}");
        let tasks: units::SortedSet<_> = recorded.arrivals.iter().map(Arrival::task).collect();
        let mut awaited = recorded.arrivals.iter().flat_map(Arrival::after);
        assert!(awaited.all(|task| tasks.contains(task)), "{file}");
    }
}
