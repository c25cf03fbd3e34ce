//! Slurm's main loop, its backfill plugin and its advance reservations in runs: waits that follow from
//! intervals and limits.

use windtunnel::lab::summary::Summary;

use crate::scratch::Scratch;

/// A job on one of two hosts, one that needs both, and one that would fit into the hole before it.
const JOBS: &str = "\
submit,name,run_time,cpu,members,time_limit,tenant
0,a,100,1,1,200,ann
1,b,100,1,2,200,bob
2,c,50,1,1,LIMIT,ann
";

/// The mean wait of jobs on two hosts under options of the rule.
fn wait(jobs: &str, slurm: &str) -> Option<f64> {
    let text = format!(
        "windtunnel: v1
name: slurm-loops
cluster:
  nodes:
    - count: 2
      name: 'node-{{}}'
      template: {{allocatable: {{cpu: 1, memory: 2Gi, pods: 9}}}}
workload: [{{trace: {{format: csv, path: jobs.csv}}}}]
system: {{name: batch, scheduler: {{backfill: slurm, slurm: {{{slurm}}}}}}}
stop: {{when: drained}}
"
    );
    let scratch = Scratch::new("slurm-loops", &[("a.yaml", &*text), ("jobs.csv", jobs)]);
    let plain = [
        "run", "a.yaml", "--quiet", "--out", "plain", "--form", "plain",
    ];
    scratch.run(&["run", "a.yaml", "--quiet", "--out", "fast"], 0);
    scratch.run(&plain, 0);
    let (fast, plain) = (scratch.summary("fast"), scratch.summary("plain"));
    let digest = |own: &Summary| own.variants[0].digest.clone();
    assert_eq!(digest(&fast), digest(&plain), "{slurm}");
    let mean = fast.variants[0].metrics.get("pending_time.mean");
    mean.and_then(|own| own.value)
}

/// The mean wait where `c` asks for so many seconds.
fn in_the_hole(limit: u32, loops: &str) -> f64 {
    let jobs = JOBS.replace("LIMIT", &limit.to_string());
    wait(&jobs, &format!("loops: {{{loops}}}")).expect("every job starts")
}

fn assert_close(found: f64, sum: f64, jobs: f64) {
    assert!(
        (found - sum / jobs).abs() < 1e-6,
        "{found} against {sum} / {jobs}"
    );
}

#[test]
fn the_backfill_plugin_starts_what_delays_no_reservation() {
    // At 30 s, `b` gets a reservation at 180 s, the minute before the 200 s that `a` asked for.
    assert_close(in_the_hole(149, ""), 99.0 + 28.0, 3.0);
    // What would end as the reservation begins is kept off its nodes.
    assert_close(in_the_hole(150, ""), 99.0 + 198.0, 3.0);
    assert_close(in_the_hole(169, "resolution: 1s"), 99.0 + 28.0, 3.0);
    assert_close(in_the_hole(170, "resolution: 1s"), 99.0 + 198.0, 3.0);
    assert_close(in_the_hole(150, "backfillInterval: 10s"), 99.0 + 8.0, 3.0);
    // What is not tested does not start, and what is beyond the window holds nobody up.
    assert_close(in_the_hole(150, "maxJobTest: 1"), 99.0 + 198.0, 3.0);
    assert_close(in_the_hole(170, "window: 1m"), 99.0 + 28.0, 3.0);
}

#[test]
fn the_main_loop_tests_some_jobs_at_an_event_and_all_once_an_interval() {
    let jobs =
        "submit,name,run_time,cpu,members,time_limit\n0,z,1,1,1,1\n1,a,99,1,1,99\n1,b,99,1,1,99\n";
    let wait = |loops: &str| wait(jobs, &format!("loops: {{{loops}}}")).expect("both start");
    assert_close(wait(""), 0.0, 3.0);
    assert_close(wait("queueDepth: 1"), 29.0, 3.0);
    assert_close(wait("queueDepth: 1, backfillInterval: 1h"), 59.0, 3.0);
    let often = "queueDepth: 1, backfillInterval: 1h, mainInterval: 7s";
    assert_close(wait(often), 6.0, 3.0);
}

#[test]
fn jobs_keep_off_nodes_that_are_reserved_ahead_of_time() {
    let jobs = "submit,name,run_time,cpu,members,time_limit,tenant\n\
                0,a,100,1,1,200,ann\n1,b,100,1,1,100,bob\n";
    let wait = |more: &str| {
        let accounts = "accounts: [{name: all, users: {ann: 1, bob: 1}}]";
        let reservation = format!("{{name: r, start: 150s, duration: 100s{more}}}");
        wait(jobs, &format!("{accounts}, reservations: [{reservation}]")).expect("both start")
    };
    // `a` could run into it and waits for its end; the backfill plugin starts `b` before it.
    assert_close(wait(""), 250.0 + 29.0, 2.0);
    assert_close(wait(", nodeNames: [node-0]"), 0.0, 2.0);
    assert_close(wait(", users: [ann]"), 0.0, 2.0);
    assert_close(wait(", users: [bob]"), 250.0 + 29.0, 2.0);
    assert_close(wait(", accounts: [all]"), 0.0, 2.0);
}
