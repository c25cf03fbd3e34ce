//! The front door: recorded cases written as files and given to the whole program (`verify --door`). The
//! night's run takes all of them; here go those of each row whose names have the lowest hashes.

use std::path::{Path, PathBuf};

use verify::{Door, FAMILIES, Share, VerifyOptions};

use crate::shared;

/// Files of a folder of the test data.
fn data(folder: &str, names: &[&str]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(folder);
    names.iter().map(|name| folder.join(name)).collect()
}

/// Takes so many cases of each row of a family through the door: at least `passed` agree, none differs.
#[track_caller]
fn check(family: &str, rows: &[&str], files: &[PathBuf], most: usize, passed: u64) {
    let family = FAMILIES
        .iter()
        .find(|own| own.name == family)
        .expect("a family");
    assert!(files.iter().all(|file| (family.claims)(file)), "{files:?}");
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces");
    let options = VerifyOptions {
        traces: vec![traces],
        families: rows.iter().map(|&row| row.to_owned()).collect(),
        ..VerifyOptions::default()
    };
    // The door alone: other tests hold the functions to every case.
    let Door::Judge(judge) = family.door else {
        panic!("{} has no door of its own", family.name);
    };
    let rows = judge(files, &options, Share::Most(most)).expect("files that can be read");
    let mut agreed = 0;
    for (row, door) in &rows {
        let told = door.disagreements.join("\n");
        assert_eq!(door.failed, 0, "{row}: {told}");
        agreed += door.passed;
    }
    assert!(agreed >= passed, "{agreed} cases agree: {rows:#?}");
}

#[test]
fn single_decisions_of_the_scheduler_come_out_of_dumps_and_runs() {
    let files = data("kube-scheduler", &["cases.jsonl.gz", "cases-2.jsonl.gz"]);
    check("kube-scheduler", &[], &files, 4, 140);
}

#[test]
fn sequences_of_decisions_come_out_of_runs() {
    let names = ["sequences.jsonl.gz", "sequences-churn.jsonl.gz"];
    check("kube-scheduler", &[], &data("kube-scheduler", &names), 1, 8);
}

#[test]
fn what_controllers_do_comes_out_of_runs() {
    let rows = [
        ("ca-scale-down-node", 45),
        ("cron-next", 50),
        ("cronjob-sequence", 50),
        ("daemonset-node", 50),
        ("daemonset-update", 43),
        ("deployment-step", 50),
        ("job-sequence", 50),
        ("node-lifecycle", 48),
        ("pdb", 22),
        ("podgc", 40),
        ("replicaset-victims", 23),
        ("statefulset-sequence", 50),
        ("taint-eviction", 41),
    ];
    for (row, passed) in rows {
        let files = data("kube-controllers", &[&format!("{row}.jsonl.gz")]);
        check("kube-controllers", &[], &files, 50, passed);
    }
    if let Some(file) = shared::reference("vectors/replicaset/scale-down.jsonl.gz") {
        check("replicaset", &[], &[file], 50, 50);
    }
}

#[test]
fn passes_of_the_horizontal_autoscaler_come_out_of_runs() {
    let rows = ["hpa-sequence", "hpa-external"];
    check("hpa", &rows, &data("hpa", &["cases.jsonl.gz"]), 50, 60);
}

#[test]
fn scale_ups_of_the_cluster_autoscaler_come_out_of_runs() {
    check(
        "cluster-autoscaler",
        &[],
        &data("cluster-autoscaler", &["cases.jsonl.gz"]),
        27,
        52,
    );
}

#[test]
fn decisions_of_kueue_come_out_of_questions() {
    let names = [
        "flavor",
        "preemption-classic",
        "preemption-fair",
        "tas",
        "tas-preemption",
    ];
    let files = names.map(|name| shared::reference(&format!("vectors/kueue/{name}.jsonl.gz")));
    let Some(files) = files.into_iter().collect::<Option<Vec<PathBuf>>>() else {
        return;
    };
    check("kueue", &[], &files, 50, 130);
}

#[test]
fn decisions_of_other_systems_come_out_of_runs() {
    let names = ["orchestrators-a.jsonl.gz", "orchestrators-b.jsonl.gz"];
    check("orchestrators", &[], &data("orchestrators", &names), 50, 77);
}

#[test]
fn windows_of_job_logs_come_out_of_runs() {
    let files = ["lublin_256_windows.csv", "lublin_256_starts.csv.gz"];
    let files = files.map(|name| shared::reference(&format!("vectors/swf-sched/{name}")));
    let Some(files) = files.into_iter().collect::<Option<Vec<PathBuf>>>() else {
        return;
    };
    if shared::reference("traces").is_some() {
        check("swf-sched", &[], &files, 50, 50);
    }
}

#[test]
fn schedules_of_batsim_come_out_of_runs() {
    if let Some(file) = shared::reference("vectors/batsim/easy/out_jobs.csv.gz") {
        check("batsim", &[], &[file], 50, 801);
    }
}

#[test]
fn decisions_of_other_releases_come_out_of_dumps_and_runs() {
    let releases = ["1.30", "1.31", "1.32", "1.33", "1.35", "1.36"];
    let names = releases.map(|release| format!("cases-{release}.jsonl.gz"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check("kube-releases", &[], &data("kube-releases", &names), 9, 54);
}
