//! `docker compose up` with dependencies that fail: which services are started and when, which are created
//! only because the command ends with an error, and which it still waits for, in whole runs and by a second
//! code that is written as the original is (docker/compose `pkg/compose`: `dependencies.go`,
//! `convergence.go`, `start.go`; moby `restartmanager`). What is right of a cell is every start and every
//! service that is given up, each with its instant; a service with neither is waited for.

mod original;

use std::fmt::Write as _;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod, PodRef};
use windtunnel::sim::EndCause;
use windtunnel::units::Instant;

use crate::kube_scenario::Scratch;
use crate::watch::watch;
use original::original;

/// Milliseconds: the start of a process, the period of looks, and the instants of another `up` and of the end.
const STARTS: i64 = 700;
const POLL: i64 = 500;
const AGAIN: i64 = 40_000;
const END: i64 = 80_000;
/// Milliseconds from the start of a process until its check says what it is.
const CHECKED: i64 = 2_000;
const SLOW: i64 = 20_000;

/// Fate of the process of the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Healthy,
    Unhealthy,
    /// Its check is never decided.
    NeverChecked,
    /// It ends after milliseconds with a code.
    Exits(i64, i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Started,
    Healthy,
    Completed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    No,
    Always,
    OnFailure,
    OnFailureTwice,
}

/// Services beside the dependency, and what each depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chain {
    Direct,
    OfTwo,
    Diamond,
    /// Another dependency is healthy late, and one more service waits for that alone.
    BesideSlow,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    fate: Fate,
    condition: Condition,
    is_required: bool,
    restart: Restart,
    chain: Chain,
    /// Whether the user changes another service later, and has the project up again.
    is_again: bool,
}

/// A dependency: its service, its condition, and whether it is required.
type Need = (&'static str, Condition, bool);

impl Case {
    /// The services by name, with what they depend on.
    fn services(&self) -> Vec<(&'static str, Vec<Need>)> {
        let dep = ("dep", self.condition, self.is_required);
        let on = |name| (name, Condition::Started, true);
        let slow = ("slow", Condition::Healthy, true);
        let mut services = vec![("dep", vec![])];
        match self.chain {
            Chain::Direct => services.push(("web", vec![dep])),
            Chain::OfTwo => services.extend([("mid", vec![dep]), ("web", vec![on("mid")])]),
            Chain::Diamond => services.extend([
                ("left", vec![dep]),
                ("right", vec![dep]),
                ("web", vec![on("left"), on("right")]),
            ]),
            Chain::BesideSlow => services.extend([
                ("late", vec![slow]),
                ("slow", vec![]),
                ("web", vec![dep, slow]),
            ]),
        }
        services
    }
}

fn cases() -> Vec<Case> {
    let fates = [
        Fate::Healthy,
        Fate::Unhealthy,
        Fate::NeverChecked,
        Fate::Exits(1_000, 0),
        Fate::Exits(12_000, 0),
        Fate::Exits(6_000, 1),
    ];
    let conditions = [Condition::Started, Condition::Healthy, Condition::Completed];
    let mut cases = Vec::new();
    for (fate, condition) in fates
        .iter()
        .flat_map(|fate| conditions.map(|own| (*fate, own)))
    {
        for chain in [
            Chain::Direct,
            Chain::OfTwo,
            Chain::Diamond,
            Chain::BesideSlow,
        ] {
            for restart in [
                Restart::No,
                Restart::Always,
                Restart::OnFailure,
                Restart::OnFailureTwice,
            ] {
                // Nothing is started again that does not end, or that has not failed often enough.
                let is_alike = match fate {
                    Fate::Exits(_, 0) => restart == Restart::OnFailureTwice,
                    Fate::Exits(..) => false,
                    _ => restart != Restart::No,
                };
                if is_alike {
                    continue;
                }
                for (is_required, is_again) in
                    [(true, false), (true, true), (false, false), (false, true)]
                {
                    cases.push(Case {
                        fate,
                        condition,
                        is_required,
                        restart,
                        chain,
                        is_again,
                    });
                }
            }
        }
    }
    cases
}

/// What is told of a case, with the milliseconds.
type Course = Vec<(i64, String)>;

/// What is seen of a run.
#[derive(Default)]
struct Eyes {
    told: Course,
}

impl Observer for Eyes {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        let name = |pod: PodRef| {
            let name = store.pods().get(pod).map(|own| own.name.text().to_string());
            name.unwrap_or_default().trim_end_matches("-1").to_owned()
        };
        let line = match event {
            Event::PodBound { pod, .. } => format!("start {}", name(*pod)),
            Event::PodUnschedulable { pod } => format!("give up {}", name(*pod)),
            _ => return,
        };
        if !line.ends_with("side") {
            self.told.push((at.as_nanos() / 1_000_000, line));
        }
    }
}

fn deployment(name: &str, version: u32, life: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}, \
         annotations: {{{life}}}}}\n    spec: {{containers: [{{name: c, image: 'c:{version}'}}]}}\n"
    )
}

/// What the annotations of a service say of its process and its check.
fn life(case: &Case, service: &str) -> String {
    let check = |interval: i64, retries: u32, answers: &str| {
        format!(
            "windtunnel.dev/health-check: interval={interval}ms timeout=1s retries={retries}, \
             windtunnel.dev/answers-after: {answers}"
        )
    };
    match (service, case.fate) {
        ("slow", _) => check(SLOW, 1, "0s"),
        ("dep", Fate::Healthy) => check(CHECKED, 1, "0s"),
        ("dep", Fate::Unhealthy) => check(CHECKED, 1, "1h"),
        ("dep", Fate::NeverChecked) => check(CHECKED, 1_000, "1h"),
        ("dep", Fate::Exits(after, code)) => format!(
            "{}, windtunnel.dev/run-time: {after}ms, windtunnel.dev/exit-code: '{code}'",
            check(CHECKED, 1, "0s")
        ),
        _ => String::new(),
    }
}

/// What the program does.
fn here(case: &Case) -> Course {
    let (mut manifests, mut options) = (String::new(), String::new());
    for (name, needs) in case.services() {
        manifests.push_str(&deployment(name, 1, &life(case, name)));
        let needs: Vec<String> = { needs.iter() }
            .map(|(other, condition, is_required)| {
                let word = match condition {
                    Condition::Started => "service_started",
                    Condition::Healthy => "service_healthy",
                    Condition::Completed => "service_completed_successfully",
                };
                format!("{other}: {{condition: {word}, required: {is_required}}}")
            })
            .collect();
        let restart = match case.restart {
            _ if name != "dep" => "'no'",
            Restart::No => "'no'",
            Restart::Always => "always",
            Restart::OnFailure => "on-failure",
            Restart::OnFailureTwice => "on-failure:2",
        };
        let needs = needs.join(", ");
        let _ = writeln!(
            options,
            "      {name}: {{restart: {restart}, dependsOn: {{{needs}}}}}"
        );
    }
    manifests.push_str(&deployment("side", 1, ""));
    let again = if case.is_again {
        format!("operations: [{{at: {AGAIN}ms, apply: side.yaml}}]\n")
    } else {
        String::new()
    };
    let run = format!(
        "windtunnel: v1\nname: up\ncluster: {{nodes: [{{name: host, count: 1, template: {{allocatable: {{cpu: \
         8, memory: 16Gi}}}}}}]}}\nworkload: [{{manifests: project.yaml}}]\nsystem:\n  name: compose\n  \
         compose:\n    services:\n{options}models: {{startup: {{containerStart: {STARTS}ms}}}}\n{again}stop: \
         {{at: {END}ms}}\n"
    );
    let side = deployment("side", 2, "");
    let files = [
        ("project.yaml", &*manifests),
        ("side.yaml", &*side),
        ("run.yaml", &*run),
    ];
    let scratch = Scratch::new("compose-failures", &files);
    let loaded = scratch.load("run.yaml");
    let mut eyes = Eyes::default();
    let end = watch(&loaded.0.variants[0].scenario, &loaded.0.files, &mut eyes);
    let end = end.unwrap_or_else(|error| panic!("{case:?}: {error}"));
    assert!(
        matches!(end.cause, EndCause::Reached | EndCause::Idle),
        "{case:?}: {:?}",
        end.cause
    );
    eyes.told.sort();
    eyes.told
}

#[test]
fn an_up_whose_dependencies_fail_does_what_the_original_does() {
    let cases = cases();
    let (mut wrong, mut words) = (Vec::new(), Vec::new());
    for case in &cases {
        let (right, ran) = (original(case), here(case));
        if right != ran {
            wrong.push(format!("{case:?}\n  right {right:?}\n  ran   {ran:?}"));
        }
        words.extend(right.into_iter().map(|(_, word)| word));
    }
    let shown: Vec<&str> = wrong.iter().take(8).map(String::as_str).collect();
    let (number, all) = (wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{number} of {all}:\n{}", shown.join("\n"));
    assert_eq!(all, 624);
    // Each outcome is among them.
    for word in [
        "start web",
        "give up web",
        "give up mid",
        "give up late",
        "start late",
    ] {
        assert!(words.iter().any(|own| own == word), "{word}");
    }
}

#[test]
fn a_host_that_went_and_came_back_while_no_command_could_run_is_up_for_the_next() {
    let run = "windtunnel: v1
name: unseen
cluster: {nodes: [{name: host, count: 1, template: {allocatable: {cpu: 8, memory: 16Gi}}}]}
workload: [{manifests: web.yaml}]
system: {name: compose, compose: {services: {web: {restart: always}}}}
operations: [{at: 217s, apply: next.yaml}]
failures:
  - {kind: control-plane-outage, at: 199s, for: 136s}
  - {kind: node-outage, node: host, at: 214s, for: 23s}
stop: {at: 10m}
";
    let versions = [1, 2].map(|version| deployment("web", version, ""));
    let files = [
        ("web.yaml", &*versions[0]),
        ("next.yaml", &*versions[1]),
        ("run.yaml", run),
    ];
    let scratch = Scratch::new("compose-unseen", &files);
    let loaded = scratch.load("run.yaml");
    let mut eyes = Eyes::default();
    let end = watch(&loaded.0.variants[0].scenario, &loaded.0.files, &mut eyes);
    end.unwrap_or_else(|error| panic!("{error}"));
    // The `up` that waited for the control plane replaces the container.
    let started: Vec<i64> = eyes.told.iter().map(|own| own.0 / 1_000).collect();
    assert_eq!(started, [0, 335], "{:?}", eyes.told);
}
