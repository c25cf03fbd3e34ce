//! How containers end, from an experiment file to what is told of it: exit codes and health checks.

use windtunnel::cluster::{Observer, Store};
use windtunnel::metrics::diagnosis::{Diagnosis, Diagnostician};
use windtunnel::model::{Event, Pod, PodChange};
use windtunnel::units::Instant;

use crate::kube_scenario::Scratch;
use crate::watch::watch;

/// What is diagnosed, and when pods became ready and containers ended.
#[derive(Default)]
struct Seen {
    diagnostician: Diagnostician,
    ready: Vec<f64>,
    exited: Vec<f64>,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.diagnostician.observe(at, event, ended, store);
        if let Event::PodChanged { change, .. } = event {
            match change {
                PodChange::Ready(true) => self.ready.push(at.as_secs_f64()),
                PodChange::Exited { .. } => self.exited.push(at.as_secs_f64()),
                _ => {}
            }
        }
    }
}

fn see(name: &str, files: &[(&str, &str)]) -> (Vec<f64>, Vec<f64>, Vec<Diagnosis>) {
    let scratch = Scratch::new(name, files);
    let loaded = scratch.load("own.yaml");
    let scenario = &loaded.0.variants[0].scenario;
    let mut seen = Seen::default();
    watch(scenario, &loaded.0.files, &mut seen).unwrap();
    (seen.ready, seen.exited, seen.diagnostician.finish())
}

/// A fault: its cause, and the container, code and reason of the end that it came with.
fn told(own: &Diagnosis) -> String {
    let end = own
        .exit
        .as_ref()
        .map(|end| format!("{} {} {}", end.container, end.code, end.reason()));
    format!("{} {}", own.cause.name(), end.unwrap_or_default())
}

const HEAD: &str = r#"
windtunnel: v1
name: ended
cluster:
  nodes:
    - name: "n{}"
      count: 2
      template: {allocatable: {cpu: 8, memory: 16Gi, pods: 110}}
workload: [{manifests: work.yaml}]
models: {startup: {containerStart: constant(1s)}}
"#;

fn work(annotations: &str, container: &str) -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{{annotations}}}}}
    spec:
      containers:
        - {{name: shop, image: "web:1", resources: {{requests: {{cpu: 1, memory: 1Gi}}}}{container}}}
"#
    )
}

/// What is told of the first fault, and when it began.
fn fault(name: &str, work: &str, rest: &str) -> (f64, String) {
    let own = format!("{HEAD}{rest}");
    let (_, _, faults) = see(name, &[("own.yaml", &*own), ("work.yaml", work)]);
    let first = faults.first().unwrap_or_else(|| panic!("{name}: no fault"));
    (first.since.as_secs_f64(), told(first))
}

const KUBERNETES: &str = "system: {controllers: {}}\nstop: {at: 20m}\n";

#[test]
fn the_code_of_a_container_is_named_with_what_it_says() {
    for (code, cause) in [
        (1, "ApplicationError"),
        (126, "CommandNotExecutable"),
        (127, "CommandNotFound"),
        (137, "Killed"),
        (139, "Segfault"),
        (143, "Terminated"),
        (0, "Completed"),
    ] {
        let annotations =
            format!("windtunnel.dev/run-time: 10m, windtunnel.dev/exit-code: '{code}'");
        let name = format!("ended-{code}");
        let (since, told) = fault(&name, &work(&annotations, ""), KUBERNETES);
        assert!((since - 601.0).abs() < 1e-9, "{since}");
        assert_eq!(told, format!("{cause} shop {code} {cause}"));
    }
}

#[test]
fn a_loop_has_its_exit_and_a_failed_probe_its_signal() {
    let annotations = "windtunnel.dev/run-time: 5s, windtunnel.dev/exit-code: '127'";
    let own = format!("{HEAD}{KUBERNETES}");
    let work_of = work(annotations, "");
    let (_, _, faults) = see(
        "ended-loop",
        &[("own.yaml", &*own), ("work.yaml", &*work_of)],
    );
    let told_of: Vec<String> = faults.iter().map(told).collect();
    assert_eq!(told_of[0], "CommandNotFound shop 127 CommandNotFound");
    // The fifth end within ten minutes: runs of 5 s, back-offs of 0, 10, 20 and 40 s, starts of 1 s.
    let looped = told_of
        .iter()
        .position(|own| own == "CrashLoop shop 127 CommandNotFound");
    let since = faults[looped.expect("a loop")].since.as_secs_f64();
    assert!((since - 100.0).abs() < 1e-9, "{since} {told_of:?}");

    let probe = ", livenessProbe: {periodSeconds: 10, httpGet: {path: /, port: 80}}";
    for (stop, code, reason) in [("1s", 143, "Terminated"), ("45s", 137, "Killed")] {
        let annotations =
            format!("windtunnel.dev/answers-until: 15m, windtunnel.dev/stop-time: {stop}");
        let name = format!("ended-probe-{code}");
        let (_, told) = fault(&name, &work(&annotations, probe), KUBERNETES);
        assert_eq!(told, format!("ProbeFailed shop {code} {reason}"));
    }
}

#[test]
fn want_of_memory_is_a_kill() {
    let annotations = "windtunnel.dev/memory-usage: 'ramp(512Mi, 1Gi, 10m, 3Gi)'";
    let limited = "memory: 1Gi}, limits: {memory: 1Gi}";
    let work = work(annotations, "").replace("memory: 1Gi}", limited);
    let own = HEAD.replace("models: {", "models: {contention: {}, ");
    let own = format!("{own}{}", KUBERNETES.replace("20m", "8m"));
    let (_, _, faults) = see("ended-oom", &[("own.yaml", &*own), ("work.yaml", &*work)]);
    assert_eq!(told(&faults[0]), "OutOfMemory shop 137 OOMKilled");
}

#[test]
fn a_task_that_its_health_check_finds_unhealthy_is_replaced() {
    // It answers for five minutes, is asked every 10 s, and is stopped after three failures.
    let annotations = "windtunnel.dev/health-check: 'interval=10s timeout=2s retries=3', \
                       windtunnel.dev/answers-until: 300s";
    let own = format!("{HEAD}system: {{name: swarmkit}}\nstop: {{at: 20m}}\n");
    let work = work(annotations, "");
    let (ready, exited, faults) = see(
        "ended-health",
        &[("own.yaml", &*own), ("work.yaml", &*work)],
    );
    assert_eq!(told(&faults[0]), "ProbeFailed shop 143 Terminated");
    // Ready with the first success, 10 s after the start; unhealthy with the third failure from 300 s on.
    assert!((11.0..13.0).contains(&ready[0]), "{ready:?}");
    assert!(
        (exited[0] - ready[0] - 310.0).abs() < 0.5,
        "{ready:?} {exited:?}"
    );
    // Others took their place.
    assert!(ready.len() > 2, "{ready:?}");
}
