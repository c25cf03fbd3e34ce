//! Builds in pods under the quota of their project, in whole runs (spec: orchestrators-a.md 8.3 and 9.1,
//! kubernetes.md 2.10).

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::{DeliveryStep, Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::Instant;

use crate::kube_scenario::{Scratch, load_file};
use crate::node_scaling::metric;
use crate::watch::measure;

/// Pods of builds and steps of pushes, with their seconds.
#[derive(Default)]
struct Seen {
    checker: Checker,
    builds: Vec<(f64, String)>,
    steps: Vec<(f64, String, DeliveryStep)>,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64();
        match event {
            Event::PodCreated(own) if own.name.text().ends_with("-build") => {
                self.builds.push((secs, own.name.text().to_string()));
            }
            Event::Delivery(own) => {
                let image = own.push.image.to_string();
                self.steps.push((secs, image, own.step));
            }
            _ => {}
        }
    }
}

impl Seen {
    fn at(&self, image: &str, step: DeliveryStep) -> Option<f64> {
        let mut steps = self.steps.iter();
        let found = steps.find(|(_, own, of)| own == image && *of == step);
        found.map(|own| own.0)
    }
}

fn project(quota: &str) -> String {
    let service = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: \
             2\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: \
             {{app: {name}}}}}\n    spec: {{containers: [{{name: {name}, image: \"shop/{name}:v1\", \
             resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]}}\n"
        )
    };
    format!(
        "{}---\n{}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: builds}}\n---\napiVersion: \
         v1\nkind: ResourceQuota\nmetadata: {{name: compute, namespace: builds}}\nspec: {{hard: \
         {{{quota}}}}}\n",
        service("web"),
        service("api")
    )
}

/// Two repositories are pushed to at the same time, whose builds take a minute in pods of one project.
fn run(name: &str, quota: &str) -> (Seen, Outcome) {
    let plan = |name: &str| {
        format!(
            "{{image: shop/{name}, stages: [{{name: compile, takes: 60s}}], buildPods: {{namespace: \
             builds, requests: {{cpu: 2, memory: 1Gi}}}}}}"
        )
    };
    let text = format!(
        "windtunnel: v1\nname: {name}\ncluster: {{nodes: [{{name: 'n{{}}', count: 3, template: \
         {{allocatable: {{cpu: 8, memory: 32Gi, pods: 110}}}}}}]}}\nworkload: [{{manifests: \
         shop.yaml}}]\nsystem: {{name: openshift, controllers: {{}}}}\nmodels: {{startup: \
         {{containerStart: 5s}}}}\ndelivery: [{}, {}]\noperations:\n  - {{at: 60s, push: {{image: \
         'shop/web:v2', source: true}}}}\n  - {{at: 60s, push: {{image: 'shop/api:v2', source: \
         true}}}}\nstop: {{at: 30m}}\n",
        plan("web"),
        plan("api")
    );
    let shop = project(quota);
    let scratch = Scratch::new(name, &[("shop.yaml", &*shop), ("run.yaml", &*text)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut seen);
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(seen.checker.failure(), None);
    (seen, outcome)
}

/// The remark about pods that a project declined.
fn told(outcome: &Outcome) -> Option<&str> {
    let mut remarks = outcome.remarks.iter();
    let found = remarks.find(|own| own.contains("declined"));
    found.map(String::as_str)
}

#[test]
fn builds_that_a_quota_has_no_room_for_wait_until_it_has_and_their_pushes_take_as_much_longer() {
    for (name, quota) in [
        ("pods", "pods: 1"),
        ("cpu", "requests.cpu: 3"),
        ("memory", "requests.memory: 1500Mi"),
    ] {
        let (seen, outcome) = run(&format!("build-quota-{name}"), quota);
        // Seen at 61 s, 5 s until it runs; the other is asked for every 10 s, and at 131 s there is room.
        let expected = [(61.0, "web-1-build"), (131.0, "api-1-build")];
        let found = seen.builds.iter().map(|(at, own)| (*at, &**own));
        assert_eq!(found.collect::<Vec<_>>(), expected, "{name}");
        let built = |image: &str| seen.at(image, DeliveryStep::Built);
        assert_eq!(built("shop/web:v2"), Some(126.0), "{name}");
        assert_eq!(built("shop/api:v2"), Some(196.0), "{name}");
        let delivered = seen.at("shop/api:v2", DeliveryStep::Delivered);
        let lead = delivered.expect("it is delivered") - 60.0;
        assert!(
            (metric(&outcome, "deliveries.max") - lead).abs() < 1e-6,
            "{name}"
        );
        assert!(lead > 136.0, "{name}: {lead}");
        let words = told(&outcome).expect("the wait is told");
        let start =
            "the namespace `builds` declined a pod for a build 7 times, `api-1-build` at last: ";
        assert!(words.starts_with(start), "{name}: {words}");
        assert!(words.contains("exceeded quota: compute"), "{name}: {words}");
        assert!(metric(&outcome, "deliveries.unfinished").abs() < f64::EPSILON);
    }
}

#[test]
fn builds_that_a_quota_never_lets_in_are_named_and_their_pushes_stay_unfinished() {
    for (name, quota, why) in [
        ("never", "requests.cpu: 1", "exceeded quota: compute"),
        (
            "unstated",
            "limits.memory: 4Gi",
            "must specify limits.memory",
        ),
    ] {
        let (seen, outcome) = run(&format!("build-quota-{name}"), quota);
        assert!(seen.builds.is_empty(), "{name}: {:?}", seen.builds);
        let words = told(&outcome).expect("it is told");
        assert!(
            words.contains("declined pods for 2 builds"),
            "{name}: {words}"
        );
        assert!(words.contains(why), "{name}: {words}");
        let unfinished = metric(&outcome, "deliveries.unfinished");
        assert!(
            (unfinished - 2.0).abs() < f64::EPSILON,
            "{name}: {unfinished}"
        );
        // The versions before go on.
        assert!(metric(&outcome, "deliveries.delivered").abs() < f64::EPSILON);
    }
}

#[test]
fn a_project_with_room_for_both_builds_both_at_once() {
    let (seen, outcome) = run("build-quota-room", "pods: 2, requests.cpu: 4");
    let at: Vec<f64> = seen.builds.iter().map(|own| own.0).collect();
    assert_eq!(at, [61.0, 61.0]);
    assert_eq!(told(&outcome), None);
}
