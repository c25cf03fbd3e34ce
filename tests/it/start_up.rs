//! Start-up times in whole runs: what is published of runtimes, and values of a file
//! (spec: orchestrators-b.md 10.4).

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::RunError;
use windtunnel::model::{Event, Pod};
use windtunnel::units::Instant;
use windtunnel::world::BuildError;

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

#[derive(Default)]
struct Starts(Vec<f64>);

impl Observer for Starts {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, _: &Store) {
        if let Event::PodRunning { .. } = event {
            self.0.push(at.as_secs_f64());
        }
    }
}

/// When two hundred pods run that are bound at zero.
fn starts(name: &str, startup: &str, values: &str) -> Result<Vec<f64>, RunError> {
    let text = format!(
        "windtunnel: v1\nname: starts\ncluster:\n  nodes:\n    - {{name: node, count: 1, template: \
         {{allocatable: {{cpu: 1000, memory: 1000Gi, pods: 500}}}}}}\nworkload: [{{manifests: \
         pods.yaml}}]\nsystem: {{name: kubernetes, controllers: {{}}}}\nmodels: {{startup: \
         {{{startup}}}}}\nstop: {{at: 30m}}\n"
    );
    let manifests = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  replicas: \
                     200\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata: {labels: \
                     {app: shop}}\n    spec: {containers: [{name: shop, image: shop}]}\n";
    let files = [
        ("pods.yaml", manifests),
        ("starts.csv", values),
        ("scenario.yaml", &*text),
    ];
    let scratch = Scratch::new(&format!("start-up-{name}"), &files);
    let experiment = load_file(&scratch.path("scenario.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let mut starts = Starts::default();
    watch(scenario, &experiment.files, &mut starts)?;
    Ok(starts.0)
}

#[test]
fn runtimes_start_as_is_published() {
    for (runtime, least, most) in [
        ("container", 0.2, 1.0),
        ("micro-vm", 0.325, 1.125),
        ("virtual-machine", 20.0, 120.0),
    ] {
        let starts = starts(runtime, &format!("runtime: {runtime}"), "").expect("a run");
        assert_eq!(starts.len(), 200);
        let (first, last) = (starts[0], starts[starts.len() - 1]);
        assert!(
            first >= least && last <= most,
            "{runtime}: {first} to {last}"
        );
        assert!(
            last - first > 0.9 * (most - least),
            "{runtime}: {first} to {last}"
        );
    }
    // A law for containers comes after the boot.
    let starts = starts("law", "runtime: micro-vm, containerStart: 2s", "").expect("a run");
    assert!(starts.iter().all(|&at| (at - 2.125).abs() < 1e-9));
}

#[test]
fn start_up_times_are_drawn_from_the_values_of_a_file() {
    let law = "containerStart: empirical(starts.csv)";
    let starts = starts("values", law, "seconds\n1.5\n2\n7.25\n").expect("a run");
    let known = [1.5, 2.0, 7.25];
    assert!(starts.iter().all(|at| known.contains(at)), "{starts:?}");
    assert!(known.iter().all(|at| starts.contains(at)));
}

#[test]
fn values_that_are_none_are_named() {
    let law = "containerStart: empirical(starts.csv)";
    for (values, expected) in [
        (
            "seconds\n1\nsoon\n",
            "starts.csv:3: column `seconds`: expected a number of seconds, found `soon`",
        ),
        ("seconds\n1\n-2\n", "value 2 of `starts.csv` is -2"),
        ("seconds\n", "`starts.csv` has no values"),
    ] {
        let error = starts("wrong", law, values).expect_err("it is wrong");
        let RunError::Build(error @ (BuildError::Experiment(_) | BuildError::Trace(_))) = error
        else {
            panic!("{error}")
        };
        assert!(error.to_string().contains(expected), "{error}");
    }
}
