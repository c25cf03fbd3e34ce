//! Bad input of experiments with batch queues, GPU sharing, federations and failures: all of the
//! message, and the fix beside the place.

use crate::scratch::Scratch;

/// Jobs of two users on two hosts, of which the last runs for longer than it asked for.
const JOBS: &str = "\
submit,name,run_time,cpu,members,time_limit,tenant
0,a,100,1,2,200,ann
1,b,100,1,2,50,bob
";

/// Twelve replicas.
const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 12
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: 'web:1', resources: {requests: {cpu: '1', memory: 1Gi}}}]
";

fn of_jobs(scheduler: &str, more: &str) -> String {
    format!(
        "windtunnel: v1
name: datacenter-inputs
cluster:
  nodes:
    - count: 2
      name: 'node-{{}}'
      template: {{allocatable: {{cpu: 1, memory: 2Gi, pods: 9}}}}
workload: [{{trace: {{format: csv, path: jobs.csv}}}}]
system: {{name: batch, scheduler: {{{scheduler}}}}}
{more}
"
    )
}

fn slurm(options: &str) -> String {
    of_jobs(
        &format!("queue: slurm, backfill: easy, slurm: {{{options}}}"),
        "",
    )
}

fn federation(cells: &str, replicas: &str) -> String {
    let nodes = |cell: &str| {
        let template =
            format!("{{allocatable: {{cpu: 4, memory: 16Gi}}, labels: {{cell: {cell}}}}}");
        format!("    - {{name: '{cell}-{{}}', count: 2, template: {template}}}\n")
    };
    format!(
        "windtunnel: v1
name: datacenter-inputs
cluster:
  nodes:
{}{}workload: [{{manifests: web.yaml}}]
system:
  name: kubernetes
  controllers: {{}}
  federation: {{cells: [{cells}], workloads: [{{deployment: default/web, cells: {{'*': {replicas}}}}}]}}
models: {{nodeLife: observed}}
stop: {{at: 10m}}
",
        nodes("a"),
        nodes("b"),
    )
}

fn scratch(text: &str) -> Scratch {
    let files = [("a.yaml", text), ("jobs.csv", JOBS), ("web.yaml", WEB)];
    Scratch::new("datacenter-inputs", &files)
}

/// Checks that a run is refused in these words at a place of the experiment, with this fix beside the
/// place if the message has none.
fn refused(text: &str, message: &str, fix: Option<&str>) {
    let said = scratch(text).run(&["run", "a.yaml", "--out", "out"], 2);
    assert!(said.lines().any(|line| line == message), "{text}: {said}");
    let is_place = |line: &str| line.trim_start().starts_with("--> a.yaml:");
    assert!(said.lines().any(is_place), "{text}: {said}");
    let fixed = |fix: &str| said.lines().any(|line| line.ends_with(fix));
    assert!(fix.is_none_or(fixed), "{text}: {said}");
}

/// An experiment of Borg with an alloc set on four small machines.
fn alloc(more: &str) -> String {
    let set = format!("{{name: web, namespace: default{more}}}");
    of_jobs("", "").replace(
        "system: {name: batch, scheduler: {}}",
        &format!("system: {{name: borg, borg: {{allocs: [{set}]}}}}"),
    )
}

#[test]
fn allocs_that_no_machine_can_take_are_refused() {
    for more in [
        ", cpu: 2, memory: 1Gi",
        ", cpu: 1, memory: 3Gi",
        ", cpu: 1, memory: 1Gi, ephemeralStorage: 1Gi",
        ", cpu: 1, memory: 1Gi, tasks: 10",
    ] {
        let message = "error: system.borg.allocs[0]: an alloc of `web` is larger than every machine that may take it; \
                       expected less `cpu`, `memory`, `ephemeralStorage` or `tasks`";
        refused(&alloc(more), message, None);
    }
    let message = "error: system.borg.allocs[0]: no machine has the labels under `nodes`, so the allocs of `web` find no \
                   place; write labels of some machines, or leave `nodes` out";
    refused(
        &alloc(", cpu: 1, memory: 1Gi, nodes: {rack: a}"),
        message,
        None,
    );
}

fn reserved(more: &str) -> String {
    let reservation = format!("{{name: r, start: 0s{more}}}");
    let slurm = format!("backfill: slurm, slurm: {{reservations: [{reservation}]}}");
    of_jobs(&slurm, "")
}

const CELLS: &str = "{name: a, nodes: {cell: a}}, {name: b, nodes: {cell: b}}";

/// Nine wrong inputs with the message and the fix; the tenth is told in a run.
fn nine() -> [(String, &'static str, Option<&'static str>); 9] {
    let users = "users: {ann: 1, bob: 1}";
    let types = "image: {V100: 40, K80: 4}, text: {V100: 20}";
    [
        (
            reserved(", duration: 9d"),
            "error: system.scheduler.slurm.reservations[0].duration: the reservation `r` lasts 9d from the begin of \
             the run, longer than the log, which ends after 1m41s; shorten it, or take its nodes out of `cluster`",
            None,
        ),
        (
            slurm(&format!(
                "accounts: [{{name: a, parent: b}}, {{name: b, parent: a, {users}}}]"
            )),
            "error[WT020]: the account `a` belongs to itself, by way of `b`",
            Some("expected a tree: leave `parent` out at its top"),
        ),
        (
            slurm(&format!("accounts: [{{name: a, shares: 0, {users}}}]")),
            "error[WT009]: `shares` cannot be 0",
            Some("expected at least 1"),
        ),
        (
            slurm("halfLife: -7d"),
            "error[WT009]: `halfLife` cannot be negative",
            Some("expected a duration of 0 or more"),
        ),
        (
            slurm("accounts: [{name: a, users: {ann: 1}}]"),
            "error: system.scheduler.slurm.accounts: `bob` of the workload is not listed here; add every user, or leave \
             `system.scheduler.slurm.accounts` out",
            None,
        ),
        (
            federation(
                "{name: a, nodes: {cell: a}}, {name: a, nodes: {cell: b}}",
                "{weight: 1}",
            ),
            "error[WT015]: there is a cell `a` already",
            Some("expected a name of its own"),
        ),
        (
            federation(CELLS, "{minReplicas: 3, maxReplicas: 3}"),
            "error: system.federation.workloads[0].cells: of 12 replicas 6 fit no cell: together the cells may have 6; raise \
             `maxReplicas`, or give a cell a `weight`",
            None,
        ),
        (
            of_jobs(
                "backfill: easy",
                &format!("models: {{throughputs: {{reference: V100, types: {{{types}}}}}}}"),
            ),
            "error[WT006]: type `text` has no throughput on `K80`",
            Some("expected steps per second on `K80` as well"),
        ),
        (
            of_jobs(
                "backfill: easy",
                "failures: [{kind: node-outage, node: node-9, at: 10s, for: 10s}]",
            ),
            "error: failures[0].node: the cluster has no node `node-9`; its nodes are node-0, node-1 …",
            None,
        ),
    ]
}

#[test]
fn ten_wrong_inputs_are_refused_or_told_where_they_stand() {
    for (text, message, fix) in nine() {
        refused(&text, message, fix);
    }
    let kept = "time limit below the run time; plans reckon with the limit";
    let scratch = scratch(&of_jobs("backfill: easy", ""));
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let note = format!("note: keep 1 row: {kept} (first jobs.csv:3)");
    assert!(said.lines().any(|line| line == note), "{said}");
    let said = scratch.run(&["trace", "inspect", "jobs.csv"], 0);
    let line = format!("keep           1  jobs.csv:3  {kept}");
    assert!(said.lines().any(|own| own == line), "{said}");
}

#[test]
fn wrong_users_hosts_and_reservations_are_refused() {
    refused(
        &slurm("partitions: [{name: p, default: true, nodeNames: [node-0, node-9]}]"),
        "error: system.scheduler.slurm.partitions[0].nodeNames[1]: the cluster has no node `node-9` for the partition \
         `p`; did you mean `node-0`, `node-1`?",
        None,
    );
    refused(
        &slurm("reservations: [{name: r, start: 0s, duration: 9s}]"),
        "error[WT020]: only the backfill rule `slurm` keeps advance reservations",
        Some("expected `backfill: slurm`, or no `reservations`"),
    );
    refused(
        &reserved(", duration: 9s, nodeNames: [node-9]"),
        "error: system.scheduler.slurm.reservations[0].nodeNames[0]: the cluster has no node `node-9` for the \
         reservation `r`; did you mean `node-0`, `node-1`?",
        None,
    );
    refused(
        &reserved(", duration: 9s, users: [eve]"),
        "error[WT013]: no account has the user `eve`",
        None,
    );
}

#[test]
fn minimums_beyond_the_replicas_are_told() {
    let text = federation(CELLS, "{weight: 1, minReplicas: 7}");
    let said = scratch(&text).run(&["run", "a.yaml", "--out", "out"], 0);
    let note = "note: system.federation.workloads[0].cells: the minimums of all cells come to 14, and there are 12 \
                replicas: the cells of the largest weights get theirs first";
    assert!(said.lines().any(|line| line == note), "{said}");
}
