//! Probes made one by one against the closed form, and lives of pods step by step.

use proptest::prelude::*;

use super::*;
use crate::parts::time_limits::TimeLimits;
use cluster::Store;
use control::node::{Assignment, ContainerEvent, Report, StopOrder};
use control::{AgentOutput, MachineCommand, MachineEvent, NodeAgent, local_node::LocalNode};
use model::{Application, Container, ContainerLife, EndReason, Health, PodLife, PodRef, PodSpec};
use model::{RestartPolicy, workload::Probe};
use units::{Duration, Instant, NodeId, PodId, PodSlot};

const HORIZON_SECS: i64 = 400;

/// The verdicts of probes that are made one by one, second by second, as far as the horizon.
#[expect(clippy::too_many_lines, reason = "the plain form, told in one piece")]
fn stepped(probes: &Probes<'_>, start: i64) -> Verdicts {
    let health = probes.life.application.health;
    let secs = |span: Duration| span.as_nanos() / 1_000_000_000;
    let since = probes.since.as_nanos() / 1_000_000_000;
    let life = probes.life;
    let is_made = |probe: &Probe, now: i64| {
        let running = now - start;
        let is_unknown = health
            .unknown
            .is_some_and(|(from, until)| running >= secs(from) && running < secs(until));
        (now - since) % i64::from(probe.period_secs) == 0
            && running >= i64::from(probe.initial_delay_secs)
            && !is_unknown
    };
    let mut verdicts = Verdicts::default();
    let mut has_started = life.startup.is_none();
    if has_started {
        verdicts.started = Some(Instant::from_secs(start));
    }
    let (mut no_start, mut no_life) = (0, 0);
    let (mut in_a_row, mut no_service, mut is_ready) = (0, 0, false);
    for now in start..HORIZON_SECS {
        let running = now - start;
        let serves =
            running >= secs(health.from) && health.until.is_none_or(|until| running < secs(until));
        let answer_time = life.application.answer_time;
        let in_time = |probe: &Probe| answer_time <= Duration::from_secs(probe.timeout_secs.into());
        if let Some(startup) = life
            .startup
            .filter(|probe| !has_started && is_made(probe, now))
        {
            let answers = serves && in_time(&startup);
            has_started = answers;
            if answers {
                verdicts.started = Some(Instant::from_secs(now));
            }
            no_start += i32::from(!answers);
            if no_start >= startup.failure_threshold {
                verdicts.killed = Some(Instant::from_secs(now));
                break;
            }
        }
        if !has_started {
            continue;
        }
        if let Some(liveness) = life.liveness.filter(|probe| is_made(probe, now)) {
            let answers = serves && in_time(&liveness);
            no_life = if answers { 0 } else { no_life + 1 };
            if no_life >= liveness.failure_threshold {
                verdicts.killed = Some(Instant::from_secs(now));
                break;
            }
        }
        match life.readiness {
            None if !is_ready => {
                is_ready = true;
                verdicts.ready = Some(Instant::from_secs(now));
            }
            Some(probe) if is_made(&probe, now) => {
                (in_a_row, no_service) = if serves && in_time(&probe) {
                    (in_a_row + 1, 0)
                } else {
                    (0, no_service + 1)
                };
                if !is_ready && in_a_row >= probe.success_threshold {
                    is_ready = true;
                    verdicts.ready = Some(Instant::from_secs(now));
                } else if is_ready && no_service >= probe.failure_threshold {
                    is_ready = false;
                    verdicts.unready = Some(Instant::from_secs(now));
                }
            }
            _ => {}
        }
    }
    verdicts
}

fn some_probe() -> impl Strategy<Value = Option<Probe>> {
    let fields = (0_i32..20, 1_i32..12, 1_i32..4, 1_i32..5);
    prop::option::of(
        fields.prop_map(|(delay, period, successes, failures)| Probe {
            initial_delay_secs: delay,
            period_secs: period,
            timeout_secs: 1,
            success_threshold: successes,
            failure_threshold: failures,
        }),
    )
}

proptest! {
    #[test]
    fn probes_computed_and_stepped_come_to_the_same(
        startup in some_probe(),
        liveness in some_probe(),
        readiness in some_probe(),
        since in 0_i64..10,
        later in 0_i64..50,
        from in 0_i64..60,
        lasts in prop::option::of(1_i64..120),
        hole in prop::option::of((0_i64..90, 1_i64..60)),
        answer_time in 0_i64..3,
        timeout in 1_i32..3,
    ) {
        // Startup and liveness probes count one success.
        let single = |probe: Option<Probe>| probe.map(|probe| Probe {
            success_threshold: 1,
            timeout_secs: timeout,
            ..probe
        });
        let life = ContainerLife {
            startup: single(startup),
            liveness: single(liveness),
            readiness,
            application: Application {
                health: Health {
                    from: Duration::from_secs(from),
                    until: lasts.map(|lasts| Duration::from_secs(from + lasts)),
                    unknown: hole.map(|(from, lasts)| {
                        (Duration::from_secs(from), Duration::from_secs(from + lasts))
                    }),
                },
                answer_time: Duration::from_secs(answer_time),
                ..Application::default()
            },
            ..ContainerLife::default()
        };
        let probes = Probes { life: &life, since: Instant::from_secs(since) };
        let start = since + later;
        let computed = judge(&probes, Instant::from_secs(start));
        prop_assert_eq!(computed, stepped(&probes, start));
    }
}

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
            spec: spec.into(),
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
                Report::Exited(_, _, code) => format!("exit {code}"),
                Report::Restarted(_, count) => format!("restart {count}"),
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
        self.act(&|agent, now, out| agent.machine(now, POD, MachineEvent::Exited { code }, out));
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
        let order = StopOrder {
            pod: POD,
            node: NODE,
            grace: Duration::from_secs(grace),
            reason: EndReason::Cancelled,
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
    assert_eq!(news[..2], ["50 stop 3", "50 stop 1"], "{news:?}");
    assert_eq!(news.last().map(String::as_str), Some("50 ended Completed"));
}
