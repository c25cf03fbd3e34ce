//! Windows against the recorded figures, and how bad input is told.

use super::*;

fn shared(path: &str) -> Option<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(path);
    if folder.exists() {
        return Some(folder);
    }
    println!("skipped: needs ../shared/{path}");
    None
}

/// The files that the family claims in a folder.
fn figures(folder: &Path) -> Vec<PathBuf> {
    let names = ["lublin_256_starts.csv.gz", "lublin_256_windows.csv"];
    names.iter().map(|name| folder.join(name)).collect()
}

fn options(traces: &Path) -> VerifyOptions {
    VerifyOptions {
        traces: vec![traces.to_owned()],
        ..VerifyOptions::default()
    }
}

#[test]
fn every_recorded_average_and_start_is_reproduced() {
    let (Some(files), Some(traces)) = (shared("vectors/swf-sched"), shared("traces")) else {
        return;
    };
    let report = verify(&figures(&files), &options(&traces));
    assert_eq!(
        (report.failed, report.unsupported),
        (0, 0),
        "{:#?}",
        report.disagreements
    );
    assert_eq!(report.passed, 100 + 20 * WINDOW_JOBS as u64);
}

#[test]
fn what_is_missing_is_told() {
    let report = verify(
        &[PathBuf::from("no-such-folder/a_windows.csv")],
        &options(Path::new(".")),
    );
    assert_eq!((report.passed, report.failed), (0, 1));
    assert!(
        report.disagreements[0].contains("no-such-folder"),
        "{report:?}"
    );
    let Some(files) = shared("vectors/swf-sched") else {
        return;
    };
    let report = verify(&figures(&files), &options(Path::new("no-such-folder")));
    assert_eq!((report.passed, report.failed), (0, 0));
    assert_eq!(report.unsupported, 100 + 20 * WINDOW_JOBS as u64);
    assert!(
        report.disagreements[0].contains("Parallel Workloads Archive"),
        "{report:?}"
    );
}

#[test]
fn cases_name_policies_of_the_registry() {
    let case = |policy: &str| Case {
        backfill: true,
        policy: policy.to_owned(),
        window: 0,
    };
    for (policy, order) in [
        ("FCFS", Some("fcfs")),
        ("F1", Some("f1")),
        ("WFP3", Some("wfp3-published")),
        ("UNICEP", Some("unicep-published")),
        ("LIFO", None),
    ] {
        let rules = case(policy).rules();
        assert_eq!(
            rules.as_ref().map(|rules| rules.order.as_str()),
            order,
            "{policy}"
        );
    }
}
