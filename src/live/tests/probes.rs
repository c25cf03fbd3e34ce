//! Probes that machines make: pods are ready as their probes say, and containers that do not live are
//! started again.

use super::bench::{Bench, deployment};
use crate::journal::MemoryJournal;
use crate::wire::report::{Failure, News};

/// A deployment of two pods with a probe of a kind, every second.
fn probed(kind: &str) -> String {
    let probe = format!(
        "{kind}: {{httpGet: {{port: 80}}, periodSeconds: 1, failureThreshold: 2}}\n        resources"
    );
    deployment(2).replacen("resources", &probe, 1)
}

fn ready(bench: &Bench) -> usize {
    bench.pods().iter().filter(|pod| pod.ready).count()
}

fn restarts(bench: &Bench) -> u32 {
    bench.pods().iter().map(|pod| pod.restarts).sum()
}

#[test]
fn pods_are_ready_as_their_probes_say() {
    let mut bench = Bench::new(1, &MemoryJournal::default());
    bench.hosts[0].machine.is_sick = true;
    bench.turns(2);
    bench.apply(&probed("readinessProbe"));
    bench.turns(20);
    assert_eq!((bench.running(), ready(&bench)), (2, 0));
    for is_sick in [false, true, false] {
        bench.hosts[0].machine.is_sick = is_sick;
        bench.turns(6);
        assert_eq!(ready(&bench), if is_sick { 0 } else { 2 });
    }
    assert_eq!(restarts(&bench), 0);
    // An agent that is started again finds out for itself.
    bench.hosts[0].machine.is_sick = true;
    bench.hosts[0].restart();
    bench.turns(10);
    assert_eq!((bench.running(), ready(&bench)), (2, 0));
    bench.audit();
}

#[test]
fn a_pod_that_stands_alone_is_not_ready_before_its_probe() {
    let mut bench = Bench::new(1, &MemoryJournal::default());
    bench.hosts[0].machine.is_sick = true;
    bench.turns(2);
    bench.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\nspec:\n  containers:\n  - name: web\n    \
         image: none\n    command: [sleep, \"100\"]\n    readinessProbe: {httpGet: {port: 80}, \
         failureThreshold: 1000}\n",
    );
    bench.turns(5);
    assert_eq!((bench.running(), ready(&bench)), (1, 0));
    bench.hosts[0].machine.is_sick = false;
    bench.turns(40);
    assert_eq!((bench.running(), ready(&bench)), (1, 1));
}

#[test]
fn containers_that_fail_their_probe_of_life_are_started_again() {
    for kind in ["livenessProbe", "startupProbe"] {
        let mut bench = Bench::new(1, &MemoryJournal::default());
        bench.hosts[0].machine.is_sick = true;
        bench.turns(2);
        bench.apply(&probed(kind));
        bench.turns(10);
        // What has not started is not ready; what lives is until its probe fails.
        let restarted = restarts(&bench);
        bench.hosts[0].machine.is_sick = false;
        bench.turns(60);
        assert_eq!((bench.running(), ready(&bench)), (2, 2), "{kind}");
        assert!(restarts(&bench) >= 2, "{kind}: {restarted}");
        let settled = restarts(&bench);
        bench.turns(60);
        assert_eq!(restarts(&bench), settled, "{kind}");
    }
}

#[test]
fn what_a_node_notices_is_an_event_for_users() {
    let mut bench = Bench::new(1, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&probed("readinessProbe"));
    bench.turns(5);
    let pod = bench.pods()[0].pod;
    let container = "web".to_owned();
    let unhealthy = News::Unhealthy {
        container: container.clone(),
        probe: model::workload::probe::ProbeKind::Readiness,
        why: "/: status 503".to_owned(),
    };
    let failed = News::Failed {
        container,
        failure: Failure::StartError,
        why: "x".repeat(500),
    };
    bench.hosts[0].core.notice(pod, unhealthy);
    bench.hosts[0].core.notice(pod, failed);
    bench.turns(3);
    let control = bench.control.as_ref().expect("a control server");
    let events = control.driver().events_after(0);
    let told: Vec<(&str, &str)> = events
        .iter()
        .filter(|event| event.message.contains("`web`"))
        .map(|event| (event.reason.as_str(), event.message.as_str()))
        .collect();
    // Nodes may not fill the list with long texts.
    let long = format!("container `web`: {}", "x".repeat(200));
    assert_eq!(
        told,
        [
            (
                "Unhealthy",
                "readiness probe of container `web` failed: /: status 503"
            ),
            ("StartError", long.as_str()),
        ]
    );
}
