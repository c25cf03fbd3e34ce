//! Programs of the control plane that are lost one by one: each forgets what it had in memory, and what its
//! original reads back from objects or from others is still there (spec: orchestrators-b.md 10.3).

use std::sync::Arc;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, PodPhase};
use windtunnel::model::{Event, EvictionCause, Node, Object, ObjectChange, Pod, PodChange};
use windtunnel::sim::check::Checker;
use windtunnel::units::Instant;

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// What happened, in seconds.
#[derive(Default)]
struct Told {
    checker: Checker,
    joined: Vec<(f64, String)>,
    left: Vec<f64>,
    /// Evictions, with their cause.
    evicted: Vec<(f64, EvictionCause)>,
    /// Replicas that deployments want, where they change.
    replicas: Vec<(f64, i32)>,
    created: Vec<f64>,
    /// Successes and failures that jobs count, where they change.
    counted: Vec<(f64, i32, i32)>,
    /// Pods without a node at the end.
    pending: usize,
}

impl Observer for Told {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let at = at.as_secs_f64();
        match event {
            Event::NodeAdded { object, .. } if at > 0.0 => {
                self.joined.push((at, name_of(object)));
            }
            Event::NodeRemoved { .. } => self.left.push(at),
            Event::PodChanged {
                change:
                    PodChange::Terminating {
                        reason: EndReason::Evicted(cause),
                        ..
                    },
                ..
            } => self.evicted.push((at, *cause)),
            Event::PodCreated(_) => self.created.push(at),
            Event::Object(
                ObjectChange::Created { object, .. } | ObjectChange::Updated { object, .. },
            ) => self.declared(at, object),
            _ => {}
        }
        let pending = store.pods().iter();
        let pending = pending.filter(|pod| pod.phase == PodPhase::Pending);
        self.pending = pending.count();
    }
}

fn name_of(node: &Arc<Node>) -> String {
    node.name.to_string()
}

impl Told {
    fn declared(&mut self, at: f64, object: &Object) {
        match object {
            Object::Deployment(own)
                if (self.replicas.last()).is_none_or(|last| last.1 != own.replicas) =>
            {
                self.replicas.push((at, own.replicas));
            }
            Object::Job(job) => {
                let counted = (job.status.succeeded, job.status.failed);
                let known = self.counted.last();
                if known.is_none_or(|&(_, succeeded, failed)| (succeeded, failed) != counted) {
                    self.counted.push((at, counted.0, counted.1));
                }
            }
            _ => {}
        }
    }
}

/// Runs an experiment with a workload, and these failures in the end.
fn play(experiment: &str, work: &str, failures: &str) -> Told {
    let text = format!("windtunnel: v1\nname: programs\n{experiment}failures: [{failures}]\n");
    let newer = work.replace("parallelism: 2", "parallelism: 1");
    let files = [
        ("own.yaml", &*text),
        ("work.yaml", work),
        ("newer.yaml", &*newer),
    ];
    let scratch = Scratch::new("programs", &files);
    let experiment = load_file(&scratch.path("own.yaml"));
    let mut told = Told::default();
    let ended = watch(
        &experiment.variants[0].scenario,
        &experiment.files,
        &mut told,
    );
    ended.unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(told.checker.failure(), None);
    told
}

/// The leader of a program crashes at a second.
fn lost(program: &str, at: i64) -> String {
    format!("{{kind: leader-failover, component: {program}, at: {at}s, lease: 1s, election: 1s}}")
}

fn deployment(replicas: u32, more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: app}}}}\n  template:\n    metadata:\n      labels: {{app: app}}\n{more}    spec: \
         {{containers: [{{name: a, image: a, resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]}}\n"
    )
}

/// One node for four pods, and machines that boot for a minute.
const GROWING: &str = "cluster:
  nodes: [{count: 1, name: 'n-{}', template: {allocatable: {cpu: 4, memory: 16Gi, pods: 110}}}]
  provider: {boot: constant(60s), groups: [{name: g, instanceType: m5.2xlarge, min: 0, max: 10}]}
workload: [{manifests: work.yaml}]
stop: {at: 1h}
";

const AUTOSCALERS: [(&str, &str); 2] = [
    ("cluster-autoscaler", "{cluster: {}}"),
    (
        "karpenter",
        "{provisioner: {instanceTypes: ['m5.2xlarge']}}",
    ),
];

fn growing(autoscaling: &str) -> String {
    format!(
        "{GROWING}system: {{name: kubernetes, controllers: {{}}, autoscaling: {autoscaling}}}\n"
    )
}

#[test]
fn machines_under_way_survive_every_program() {
    for (own, autoscaling) in AUTOSCALERS {
        let run = |failures: &str| play(&growing(autoscaling), &deployment(20, ""), failures);
        let plain = run("");
        assert_eq!(plain.joined.len(), 2, "{own}: {:?}", plain.joined);
        for program in ["all", "scheduler", "kube-controller-manager", own] {
            let told = run(&lost(program, 30));
            let case = format!("{own}, {program} lost: {:?}", told.joined);
            assert_eq!(told.joined, plain.joined, "{case}");
            assert_eq!(told.pending, 0, "{case}");
        }
    }
}

#[test]
fn unneeded_nodes_go_in_their_time_unless_the_autoscaler_itself_is_lost() {
    let (own, autoscaling) = AUTOSCALERS[0];
    let experiment = format!(
        "{}operations: [{{at: 5m, scale: Deployment/default/app, replicas: 4}}]\n",
        growing(autoscaling)
    );
    let run = |failures: &str| play(&experiment, &deployment(20, ""), failures);
    let plain = run("").left;
    assert_eq!(plain.len(), 2, "{plain:?}");
    let controllers = run(&lost("controllers", 600)).left;
    assert_eq!(controllers, plain);
    // Ten minutes from its first loop on.
    let itself = run(&lost(own, 600)).left;
    assert!(
        itself[0] > 1_200.0 && plain[0] < 1_000.0,
        "{itself:?}, {plain:?}"
    );
}

#[test]
fn a_node_that_was_being_emptied_is_open_again_once_its_autoscaler_was_lost() {
    let (own, autoscaling) = AUTOSCALERS[0];
    // Its pods take half an hour to end, so that the node is on its way out for long.
    let work = deployment(20, "").replace(
        "spec: {con",
        "spec: {terminationGracePeriodSeconds: 1800, con",
    ) + "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {selector: \
           {matchLabels: {app: app}}, maxUnavailable: 0}\n";
    let experiment = format!(
        "{}operations: [{{at: 5m, scale: Deployment/default/app, replicas: 6}}]\n",
        growing(autoscaling)
    );
    let told = play(&experiment, &work, &lost(own, 1_000));
    assert_eq!(told.pending, 0);
}

#[test]
fn a_descheduler_keeps_its_pace_while_controllers_are_lost() {
    let experiment = "cluster: {nodes: [{count: 2, name: 'n-{}', template: {allocatable: {cpu: 8, memory: 16Gi, \
                      pods: 110}}}]}\nworkload: [{manifests: work.yaml}]\nsystem: {name: kubernetes, controllers: {}, \
                      descheduling: {interval: 5m, strategies: {PodLifeTime: {maxPodLifeTime: 10m}}}}\nstop: {at: \
                      30m}\n";
    let run = |failures: &str| play(experiment, &deployment(4, ""), failures).evicted;
    let plain = run("");
    assert!(!plain.is_empty());
    assert_eq!(run(&lost("kube-controller-manager", 700)), plain);
    // Its own pace begins anew.
    let itself = run(&lost("descheduler", 700));
    assert_eq!(itself.first().map(|own| own.0), Some(702.0), "{plain:?}");
}

#[test]
fn metrics_are_there_for_a_new_leader_unless_their_server_is_lost() {
    let experiment = "cluster: {nodes: [{count: 4, name: 'n-{}', template: {allocatable: {cpu: 16, memory: 64Gi, \
                      pods: 110}}}]}\nworkload: [{manifests: work.yaml}]\nsystem: {name: kubernetes, controllers: {}}\n\
                      stop: {at: 20m}\noperations: [{at: 600s, scale: \
                      Deployment/default/app, replicas: 2}]\n";
    let usage = "      annotations: {windtunnel.dev/cpu-usage: 90%}\n";
    let work = deployment(2, usage)
        + "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec:\n  \
           scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}\n  minReplicas: 1\n  maxReplicas: \
           20\n  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, \
           averageUtilization: 50}}}]\n";
    let run = |failures: &str| play(experiment, &work, failures).replicas;
    let after = |told: &[(f64, i32)]| -> Vec<f64> {
        told.iter()
            .map(|own| own.0)
            .filter(|at| *at > 600.0)
            .collect()
    };
    // Somebody scales down while nobody leads: the new leader puts it right in its first look.
    let anew = run(&lost("kube-controller-manager", 599));
    let soon = after(&anew);
    assert!(soon.first().is_some_and(|at| *at <= 603.0), "{anew:?}");
    // What the server reads while nobody leads is there, too: new pods are counted as soon as otherwise.
    let missed = run(&lost("kube-controller-manager", 59));
    assert!(missed.get(2).is_some_and(|own| own.0 < 93.0), "{missed:?}");
    // Without a metrics server there is nothing to scale on.
    let blind = run(
        "{kind: leader-failover, component: metrics-server, at: 590s, lease: 60s, election: 0s}",
    );
    let late = after(&blind);
    assert!(late.first().is_some_and(|at| *at >= 650.0), "{blind:?}");
}

const JOB: &str = "apiVersion: batch/v1
kind: Job
metadata: {name: sums}
spec:
  completions: 1
  parallelism: 1
  backoffLimit: 1
  template:
    metadata: {annotations: {windtunnel.dev/run-time: 30m}}
    spec:
      restartPolicy: Never
      containers: [{name: a, image: x, resources: {requests: {cpu: 1}}}]
";

#[test]
fn a_run_that_was_evicted_counts_once_whoever_leads() {
    let experiment = "cluster: {nodes: [{count: 2, name: 'n-{}', template: {allocatable: {cpu: 1, memory: 8Gi, pods: \
                      10}}}]}\nworkload: [{manifests: work.yaml}]\nsystem: {name: kubernetes, controllers: {}, \
                      scheduler: {tieBreak: first}}\nmodels: {nodeLife: observed}\nstop: {at: 1h}\n";
    let cut = "{kind: partition, node: n-0, at: 1m, for: 2h}";
    let run = |more: &str| play(experiment, JOB, &format!("{cut}{more}"));
    let plain = run("").counted;
    assert_eq!(
        plain.last().map(|own| (own.1, own.2)),
        Some((1, 1)),
        "{plain:?}"
    );
    for at in [400, 406, 410, 600] {
        for program in ["controllers", "all"] {
            let found = run(&format!(", {}", lost(program, at))).counted;
            let last = found.last().map(|own| (own.1, own.2));
            assert_eq!(last, Some((1, 1)), "{program} lost at {at}: {found:?}");
        }
    }
}

#[test]
fn a_count_that_is_refused_is_made_again() {
    let work = JOB
        .replace("completions: 1", "completions: 4")
        .replace("parallelism: 1", "parallelism: 2")
        .replace("30m", "30s");
    // A user declares the job anew while its controller has yet to see that, and what has ended before.
    let experiment = |at: &str| {
        format!(
            "cluster: {{nodes: [{{count: 2, name: 'n-{{}}', template: {{allocatable: {{cpu: 4, memory: 8Gi, pods: \
             10}}}}}}]}}\nworkload: [{{manifests: work.yaml}}]\nsystem: {{name: kubernetes, controllers: \
             {{}}}}\nmodels: {{watchDelay: 5s}}\noperations: [{{at: {at}, apply: \
             newer.yaml}}]\nstop: {{at: 10m}}\n"
        )
    };
    for at in 30..50 {
        let told = play(&experiment(&format!("{at}s")), &work, "");
        let last = told.counted.last().map(|own| (own.1, own.2));
        assert_eq!(last, Some((4, 0)), "at {at}: {:?}", told.counted);
    }
}

#[test]
fn daemons_that_wait_for_a_node_go_with_it() {
    let work = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: log}\nspec:\n  selector: {matchLabels: {app: \
                log}}\n  template:\n    metadata: {labels: {app: log}}\n    spec: {containers: [{name: a, image: log, \
                resources: {requests: {cpu: 3}}}]}\n";
    let experiment = "cluster: {nodes: [{count: 1, name: 'node-{}', template: {allocatable: {cpu: 2, memory: 16Gi, \
                      pods: 110}}}]}\nworkload: [{manifests: work.yaml}]\nsystem: {name: kubernetes, controllers: \
                      {}}\noperations: [{at: 100s, upgrade: {batch: 1, service: 40s, drainTimeout: 10s, replace: \
                      true}}]\nstop: {at: 1h}\n";
    let told = play(experiment, work, "");
    // One waits for the node that is there by now.
    assert_eq!(told.pending, 1);
    assert_eq!(told.created.len(), 2);
}

#[test]
fn a_failure_of_a_program_that_does_not_run_is_refused() {
    for (program, way_out) in [
        ("karpenter", "write `system.autoscaling.provisioner`"),
        ("cluster-autoscaler", "write `system.autoscaling.cluster`"),
        ("descheduler", "write `system.descheduling`"),
        ("kueue", "give the workload a `ClusterQueue`"),
    ] {
        let text = format!(
            "windtunnel: v1\nname: programs\ncluster: {{nodes: [{{count: 1, name: n, template: {{allocatable: {{cpu: \
             4, memory: 16Gi, pods: 110}}}}}}]}}\nworkload: [{{manifests: work.yaml}}]\nsystem: {{name: kubernetes, \
             controllers: {{}}}}\nfailures: [{}]\nstop: {{at: 1h}}\n",
            lost(program, 30)
        );
        let work = deployment(1, "");
        let files = [("own.yaml", &*text), ("work.yaml", &*work)];
        let scratch = Scratch::new("programs-refused", &files);
        let told = scratch.run(&["run", "own.yaml", "--out", "out"], 2);
        let expected = format!("nothing of this run lives in `{program}`; {way_out}");
        assert!(told.contains(&expected), "{told}");
    }
}
