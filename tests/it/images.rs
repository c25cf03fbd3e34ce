//! Images in whole runs: pulls over shared links, outages of the registry, corrupted images, full
//! disks (spec: orchestrators-b.md 10.4, kubernetes.md part 4).

use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod, PodChange, PullError, PullStep};
use windtunnel::scenario::Scenario;
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// What came of images and pods, in seconds.
#[derive(Default)]
struct Story {
    checker: Checker,
    asked: Vec<f64>,
    /// When, and how many bytes.
    done: Vec<(f64, i64)>,
    failed: Vec<(f64, PullError)>,
    /// When pods ran, by the order of their creation.
    runs: SortedMap<u32, f64>,
    ended: usize,
}

impl Observer for Story {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64();
        match event {
            Event::PodChanged {
                change: PodChange::Pull { step, .. },
                ..
            } => match *step {
                PullStep::Asked => self.asked.push(secs),
                PullStep::Done { bytes } => self.done.push((secs, bytes)),
                PullStep::Failed { error, .. } => self.failed.push((secs, error)),
            },
            Event::PodRunning { pod } => {
                self.runs.insert(pod.id.0, secs);
            }
            Event::PodEnded { .. } => self.ended += 1,
            _ => {}
        }
    }
}

fn play(scenario: &Scenario, files: &windtunnel::scenario::Files) -> Story {
    let mut story = Story::default();
    let end = watch(scenario, files, &mut story);
    assert_eq!(story.checker.failure(), None);
    end.expect("a run that ends");
    story
}

/// Runs a daemon set of one pod a node.
fn daemons((name, nodes): (&str, u32), models: &str, rest: &str) -> Story {
    let manifests = "\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers:
        - {name: agent, image: \"agent:1\", resources: {requests: {cpu: 100m}}}
";
    let text = format!(
        "windtunnel: v1\nname: daemons\ncluster:\n  nodes:\n    - name: \"n{{}}\"\n      count: \
         {nodes}\n      template: {{allocatable: {{cpu: 4, memory: 8Gi, pods: 110}}}}\nworkload: \
         [{{manifests: daemons.yaml}}]\nsystem: {{name: kubernetes, controllers: \
         {{}}}}\nmodels: {{images: {{{models}}}}}\nstop: {{at: 30m}}\n{rest}"
    );
    let name = format!("images-{name}");
    let files = [("daemons.yaml", manifests), ("scenario.yaml", &*text)];
    let scratch = Scratch::new(&name, &files);
    let experiment = load_file(&scratch.path("scenario.yaml"));
    play(&experiment.variants[0].scenario, &experiment.files)
}

#[test]
fn nodes_that_pull_together_share_the_registry() {
    for (nodes, fetched, expected) in [
        (1, "100%", 0.96),
        (10, "100%", 9.6),
        (50, "100%", 48.0),
        (50, "6.4%", 3.072),
    ] {
        let models = format!("default: 1200M, fetched: {fetched}");
        let story = daemons(
            (&format!("share-{nodes}-{}", fetched.len()), nodes),
            &models,
            "",
        );
        assert_eq!(story.runs.len(), nodes as usize);
        assert!(
            story.runs.values().all(|&at| (at - expected).abs() < 1e-9),
            "{nodes} nodes: {:?}",
            story.runs
        );
        assert!(story.failed.is_empty());
    }
}

#[test]
fn an_outage_of_the_registry_breaks_what_is_under_way_and_pulls_wait_for_longer_and_longer() {
    let failures = "failures: [{kind: registry-outage, at: 500ms, for: 99500ms}]\n";
    let story = daemons(("outage", 1), "default: 1200M", failures);
    let at: Vec<f64> = story.failed.iter().map(|&(at, _)| at).collect();
    assert_eq!(at, [0.5, 10.5, 30.5, 70.5]);
    let is_registry = |&(_, error): &(f64, PullError)| error == PullError::RegistryUnavailable;
    assert!(story.failed.iter().all(is_registry));
    // The outage is over at 100 s, the back-off at 150.5 s.
    assert_eq!(story.done, [(151.46, 1_200_000_000)]);
}

#[test]
fn a_corrupted_image_is_transferred_and_dropped() {
    let failures = "failures: [{kind: corrupted-image, image: \"agent:1\", at: 0s, for: 5s}]\n";
    let story = daemons(("corrupted", 1), "default: 1200M", failures);
    assert_eq!(story.failed, [(0.96, PullError::Corrupted)]);
    assert_eq!(story.done, [(11.92, 1_200_000_000)]);
}

#[test]
fn an_image_that_does_not_fit_is_never_there() {
    let story = daemons(("full", 2), "default: 1200M, disk: 1G", "");
    let is_full = |&(_, error): &(f64, PullError)| error == PullError::NoSpace;
    assert!(story.failed.len() > 10 && story.failed.iter().all(is_full));
    assert!(story.runs.is_empty() && story.done.is_empty());
}

#[test]
fn images_that_are_there_are_not_asked_for() {
    let story = daemons(("there", 3), "default: 1200M, present: [\"agent:1\"]", "");
    assert!(story.asked.is_empty());
    assert_eq!(story.runs.len(), 3);
}

#[test]
fn the_claims_of_the_teaching_scenario_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = load_file(&folder.join("registry-outage.yaml"));
    for variant in &experiment.variants {
        let story = play(&variant.scenario, &experiment.files);
        let failed: Vec<f64> = story.failed.iter().map(|&(at, _)| at).collect();
        match variant.name.as_str() {
            "beforehand" => {
                assert!(failed.is_empty());
                assert!(
                    story.runs.values().all(|&at| at < 400.0),
                    "{:?}",
                    story.runs
                );
                continue;
            }
            "careful" => {
                let expected: Vec<f64> = [300.0, 310.0, 330.0, 370.0, 450.0, 610.0].to_vec();
                assert_eq!(failed, expected);
                assert_eq!(story.runs.values().filter(|&&at| at < 910.0).count(), 20);
            }
            _ => {
                for at in [300.0_f64, 310.0, 330.0, 370.0, 450.0, 610.0] {
                    assert_eq!(
                        failed
                            .iter()
                            .filter(|&&failed| (failed - at).abs() < 1e-9)
                            .count(),
                        10
                    );
                }
                assert_eq!(failed.len(), 60);
            }
        }
        let renewed: Vec<f64> = story
            .runs
            .values()
            .copied()
            .filter(|&at| at > 300.0)
            .collect();
        assert_eq!(renewed.len(), 20, "{}", variant.name);
        assert!(
            renewed.iter().all(|&at| at > 910.0 && at < 1_100.0),
            "{renewed:?}"
        );
        // 300 MB of the base are transferred to each of six nodes once.
        let bytes: i64 = story.done.iter().map(|&(_, bytes)| bytes).sum();
        assert_eq!(bytes, 6 * 500_000_000, "{}", variant.name);
    }
}
