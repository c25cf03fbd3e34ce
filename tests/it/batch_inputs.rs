//! Batch queues: wrong input is refused with the place and the fix, and what experiments say of
//! hosts that are switched off changes what a run does.

use crate::scratch::Scratch;

/// Four jobs of two users on two hosts.
const JOBS: &str = "\
submit,name,run_time,cpu,members,time_limit,tenant
0,a,100,1,2,200,ann
1,b,100,1,2,200,ann
2,c,100,1,2,200,ann
3,d,100,1,2,200,bob
";

fn experiment(system: &str) -> String {
    format!(
        "windtunnel: v1
name: batch-inputs
cluster:
  nodes:
    - count: 2
      template: {{allocatable: {{cpu: 1, memory: 2Gi, pods: 9}}, power: {{idle: 100W, max: 200W, off: 10W}}}}
workload:
  - trace: {{format: csv, path: jobs.csv}}
system:
{system}
"
    )
}

fn scratch(system: &str) -> Scratch {
    scratch_of(system, JOBS)
}

fn scratch_of(system: &str, jobs: &str) -> Scratch {
    let text = experiment(system);
    Scratch::new("batch-inputs", &[("a.yaml", &text), ("jobs.csv", jobs)])
}

fn slurm(options: &str) -> String {
    format!("  {{name: batch, scheduler: {{queue: slurm, backfill: easy, slurm: {{{options}}}}}}}")
}

fn queues(order: &str, queues: &str) -> String {
    format!("  {{name: batch, scheduler: {{queue: {order}, backfill: skip, queues: [{queues}]}}}}")
}

fn shutdown(rule: &str, options: &str) -> String {
    format!("  {{name: batch, scheduler: {{backfill: {rule}, shutdown: {{{options}}}}}}}")
}

#[test]
fn wrong_input_is_refused_in_words() {
    let opportunistic = |options| shutdown("opportunistic-shutdown", options);
    let cases = [
        (
            slurm(
                "accounts: [{name: a, parent: b}, {name: b, parent: a, users: {ann: 1, bob: 1}}]",
            ),
            "the account `a` belongs to itself, by way of `b`",
        ),
        (
            slurm("accounts: [{name: a, parent: b, users: {ann: 1, bob: 1}}]"),
            "the account `a` belongs to `b`, which is not declared",
        ),
        (
            slurm("accounts: [{name: a, users: {ann: 1}}, {name: b, users: {ann: 1}}]"),
            "the user `ann` has two accounts, `a` and `b`",
        ),
        (slurm("accounts: [{name: a, shares: 0}]"), "a.yaml:10:"),
        (slurm("halfLife: -7d"), "a.yaml:10:"),
        (slurm("tresWeights: {disk: 1}"), "a.yaml:10:"),
        (
            slurm("tresWeights: {gpu: 100}"),
            "tresWeights.gpu weighs a resource that no node has",
        ),
        (
            slurm("accounts: [{name: a, users: {ann: 1}}]"),
            "system.scheduler.slurm.accounts: `bob` of the workload is not listed here; add every user",
        ),
        (opportunistic("period: 0s"), "a.yaml:10:"),
        (opportunistic("keptAwake: 2"), "a.yaml:10:"),
        (
            shutdown("easy", "switchOn: 1m"),
            "these options belong to the rules that switch hosts off and on",
        ),
    ];
    refused(&cases);
}

#[test]
fn wrong_queues_are_refused_in_words() {
    refused(&[
        (
            queues("volcano", "{tenant: ann}, {tenant: ann}"),
            "the tenant `ann` has two queues",
        ),
        (
            queues("volcano", "{tenant: ann, guaranteed: 2, capability: 1}"),
            "the queue of `ann` is guaranteed 2 and may use 1 at most",
        ),
        (
            queues("volcano", "{tenant: ann, priority: 1}"),
            "`volcano` has no priorities of queues and no fences; write `weight`",
        ),
        (
            queues("yunikorn", "{tenant: ann, weight: 2}"),
            "`yunikorn` has no weights of queues; write `guaranteed`",
        ),
        (
            queues("sjf", "{tenant: ann}"),
            "these belong to the queue orders `volcano` and `yunikorn`",
        ),
        (
            queues("yunikorn", "{tenant: ann}"),
            "system.scheduler.queues: `bob` of the workload is not listed here; add every user",
        ),
        (
            queues("volcano", "{tenant: ann, parent: org}, {tenant: bob}"),
            "the queue `ann` is in `org`, which is not declared",
        ),
        (
            queues(
                "volcano",
                "{tenant: ann, parent: x}, {tenant: bob}, {name: x, parent: y}, {name: y, parent: x}",
            ),
            "the queue `x` is in itself, by way of `y`",
        ),
        (
            queues("volcano", "{tenant: ann}, {tenant: bob}, {name: org}"),
            "no queue is in the queue `org`",
        ),
        (
            queues("volcano", "{tenant: ann, name: org}, {tenant: bob}"),
            "the queue has the name `org` and the tenant `ann`",
        ),
        (
            queues("volcano", "{weight: 2}, {tenant: bob}"),
            "the queue has neither a tenant nor a name",
        ),
        (
            queues(
                "yunikorn",
                "{name: org, guaranteed: 1}, {tenant: ann, parent: org, guaranteed: 2}, {tenant: bob}",
            ),
            "the queues in `org` are guaranteed 2 together, and it has 1 for them",
        ),
        (
            "  {name: batch, scheduler: {queue: sjf, backfill: skip, reclaim: true}}".to_owned(),
            "reclaim: the queue orders `volcano` and `yunikorn` reclaim",
        ),
    ]);
}

/// Checks that runs with these systems are refused in these words.
fn refused(cases: &[(String, &str)]) {
    for (system, expected) in cases {
        let said = scratch(system).run(&["run", "a.yaml", "--out", "out"], 2);
        assert!(said.contains(expected), "{system}: {said}");
    }
}

#[test]
fn wrong_partitions_are_refused_in_words() {
    refused(&[
        (
            slurm("partitions: [{name: p}, {name: p, default: true}]"),
            "the partition `p` is declared twice",
        ),
        (
            slurm("partitions: [{name: p, default: true}, {name: q, default: true}]"),
            "jobs that name no partition are in `p` already",
        ),
        (
            slurm("partitions: [{name: p, maxTime: 1h, defaultTime: 2h}]"),
            "jobs of `p` request 2h by default and may request 1h at most",
        ),
        (slurm("partitions: [{name: p, maxTime: 0s}]"), "a.yaml:10:"),
        (slurm("partitionWeight: 9"), "there are no partitions"),
        (
            slurm("partitions: [{name: p}]"),
            "the job `a` names no partition, and none is that of such jobs; write `default: true`",
        ),
        (
            slurm("partitions: [{name: p, default: true}, {name: q, nodes: {rack: z}}]"),
            "partitions[1]: no node has the labels and names of the partition `q`",
        ),
    ]);
}

#[test]
fn machines_without_an_end_need_a_latest_stop() {
    let text = experiment("  {name: consolidation}");
    let machines = "submit,name,run_time,cpu,memory\n0,vm-0,60,500m,1Gi\n1,vm-1,,500m,1Gi\n";
    let scratch = Scratch::new("batch-inputs", &[("a.yaml", &text), ("jobs.csv", machines)]);
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
    let expected = "stop: the machine `vm-1` has no end";
    assert!(said.contains(expected), "{said}");
    let ends = ["run", "a.yaml", "--out", "out", "--set", "stop={at: 1h}"];
    scratch.run(&ends, 0);
}

/// Mean wait and energy of a run.
fn outcome(system: &str) -> (f64, f64) {
    outcome_of(&scratch(system))
}

fn outcome_of(scratch: &Scratch) -> (f64, f64) {
    let value = measured(scratch);
    let (wait, energy) = (value("pending_time.mean"), value("energy.total"));
    (
        wait.expect("jobs that started"),
        energy.expect("power models"),
    )
}

/// The metrics of a run, by their names.
fn measured(scratch: &Scratch) -> impl Fn(&str) -> Option<f64> {
    scratch.run(
        &["run", "a.yaml", "--out", "out", "--set", "stop={at: 2h}"],
        0,
    );
    let summary = scratch.summary("out");
    move |id| {
        let metrics = &summary.variants[0].metrics;
        metrics.get(id).and_then(|own| own.value)
    }
}

#[test]
fn accounts_decide_whose_job_is_next() {
    // While the first job runs, the last one, of another account, overtakes its colleagues' jobs.
    let jobs = JOBS.replace("3,d,100,", "3,d,10,");
    let wait = |options: &str| outcome_of(&scratch_of(&slurm(options), &jobs)).0;
    let users = "users: {ann: 1}}, {name: biology, users: {bob: 1}";
    let by_age = wait(&format!(
        "ageWeight: 1000000, accounts: [{{name: physics, {users}}}]"
    ));
    assert!((by_age - 148.5).abs() < 1e-6, "{by_age}");
    let by_use = wait(&format!(
        "fairShareWeight: 1000, calcPeriod: 1s, accounts: [{{name: physics, {users}}}]"
    ));
    assert!((by_use - 103.5).abs() < 1e-6, "{by_use}");
    // Half of one weight and all of the other are less than all of the first.
    let halves = wait(
        "qosWeight: 1000, associationWeight: 450, accounts: [{name: physics, qos: 5, priority: 9, \
         users: {ann: 1}}, {name: biology, qos: 10, users: {bob: 1}}]",
    );
    assert!((halves - 103.5).abs() < 1e-6, "{halves}");
    for (weight, field) in [("qosWeight", "qos"), ("associationWeight", "priority")] {
        let of_bob = format!("{weight}: 1000, accounts: [{{name: physics, {users}, {field}: 5}}]");
        let ahead = wait(&of_bob);
        assert!((ahead - 103.5).abs() < 1e-6, "{field}: {ahead}");
    }
}

#[test]
fn a_job_that_asks_for_much_of_a_weighted_resource_overtakes() {
    let with_memory = |memory: &str| {
        let rows = JOBS.lines().enumerate().map(|(row, line)| match row {
            0 => format!("{line},memory\n"),
            4 => format!("{},{memory}\n", line.replace("3,d,100,", "3,d,10,")),
            _ => format!("{line},512Mi\n"),
        });
        rows.collect::<String>()
    };
    let wait = |memory: &str, weights: &str| {
        let options = format!("ageWeight: 1, tresWeights: {weights}");
        outcome_of(&scratch_of(&slurm(&options), &with_memory(memory))).0
    };
    for (memory, weights, expected) in [
        ("1Gi", "{memory: 100000}", 103.5),
        ("1Gi", "{cpu: 100000}", 148.5),
        ("256Mi", "{memory: 100000}", 148.5),
    ] {
        let found = wait(memory, weights);
        assert!(
            (found - expected).abs() < 1e-6,
            "{memory} {weights}: {found}"
        );
    }
}

#[test]
fn estimates_below_run_times_are_listed_with_what_they_change() {
    let jobs = JOBS.replace(",200,bob", ",50,bob");
    let scratch = scratch_of("  {name: batch, scheduler: {backfill: easy}}", &jobs);
    let said = scratch.run(&["trace", "inspect", "jobs.csv"], 0);
    let expected = "jobs.csv:5  time limit below the run time; plans reckon with the limit";
    assert!(said.contains(expected), "{said}");
    // The job runs on to its end.
    let (wait, _) = outcome_of(&scratch);
    assert!((wait - 148.5).abs() < 1e-6, "{wait}");
}

#[test]
fn jobs_beyond_their_limits_are_killed_after_a_while_if_that_is_asked_for() {
    let jobs = JOBS.replace(",200,bob", ",50,bob");
    let ended = |options: &str| {
        let scratch = scratch_of(&slurm(options), &jobs);
        let value = measured(&scratch);
        ["makespan.total", "jobs.succeeded"].map(value)
    };
    assert_eq!(ended("ageWeight: 1"), [Some(400.0), Some(4.0)]);
    // The job runs for 50 s and 30 s more.
    let killed = ended("ageWeight: 1, killWait: 30s");
    assert_eq!(killed, [Some(380.0), Some(3.0)]);
    let wait = ended("ageWeight: 1, killWait: 1h");
    assert_eq!(wait, [Some(400.0), Some(4.0)]);
}

/// Both hosts are up for 150 s and down for 50 s; the second job begins at 100 s, and runs for 100 s.
#[test]
fn jobs_of_nodes_that_do_not_answer_are_lost_after_a_while() {
    let jobs = "submit,name,run_time,cpu,members,time_limit\n0,a,100,1,2,200\n1,b,100,1,2,200\n";
    let failures = "failures: [{kind: node-crash, mtbf: 150s, repair: 50s}]\n";
    let lost = |options: &str| {
        let scratch = scratch_of(&format!("{}\n{failures}", slurm(options)), jobs);
        let value = measured(&scratch);
        ["makespan.total", "jobs.succeeded"].map(value)
    };
    assert_eq!(lost("ageWeight: 1"), [Some(150.0), Some(1.0)]);
    let waited = lost("ageWeight: 1, slurmdTimeout: 30s");
    assert_eq!(waited, [Some(180.0), Some(1.0)]);
    // The hosts are back before they are given up, without the job.
    let waited = lost("ageWeight: 1, slurmdTimeout: 5m");
    assert_eq!(waited, [Some(200.0), Some(1.0)]);
}

#[test]
fn hosts_that_are_switched_off_make_a_difference() {
    let (wait, energy) = outcome("  {name: batch, scheduler: {backfill: easy-hosts}}");
    let (longer, less) = outcome(&shutdown("opportunistic-shutdown", "switchOn: 1m"));
    let (longest, _) = outcome(&shutdown("opportunistic-shutdown", "switchOn: 10m"));
    assert!(
        wait < longer && longer < longest,
        "{wait} {longer} {longest}"
    );
    assert!(less < energy / 2.0, "{less} {energy}");
    let (patient, _) = outcome(&shutdown("opportunistic-shutdown", "idleTime: 1d"));
    assert!(patient < longer, "{patient}");
}

#[test]
fn queues_keep_to_what_they_may_use() {
    let (wait, _) = outcome(&queues("volcano", "{tenant: ann}, {tenant: bob}"));
    assert!(wait > 100.0, "{wait}");
    // Ann's jobs are wider than her queue, so Bob's alone starts, and at once.
    let capped = "{tenant: ann, capability: 1}, {tenant: bob}";
    for order in ["volcano", "yunikorn"] {
        let scratch = scratch(&queues(order, capped));
        let value = measured(&scratch);
        let found = ["jobs.succeeded", "pods.never_placed"].map(value);
        assert_eq!(found, [Some(1.0), Some(6.0)], "{order}");
    }
}

/// Three jobs of one partition, and one of another that has one of the two hosts.
const IN_PARTITIONS: &str = "\
submit,name,run_time,cpu,members,time_limit,partition
0,a,100,1,1,200,wide
1,b,100,1,2,200,wide
2,c,100,1,1,300,narrow
3,d,100,1,1,,
";

fn partitions(backfill: &str, wide: &str, narrow: &str) -> String {
    format!(
        "  {{name: batch, scheduler: {{queue: slurm, backfill: {backfill}, slurm: {{partitionWeight: 100, \
         partitions: [{{name: wide, {wide}}}, {{name: narrow, default: true, {narrow}}}]}}}}}}"
    )
}

#[test]
fn partitions_have_nodes_limits_and_ranks_of_their_own() {
    let run = |backfill: &str, wide: &str, narrow: &str| {
        let text = experiment(&partitions(backfill, wide, narrow));
        let text = text.replace("count: 2\n", "count: 2\n      name: \"node-{}\"\n");
        let files = [("a.yaml", &*text), ("jobs.csv", IN_PARTITIONS)];
        let scratch = Scratch::new("batch-inputs", &files);
        let value = measured(&scratch);
        let ended = ["jobs.succeeded", "pods.never_placed"].map(|id| value(id).unwrap_or_default());
        (value("pending_time.mean"), ended)
    };
    // The mean wait is known where all jobs start.
    let check = |setting: (&str, &str, &str), wait: Option<f64>, ended: [f64; 2]| {
        assert_eq!(
            run(setting.0, setting.1, setting.2),
            (wait, ended),
            "{setting:?}"
        );
    };
    // b waits for both hosts; the other partition could use them, so c waits behind it, for 198 s.
    let all = [4.0, 0.0];
    check(("strict", "maxTime: 1h", "maxTime: 1h"), Some(123.5), all);
    // A job that fits starts beside b under a rule that skips.
    check(("skip", "maxTime: 1h", "maxTime: 1h"), Some(74.0), all);
    // A host for each: b finds no second host, and c and d do not wait for it.
    let apart = ("nodeNames: [node-0]", "nodeNames: [node-1]");
    check(("strict", apart.0, apart.1), None, [3.0, 2.0]);
    // c asks for more than its partition allows, and d for as much as that.
    check(("strict", "maxTime: 1h", "maxTime: 250s"), None, [3.0, 1.0]);
    check(("strict", "maxTime: 1h", "state: down"), None, [2.0, 2.0]);
    // A higher tier goes before age, and so does a heavier factor: b is the last to start.
    for first in ["priorityTier: 2", "priorityJobFactor: 9"] {
        check(("strict", "maxTime: 1h", first), Some(74.0), all);
    }
}
