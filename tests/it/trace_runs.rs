//! Traces in runs: what arrivals wait for is kept to under every system, and an experiment's edits are those of the
//! command.

use std::fmt::Write as _;

use windtunnel::units::SortedMap;

use crate::scratch::{Pods, Scratch, seconds};

/// A workflow in the Grid Workload Format: 1 and 2, then 3 after both, then 4 after it; 5 waits for a
/// task that is not there.
const WORKFLOW: &str = "\
WorkflowID, JobID, SubmitTime, RunTime, NProcs, ReqNProcs, Dependencies
0, 1, 0, 100, 1, 1,
0, 2, 0, 300, 1, 1,
0, 3, 5, 50, 1, 1, 1 2
0, 4, 5, 20, 1, 1, 3
0, 5, 5, 10, 1, 1, 9
";

/// The systems that take pods of a trace.
pub(crate) const SYSTEMS: [&str; 15] = [
    "kubernetes",
    "openshift",
    "batch",
    "gpu-sharing",
    "omega",
    "sparrow",
    "flow",
    "borg",
    "mesos",
    "swarm",
    "swarmkit",
    "fleet",
    "nova",
    "ecs",
    "consolidation",
];

/// An experiment of three nodes with a trace as its workload.
pub(crate) fn experiment(workload: &str) -> String {
    format!(
        "windtunnel: v1\nname: traces\ncluster:\n  nodes:\n    - {{count: 3, template: {{allocatable: \
         {{cpu: 8, memory: 64Gi}}}}}}\nworkload:\n  - trace: {workload}\n"
    )
}

/// The submissions and ends of a run's pods in seconds, by name; what has not ended ended at 0.
pub(crate) fn times(scratch: &Scratch) -> SortedMap<String, (i64, i64)> {
    times_of(scratch.pods("ran", TIMES))
}

/// The columns of [`times_of`].
const TIMES: [&str; 2] = ["submit_ns", "ended_ns"];

fn times_of(pods: Pods<2>) -> SortedMap<String, (i64, i64)> {
    let times = |[from, until]: [String; 2]| {
        let [from, until] = [from, until].map(|cell| seconds(&cell).unwrap_or_default());
        (from, until)
    };
    let pods = pods.into_iter();
    pods.map(|(pod, cells)| (pod, times(cells))).collect()
}

/// The variants of an experiment that are systems.
pub(crate) fn variants<'s>(systems: impl IntoIterator<Item = &'s str>) -> String {
    let mut text = "variants:\n".to_owned();
    for system in systems {
        let _ = writeln!(text, "  {system}: {{system: {{name: {system}}}}}");
    }
    text
}

/// Runs an experiment with a table of its pods; returns what it told.
pub(crate) fn run(scratch: &Scratch, file: &str, more: &[&str]) -> String {
    let run = ["run", file, "--tables", "csv", "--out", "ran", "--force"];
    scratch.run(&[&run[..], more].concat(), 0)
}

#[test]
fn every_system_keeps_to_what_tasks_wait_for() {
    let text = experiment("{format: gwf, path: workflow.gwf}") + &variants(SYSTEMS);
    let files = [("a.yaml", &*text), ("workflow.gwf", WORKFLOW)];
    let scratch = Scratch::new("trace-precedence", &files);
    let told = run(&scratch, "a.yaml", &[]);
    let kind = "waits for a task that is not in the trace; not waited for";
    assert!(told.contains(kind), "{told}");
    let summary = scratch.summary("ran");
    assert_eq!(summary.variants.len(), SYSTEMS.len());
    let mut all = scratch.pods_of_variants("ran", TIMES);
    for own in &summary.variants {
        let system = &own.name;
        let is_told = own.ledger.iter().any(|line| line.contains(kind));
        assert!(is_told, "{system}: {:?}", own.ledger);
        let times = times_of(all.remove(system).expect("pods"));
        let (first, second) = (times["0-1"], times["0-2"]);
        let (third, fourth) = (times["0-3"], times["0-4"]);
        assert_eq!(third.0, first.1.max(second.1), "{system}: {times:?}");
        assert_eq!(fourth.0, third.1, "{system}: {times:?}");
        assert_eq!(times["0-5"].0, 5, "{system}: {times:?}");
    }
}

#[test]
fn jobs_of_controllers_are_waited_for() {
    let text = experiment("{format: gwf, path: workflow.gwf}");
    let files = [("a.yaml", &*text), ("workflow.gwf", WORKFLOW)];
    let scratch = Scratch::new("trace-precedence-jobs", &files);
    let jobs = "system.controllers={jobs: {}}";
    run(
        &scratch,
        "a.yaml",
        &["--set", jobs, "--set", "stop={at: 1h}"],
    );
    let times = times(&scratch);
    let of = |prefix: &str| {
        let mut own = times.iter().filter(|(name, _)| name.starts_with(prefix));
        *own.next().expect(prefix).1
    };
    assert!(of("0-3").0 >= of("0-2").1, "{times:?}");
    assert!(of("0-4").0 >= of("0-3").1, "{times:?}");
}

#[test]
fn tasks_without_an_end_hold_others_back_and_are_told() {
    let table = "submit,name,run_time,cpu,after\n0,a,,1,\n5,b,10,1,a\n6,c,10,1,b\n7,d,10,1,\n";
    let text = experiment("{format: csv, path: t.csv}");
    let scratch = Scratch::new("trace-held", &[("a.yaml", &text), ("t.csv", table)]);
    let told = run(&scratch, "a.yaml", &["--set", "stop={at: 1h}"]);
    let kind = "drop 2 rows: never submitted, as what it waits for did not end";
    assert!(told.contains(kind), "{told}");
    assert_eq!(times(&scratch).len(), 2);
}

#[test]
fn a_trace_that_is_cut_off_goes_on_in_the_run() {
    let mut whole = "submit,name,run_time,cpu\n".to_owned();
    for at in 0..40 {
        let (submit, run_time, cpu) = (10 * at, 30 + at % 7, 1 + at % 3);
        writeln!(whole, "{submit},job-{at},{run_time},{cpu}").expect("memory");
    }
    let half = &whole[..whole.len() / 2];
    assert!(!half.ends_with('\n'));
    let csv = experiment("{format: csv, path: whole.csv}");
    let files = [
        ("run.yaml", &*csv),
        ("whole.csv", &*whole),
        ("half.csv", half),
    ];
    let scratch = Scratch::new("trace-cut-off", &files);
    run(&scratch, "run.yaml", &[]);
    let (direct, times_of_whole) = (
        scratch.summary("ran").variants[0].digest.clone(),
        times(&scratch),
    );
    let cut = ["trace", "convert", "half.csv", "--out", "first.csv"];
    let told = scratch.run(&[&cut[..], &["--cut-off"]].concat(), 0);
    let line = half.matches('\n').count().to_string();
    assert!(told.contains(&format!("`--after-line {line}`")), "{told}");
    let joined = [
        "trace",
        "edit",
        "whole.csv",
        "--after-line",
        &line,
        "--merge",
        "first.csv",
        "--out",
        "joined.csv",
    ];
    scratch.run(&joined, 0);
    let set = "workload=[{trace: {format: csv, path: joined.csv}}]";
    run(&scratch, "run.yaml", &["--set", set]);
    assert_eq!(scratch.summary("ran").variants[0].digest, direct);
    // The experiment itself goes on from one file to the other.
    let set = format!(
        "workload=[{{trace: {{format: csv, path: half.csv, cutOff: true}}}}, \
         {{trace: {{format: csv, path: whole.csv, edit: [{{afterLine: {line}}}]}}}}]"
    );
    run(&scratch, "run.yaml", &["--set", &set]);
    assert_eq!(times(&scratch), times_of_whole);
}

#[test]
fn edits_of_an_experiment_are_those_of_the_command() {
    let rows: Vec<String> = (0..60)
        .map(|n| {
            format!(
                "{},j{n},{}s,{},{}Gi,t{}\n",
                7 * n,
                30 + n,
                1 + n % 4,
                2 + n % 5,
                n % 3
            )
        })
        .collect();
    let table = format!("submit,name,run_time,cpu,memory,tenant\n{}", rows.concat());
    let edit = "{from: 30s, until: 5m, tenants: [t0, t1], where: \"cpu > 1 && memory < 6Gi\", set: \
                [memory = memory * 1.2, run_time = run_time / 3], sample: {share: 60%, seed: 7}, rate: \
                2, shift: 1m, anonymize: true}";
    let text = experiment(&format!("{{format: csv, path: jobs.csv, edit: [{edit}]}}"));
    let files = [("a.yaml", &*text), ("jobs.csv", &*table)];
    let scratch = Scratch::new("trace-edited", &files);
    run(&scratch, "a.yaml", &[]);
    let inside = scratch.summary("ran").variants[0].digest.clone();
    let command = [
        "trace",
        "edit",
        "jobs.csv",
        "--from",
        "30s",
        "--until",
        "5m",
        "--tenant",
        "t0",
        "--tenant",
        "t1",
        "--where",
        "cpu > 1 && memory < 6Gi",
        "--set",
        "memory = memory * 1.2",
        "--set",
        "run_time = run_time / 3",
        "--sample",
        "60",
        "--seed",
        "7",
        "--rate",
        "2",
        "--shift",
        "1m",
        "--anonymize",
        "--out",
        "edited.csv",
    ];
    let told = scratch.run(&command, 0);
    assert!(told.contains("before"), "{told}");
    let set = "workload=[{trace: {format: csv, path: edited.csv}}]";
    run(&scratch, "a.yaml", &["--set", set]);
    assert_eq!(scratch.summary("ran").variants[0].digest, inside);
    let wrong = "workload=[{trace: {format: csv, path: jobs.csv, edit: [{where: cpu > memorie}]}}]";
    let told = scratch.run(&["run", "a.yaml", "--out", "no", "--set", wrong], 2);
    let expected = "edit[0].where: character 7: there is no field `memorie`";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn machines_of_a_trace_come_go_and_grow_in_the_run() {
    let machines = "0,1,0,p,0.5,0.5\n0,2,0,p,0.5,0.5\n200000000,2,1,p,,\n300000000,1,2,p,1,0.5\n\
                    400000000,2,0,p,0.5,0.5\n";
    let jobs = "submit,name,run_time,cpu\n0,a,500,30\n0,b,1000,30\n350,c,10,40\n360,d,10,30\n";
    let text = "windtunnel: v1\nname: traces\ncluster: {nodes: [{trace: {format: \
                google-2011-machines, path: machines.csv}}]}\nworkload: [{trace: {format: csv, path: \
                jobs.csv}}]\nstop: {at: 20m}\n";
    let files = [
        ("a.yaml", text),
        ("machines.csv", machines),
        ("jobs.csv", jobs),
    ];
    let scratch = Scratch::new("trace-machines", &files);
    run(&scratch, "a.yaml", &[]);
    let times = times(&scratch);
    // One of the first two is on the machine that goes at 200 s; the other machine grows at 300 s.
    assert_eq!(times["a"].1.min(times["b"].1), 200, "{times:?}");
    let waits = times["c"].1.min(times["d"].1);
    assert!((370..=420).contains(&waits), "{times:?}");
    let told = run(&scratch, "a.yaml", &["--set", "system.name=swarmkit"]);
    let kind = "1 change of a machine's size of the trace has no effect";
    assert!(told.contains(kind), "{told}");
}

#[test]
fn an_exit_code_of_a_trace_fails_the_job_at_its_end() {
    let jobs = r#"{"nb_res": 4, "jobs": [
{"id": "bad", "subtime": 0, "res": 1, "profile": "fails"},
{"id": "good", "subtime": 1, "res": 1, "profile": "works"}],
"profiles": {"fails": {"type": "delay", "delay": 20, "ret": 3},
 "works": {"type": "delay", "delay": 30, "ret": 0}}}"#;
    let text = experiment("{format: batsim, path: jobs.json}");
    let files = [("a.yaml", &*text), ("jobs.json", jobs)];
    let scratch = Scratch::new("trace-exit-codes", &files);
    for system in ["kubernetes", "batch", "borg", "flow"] {
        run(
            &scratch,
            "a.yaml",
            &["--set", &format!("system.name={system}")],
        );
        let seen = scratch.pods("ran", ["outcome", "ended_ns"]);
        assert_eq!(seen["bad"][0], "error", "{system}: {seen:?}");
        assert_eq!(seen["good"][0], "succeeded", "{system}: {seen:?}");
        let times = times(&scratch);
        let lasted = times["bad"].1 - times["bad"].0;
        assert!((20..30).contains(&lasted), "{system}: {times:?}");
    }
}

#[test]
fn shares_of_disks_keep_machines_apart() {
    let text = "windtunnel: v1\nname: traces\ncluster: {nodes: [{count: 1, template: {allocatable: {cpu: \
                128, memory: 512Gi, windtunnel.dev/ssd: 150000}}}]}\nworkload: [{trace: {format: \
                azure-packing-2020, path: packing, onBadRow: skip}}]\nsystem: {name: \
                batch}\nstop: {at: 40h}\n";
    let scratch = Scratch::new("trace-shares", &[("a.yaml", text)]);
    let tables =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/traces.in/packing");
    std::fs::create_dir(scratch.path("packing")).expect("a folder");
    for name in ["packing/vm.csv", "packing/vmType.csv"] {
        let own = tables.with_file_name(name);
        std::fs::copy(own, scratch.path(name)).expect("a copy");
    }
    let hours = |cell: &str| {
        cell.parse::<i64>()
            .map_or(-1, |nanos| nanos / 3_600_000_000_000)
    };
    let begins = |more: &[&str]| {
        let told = run(&scratch, "a.yaml", more);
        let seen = scratch.pods("ran", ["bound_ns", "outcome"]);
        let begins = [&seen["1"], &seen["2"]].map(|[bound, _]| hours(bound));
        (
            begins,
            told.contains("shares of disks and network, not enforced"),
        )
    };
    assert_eq!(begins(&[]), ([0, 6], true));
    // Each takes 100000 of 150000: the second waits for the end of the first.
    let with = ["--set", "workload.0.trace.shares=true"];
    assert_eq!(begins(&with), ([0, 36], false));
}

#[test]
fn machines_that_come_later_are_not_there_before() {
    let machines = "0,1,0,p,0.5,0.5\n200000000,2,0,p,0.5,0.5\n";
    let jobs = "submit,name,run_time,cpu\n0,a,500,30\n0,b,100,30\n";
    let text = "windtunnel: v1\nname: traces\ncluster: {nodes: [{trace: {format: \
                google-2011-machines, path: machines.csv}}]}\nworkload: [{trace: {format: csv, path: \
                jobs.csv}}]\nmodels: {nodeLife: observed}\nstop: {at: 20m}\n";
    let files = [
        ("a.yaml", text),
        ("machines.csv", machines),
        ("jobs.csv", jobs),
    ];
    let scratch = Scratch::new("trace-late-machines", &files);
    for system in ["kubernetes", "mesos", "swarmkit"] {
        let system = format!("system.name={system}");
        run(&scratch, "a.yaml", &["--set", &system]);
        let times = times(&scratch);
        // One of the two runs at once, and the other on the second machine; neither is lost with it.
        let mut ends = [times["a"].1, times["b"].1];
        ends.sort_unstable();
        let is_b_late = (300..330).contains(&ends[0]) && (500..530).contains(&ends[1]);
        let is_a_late = (100..130).contains(&ends[0]) && (700..730).contains(&ends[1]);
        assert!(is_b_late || is_a_late, "{system}: {times:?}");
    }
}

/// A row of Google's task events of 2011: second, job, kind of event, request of processors.
fn task_event(second: i64, job: u8, kind: u8, cpu: &str) -> String {
    format!("{second}000000,,{job},0,,{kind},ann,2,9,{cpu},0.01,0.01,0\n")
}

#[test]
fn tasks_of_a_trace_are_resized_while_they_run() {
    // 16 cores, 8 from 100 s on, 24 from 300 s on; another with 24 for 250 s, and one with 16.
    let tasks = [
        (0, 7, 0, "0.25"),
        (0, 7, 1, "0.25"),
        (50, 8, 0, "0.375"),
        (50, 8, 1, "0.375"),
        (100, 7, 8, "0.125"),
        (300, 7, 8, "0.375"),
        (300, 8, 4, "0.375"),
        (320, 9, 0, "0.25"),
        (320, 9, 1, "0.25"),
        (330, 9, 4, "0.25"),
        (500, 7, 4, "0.375"),
    ];
    let tasks: String = tasks
        .map(|(second, job, kind, cpu)| task_event(second, job, kind, cpu))
        .concat();
    let text = "windtunnel: v1\nname: traces\ncluster: {nodes: [{trace: {format: \
                google-2011-machines, path: machines.csv}}]}\nworkload: [{trace: {format: \
                google-2011-tasks, path: tasks.csv}}]\n";
    let files = [
        ("a.yaml", text),
        ("machines.csv", "0,1,0,p,0.5,0.5\n"),
        ("tasks.csv", tasks.as_str()),
    ];
    let scratch = Scratch::new("trace-resizes", &files);
    for system in [
        "system.name=kubernetes",
        "system={name: pipeline, scheduler: {profile: best-fit}}",
    ] {
        run(&scratch, "a.yaml", &["--set", system]);
        let times = times(&scratch);
        // What is given back at 100 s starts the second task. The first one grows once that has ended, before the
        // third one, which has to wait for the end of the first, takes the room.
        let ends = ["7-0", "8-0", "9-0"].map(|name| times[name].1);
        assert_eq!(ends, [500, 350, 510], "{system}: {times:?}");
    }
    let before = ["--set", "system={name: kubernetes, release: \"1.32\"}"];
    for others in [&["--set", "system.name=swarmkit"], &before] {
        let told = run(&scratch, "a.yaml", &[&others[..], &["-v"]].concat());
        let kind = "fewer cores requested while it ran; the first request stands";
        assert!(told.contains(kind), "{told}");
        assert_eq!(times(&scratch)["8-0"].1, 750, "{others:?}");
        // What that changes for the answer is told without being asked for.
        let told = run(&scratch, "a.yaml", others);
        let effect = "note: the trace resizes tasks, which `";
        assert!(told.contains(effect), "{told}");
        for side in [
            "what was asked for later (1 change) is free for others",
            "what was given back (1 change) stays taken",
        ] {
            assert!(told.contains(side), "{told}");
        }
    }
}

#[test]
fn options_without_effect_and_times_before_zero_are_refused() {
    let table = "submit,run_time,cpu\n0,1m,1\n1m,1m,1\n";
    let scratch = Scratch::new("unheeded-options", &[("jobs.csv", table)]);
    for option in ["--shift=-30m", "--from=-1h", "--until=-1h"] {
        let told = scratch.run(&["trace", "edit", "jobs.csv", option, "--out", "a.csv"], 2);
        assert!(told.contains("not negative"), "{told}");
    }
    let sampled = [
        "trace", "edit", "jobs.csv", "--sample", "100%", "--out", "a.csv",
    ];
    scratch.run(&sampled, 0);
    for (generator, option, value) in [
        ("web-load", "--span", "1h"),
        ("web-load", "--nodes", "3"),
        ("lublin99", "--load", "50"),
        ("virtual-machines", "--load", "80"),
    ] {
        let told = scratch.run(&["trace", "generate", generator, option, value], 2);
        let expected = format!("{option}: the generator `{generator}` has no such option");
        assert!(told.contains(&expected), "{told}");
    }
    let told = scratch.run(&["trace", "generate", "downey97", "--typed"], 2);
    assert!(told.contains("it is one of lublin99"), "{told}");
}

/// Two jobs that make way for others and never come back, of five.
const OUTRANKED: &str = "submit,name,run_time,cpu,priority\n0,low-1,1000,8,0\n0,low-2,1000,8,0\n0,low-3,1000,8,0\n\
                         10,high-1,100,8,10\n20,high-2,100,8,10\n";

#[test]
fn jobs_that_never_come_back_are_told_beside_what_looks_better() {
    let text = experiment("{format: csv, path: jobs.csv}") + &variants(["kubernetes", "batch"]);
    let files = [("a.yaml", &*text), ("jobs.csv", OUTRANKED)];
    let scratch = Scratch::new("trace-lost-jobs", &files);
    let lost = "`kubernetes` loses 2 of 5 jobs";
    let apart =
        "jobs that never finish (lost, failed or killed) differ: `kubernetes` 2 of 5, `batch` none";
    let ran = scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
    assert!(ran.contains(lost) && ran.contains(apart), "{ran}");
    let compared = ["compare", "a.yaml", "--seeds", "3", "--out", "compared"];
    let compared = scratch.run(&compared, 0);
    let headline = compared.lines().nth(1).unwrap_or_default();
    assert!(headline.contains(apart), "{headline}");
    assert!(compared.contains(lost), "{compared}");
    let is_gated = |line: &str| line.starts_with("jobs evicted");
    assert!(compared.lines().any(is_gated), "{compared}");
}

#[test]
fn an_empty_beginning_is_told() {
    let text = experiment("{format: csv, path: jobs.csv}");
    let note = |submit: &str| {
        let jobs = format!("submit,run_time,cpu\n{submit},100,1\n");
        let scratch = Scratch::new("trace-idle", &[("a.yaml", &text), ("jobs.csv", &jobs)]);
        let ran = scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
        ran.contains("the first job arrives after 1h: means over time count these as idle")
    };
    assert!(note("3600") && !note("0"));
}
