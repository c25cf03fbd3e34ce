//! Paired runs: under one seed every policy meets the same pods. Draws are keyed by what a pod is
//! (owner, index, turn), so pods of one name have one run time and one start delay under every
//! policy, whatever failures, preemption and autoscaling did before.

use proptest::prelude::*;
use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Pod};
use windtunnel::units::{Duration, Instant, PodId, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::measure;

/// Jobs with drawn run times, a service that grows and shrinks, daemons, a set with stable names and
/// pods that preempt.
const WORK: &str = r#"
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: urgent}
value: 1000
---
apiVersion: batch/v1
kind: Job
metadata: {name: sweep}
spec:
  completions: 90
  parallelism: 14
  backoffLimit: 1000
  template:
    metadata: {annotations: {windtunnel.dev/run-time: "lognormal(3m, 0.8)"}}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: "s:1", resources: {requests: {cpu: 1, memory: 1Gi}}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: parts}
spec:
  completions: 30
  parallelism: 6
  completionMode: Indexed
  backoffLimit: 1000
  template:
    metadata: {annotations: {windtunnel.dev/run-time: "exponential(4m)"}}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: "p:1", resources: {requests: {cpu: 1, memory: 1Gi}}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec:
  schedule: "*/5 * * * *"
  jobTemplate:
    spec:
      completions: 3
      parallelism: 3
      template:
        metadata: {annotations: {windtunnel.dev/run-time: "uniform(30s, 4m)"}}
        spec:
          priorityClassName: urgent
          restartPolicy: Never
          containers: [{name: c, image: "r:1", resources: {requests: {cpu: 2, memory: 1Gi}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {windtunnel.dev/cpu-usage: "sine(600m, 500m, 40m, 10m)"}
    spec:
      containers: [{name: c, image: "w:1", resources: {requests: {cpu: 1, memory: 1Gi}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  minReplicas: 2
  maxReplicas: 12
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: c, image: "a:1", resources: {requests: {cpu: 100m, memory: 64Mi}}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  replicas: 3
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      containers: [{name: c, image: "d:1", resources: {requests: {cpu: 500m, memory: 1Gi}}}]
"#;

fn scenario(seed: u64, system: &str) -> String {
    format!(
        "windtunnel: v1\nname: pairs\nseed: {seed}\ncluster:\n  nodes:\n    - {{count: 5, template: \
         {{allocatable: {{cpu: 4, memory: 16Gi}}}}}}\n  provider:\n    boot: uniform(40s, 90s)\n    \
         failureRate: 5%\n    groups: [{{name: more, instanceType: m5.xlarge, min: 0, max: 6}}]\n\
         workload:\n  - manifests: work.yaml\nsystem: {system}\nmodels: {{startup: \
         {{containerStart: \"lognormal(4s, 0.6)\"}}}}\nfailures:\n  - {{kind: node-crash, mtbf: \
         \"exponential(25m)\", repair: \"lognormal(4m, 0.5)\"}}\n  - {{kind: refused-binds, \
         probability: 5%, at: 5m, for: 30m}}\nstop: {{at: 70m}}\n"
    )
}

/// What was drawn for each pod: by its name and how many pods of the name came before it.
#[derive(Default)]
struct Draws {
    living: SortedMap<PodId, ((String, u32), Instant)>,
    names: SortedMap<String, u32>,
    starts: SortedMap<(String, u32), Duration>,
    runs: SortedMap<(String, u32), Duration>,
    /// Pods that were evicted, or lost with their nodes.
    lost: usize,
}

impl Observer for Draws {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        match event {
            Event::PodCreated(created) => {
                let name = created.name.to_string();
                let count = self.names.entry(name.clone()).or_default();
                self.living.insert(created.pod.id, ((name, *count), at));
                *count += 1;
            }
            // A crash holds up what starts on the node, whatever was drawn for it.
            Event::NodeReadiness { node, ready: false } => {
                for &slot in store.nodes().pods(*node) {
                    let here = store.pods().at(slot);
                    here.and_then(|here| self.living.remove(&here.pod.id));
                }
            }
            Event::PodStarting { pod } => {
                if let Some((_, since)) = self.living.get_mut(&pod.id) {
                    *since = at;
                }
            }
            Event::PodRunning { pod } => {
                if let Some((key, since)) = self.living.get_mut(&pod.id) {
                    self.starts.insert(key.clone(), at.since(*since));
                    *since = at;
                }
            }
            Event::PodEnded { pod, reason } => {
                let known = self.living.remove(&pod.id);
                match (reason, known) {
                    (EndReason::Completed, Some((key, since))) => {
                        self.runs.insert(key, at.since(since));
                    }
                    (EndReason::NodeLost | EndReason::Evicted(_), _) => self.lost += 1,
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

fn drawn(seed: u64, policy: &str, system: &str) -> Draws {
    let (name, run) = (format!("pairs-{seed}-{policy}"), scenario(seed, system));
    let scratch = Scratch::new(&name, &[("work.yaml", WORK), ("run.yaml", &run)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut draws = Draws::default();
    let outcome = measure(
        &experiment.variants[0].scenario,
        &experiment.files,
        &mut draws,
    );
    outcome.unwrap_or_else(|error| panic!("{policy}: {error}"));
    draws
}

/// Pods of both runs whose draw differs, and how many pods both have.
fn unequal(
    one: &SortedMap<(String, u32), Duration>,
    other: &SortedMap<(String, u32), Duration>,
) -> (Vec<String>, usize) {
    let both = one
        .iter()
        .filter_map(|(key, draw)| Some((key, draw, other.get(key)?)));
    let both: Vec<_> = both.collect();
    let differing = both.iter().filter(|(_, draw, other)| draw != other);
    let told = differing.map(|(key, draw, other)| format!("{key:?}: {draw} {other}"));
    (told.collect(), both.len())
}

const KUBERNETES: &str = "{name: kubernetes, controllers: {}, autoscaling: {cluster: {}}}";
const SYSTEMS: [(&str, &str); 3] = [
    (
        "most-allocated",
        "{name: kubernetes, scheduler: {profile: default, plugins: {most-allocated: {weight: 5}}}, \
         controllers: {}, autoscaling: {cluster: {}}}",
    ),
    (
        "best-fit",
        "{name: pipeline, scheduler: {profile: best-fit}, controllers: {}}",
    ),
    ("fixed", "{name: kubernetes, controllers: {}}"),
];

proptest! {
    #![proptest_config(ProptestConfig {
        // A case is four runs of more than an hour.
        cases: ProptestConfig::default().cases / 85,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn pods_of_one_name_have_one_draw_under_every_policy(seed in 1_u64..1_000_000) {
        let own = drawn(seed, "default", KUBERNETES);
        prop_assert!(own.lost > 0, "nothing failed");
        for (policy, system) in SYSTEMS {
            let other = drawn(seed, policy, system);
            let (differing, starts) = unequal(&own.starts, &other.starts);
            prop_assert!(differing.is_empty(), "starts, {policy}: {differing:#?}");
            let (differing, runs) = unequal(&own.runs, &other.runs);
            prop_assert!(differing.is_empty(), "run times, {policy}: {differing:#?}");
            println!("seed {seed}, {policy}: {starts} starts and {runs} run times equal, {} lost", own.lost);
            prop_assert!(starts > 60 && runs > 40, "{policy}: {starts} starts, {runs} runs");
        }
    }
}
