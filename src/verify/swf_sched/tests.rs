//! Windows against the recorded figures, and how bad input is told.

use super::*;

fn shared(path: &str) -> Option<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    if folder.exists() {
        return Some(folder);
    }
    println!("skipped: needs ../shared/{path}");
    None
}

fn recorded() -> Option<Vec<PathBuf>> {
    let folder = shared("vectors/swf-sched")?;
    let entries = std::fs::read_dir(folder).expect("a folder that is there");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| claims(path));
    files.sort();
    Some(files)
}

#[test]
fn every_recorded_average_and_start_is_reproduced() {
    let (Some(files), Some(traces)) = (recorded(), shared("traces")) else {
        return;
    };
    let options = VerifyOptions {
        traces: vec![traces],
        ..VerifyOptions::default()
    };
    let report = judge(&files, &options).expect("files that can be read");
    let failed = (report.failed, report.unsupported);
    assert_eq!(failed, (0, 0), "{:#?}", report.disagreements);
    assert_eq!(report.passed, 100 + 20 * WINDOW_JOBS as u64);

    let options = VerifyOptions {
        sample: Some(5),
        case: Some("SJF".into()),
        ..options
    };
    let report = judge(&files, &options).expect("files that can be read");
    assert!(
        (5..=20_000).contains(&report.passed) && report.failed == 0,
        "{report:?}"
    );
}

#[test]
fn what_is_missing_is_told() {
    let Some(files) = recorded() else { return };
    let report = judge(&files, &VerifyOptions::default()).expect("files that can be read");
    assert_eq!((report.passed, report.failed), (0, 0));
    assert_eq!(report.unsupported, 100 + 20 * WINDOW_JOBS as u64);
    assert!(
        report.disagreements[0].contains("Parallel Workloads Archive"),
        "{report:?}"
    );
    let missing = judge(&["no-such_starts.csv".into()], &VerifyOptions::default());
    assert!(
        missing
            .expect_err("no such file")
            .contains("no-such_starts.csv")
    );
}

#[test]
fn rows_that_are_none_are_told_with_file_line_and_column() {
    let header = "workload,backfill,policy,window,job_id,start_time\n";
    for (name, text, expected) in [
        (
            "a",
            format!("{header}w,2,FCFS,0,1,1\n"),
            "a_starts.csv:2: column `backfill`",
        ),
        (
            "b",
            format!("{header}w,0,FCFS,0,1,1\nw,0,FCFS,0,2,x\n"),
            ":3: column `start_time`",
        ),
        (
            "c",
            "workload,backfill,policy,window,job_id\n".to_owned(),
            "a column `start_time`",
        ),
    ] {
        let input = intake::Input::bytes(&format!("{name}_starts.csv"), text.into_bytes());
        let error = vectors::read_starts(&input, &mut Vectors::default()).expect_err(name);
        assert!(error.to_string().contains(expected), "{error}");
    }
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
