//! Cold migrations and resizes of a cloud's instances: where they go, how long they are down, and what they hold
//! until a user answers (spec: orchestrators-a.md section 6.3).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod, PodChange, Relocation};
use windtunnel::sim::check::Checker;
use windtunnel::units::Instant;

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// What happened, with seconds.
#[derive(Default)]
struct Course {
    checker: Checker,
    /// Bindings, as `POD on NODE at SECONDS`.
    bound: Vec<String>,
    running: Vec<f64>,
    steps: Vec<(f64, &'static str)>,
    /// Processors that pods of the last class request.
    cores: Vec<i64>,
}

impl Observer for Course {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64();
        match event {
            Event::PodBound { pod, node, .. } => {
                let spec = store
                    .pods()
                    .get(*pod)
                    .map(|own| &store.class(own.class).spec);
                let app = spec.and_then(|spec| spec.labels.get("app").cloned());
                let node = store.nodes().name(*node);
                let app = app.unwrap_or_default();
                self.bound.push(format!("{app} on {node} at {secs}"));
                let cores = spec.and_then(|spec| spec.requests().ok());
                let cores = cores.and_then(|own| own.get("cpu").units_ceil().ok());
                self.cores.extend(cores);
            }
            Event::PodRunning { .. } => self.running.push(secs),
            Event::PodChanged {
                change: PodChange::Relocated(step),
                ..
            } => {
                let step = match step {
                    Relocation::Asked { .. } => "asked",
                    Relocation::Refused => "refused",
                    Relocation::Confirmed => "confirmed",
                    Relocation::Reverted => "reverted",
                    Relocation::Stranded | Relocation::GivenUp => unreachable!("no live migration"),
                };
                self.steps.push((secs, step));
            }
            _ => {}
        }
    }
}

/// A deployment of instances with a disk of 10 GiB.
fn deployment(app: &str, replicas: u32, cores: u32, more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {app}}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: {app}}}}}\n  template:\n    metadata: \
         {{labels: {{app: {app}}}}}\n    spec:\n      {more}\n      containers:\n        - {{name: \
         {app}, image: 'a:1', resources: {{requests: {{cpu: {cores}, memory: 1Gi, \
         ephemeral-storage: 10Gi}}}}}}\n"
    )
}

/// Hosts of 32 cores, and disks that are copied at a GiB a second.
fn run(name: &str, hosts: u32, manifests: &str, resize: &str, rest: &str) -> Course {
    let text = format!(
        "windtunnel: v1\nname: cold\ncluster:\n  nodes: [{{name: 'h{{}}', count: {hosts}, template: \
         {{allocatable: {{cpu: 32, memory: 64Gi, pods: 110, ephemeral-storage: 500Gi}}}}}}]\n\
         workload: [{{manifests: web.yaml}}, {{manifests: late.yaml, at: 150s}}]\nsystem: {{name: \
         nova, nova: {{ratios: {{cpu: 1}}, machine: {{boot: 20s}}, resize: {{bandwidth: 1Gi, shutdown: 5s{resize}}}}}}}\n\
         models: {{startup: {{containerStart: constant(1s)}}}}\n{rest}stop: {{at: 10m}}\n"
    );
    let late = deployment("late", 1, 20, "");
    let files = [
        ("web.yaml", manifests),
        ("late.yaml", &*late),
        ("a.yaml", &*text),
    ];
    let scratch = Scratch::new(&format!("cold-{name}"), &files);
    let experiment = load_file(&scratch.path("a.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let mut course = Course::default();
    let end = watch(scenario, &experiment.files, &mut course);
    assert_eq!(course.checker.failure(), None);
    end.expect("a run that ends");
    course
}

#[test]
fn a_host_is_emptied_while_its_instances_are_down() {
    let web = deployment("web", 4, 1, "");
    let wish = "operations: [{at: 100s, migrate: {node: h0, confirmAfter: 60s}}]\n";
    let course = run("emptied", 2, &web, "", wish);
    // Shut down in 5 s, copied in 10 s, booted in 20 s, and the container starts within one.
    let moved = course
        .running
        .iter()
        .filter(|&&at| (at - 136.0).abs() < 1e-9);
    assert_eq!(moved.count(), 2, "{:?}", course.running);
    let steps = [
        (100.0, "asked"),
        (100.0, "asked"),
        (196.0, "confirmed"),
        (196.0, "confirmed"),
    ];
    assert_eq!(course.steps, steps);
    let there = course.bound.iter().filter(|own| *own == "web on h1 at 100");
    assert_eq!(there.count(), 2, "{:?}", course.bound);
}

#[test]
fn both_places_are_claimed_until_a_resize_is_confirmed() {
    let web = deployment("web", 1, 20, "");
    let wish =
        "operations: [{at: 100s, resize: {labels: {app: web}, cpu: 24, confirmAfter: 100s}}]\n";
    let course = run("held", 2, &web, "", wish);
    // 24 of the 32 virtual processors are taken on one host and 20 on the other: another 20 fit once the resize is
    // confirmed at 236, when the client of the request of 150 asks at its tenth second.
    assert_eq!(
        course.bound,
        ["web on h0 at 0", "web on h1 at 100", "late on h0 at 240"]
    );
    assert_eq!(course.cores, [20, 24, 20]);
    assert_eq!(course.steps, [(100.0, "asked"), (236.0, "confirmed")]);
    // Without an answer they stay claimed, unless the window of the cloud is over.
    let wish = "operations: [{at: 100s, resize: {labels: {app: web}, cpu: 24}}]\n";
    let course = run("unanswered", 2, &web, "", wish);
    assert_eq!(course.bound.len(), 2);
    assert_eq!(course.steps, [(100.0, "asked")]);
    let course = run("window", 2, &web, ", confirmWindow: 100s", wish);
    assert_eq!(course.bound[2], "late on h0 at 240");
}

#[test]
fn a_reverted_resize_is_as_if_it_had_not_been() {
    let web = deployment("web", 1, 20, "");
    let wish = "operations: [{at: 100s, resize: {labels: {app: web}, cpu: 24, revertAfter: 4s}}]\n";
    let course = run("reverted", 2, &web, "", wish);
    assert_eq!(
        course.bound,
        [
            "web on h0 at 0",
            "web on h1 at 100",
            "web on h0 at 140",
            "late on h1 at 150"
        ]
    );
    assert_eq!(course.cores, [20, 24, 20, 20]);
    assert_eq!(course.steps, [(100.0, "asked"), (140.0, "reverted")]);
    // Nothing is copied back: shut down in 5 s, booted in 20 s.
    assert!(course.running.contains(&166.0), "{:?}", course.running);
}

#[test]
fn a_resize_stays_on_its_host_where_that_is_allowed() {
    let web = deployment("web", 1, 10, "");
    let wish = "operations: [{at: 100s, resize: {labels: {app: web}, cpu: 12}}]\n";
    let course = run("same-refused", 1, &web, "", wish);
    assert_eq!(course.steps, [(100.0, "asked"), (100.0, "refused")]);
    let course = run("same", 1, &web, ", sameHost: true", wish);
    assert_eq!(course.steps, [(100.0, "asked")]);
    assert!(course.running.contains(&126.0), "{:?}", course.running);
    // Both flavors are claimed there: 10 and 12 of 32, so that 20 more don't fit.
    assert_eq!(course.bound, ["web on h0 at 0", "web on h0 at 100"]);
    // A cold migration needs another host.
    let wish = "operations: [{at: 100s, migrate: {labels: {app: web}}}]\n";
    let course = run("same-migrated", 1, &web, ", sameHost: true", wish);
    assert_eq!(course.steps, [(100.0, "asked"), (100.0, "refused")]);
}

#[test]
fn server_groups_hold_for_moves() {
    let rule = |kind: &str| {
        format!(
            "affinity: {{{kind}: {{requiredDuringSchedulingIgnoredDuringExecution: [{{topologyKey: \
             kubernetes.io/hostname, labelSelector: {{matchLabels: {{app: web}}}}}}]}}}}"
        )
    };
    let wish = "operations: [{at: 100s, migrate: {labels: {app: web}, count: 1}}]\n";
    let together = deployment("web", 2, 1, &rule("podAffinity"));
    let course = run("together", 2, &together, "", wish);
    assert_eq!(course.steps, [(100.0, "asked"), (100.0, "refused")]);
    // The last member of a group is one where it is (`group.get_hosts()` leaves none out).
    let alone = deployment("web", 1, 1, &rule("podAffinity"));
    let course = run("alone", 2, &alone, "", wish);
    assert_eq!(course.steps, [(100.0, "asked"), (100.0, "refused")]);
    let apart = deployment("web", 2, 1, &rule("podAntiAffinity"));
    let course = run("apart", 2, &apart, "", wish);
    assert_eq!(course.steps, [(100.0, "asked"), (100.0, "refused")]);
    let course = run("apart-with-room", 3, &apart, "", wish);
    assert_eq!(course.bound[2], "web on h2 at 100");
}

#[test]
fn an_instance_that_waits_for_an_answer_is_not_moved_again() {
    let web = deployment("web", 1, 1, "");
    let wish = "operations: [{at: 100s, migrate: {labels: {app: web}, confirmAfter: 100s}}, {at: \
                200s, migrate: {labels: {app: web}}}, {at: 300s, migrate: {labels: {app: web}}}]\n";
    let course = run("twice", 2, &web, "", wish);
    let steps = [
        (100.0, "asked"),
        (200.0, "asked"),
        (200.0, "refused"),
        (236.0, "confirmed"),
        (300.0, "asked"),
    ];
    assert_eq!(course.steps, steps);
}
