//! Metrics of recorded schedules (`tests/data/metrics`; spec: metrics.md 5.8).

use std::path::{Path, PathBuf};

use verify::VerifyOptions;
use verify::metrics::FAMILY;

#[test]
fn metrics_of_recorded_schedules_are_those_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/metrics");
    let files: Vec<PathBuf> = ["easy.csv.gz", "fifo.csv.gz"]
        .iter()
        .map(|name| folder.join(name))
        .collect();
    assert!(files.iter().all(|file| (FAMILY.claims)(file)));
    let reports = FAMILY.judge.run(&files, &VerifyOptions::default());
    for report in reports.expect("files that can be read") {
        let told = report.disagreements.join("\n");
        let counts = (report.passed, report.failed, report.unsupported);
        assert_eq!(counts, (65, 0, 0), "{told}");
    }
}
