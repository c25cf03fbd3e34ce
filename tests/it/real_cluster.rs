//! Timelines of a real control plane (`tests/data/real-cluster`), as `windtunnel verify` judges them.

use std::path::{Path, PathBuf};

use verify::VerifyOptions;
use verify::real_cluster::{FAMILY, verdict_of};
use windtunnel::world::production::CONSTANTS;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/real-cluster");
    let entries = root.read_dir().expect("a folder of the project");
    let folders = entries.map(|entry| entry.expect("an entry of it").path());
    let mut files: Vec<PathBuf> = folders.map(|folder| folder.join("driver.json")).collect();
    files.retain(|file| (FAMILY.claims)(file));
    files.sort();
    files
}

/// Every time is within half a second of the repeats, but for what adds up in chains.
#[test]
fn no_time_is_far_from_the_spread_of_the_repeats() {
    for file in cases() {
        let folder = file.parent().expect("a folder");
        let name = folder.file_name().expect("a name").to_string_lossy();
        let verdict = verdict_of(folder).expect("a case that can be judged");
        let off = verdict
            .deviation
            .map_or((0, String::new()), |own| (own.millis, own.place));
        let (rows, times) = (verdict.rows, verdict.times);
        println!(
            "{name:28} {rows:4} kinds {times:5} times  {:6} ms  {}",
            off.0, off.1
        );
        assert!((-1_000..=500).contains(&off.0), "{name}: {off:?}");
    }
}

#[test]
fn the_manual_lists_the_constants_of_the_production_set() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/production.md");
    let page = std::fs::read_to_string(path).expect("a page of the manual");
    for constant in CONSTANTS {
        let row = page.lines().find(|line| {
            line.contains(constant.field)
                && line.contains(constant.value)
                && line.contains(constant.source)
        });
        assert!(
            row.is_some(),
            "{} is not in the table of the page",
            constant.field
        );
    }
}

#[test]
fn runs_show_what_a_real_control_plane_showed() {
    let files = cases();
    assert_eq!(files.len(), 27);
    let reports = FAMILY.judge.run(&files, &VerifyOptions::default());
    for report in reports.expect("files that can be read") {
        let told = report.disagreements.join("\n");
        let counts = (report.passed, report.failed, report.unsupported);
        assert_eq!(counts, (27, 0, 0), "{told}");
    }
}
