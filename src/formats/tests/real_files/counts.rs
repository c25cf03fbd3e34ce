//! Numbers of rows that the shared folder's README and the specification state for the published files: what
//! was taken and what was left out add up to them.

use super::*;
use crate::registry;
use crate::tests::prelude::*;

/// Rows of openb's tables of pods, by the variant.
const OPENB: [(&str, usize); 17] = [
    ("default", 8_152),
    ("cpu050", 7_439),
    ("cpu100", 7_853),
    ("cpu200", 8_832),
    ("cpu250", 9_420),
    ("gpushare100", 8_152),
    ("gpushare40", 8_152),
    ("gpushare60", 8_152),
    ("gpushare80", 8_152),
    ("gpuspec10", 8_152),
    ("gpuspec20", 8_152),
    ("gpuspec25", 8_152),
    ("gpuspec33", 8_152),
    ("multigpu20", 8_324),
    ("multigpu30", 8_508),
    ("multigpu40", 8_746),
    ("multigpu50", 9_061),
];

#[test]
fn every_variant_of_openb_has_its_rows() {
    for (variant, rows) in OPENB {
        let path = format!("traces/openb/openb_pod_list_{variant}.csv.gz");
        let Some(recorded) = recorded(&path, &ReadOptions::default()) else {
            return;
        };
        assert_eq!(recorded.arrivals.len(), rows, "{variant}");
        assert_eq!(recorded.ledger.bad_row_count(), 0, "{variant}");
    }
    for (nodes, count, cores) in [("gpu_node", 1_213, 107_018), ("all_node", 1_523, 125_514)] {
        let path = format!("traces/openb/openb_node_list_{nodes}.csv.gz");
        let Some(path) = shared(&path) else {
            return;
        };
        let input = Input::path(path);
        let entry = registry::recognize(&input).expect("a known format");
        let Constructor::Nodes(read) = entry.open else {
            panic!("nodes");
        };
        let list = read(&input, &ReadOptions::default()).expect("good rows");
        let milli = list.nodes.iter().map(|node| node.allocatable.get("cpu"));
        let milli: i64 = milli.filter_map(|cpu| cpu.milli_floor().ok()).sum();
        assert_eq!((list.nodes.len(), milli), (count, 1_000 * cores), "{nodes}");
    }
}

#[test]
fn rows_that_are_taken_and_left_out_add_up() {
    for (file, rows) in [
        ("swf/LCG-2005-1.swf.gz", 188_041),
        ("swf/NASA-iPSC-1993-3.1-cln.swf.gz", 18_239),
        ("swf/HPC2N-2002-2.2-first3170.swf.gz", 3_170),
        ("philly/philly_jobs.csv.gz", 82_247),
        ("chronus/trace_job_Philly_SLO.csv.gz", 30_940),
        ("opendc/surf_halfyear/tasks.parquet", 194_917),
        ("opendc/bitbrains-small", 50),
        ("bitbrains/bitbrains-one-vm.csv.gz", 1),
    ] {
        let path = format!("traces/{file}");
        let Some(recorded) = recorded(&path, &ReadOptions::default()) else {
            return;
        };
        let dropped = recorded.ledger.entries().iter();
        // Lines of names and blank ones are no rows.
        let is_row = |kind: &str| !matches!(kind, "column names without `;`" | "blank line");
        let dropped = dropped.filter(|entry| entry.action == Action::Drop && is_row(&entry.kind));
        let dropped: u64 = dropped.map(|entry| entry.count).sum();
        assert_eq!(recorded.arrivals.len() as u64 + dropped, rows, "{file}");
    }
}

#[test]
fn each_arrival_of_a_published_file_has_its_line() {
    for file in [
        "openb/openb_pod_list_default.csv.gz",
        "alibaba-dlrm-2025/disaggregated_DLRM_trace.csv.gz",
        "philly/philly_jobs.csv.gz",
        "azure-llm-2023/AzureLLMInferenceTrace_code.csv.gz",
        "azure-functions/invocations.csv",
        "gavel-msr/seed0_11cb48.trace.gz",
        "google-2011/task-events-sample-1.csv",
        "swf/NASA-iPSC-1993-3.1-cln.swf.gz",
        "gwf/trace.gwf",
        "wfformat/trace.json.gz",
        "simkube/dsb-scaling.sktrace",
        "opendc/surf_week",
        "bitbrains/bitbrains-one-vm.csv.gz",
    ] {
        let Some(recorded) = recorded(&format!("traces/{file}"), &ReadOptions::default()) else {
            return;
        };
        assert!(!recorded.files.is_empty(), "{file}");
        for arrival in &recorded.arrivals {
            let origin = arrival.origin;
            assert!(origin.line > 0, "{file}: {}", arrival.name);
            assert!(usize::from(origin.file) < recorded.files.len(), "{file}");
        }
    }
}

#[test]
fn pods_of_simkube_tolerate_what_they_did() {
    let path = "traces/simkube/bare-pods.sktrace";
    let Some(recorded) = super::recorded(path, &ReadOptions::default()) else {
        return;
    };
    for spec in &recorded.classes {
        let tolerations = spec.tolerations.iter().map(|own| {
            let key = own.key.as_deref().unwrap_or_default();
            (key, own.effect, own.tolerates_for)
        });
        let seconds = Some(units::Duration::from_secs(300));
        let effect = Some(model::TaintEffect::NoExecute);
        tolerations.collect::<Vec<_>>().are([
            ("node.kubernetes.io/not-ready", effect, seconds),
            ("node.kubernetes.io/unreachable", effect, seconds),
        ]);
    }
}
