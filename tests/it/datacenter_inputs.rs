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

/// Checks that a run is refused in these words, with this fix at the place if the message has none.
fn refused(text: &str, message: &str, fix: Option<&str>) {
    let said = scratch(text).run(&["run", "a.yaml", "--out", "out"], 2);
    assert!(said.lines().any(|line| line == message), "{text}: {said}");
    let place = said
        .lines()
        .any(|line| line.trim_start().starts_with("--> a.yaml:"));
    let fixed = |fix: &str| said.lines().any(|line| line.ends_with(fix));
    assert!(fix.is_none_or(|fix| place && fixed(fix)), "{text}: {said}");
}

#[test]
fn wrong_shares_and_users_are_refused() {
    let users = "users: {ann: 1, bob: 1}";
    refused(
        &slurm(&format!(
            "accounts: [{{name: a, parent: b}}, {{name: b, parent: a, {users}}}]"
        )),
        "error[WT020]: the account `a` belongs to itself, by way of `b`",
        Some("expected a tree: leave `parent` out at its top"),
    );
    refused(
        &slurm("accounts: [{name: a, users: {ann: 0, bob: 1}}]"),
        "error[WT009]: the user `ann` has no share",
        Some("expected at least 1"),
    );
    refused(
        &slurm(&format!("accounts: [{{name: a, shares: 0, {users}}}]")),
        "error[WT009]: `shares` cannot be 0",
        Some("expected at least 1"),
    );
    refused(
        &slurm("halfLife: -7d"),
        "error[WT009]: `halfLife` cannot be negative",
        Some("expected a duration of 0 or more"),
    );
    refused(
        &slurm("accounts: [{name: a, users: {ann: 1}}]"),
        "error: system.scheduler.slurm.accounts: `bob` of the workload is not listed here; add every user, or leave \
         `system.scheduler.slurm.accounts` out",
        None,
    );
}

#[test]
fn wrong_hosts_and_reservations_are_refused() {
    refused(
        &slurm("partitions: [{name: p, default: true, nodeNames: [node-0, node-9]}]"),
        "error: system.scheduler.slurm.partitions[0].nodeNames[1]: the cluster has no node `node-9` for the partition \
         `p`; did you mean `node-0`, `node-1`?",
        None,
    );
    refused(
        &of_jobs(
            "backfill: easy",
            "failures: [{kind: node-outage, node: node-9, at: 10s, for: 10s}]",
        ),
        "error: failures[0].node: the cluster has no node `node-9`; its nodes are node-0, node-1 …",
        None,
    );
    refused(
        &slurm("reservations: [{name: r, start: 0s, duration: 9s}]"),
        "error[WT020]: only the backfill rule `slurm` keeps advance reservations",
        Some("expected `backfill: slurm`, or no `reservations`"),
    );
    let reserved = |more: &str| {
        let reservation = format!("{{name: r, start: 0s{more}}}");
        let slurm = format!("backfill: slurm, slurm: {{reservations: [{reservation}]}}");
        of_jobs(&slurm, "")
    };
    refused(
        &reserved(", duration: 9d"),
        "error: system.scheduler.slurm.reservations[0].duration: the reservation `r` lasts 9d, longer than the log, \
         which ends after 1m41s; shorten it, or take its nodes out of `cluster`",
        None,
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
fn throughputs_with_a_hole_are_refused() {
    let types = "image: {V100: 40, K80: 4}, text: {V100: 20}";
    refused(
        &of_jobs(
            "backfill: easy",
            &format!("models: {{throughputs: {{reference: V100, types: {{{types}}}}}}}"),
        ),
        "error[WT006]: type `text` has no throughput on `K80`",
        Some("expected steps per second on `K80` as well"),
    );
}

#[test]
fn wrong_cells_are_refused() {
    refused(
        &federation(
            "{name: a, nodes: {cell: a}}, {name: a, nodes: {cell: b}}",
            "{weight: 1}",
        ),
        "error[WT015]: there is a cell `a` already",
        Some("expected a name of its own"),
    );
    let cells = "{name: a, nodes: {cell: a}}, {name: b, nodes: {cell: b}}";
    refused(
        &federation(cells, "{minReplicas: 3, maxReplicas: 3}"),
        "error: system.federation.workloads[0].cells: of 12 replicas 6 fit no cell: together the cells may have 6; raise \
         `maxReplicas`, or give a cell a `weight`",
        None,
    );
}

#[test]
fn estimates_below_run_times_are_told() {
    let scratch = scratch(&of_jobs("backfill: easy", ""));
    let said = scratch.run(&["trace", "inspect", "jobs.csv"], 0);
    let kept =
        "keep           1  jobs.csv:3  time limit below the run time; plans reckon with the limit";
    assert!(said.lines().any(|line| line == kept), "{said}");
}
