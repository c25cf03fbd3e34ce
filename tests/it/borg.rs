//! Borg from an experiment file to what its master places, kills and lends out.

use crate::kube_scenario::Scratch;
use crate::story::{Story, refusal, story};

const SHOP: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 8
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - {name: shop, image: "shop:1", resources: {requests: {cpu: "1", memory: 1Gi}}}
"#;

const HEAD: &str = r"
windtunnel: v1
name: borg
seed: 42
models:
  startup: {containerStart: 5s}
  nodeLife: observed
";

fn play(name: &str, rest: &str) -> Story {
    let newer = SHOP.replace("shop:1", "shop:2");
    let nodes = "cluster: {nodes: [{name: \"machine-{}\", count: 4, template: {allocatable: {cpu: 8, \
                 memory: 8Gi, pods: 110}}}]}\nworkload: [{manifests: work.yaml}]\n";
    let own = format!("{HEAD}{nodes}{rest}");
    let files = [
        ("own.yaml", own.as_str()),
        ("work.yaml", SHOP),
        ("newer.yaml", newer.as_str()),
    ];
    story(name, &files)
}

#[test]
fn a_task_that_crashed_on_a_machine_does_not_come_to_it_again() {
    let crashing = SHOP
        .replace("replicas: 8", "replicas: 1")
        .replace(
            "metadata: {labels: {app: shop}}",
            "metadata: {labels: {app: shop}, annotations: {windtunnel.dev/run-time: 60s, windtunnel.dev/exit-code: '1'}}",
        );
    let newer = crashing.replace("shop:1", "shop:2");
    let own = format!(
        "{HEAD}cluster: {{nodes: [{{name: \"machine-{{}}\", count: 3, template: {{allocatable: {{cpu: 8, memory: 8Gi, pods: \
         110}}}}}}]}}\nworkload: [{{manifests: work.yaml}}]\nsystem: {{name: borg}}\noperations: [{{at: 10m, apply: \
         newer.yaml}}]\nstop: {{at: 11m}}\n"
    );
    let files = [
        ("own.yaml", own.as_str()),
        ("work.yaml", crashing.as_str()),
        ("newer.yaml", newer.as_str()),
    ];
    let told = story("borg-crash", &files);
    // Once on each machine, and then nowhere until there is a new version.
    let starts = told.times(" on machine-");
    assert_eq!(starts.len(), 4, "{:?}", told.lines);
    for machine in 1..3 {
        let here = told.times(&format!(" on machine-{machine}"));
        assert_eq!(here.len(), 1, "{:?}", told.lines);
    }
    assert!(starts[2] < 300.0 && starts[3] >= 600.0, "{starts:?}");
}

/// Jobs of a table on one machine of eight cores and sixteen gibibytes.
fn jobs(name: &str, rows: &str, options: &str, rest: &str) -> Story {
    let own = format!(
        "{HEAD}  usage: trace\ncluster: {{nodes: [{{name: machine, count: 1, template: \
         {{allocatable: {{cpu: 8, memory: 16Gi, pods: 110}}}}}}]}}\nworkload: [{{trace: {{format: \
         csv, path: jobs.csv}}}}]\nsystem: {{name: borg, borg: {{{options}}}}}\n{rest}"
    );
    let rows =
        format!("submit,name,run_time,cpu,memory,tenant,priority,cpu_usage,memory_usage\n{rows}");
    story(name, &[("own.yaml", &own), ("jobs.csv", &rows)])
}

#[test]
fn a_service_is_kept_updated_and_scaled() {
    let rest = r"
system: {name: borg, borg: {updateDisruptions: 2}}
operations:
  - {at: 5m, apply: newer.yaml}
  - {at: 10m, scale: Deployment/default/shop, replicas: 3}
stop: {at: 15m}
";
    let told = play("borg-shop", rest);
    // The score packs: all on one machine.
    assert_eq!(told.on_at_first("machine-0"), 8);
    // Two tasks at a time are away, five seconds each.
    let during = told.ready.iter();
    let mut during = during.filter(|(at, _)| (300.0..600.0).contains(at));
    assert!(
        during.clone().all(|(_, ready)| *ready >= 6),
        "{:?}",
        told.ready
    );
    assert_eq!(during.next_back(), Some(&(320.0, 8)));
    assert_eq!(told.ready.last(), Some(&(600.0, 3)));
}

#[test]
fn tasks_of_a_machine_that_is_silent_find_new_places_at_the_rate_that_is_allowed() {
    let rest = r"
system: {name: borg, borg: {reschedule: 1}}
failures: [{kind: partition, node: machine-0, at: 11m, for: 18s}]
stop: {at: 30m}
";
    let told = play("borg-cut-off", rest);
    assert_eq!(told.times("machine-0 lost"), [675.0]);
    // A second apart, until the machine answers: those that are left stay where they are.
    assert_eq!(told.times("ended NodeLost"), [675.0, 676.0, 677.0]);
    assert_eq!(told.ready.last().map(|(_, ready)| *ready), Some(8));
}

#[test]
fn quota_is_checked_at_admission_and_given_back_at_the_end() {
    let rows = "0,first,100,3,1Gi,ann,200,,\n0,second,100,3,1Gi,ann,200,,\n0,other,100,3,1Gi,bob,200,,\n\
                0,free,100,1,1Gi,ann,0,,\n200,third,100,3,1Gi,ann,200,,\n";
    let quota = "quota: [{tier: production, cpu: 5}]";
    let told = jobs("borg-quota", rows, quota, "stop: {when: drained}\n");
    assert_eq!(told.times("second ended Rejected"), [0.0]);
    for name in ["first", "other", "free"] {
        assert_eq!(told.times(&format!("{name} done")), [105.0], "{name}");
    }
    assert_eq!(told.times("third done"), [305.0]);
}

/// Jobs of a table on machines of as many cores, under a quota for the tier `batch`.
fn under_quota(name: &str, rows: &str, models: &str, nodes: &str, quota: u32) -> Story {
    let own = format!(
        "windtunnel: v1\nname: borg\nmodels: {{{models}}}\ncluster: {{nodes: [{{name: \"m-{{}}\", {nodes}}}]}}\n\
         workload: [{{trace: {{format: csv, path: jobs.csv}}}}]\nsystem: {{name: borg, borg: {{quota: \
         [{{tier: batch, cpu: {quota}}}]}}}}\nfailures: [{{kind: node-outage, node: m-0, at: 2000s, for: \
         1h}}]\nstop: {{at: 2h}}\n"
    );
    let rows = format!("submit,name,run_time,cpu,tenant,priority\n{rows}");
    story(name, &[("own.yaml", &own), ("jobs.csv", &rows)])
}

#[test]
fn a_victim_that_comes_back_was_admitted_before() {
    let rows = "0,victim,500,1,ann,112\n10,service,500,1,bob,200\n11,rival,500,1,ann,112\n1200,later,500,1,ann,112\n";
    let nodes = "count: 1, template: {allocatable: {cpu: 1, memory: 2Gi, pods: 9}}";
    let told = under_quota("borg-back", rows, "watchDelay: 1s", nodes, 1);
    assert_eq!(told.times("victim ended Evicted(Preemption)"), [11.0]);
    // The master sees the rival together with the end of the victim, and before its return.
    assert_eq!(told.times("rival ended Rejected"), [12.0]);
    assert_eq!(told.times("victim done").len(), 1, "{:?}", told.lines);
    // At its end the quota is given back.
    assert_eq!(told.times("later done").len(), 1, "{:?}", told.lines);
}

#[test]
fn a_task_that_lost_its_machine_was_admitted_before() {
    let rows = "1950,lost,100,4,ann,110\n2000,rival,100,4,ann,110\n2400,later,100,4,ann,110\n";
    let nodes = "count: 2, template: {allocatable: {cpu: 8, memory: 16Gi, pods: 110}}";
    let told = under_quota("borg-lost", rows, "nodeLoss: resubmit", nodes, 4);
    assert_eq!(told.times("lost ended NodeLost").len(), 1);
    assert_eq!(told.times("lost done").len(), 1, "{:?}", told.lines);
    assert_eq!(told.times("rival ended Rejected"), [2_000.0]);
    assert_eq!(told.times("later done"), [2_500.0]);
}

#[test]
fn quota_bounds_disk_as_well() {
    let work = SHOP
        .replace("replicas: 8", "replicas: 2")
        .replace("memory: 1Gi", "memory: 1Gi, ephemeral-storage: 4Gi")
        .replace("    spec:\n", "    spec:\n      priority: 200\n");
    for (bound, ready) in [("8Gi", Some(2)), ("7Gi", None)] {
        let own = format!(
            "{HEAD}cluster: {{nodes: [{{name: machine, count: 1, template: {{allocatable: {{cpu: 8, memory: 8Gi, \
             ephemeral-storage: 80Gi, pods: 110}}}}}}]}}\nworkload: [{{manifests: work.yaml}}]\nsystem: {{name: \
             borg, borg: {{quota: [{{tier: production, ephemeralStorage: {bound}}}]}}}}\nstop: {{at: 5m}}\n"
        );
        let files = [("own.yaml", own.as_str()), ("work.yaml", work.as_str())];
        let told = story(&format!("borg-disk-{bound}"), &files);
        assert_eq!(told.ready.last().map(|(_, ready)| *ready), ready);
    }
}

#[test]
fn victims_come_to_the_queue_again_and_production_spares_production() {
    let rows = "0,old,100,3,1Gi,ann,110,,\n1,young,100,3,1Gi,ann,110,,\n10,service,100,4,1Gi,ann,200,,\n\
                11,other,100,4,1Gi,bob,300,,\n";
    let told = jobs("borg-victims", rows, "", "stop: {when: drained}\n");
    // The younger of two equal ones goes, and then the older one.
    assert_eq!(told.times("young ended Evicted(Preemption)"), [10.0]);
    assert_eq!(told.times("old ended Evicted(Preemption)"), [11.0]);
    assert_eq!(told.times("service done"), [115.0]);
    assert_eq!(told.times("other done"), [116.0]);
    assert_eq!(told.times("young done").len(), 1);
    assert_eq!(told.times("old done").len(), 1);
}

const LENDING: &str = "0,service,3000,8,8Gi,ann,200,2,\"steps(0s: 2Gi, 40m: 8Gi)\"\n\
                       1,batch,2400,4,9Gi,bob,110,4,9Gi\n";

#[test]
fn what_a_service_does_not_use_is_lent_out_and_memory_is_taken_back() {
    let run = |name: &str, options: &str| jobs(name, LENDING, options, "stop: {when: drained}\n");
    // By its limit the service leaves no room.
    let limits = run("borg-limits", "");
    assert_eq!(limits.times("batch on machine"), [3_005.0]);
    // Its reservation sinks from the fifth minute on.
    let lent = run("borg-lent", "reclamation: {decay: 10m}");
    let bound = lent.times("batch on machine");
    assert!(
        bound
            .first()
            .is_some_and(|at| (310.0..1_200.0).contains(at)),
        "{bound:?}"
    );
    // After 40 minutes it uses all of its memory: the machine is out of memory.
    let killed = lent.times("batch ended Evicted(NodePressure)");
    assert!(
        killed.len() == 1 && (2_400.0..=2_410.0).contains(&killed[0]),
        "{:?}",
        lent.lines
    );
    assert_eq!(lent.times("service done"), [3_005.0]);
    assert_eq!(lent.times("batch done").len(), 1);
}

#[test]
fn estimates_go_on_while_nothing_else_happens() {
    // The service's reservation sinks, and its memory grows, without an event that would tell of it.
    let rows =
        "0,service,,8,8Gi,ann,200,2,\"steps(0s: 2Gi, 1h: 8Gi)\"\n0,batch,,4,10Gi,bob,110,4,9Gi\n";
    let told = jobs(
        "borg-quiet",
        rows,
        "reclamation: {decay: 10m}",
        "stop: {at: 2h}\n",
    );
    let bound = told.times("batch on machine");
    assert!(
        bound
            .first()
            .is_some_and(|at| (310.0..1_200.0).contains(at)),
        "{:?}",
        told.lines
    );
    let killed = told.times("batch ended Evicted(NodePressure)");
    assert!(
        killed
            .first()
            .is_some_and(|at| (3_600.0..=3_610.0).contains(at)),
        "{killed:?}"
    );
}

#[test]
fn users_take_turns_in_a_cell_that_is_full() {
    let row = |name: &str, user: &str| format!("0,{name},10,8,1Gi,{user},110,,\n");
    let rows = [
        ("a1", "ann"),
        ("a2", "ann"),
        ("a3", "ann"),
        ("b", "bob"),
        ("c", "cyd"),
    ];
    let rows: String = rows.iter().map(|(name, user)| row(name, user)).collect();
    let told = jobs("borg-turns", &rows, "", "stop: {when: drained}\n");
    let start = |name: &str| told.times(&format!("{name} on machine"))[0];
    let starts = ["a1", "b", "c", "a2", "a3"].map(start);
    assert!(starts.is_sorted(), "{starts:?}");
}

const SLOTS: &str = "allocs: [{name: slots, count: 3, cpu: 3, memory: 3Gi, labels: {app: shop}}]";

#[test]
fn tasks_of_an_alloc_set_run_in_its_allocs_which_move_with_them() {
    let slots = |count: &str, rest: &str| {
        let options = SLOTS.replace("count: 3", count);
        format!("system: {{name: borg, borg: {{{options}}}}}\n{rest}stop: {{at: 30m}}\n")
    };
    // Two allocs of three cores hold six of eight tasks, whatever is free beside them.
    let two = play("borg-two-allocs", &slots("count: 2", ""));
    assert_eq!(two.ready.last().map(|(_, ready)| *ready), Some(6));
    assert_eq!(two.on_at_first("machine-0"), 6);
    // Two fit on a machine, the third is on another one.
    let lost = "failures: [{kind: partition, node: machine-0, at: 11m, for: 10m}]\n";
    let three = play("borg-three-allocs", &slots("count: 3", lost));
    assert_eq!(three.on_at_first("machine-0"), 6);
    assert_eq!(three.on_at_first("machine-1"), 2);
    assert_eq!(three.times("ended NodeLost").len(), 6);
    let moved = three.between(675.0, 700.0);
    let on = |node: &str| moved.iter().filter(|line| line.ends_with(node)).count();
    assert_eq!((on("machine-1"), on("machine-2")), (3, 3), "{moved:?}");
    assert_eq!(three.ready.last().map(|(_, ready)| *ready), Some(8));
}

#[test]
fn an_alloc_keeps_its_room_until_it_is_killed_for_a_higher_priority() {
    let rows = "10,batch,100,4,1Gi,ann,110,,\n20,small,100,2,1Gi,ann,110,,\n200,watch,100,4,1Gi,bob,360,,\n";
    let slots = "allocs: [{name: slots, cpu: 6, memory: 8Gi, namespace: web}]";
    let told = jobs("borg-kept", rows, slots, "stop: {at: 1h}\n");
    assert_eq!(told.times("small done"), [125.0]);
    // The alloc is empty, but nothing of production or below may have its room.
    assert_eq!(told.times("watch on machine"), [200.0]);
    assert_eq!(told.times("watch done"), [305.0]);
    // Four cores beside the task that killed the alloc, which comes back after it.
    assert_eq!(told.times("batch on machine"), [200.0]);
}

#[test]
fn options_that_can_t_be_are_refused_with_their_place() {
    for (number, (options, expected)) in [
        (
            "{quota: [{tier: batch, cpu: 1}, {tier: batch, cpu: 2}]}",
            "system.borg.quota[1].tier: there is a quota of the tier `batch` already",
        ),
        (
            "{reclamation: {decay: 1s}}",
            "system.borg.reclamation.decay: expected the interval or more",
        ),
        (
            "{allocs: [{name: a, cpu: 1, memory: 1Gi}]}",
            "system.borg.allocs[0]: all tasks would run in the alloc set `a`; write the `namespace`",
        ),
        (
            "{allocs: [{name: a, cpu: 1, memory: 1Gi, namespace: x}, {name: a, cpu: 1, memory: 1Gi, namespace: y}]}",
            "system.borg.allocs[1].name: there is an alloc set `a` already",
        ),
        (
            "{allocs: [{name: a, cpu: 0, memory: 1Gi, namespace: x}]}",
            "system.borg.allocs[0]: expected `cpu` and `memory` above 0",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let own = format!(
            "{HEAD}cluster: {{nodes: [{{name: machine, count: 1, template: {{allocatable: {{cpu: 8, memory: 8Gi}}}}}}]}}\n\
             workload: [{{manifests: work.yaml}}]\nsystem: {{name: borg, borg: {options}}}\nstop: {{at: \
             1m}}\n"
        );
        let files = [("own.yaml", own.as_str()), ("work.yaml", SHOP)];
        let why = refusal(&format!("borg-flaw-{number}"), &files);
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn jobs_of_equal_tasks_do_not_push_each_other_away() {
    let own = format!(
        "{HEAD}cluster: {{nodes: [{{name: 'm-{{}}', count: 2, zone: 'z{{index % 2}}', template: {{allocatable: \
         {{cpu: 8, memory: 16Gi, pods: 110}}}}}}]}}\nworkload: [{{trace: {{format: csv, path: jobs.csv}}}}]\n\
         system: {{name: borg, borg: {{score: best-fit, wishes: {{spread: 5}}}}}}\nstop: {{at: 1h}}\n"
    );
    let rows = "submit,name,run_time,cpu,memory,members,tenant,priority\n0,a,100s,1,1Gi,1,ann,100\n\
                1,b,100s,1,1Gi,1,bob,100\n2,c,100s,1,1Gi,2,cyd,100\n";
    let told = story("borg-spread", &[("own.yaml", &own), ("jobs.csv", rows)]);
    // One task of each job by itself on the first machine; the job of two is spread.
    assert_eq!(told.times(" on m-0").len(), 3, "{:?}", told.lines);
    assert_eq!(told.times(" on m-1").len(), 1, "{:?}", told.lines);
}

#[test]
fn wishes_that_nothing_fulfils_are_noted() {
    let own = |wishes: &str| {
        format!(
            "{HEAD}cluster: {{nodes: [{{name: 'machine-{{}}', count: 2, template: {{allocatable: {{cpu: 8, memory: \
             16Gi, pods: 110}}}}}}]}}\nworkload: [{{trace: {{format: csv, path: jobs.csv}}}}]\nsystem: {{name: \
             borg, borg: {{wishes: {{{wishes}}}}}}}\nstop: {{at: 1h}}\n"
        )
    };
    let rows = "submit,name,run_time,cpu,memory\n0,a,100s,1,1Gi\n";
    for (number, field, wishes) in [(0, "spread", "spread: 5"), (1, "packages", "packages: 1")] {
        let files = [("own.yaml", own(wishes)), ("jobs.csv", rows.to_owned())];
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        let scratch = Scratch::new(&format!("borg-wish-{number}"), &files);
        let notes = scratch.load("own.yaml").prepared().unwrap().remarks.lines();
        let note = format!("system.borg.wishes.{field} has no effect");
        assert!(
            notes.iter().any(|line| line.starts_with(&note)),
            "{notes:?}"
        );
    }
}
