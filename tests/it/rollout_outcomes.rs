//! Outcomes of rollouts as their systems tell them: given up, taken back, stuck, complete after a hook (spec:
//! orchestrators-a.md 2.7, 7.1, 7.2, 7.4, 8.2 and 9.1).

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::{DeliveryStep, Event, Pod, PodChange, RolloutStep};
use windtunnel::units::Instant;

use crate::kube_scenario::{Scratch, load_file};
use crate::node_scaling::metric;
use crate::watch::measure;

/// Steps of rollouts, steps of pushes, and pods that were created, bound and told to end, with their seconds.
#[derive(Default)]
struct Seen {
    rollouts: Vec<(i64, RolloutStep)>,
    pushes: Vec<(i64, DeliveryStep)>,
    created: Vec<(i64, String)>,
    bound: Vec<String>,
    stopped: Vec<(i64, String)>,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        let at = at.as_nanos() / 1_000_000_000;
        let record = |pod| store.pods().get(pod);
        match event {
            Event::Rollout { step, .. } => self.rollouts.push((at, *step)),
            Event::Delivery(own) => self.pushes.push((at, own.step)),
            Event::PodCreated(own) => {
                let spec = &store.class(own.class).spec;
                self.created
                    .push((at, spec.containers[0].image.to_string()));
            }
            Event::PodBound { pod, .. } => {
                let names = record(*pod).map(|own| own.name.text().to_string());
                self.bound.extend(names);
            }
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { .. },
            } => {
                let names = record(*pod).map(|own| (at, own.name.text().to_string()));
                self.stopped.extend(names);
            }
            _ => {}
        }
    }
}

impl Seen {
    /// Steps of pushes from the beginning of their rollouts on.
    fn delivered(&self) -> Vec<(i64, DeliveryStep)> {
        let from = [
            DeliveryStep::Pushed,
            DeliveryStep::RolloutBegan,
            DeliveryStep::FirstReplica,
        ];
        let steps = self.pushes.iter().filter(|(_, own)| !from.contains(own));
        steps.copied().collect()
    }

    /// Images of pods that were created from a second on, each once.
    fn images_from(&self, from: i64) -> Vec<&str> {
        let created = self.created.iter().filter(|(at, _)| *at >= from);
        let mut images: Vec<&str> = created.map(|(_, image)| image.as_str()).collect();
        images.sort_unstable();
        images.dedup();
        images
    }
}

/// A Deployment of four pods with a version.
fn web(version: &str, more: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 4
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata:
      labels: {{app: web}}
      annotations: {{{more}}}
    spec:
      containers:
        - name: web
          image: 'shop/web:{version}'
          resources: {{requests: {{cpu: 250m, memory: 512Mi}}}}
          readinessProbe: {{httpGet: {{path: /, port: 80}}, periodSeconds: 1}}
"
    )
}

const AGENT: &str = "\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers:
        - {name: agent, image: 'shop/agent:v1', resources: {requests: {cpu: 250m, memory: 512Mi}}}
";

/// Answers of a version that fails every check.
const NEVER: &str = "windtunnel.dev/health-check: interval=10s timeout=5s retries=3, \
                     windtunnel.dev/answers-after: 10000h";

/// Runs four pods, a daemon and a bad version on nodes of a number and size, with more fields of the
/// experiment.
fn run_on(nodes: &str, system: &str, more: &str) -> (Seen, Outcome) {
    let text = format!(
        "windtunnel: v1
name: outcomes
cluster: {nodes}
system: {{{system}}}
models: {{startup: {{containerStart: 10s}}}}
stop: {{at: 1h}}
{more}"
    );
    let both = format!("{}---\n{AGENT}", web("v1", ""));
    let scratch = Scratch::new(
        "rollout-outcomes",
        &[
            ("web.yaml", &web("v1", "")),
            ("bad.yaml", &web("v2", NEVER)),
            ("agent.yaml", AGENT),
            ("both.yaml", &both),
            ("run.yaml", &text),
        ],
    );
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut seen);
    (seen, outcome.unwrap_or_else(|error| panic!("{error}")))
}

const FOUR: &str = "{nodes: [{name: 'i{}', count: 4, template: {allocatable: {cpu: 4, memory: 16Gi, pods: 110}}}]}";

const WEB: &str = "workload: [{manifests: web.yaml}]\n";

#[test]
fn a_service_that_was_rolled_back_scales_with_the_version_before() {
    let scaled = format!(
        "{WEB}operations: [{{at: 200s, apply: bad.yaml}}, {{at: 30m, scale: Deployment/default/web, replicas: 6}}]"
    );
    for system in [
        "name: ecs, ecs: {circuitBreaker: {enable: true, rollback: true}}",
        "name: swarmkit, swarmkit: {update: {failureAction: rollback, monitor: 60s}}",
    ] {
        let (seen, _) = run_on(FOUR, system, &scaled);
        let steps: Vec<RolloutStep> = seen.rollouts.iter().map(|own| own.1).collect();
        assert_eq!(
            steps,
            [RolloutStep::RollingBack, RolloutStep::RolledBack],
            "{system}"
        );
        assert_eq!(seen.images_from(1_800), ["shop/web:v1"], "{system}");
        let added = seen.created.iter().filter(|(at, _)| *at >= 1_800);
        assert_eq!(added.count(), 2, "{system}");
    }
}

#[test]
fn a_rollback_of_a_service_keeps_the_tasks_of_the_deployment_that_it_goes_back_to() {
    let system = "name: ecs, ecs: {circuitBreaker: {enable: true, rollback: true}}";
    let (seen, _) = run_on(
        FOUR,
        system,
        &format!("{WEB}operations: [{{at: 200s, apply: bad.yaml}}]"),
    );
    let first = ["web-0", "web-1", "web-2", "web-3"];
    let stopped = seen
        .stopped
        .iter()
        .filter(|(_, own)| first.contains(&own.as_str()));
    assert_eq!(stopped.count(), 0, "{:?}", seen.stopped);
    let given_up = seen.rollouts[0].0;
    assert!(
        seen.created.iter().all(|(at, _)| *at < given_up),
        "{:?}",
        seen.created
    );
}

#[test]
fn a_stuck_deployment_is_told_and_not_taken_back() {
    let more = format!(
        "{WEB}delivery: [{{image: shop/web, deadline: 3m}}]
operations: [{{at: 200s, push: {{image: 'shop/web:v2'}}}}]"
    );
    let system = "name: ecs, ecs: {minimumHealthyPercent: 100, maximumPercent: 100}";
    let (seen, outcome) = run_on(FOUR, system, &more);
    assert!(
        seen.rollouts.contains(&(201, RolloutStep::Stuck)),
        "{:?}",
        seen.rollouts
    );
    assert_eq!(seen.delivered(), [(381, DeliveryStep::Failed)]);
    assert!(metric(&outcome, "deliveries.rolled_back").abs() < f64::EPSILON);
}

#[test]
fn a_push_has_failed_when_the_breaker_opens() {
    let more = format!(
        "{WEB}delivery: [{{image: shop/web}}]
operations: [{{at: 200s, apply: bad.yaml}}, {{at: 30m, push: {{image: 'shop/web:v3'}}}}]"
    );
    let system = "name: ecs, ecs: {circuitBreaker: {enable: true, rollback: true}}";
    let (seen, _) = run_on(FOUR, system, &more);
    let given_up: Vec<i64> = {
        let steps = seen
            .rollouts
            .iter()
            .filter(|own| own.1 == RolloutStep::RollingBack);
        steps.map(|own| own.0).collect()
    };
    // The pushed version is the one that is declared with another image: it answers no check, either.
    assert_eq!(given_up.len(), 2, "{:?}", seen.rollouts);
    let failed = (given_up[1], DeliveryStep::Failed);
    assert!(seen.delivered().starts_with(&[failed]), "{:?}", seen.pushes);
    assert_eq!(seen.delivered()[1].1, DeliveryStep::RolledBack);
}

#[test]
fn a_configuration_is_complete_after_its_post_hook() {
    let run = |options: &str, fault: &str| {
        let more = format!(
            "{WEB}delivery: [{{image: shop/web}}]
operations: [{{at: 5m, push: {{image: 'shop/web:v2'{fault}}}}}]"
        );
        let system = format!(
            "name: openshift, controllers: {{}}, openshift: {{deploymentConfigs: {{web: {{{options}}}}}}}"
        );
        run_on(FOUR, &system, &more)
    };
    let (plain, _) = run("", "");
    let [(done, DeliveryStep::Delivered)] = plain.delivered()[..] else {
        panic!("{:?}", plain.pushes);
    };
    let (hooked, _) = run("post: {takes: 20s}", "");
    let [(later, DeliveryStep::Delivered)] = hooked.delivered()[..] else {
        panic!("{:?}", hooked.pushes);
    };
    assert!(later >= done + 20, "{done} {later}");
    // The hook of the first version fails, too, so that there is none to go back to.
    let (failed, outcome) = run("post: {takes: 20s, failures: 1}", "");
    let steps: Vec<DeliveryStep> = failed.delivered().iter().map(|own| own.1).collect();
    assert_eq!(steps, [DeliveryStep::Failed]);
    assert!((metric(&outcome, "deliveries.failed") - 1.0).abs() < f64::EPSILON);
    // Before the deadline of the delivery, by the configuration's own time-out.
    let (late, _) = run("timeout: 1m", ", fault: unready");
    let steps: Vec<DeliveryStep> = late.delivered().iter().map(|own| own.1).collect();
    assert_eq!(steps, [DeliveryStep::Failed, DeliveryStep::RolledBack]);
    assert!(late.delivered()[0].0 < 420, "{:?}", late.pushes);
    // No tag is watched where no image is a trigger.
    let (unwatched, _) = run("triggers: [config-change]", "");
    assert_eq!(unwatched.delivered(), [(301, DeliveryStep::Unused)]);
    assert_eq!(unwatched.images_from(300), Vec::<&str>::new());
}

#[test]
fn a_daemon_set_is_delivered_with_the_pod_of_its_last_node() {
    let more = "workload: [{manifests: agent.yaml}]
delivery: [{image: shop/agent}]
operations: [{at: 5m, push: {image: 'shop/agent:v2'}}]";
    let (seen, _) = run_on(FOUR, "name: kubernetes, controllers: {}", more);
    let last = seen.created.iter().map(|(at, _)| *at).max();
    let [(done, DeliveryStep::Delivered)] = seen.delivered()[..] else {
        panic!("{:?}", seen.pushes);
    };
    // The last pod is created 30 s after the first one, and starts in 10 s.
    assert_eq!(last.map(|at| at + 10), Some(done));
    assert_eq!(done, 341);
}

#[test]
fn a_system_delivers_nothing_to_workloads_that_it_does_not_run() {
    let more = "workload: [{manifests: both.yaml}]
delivery: [{image: shop/agent}]
operations: [{at: 5m, push: {image: 'shop/agent:v2'}}]";
    for system in ["mesos", "borg"] {
        let (seen, _) = run_on(FOUR, &format!("name: {system}"), more);
        assert_eq!(
            seen.delivered(),
            [(301, DeliveryStep::Unsupported)],
            "{system}"
        );
    }
}

#[test]
fn a_paused_rollout_goes_on_from_where_it_stood() {
    let more = format!(
        "{WEB}delivery: [{{image: shop/web, deadline: 2m}}]
operations:
  - {{at: 4m, pause: Deployment/default/web}}
  - {{at: 5m, push: {{image: 'shop/web:v2'}}}}
  - {{at: 14m, resume: Deployment/default/web}}"
    );
    for system in [
        "name: kubernetes, controllers: {}",
        "name: openshift, controllers: {}",
    ] {
        let (seen, _) = run_on(FOUR, system, &more);
        let steps: Vec<DeliveryStep> = seen.delivered().iter().map(|own| own.1).collect();
        assert_eq!(steps, [DeliveryStep::Delivered], "{system}");
    }
    let (_, outcome) = run_on(FOUR, "name: ecs", &more);
    let said = outcome
        .remarks
        .iter()
        .any(|own| own.contains("knows no pause"));
    assert!(said, "{:?}", outcome.remarks);
}

#[test]
fn daemons_are_placed_first_and_stopped_last() {
    let one = "{nodes: [{name: 'i{}', count: 1, template: {allocatable: {cpu: 1, memory: 16Gi, pods: 110}}}]}";
    // The file has the service first.
    let (seen, _) = run_on(one, "name: ecs", "workload: [{manifests: both.yaml}]");
    assert_eq!(seen.bound[0], "agent-0");
    assert_eq!(seen.bound.len(), 4, "{:?}", seen.bound);
    let two = FOUR.replace("count: 4", "count: 2");
    let more = "workload: [{manifests: both.yaml}]\noperations: [{at: 5m, drain: i0}]";
    let (seen, _) = run_on(&two, "name: ecs", more);
    let (last, others) = seen.stopped.split_last().expect("tasks that are stopped");
    assert_eq!(last.1, "agent-0", "{:?}", seen.stopped);
    assert_eq!(others.len(), 2, "{:?}", seen.stopped);
}

#[test]
fn a_task_whose_spot_machine_leaves_before_it_gets_another_one() {
    // A third of the machines are noticed as they join.
    let provider = "{provider: {boot: constant(30s), spot: {price: 30%, kept: uniform(10s, 6m)}}}";
    let system = "name: ecs, ecs: {capacityProviders: [{name: FARGATE_SPOT}]}";
    let (seen, _) = run_on(provider, system, WEB);
    let bound = seen.bound.iter().filter(|own| own.starts_with("web-"));
    let created = seen.created.len();
    // All but the newest few have had a machine.
    assert!(bound.count() + 6 >= created && created > 20, "{created}");
}

#[test]
fn a_digest_is_one_content() {
    let text = "windtunnel: v1
name: digests
cluster: {nodes: [{name: 'i{}', count: 1, template: {allocatable: {cpu: 4, memory: 16Gi}}}]}
workload: [{manifests: web.yaml}]
system: {name: kubernetes, controllers: {}}
delivery: [{image: shop/web}]
operations:
  - {at: 1m, push: {image: 'shop/web:prod', digest: 'sha256:1', fault: unready}}
  - {at: 9m, push: {image: 'shop/web:prod', digest: 'sha256:1'}}
";
    let files = [("web.yaml", &*web("v1", "")), ("run.yaml", text)];
    let scratch = Scratch::new("one-content", &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let refused = measure(scenario, &experiment.files, &mut Seen::default());
    let said = refused
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        said.contains("no fault, and an earlier push of the digest: fault `unready`"),
        "{said}"
    );
}

#[test]
fn a_push_that_is_taken_back_after_its_delivery_was_not_delivered() {
    let more = format!(
        "{WEB}delivery: [{{image: shop/web}}]
operations: [{{at: 200s, push: {{image: 'shop/web:v2'}}}}, {{at: 20m, rollBack: Deployment/default/web}}]"
    );
    let (seen, outcome) = run_on(FOUR, "name: kubernetes, controllers: {}", &more);
    let steps = seen.delivered();
    assert_eq!(steps.len(), 2, "{:?}", seen.pushes);
    assert_eq!(steps[0].1, DeliveryStep::Delivered);
    assert_eq!(steps[1], (1_200, DeliveryStep::RolledBack));
    let counted = ["delivered", "failed", "rolled_back"];
    let counted = counted.map(|own| metric(&outcome, &format!("deliveries.{own}")));
    assert!(
        counted
            .iter()
            .zip([0.0, 1.0, 1.0])
            .all(|(own, expected)| (own - expected).abs() < f64::EPSILON),
        "{counted:?}"
    );
}

#[test]
fn a_version_that_never_stays_up_is_told_by_every_system() {
    let short = web(
        "v2",
        "windtunnel.dev/run-time: 20s, windtunnel.dev/exit-code: '1'",
    );
    let replaced = "1 workload did not stay up: pods ended";
    let restarted = "4 pods were not ready after 3 restarts or more";
    for (system, expected) in [
        ("name: swarmkit", replaced),
        ("name: mesos", replaced),
        ("name: ecs", replaced),
        ("name: fleet", restarted),
        ("name: openshift, controllers: {}", restarted),
    ] {
        let text = format!(
            "windtunnel: v1\nname: short\ncluster: {{nodes: [{{count: 3, template: {{allocatable: {{cpu: 4, memory: \
             16Gi, pods: 50}}}}}}]}}\nworkload: [{{manifests: web.yaml}}]\nsystem: {{{system}}}\nmodels: {{startup: \
             {{containerStart: 5s}}}}\nstop: {{at: 30m}}\n"
        );
        let files = [("a.yaml", &*text), ("web.yaml", &*short)];
        let scratch = crate::scratch::Scratch::new("short-lives", &files);
        let said = scratch.run(&["run", "a.yaml", "--out", "out"], 0);
        assert!(said.contains(expected), "{system}: {said}");
    }
}
