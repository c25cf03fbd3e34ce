//! Timelines of a real control plane (`tests/data/real-cluster`), as `windtunnel verify` judges them.

use std::path::{Path, PathBuf};

use windtunnel::verify::VerifyOptions;
use windtunnel::verify::real_cluster::FAMILY;

#[test]
fn runs_show_what_a_real_control_plane_showed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/real-cluster");
    let entries = root.read_dir().expect("a folder of the project");
    let folders = entries.map(|entry| entry.expect("an entry of it").path());
    let mut files: Vec<PathBuf> = folders.map(|folder| folder.join("driver.json")).collect();
    files.retain(|file| (FAMILY.claims)(file));
    files.sort();
    assert_eq!(files.len(), 27);
    let reports = FAMILY.judge.run(&files, &VerifyOptions::default());
    for report in reports.expect("files that can be read") {
        let told = report.disagreements.join("\n");
        let counts = (report.passed, report.failed, report.unsupported);
        assert_eq!(counts, (27, 0, 0), "{told}");
    }
}
