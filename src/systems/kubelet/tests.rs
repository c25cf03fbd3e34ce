//! Lives of pods step by step.

mod probes;

use super::*;
use crate::parts::time_limits::TimeLimits;
use cluster::Store;
use control::node::{Assignment, ContainerEvent, Report, StopOrder};
use control::{AgentOutput, MachineCommand, MachineEvent, NodeAgent, local_node::LocalNode};
use model::{
    Application, Container, ContainerLife, EndReason, EvictionCause, Health, PodLife, PodRef,
    PodSpec,
};
use model::{RestartPolicy, workload::Probe};
use units::{Duration, Instant, NodeId, PodId, PodSlot};

const POD: PodRef = PodRef {
    id: PodId(7),
    slot: PodSlot(2),
};
const NODE: NodeId = NodeId(4);

/// A node that carries out orders at once, and the words in which it is told.
struct Node {
    agent: Kubelet,
    told: Vec<String>,
    now: i64,
    wakes: Vec<i64>,
}

impl Node {
    fn new(mut life: PodLife, application: Application) -> Self {
        life.containers.resize(1, ContainerLife::default());
        life.containers[0].application = application;
        Self::of(PodSpec {
            containers: vec![Container::default()],
            life: Some(life.into()),
            ..PodSpec::default()
        })
    }

    /// A node that is given a pod.
    fn of(spec: PodSpec) -> Self {
        let mut node = Self {
            agent: Kubelet::new(KubeletOptions {
                time_limits: TimeLimits::Enforced,
                images: None,
                awaits_volumes: false,
            }),
            told: Vec::new(),
            now: 0,
            wakes: Vec::new(),
        };
        let assignment = Assignment {
            pod: POD,
            node: NODE,
            time_limit: None,
            is_owned: true,
            has_volumes: false,
            spec: spec.into(),
            found: None,
        };
        let store = Store::new();
        let local = LocalNode::new(&store, NODE);
        node.act(&|agent, now, out| agent.assigned(now, assignment.clone(), local, out));
        node
    }

    fn act(&mut self, act: &dyn Fn(&mut Kubelet, Instant, &mut AgentOutput)) {
        let mut out = AgentOutput::default();
        act(&mut self.agent, Instant::from_secs(self.now), &mut out);
        let secs = |at: &(Instant, PodRef)| at.0.as_nanos() / 1_000_000_000;
        self.wakes.extend(out.wakes.iter().map(secs));
        for report in &out.reports {
            let words = match report {
                Report::Starting(_) | Report::Pull(..) => continue,
                Report::Running(_) => "runs".to_owned(),
                Report::Ready(_, ready) => format!("ready {ready}"),
                Report::Unhealthy(_) => "unhealthy".to_owned(),
                Report::Exited(_, _, code) => format!("exit {code}"),
                Report::Restarted(_, count) => format!("restart {}", count.total()),
                Report::Ended(_, reason) => format!("ended {reason:?}"),
            };
            self.told.push(format!("{} {words}", self.now));
        }
        for command in out.commands {
            let ordered = match command {
                MachineCommand::StartContainer { container, .. } => Some(("start", container)),
                MachineCommand::StopContainer { container, .. } => Some(("stop", container)),
                _ => None,
            };
            if let Some((what, container)) = ordered {
                self.told.push(format!("{} {what} {container}", self.now));
            }
            let event = match command {
                MachineCommand::Start { .. } => MachineEvent::Started,
                MachineCommand::Stop { .. } => MachineEvent::Stopped,
                MachineCommand::StartContainer { container, .. } => {
                    MachineEvent::Container(container, ContainerEvent::Started)
                }
                MachineCommand::StopContainer { container, .. } => {
                    MachineEvent::Container(container, ContainerEvent::Stopped)
                }
            };
            self.act(&|agent, now, out| agent.machine(now, POD, event, out));
        }
    }

    /// Wakes the agent as it asked, up to an instant.
    fn until(&mut self, secs: i64) {
        while let Some(&at) = self.wakes.iter().min().filter(|&&at| at <= secs) {
            self.wakes.retain(|&other| other != at);
            self.now = at.max(self.now);
            self.act(&|agent, now, out| agent.woken(now, POD, out));
        }
        self.now = secs;
    }

    fn exit(&mut self, code: i32) {
        self.act(&|agent, now, out| {
            agent.machine(now, POD, MachineEvent::Exited { container: 0, code }, out);
        });
    }

    /// A container ends by itself.
    fn container_exits(&mut self, container: u16, code: i32) {
        let event = MachineEvent::Container(container, ContainerEvent::Exited { code });
        self.act(&|agent, now, out| agent.machine(now, POD, event, out));
    }

    /// Reports since the last call.
    fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    fn stop(&mut self, grace: i64) {
        self.stop_for(grace, EndReason::Cancelled);
    }

    fn stop_for(&mut self, grace: i64, reason: EndReason) {
        let order = StopOrder {
            pod: POD,
            node: NODE,
            grace: Duration::from_secs(grace),
            reason,
        };
        self.act(&|agent, now, out| agent.stopping(now, order, out));
    }
}

fn serving(from: i64, stop: i64) -> Application {
    Application {
        health: Health {
            from: Duration::from_secs(from),
            ..Health::default()
        },
        stop_time: Duration::from_secs(stop),
        ..Application::default()
    }
}

#[test]
fn a_crashing_container_is_started_again_after_growing_delays() {
    let mut node = Node::new(PodLife::default(), Application::default());
    for _ in 0..4 {
        node.exit(1);
        let now = node.now;
        node.until(now + 100);
    }
    let restarts: Vec<&str> = (node.told.iter())
        .filter(|line| line.contains("restart"))
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(restarts, ["0", "110", "220", "340"]);
}

#[test]
fn policies_decide_who_is_started_again() {
    for (restart, code, expected) in [
        (RestartPolicy::Never, 0, "0 ended Completed"),
        (RestartPolicy::Never, 1, "0 ended Error"),
        (RestartPolicy::OnFailure, 0, "0 ended Completed"),
        (RestartPolicy::OnFailure, 1, "0 ready true"),
        (RestartPolicy::Always, 0, "0 ready true"),
    ] {
        let life = PodLife {
            restart,
            ..PodLife::default()
        };
        let mut node = Node::new(life, Application::default());
        node.exit(code);
        assert_eq!(node.told.last().map(String::as_str), Some(expected));
    }
}

#[test]
fn a_pod_that_is_deleted_ends_as_its_containers_do() {
    let drained = EndReason::Evicted(EvictionCause::Drain);
    let short_of_memory = EndReason::Evicted(EvictionCause::NodePressure);
    for (restart, reason, code, expected) in [
        (RestartPolicy::Never, drained, 0, "5 ended Completed"),
        (
            RestartPolicy::OnFailure,
            EndReason::Cancelled,
            0,
            "5 ended Completed",
        ),
        (
            RestartPolicy::Never,
            drained,
            42,
            "5 exit 42, 5 ended Evicted(Drain)",
        ),
        (
            RestartPolicy::Never,
            short_of_memory,
            0,
            "5 ended Evicted(NodePressure)",
        ),
        (RestartPolicy::Always, drained, 0, "5 ended Evicted(Drain)"),
    ] {
        let life = PodLife {
            restart,
            ..PodLife::default()
        };
        let mut node = Node::new(life, serving(0, 20));
        node.stop_for(30, reason);
        node.until(5);
        node.news();
        node.exit(code);
        assert_eq!(node.news().join(", "), expected);
    }
}

#[test]
fn readiness_follows_its_probe_and_liveness_kills() {
    let life = PodLife {
        containers: vec![ContainerLife {
            liveness: Some(Probe::default()),
            readiness: Some(Probe {
                period_secs: 5,
                ..Probe::default()
            }),
            ..ContainerLife::default()
        }],
        ..PodLife::default()
    };
    let mut application = serving(12, 0);
    application.health.until = Some(Duration::from_secs(31));
    let mut node = Node::new(life, application);
    node.until(61);
    // It answers from 12 to 31: unready after failures at 35, 40, 45; killed at 40, 50, 60.
    assert_eq!(
        node.told,
        [
            "0 runs",
            "15 ready true",
            "45 ready false",
            "60 exit 143",
            "60 restart 1",
            "60 runs"
        ]
    );
}

#[test]
fn a_pod_ends_when_its_application_does_or_its_grace_is_over() {
    for (stop_time, grace, expected) in [(5, 30, 105), (60, 30, 130), (60, 0, 102), (0, 30, 100)] {
        let mut node = Node::new(PodLife::default(), serving(0, stop_time));
        node.until(100);
        node.stop(grace);
        node.until(200);
        assert_eq!(
            node.told.last(),
            Some(&format!("{expected} ended Cancelled"))
        );
    }
    // A second order can only shorten the first; a container that waits for its restart is gone.
    let mut node = Node::new(PodLife::default(), serving(0, 60));
    node.stop(30);
    node.stop(10);
    node.until(50);
    assert_eq!(
        node.told.last().map(String::as_str),
        Some("10 ended Cancelled")
    );
    let mut node = Node::new(PodLife::default(), serving(0, 60));
    node.exit(1);
    node.exit(1);
    node.stop(30);
    assert_eq!(
        node.told.last().map(String::as_str),
        Some("0 ended Cancelled")
    );
}

/// A pod of an init container, a sidecar, another init container, another sidecar and two others:
/// numbers 0 to 5, each with how long it takes to stop.
fn mixed(restart: RestartPolicy, stop_times: [i64; 6]) -> PodSpec {
    let sidecar = Container {
        restartable: true,
        ..Container::default()
    };
    let plain = Container::default;
    let containers = stop_times.map(|secs| ContainerLife {
        application: serving(0, secs),
        ..ContainerLife::default()
    });
    PodSpec {
        init_containers: vec![plain(), sidecar.clone(), plain(), sidecar],
        containers: vec![plain(), plain()],
        life: Some(
            PodLife {
                restart,
                init_containers: containers[..4].to_vec(),
                containers: containers[4..].to_vec(),
            }
            .into(),
        ),
        ..PodSpec::default()
    }
}

#[test]
fn init_containers_run_one_after_the_other_and_sidecars_stay() {
    let mut node = Node::of(mixed(RestartPolicy::Always, [0; 6]));
    assert_eq!(node.news(), ["0 start 0"]);
    node.until(10);
    assert!(node.news().is_empty(), "nothing goes on before it is done");
    node.container_exits(0, 0);
    // The sidecar is started, so the next one comes at once.
    assert_eq!(node.news(), ["10 start 1", "10 start 2"]);
    node.until(25);
    node.container_exits(2, 0);
    let news = node.news();
    assert_eq!(news[..3], ["25 start 3", "25 start 4", "25 start 5"]);
    assert!(news.contains(&"25 runs".to_owned()), "{news:?}");
    assert!(news.contains(&"25 ready true".to_owned()), "{news:?}");
}

#[test]
fn an_init_container_that_fails_is_tried_again_or_fails_the_pod() {
    let mut node = Node::of(mixed(RestartPolicy::OnFailure, [0; 6]));
    node.container_exits(0, 1);
    node.container_exits(0, 1);
    node.until(9);
    assert_eq!(
        node.news(),
        [
            "0 start 0",
            "0 exit 1",
            "0 restart 1",
            "0 start 0",
            "0 exit 1"
        ]
    );
    node.until(10);
    assert_eq!(node.news(), ["10 restart 2", "10 start 0"]);
    let mut node = Node::of(mixed(RestartPolicy::Never, [0; 6]));
    node.container_exits(0, 1);
    assert_eq!(node.news(), ["0 start 0", "0 exit 1", "0 ended Error"]);
}

#[test]
fn sidecars_stop_after_the_others_in_reverse_order() {
    let up = |stop_times| {
        let mut node = Node::of(mixed(RestartPolicy::Always, stop_times));
        node.container_exits(0, 0);
        node.container_exits(2, 0);
        node.until(100);
        node.news();
        node
    };
    let mut node = up([0, 3, 0, 4, 5, 2]);
    node.stop(30);
    node.until(200);
    let news = node.news();
    let stops: Vec<&String> = news.iter().filter(|line| line.contains("stop")).collect();
    assert_eq!(
        stops,
        ["102 stop 5", "105 stop 4", "109 stop 3", "112 stop 1"]
    );
    assert_eq!(news.last().map(String::as_str), Some("112 ended Cancelled"));
    // Waiting for its turn counts against the grace, but two seconds are left for everybody.
    let mut node = up([0, 60, 0, 60, 60, 0]);
    node.stop(10);
    node.until(200);
    let news = node.news();
    let stops: Vec<&String> = news.iter().filter(|line| line.contains("stop")).collect();
    assert_eq!(
        stops,
        ["100 stop 5", "110 stop 4", "112 stop 3", "112 stop 1"]
    );
}

#[test]
fn sidecars_are_restarted_whatever_the_policy_and_end_with_the_others() {
    let mut node = Node::of(mixed(RestartPolicy::Never, [0; 6]));
    node.container_exits(0, 0);
    node.container_exits(2, 0);
    node.news();
    node.container_exits(1, 1);
    assert!(node.news().contains(&"0 start 1".to_owned()));
    node.until(50);
    node.container_exits(4, 0);
    assert!(!node.news().iter().any(|line| line.contains("ended")));
    node.container_exits(5, 0);
    let news = node.news();
    assert_eq!(
        news[..3],
        ["50 exit 0", "50 stop 3", "50 stop 1"],
        "{news:?}"
    );
    assert_eq!(news.last().map(String::as_str), Some("50 ended Completed"));
}

#[test]
fn a_pod_of_which_nothing_is_said_is_started_again_where_it_is() {
    let mut node = Node::of(PodSpec::default());
    assert_eq!(node.news(), ["0 runs", "0 ready true"]);
    for exit in [5, 20, 50] {
        node.until(exit);
        node.exit(137);
    }
    node.until(200);
    let restarts = node.news();
    let restarts = restarts.iter().filter(|line| line.contains("restart"));
    let restarts: Vec<&str> = restarts.map(String::as_str).collect();
    assert_eq!(restarts, ["5 restart 1", "30 restart 2", "70 restart 3"]);
}

#[test]
fn a_container_that_was_started_again_is_probed_at_once() {
    let life = PodLife {
        containers: vec![ContainerLife {
            readiness: Some(Probe::default()),
            ..ContainerLife::default()
        }],
        ..PodLife::default()
    };
    let mut node = Node::new(life, Application::default());
    node.until(33);
    node.news();
    node.exit(1);
    node.until(60);
    let expected = [
        "33 exit 1",
        "33 ready false",
        "33 restart 1",
        "33 runs",
        "33 ready true",
    ];
    assert_eq!(node.news(), expected);
}
