//! Every system that a driver of real hosts runs, by the same driver: pods run where the system says, a
//! lost node's pods come back elsewhere if the system does so, and the record replays with snapshots.

use control::Stepping;
use policy::{ProfileChoice, Setup};
use scheduler::pipeline::evaluate::Form;
use systems::batch::BatchOptions;
use systems::{SystemOptions, SystemParts, SystemRequest, TimeLimits, registry};

use super::bench::{Bench, deployment};
use crate::control::Compaction;
use crate::driver::Plane;
use crate::journal::MemoryJournal;
use crate::record::Log;
use crate::wire::request::Request;

/// Bare pods, which every system takes.
fn pods(count: usize) -> String {
    let one = |number: usize| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{number}}}\nspec:\n  containers:\n  \
             - name: main\n    image: none\n    command: [sleep, \"1000\"]\n    resources: \
             {{requests: {{cpu: 100m, memory: 16Mi}}, limits: {{memory: 16Mi}}}}\n"
        )
    };
    (0..count).map(one).collect()
}

/// A system as the driver runs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) system: &'static str,
    /// Whether the system makes the pods of workloads.
    pub(super) runs_workloads: bool,
}

/// Systems that real hosts can't have: they take pods off their nodes and go on with the rest of their work.
const REFUSED: [&str; 2] = ["consolidation", "gpu-sharing"];

/// Every other system of the registry.
pub(super) const CASES: [Case; 17] = [
    case("kubernetes", false),
    case("pipeline", false),
    case("openshift", false),
    case("swarm", true),
    case("swarmkit", true),
    case("fleet", true),
    case("mesos", true),
    case("dcos", true),
    case("nova", true),
    case("ecs", true),
    case("compose", true),
    case("borg", true),
    case("batch", false),
    case("sparrow", false),
    case("omega", false),
    case("flow", false),
    case("graphene", false),
];

const fn case(system: &'static str, runs_workloads: bool) -> Case {
    Case {
        system,
        runs_workloads,
    }
}

fn parts(system: &str, backfill: &str) -> SystemParts {
    let options = SystemOptions::default().with(BatchOptions {
        backfill: backfill.to_owned(),
        ..BatchOptions::default()
    });
    let request = SystemRequest {
        setup: Setup::default(),
        profile: ProfileChoice::named(match system {
            "pipeline" => "best-fit",
            _ => "default",
        }),
        options,
        controllers: None,
        form: Form::Incremental,
        time_limits: TimeLimits::Ignored,
        images: None,
        external: None,
        extenders: None,
    };
    let entry = registry::find(system).expect("a system");
    (entry.build)(&request).expect("a system that can be built")
}

pub(super) fn plane(system: &str) -> Plane {
    Plane::new(system, parts(system, "easy"))
}

fn apply(text: String) -> Request {
    let file = "web.yaml".to_owned();
    Request::Apply { file, text }
}

#[test]
fn pods_and_workloads_run_under_every_system_and_the_record_replays() {
    let known = registry::SYSTEMS.iter().map(|entry| entry.name);
    let known: Vec<&str> = known.filter(|name| !REFUSED.contains(name)).collect();
    assert_eq!(known, CASES.map(|case| case.system));
    for Case {
        system,
        runs_workloads,
    } in CASES
    {
        let journal = MemoryJournal::default();
        let mut bench = Bench::with_plane(3, &journal, plane(system));
        bench.compaction = Compaction {
            after_bytes: 4_000,
            snapshots: 0,
            archive: None,
        };
        bench.open_with(journal.clone(), plane(system));
        bench.turns(3);
        bench.apply(&pods(3));
        let outcome = bench.ask(apply(deployment(4)));
        assert_eq!(outcome.refused.is_empty(), runs_workloads, "{outcome:?}");
        bench.turns(60);
        let wanted = if runs_workloads { 7 } else { 3 };
        assert_eq!(bench.running(), wanted, "{system}");
        // A restart of the control server, and a host that is away for a while.
        bench.open_with(journal.clone(), plane(system));
        bench.hosts[2].is_cut = true;
        bench.turns(100);
        bench.hosts[2].is_cut = false;
        bench.turns(100);
        bench.audit_hosts();
        let pods = bench.pods();
        let ready: Vec<_> = pods.iter().filter(|pod| pod.ready).collect();
        assert_eq!(ready.len(), bench.running(), "{system}");
        // Bare pods of a lost host are gone in some systems; those of workloads are replaced.
        let of_workload = ready.iter().filter(|pod| pod.name.starts_with("web"));
        let expected = if runs_workloads { 4 } else { 0 };
        assert_eq!(of_workload.count(), expected, "{system}");
        let mut control = bench.control.take().expect("a control server");
        let log = Log::read(&control.log().expect("a log")).expect("a whole log");
        assert!(
            log.snapshot.is_some(),
            "{system}: {:?}",
            control.take_put_off()
        );
        let replayed = log.replay(plane(system)).expect("the same run");
        assert_eq!(replayed.digest(), control.driver().digest(), "{system}");
    }
}

#[test]
fn every_system_but_those_that_are_refused_decides_once_an_instant_and_lets_pods_run() {
    for case in CASES {
        let stepping = parts(case.system, "easy").stepping;
        assert_eq!(stepping, Stepping::PerInstant, "{}", case.system);
    }
    // These are what the control server refuses: they decide event by event.
    assert_eq!(parts("batch", "none").stepping, Stepping::PerEvent);
    for system in REFUSED {
        let parts = parts(system, "easy");
        let mut components = parts.components.iter();
        assert!(components.any(|part| part.resumes_pods()), "{system}");
    }
}
