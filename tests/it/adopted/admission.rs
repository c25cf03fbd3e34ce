//! Pods that no controller makes: the API server admits them by the same limit ranges and quotas.

use crate::scratch::Scratch;

const RULES: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: first}
spec: {containers: [{name: c, resources: {requests: {cpu: 500m}, limits: {cpu: 500m}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: large}
spec: {containers: [{name: c, resources: {requests: {cpu: \"1\"}, limits: {cpu: \"1\"}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: last}
spec: {containers: [{name: c, resources: {requests: {cpu: 500m}, limits: {cpu: 500m}}}]}
---
apiVersion: v1
kind: LimitRange
metadata: {name: sizes}
spec: {limits: [{type: Container, max: {cpu: 800m}, default: {cpu: 300m}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: team}
spec: {hard: {requests.cpu: \"1\"}}
";

const EXPERIMENT: &str = "\
windtunnel: v1
name: bare
seed: 1
cluster: {nodes: [{count: 2, name: \"n-{}\", template: {allocatable: {cpu: 8, memory: 32Gi, pods: 20}}}]}
workload: [{manifests: rules.yaml}]
system: {name: kubernetes, controllers: {}}
stop: {at: 10m}
";

/// Bare pods are refused as pods of workloads are, with the server's words, and given what they leave out.
#[test]
fn bare_pods_are_admitted_like_others() {
    let files = [("rules.yaml", RULES), ("run.yaml", EXPERIMENT)];
    let scratch = Scratch::new("bare", &files);
    let said = scratch.run(&["run", "run.yaml", "--tables", "csv", "--out", "out"], 0);
    for refused in [
        "(first `large`): forbidden: limit range sizes: maximum cpu usage per Container is 800m, but limit is 1",
        "(first `last`): forbidden: exceeded quota: team",
    ] {
        assert!(said.contains(refused), "{said}");
    }
    let pods = scratch.pods("out", ["outcome"]);
    let outcomes: Vec<(&str, &str)> = { pods.iter() }
        .map(|(name, [outcome])| (name.as_str(), outcome.as_str()))
        .collect();
    let rejected = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == "rejected");
    let rejected: Vec<&str> = rejected.map(|(name, _)| *name).collect();
    assert_eq!(rejected, ["large", "last"], "{outcomes:?}");
}

/// Rows of a trace are refused alike.
#[test]
fn rows_of_a_trace_are_admitted_like_others() {
    let experiment = EXPERIMENT.replace(
        "workload: [{manifests: rules.yaml}]",
        "workload: [{manifests: quota.yaml}, {trace: {format: csv, path: rows.csv}}]",
    );
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: team}\nspec: {hard: {pods: \"2\"}}\n";
    let rows = "submit,name,namespace,cpu,memory,run_time\n0,a,default,1,1Gi,60\n0,b,default,1,1Gi,1h\n\
                0,c,default,1,1Gi,60\n120,d,default,1,1Gi,60\n";
    let files = [
        ("quota.yaml", quota),
        ("rows.csv", rows),
        ("run.yaml", &experiment),
    ];
    let scratch = Scratch::new("bare", &files);
    let said = scratch.run(&["run", "run.yaml", "--tables", "csv", "--out", "out"], 0);
    assert!(
        said.contains("1 pod is refused by the API server (first `c`)"),
        "{said}"
    );
    let pods = scratch.pods("out", ["outcome"]);
    assert_eq!(pods["c"], ["rejected"]);
    assert_eq!(pods["d"], ["succeeded"]);
}

/// A run in which nothing happens any more can be kept at any time before its end.
#[test]
fn a_quiet_run_can_be_kept() {
    let experiment = "\
windtunnel: v1
name: quiet
cluster: {nodes: [{count: 1, template: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}}]}
workload: [{trace: {format: csv, path: rows.csv}}]
stop: {at: 1h}
";
    let files = [
        ("rows.csv", "submit,name,cpu,memory\n0,a,1,1Gi\n"),
        ("run.yaml", experiment),
    ];
    let scratch = Scratch::new("quiet", &files);
    scratch.run(
        &[
            "run",
            "run.yaml",
            "--snapshot-at",
            "30m",
            "kept",
            "--out",
            "out",
        ],
        0,
    );
    scratch.run(&["run", "--from", "kept", "--out", "again"], 0);
    assert_eq!(
        scratch.summary("out").variants[0].digest,
        scratch.summary("again").variants[0].digest
    );
    let said = scratch.run(
        &[
            "run",
            "run.yaml",
            "--snapshot-at",
            "2h",
            "late",
            "--out",
            "late-out",
        ],
        2,
    );
    assert!(said.contains("the run ends at 1h"), "{said}");
}
