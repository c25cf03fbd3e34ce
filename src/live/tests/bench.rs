//! A cluster of daemons over fake machines, in one process: every message is a call, and time passes
//! in turns of a second.

use std::collections::VecDeque;

use control::controllers::manager::ControllerOptions;
use control::node::{ContainerEvent, MachineEvent};
use control::node_life::{Eviction, Lifecycle, LifecycleSetup};
use systems::{SystemRequest, registry};
use units::{Duration, Instant, SortedMap};

use crate::control::{Compaction, Control};
use crate::driver::Plane;
use crate::driver::input::{Answer, Input};
use crate::driver::view::PodRow;
use crate::journal::MemoryJournal;
use crate::node::{MachineOrder, NodeCore};
use crate::record::Header;
use crate::runtime::host::labels;
use crate::wire::declaration::Declaration;
use crate::wire::request::{Outcome, Request};
use crate::wire::{NodeAnswer, Registration};

/// A deployment of a number of replicas that do nothing for long.
pub(super) fn deployment(replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  \
         replicas: {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    \
         metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n      - name: web\n        \
         image: none\n        command: [sleep, \"100000\"]\n        \
         resources: {{requests: {{cpu: 100m, memory: 16Mi}}}}\n"
    )
}

/// Kubernetes with its controllers and the watch over nodes.
pub(super) fn plane() -> Plane {
    plane_of("kubernetes", "default")
}

/// A scheduler of Kubernetes nodes, with the same controllers.
pub(super) fn plane_of(system: &str, profile: &str) -> Plane {
    let request = SystemRequest {
        controllers: Some(ControllerOptions::default()),
        ..SystemRequest::of(profile)
    };
    let entry = registry::find(system).expect("a system");
    let mut parts = (entry.build)(&request).expect("a system that can be built");
    parts
        .components
        .push(Box::new(Lifecycle::new(LifecycleSetup::default())));
    parts.components.push(Box::new(Eviction::default()));
    Plane::new("kubernetes", parts)
}

pub(super) fn header() -> Header {
    Header::new("test", "0123", 0)
}

/// A machine that runs whatever it is told to.
#[derive(Default)]
pub(super) struct Machine {
    /// Processes that run, by pod and container.
    pub(super) running: SortedMap<(u32, Option<u16>), u32>,
    /// How often each pod was started.
    pub(super) starts: SortedMap<(u32, Option<u16>), u32>,
    /// `true` while probes fail.
    pub(super) is_sick: bool,
    events: VecDeque<(u32, MachineEvent)>,
}

impl Machine {
    fn obey(&mut self, orders: Vec<MachineOrder>) {
        for order in orders {
            match order {
                MachineOrder::KeepOnly { pods } => {
                    self.running.retain(|(pod, _), _| pods.contains(pod));
                }
                MachineOrder::Start { pod, container, .. } => {
                    if !self.running.contains_key(&(pod, container)) {
                        *self.starts.entry((pod, container)).or_insert(0) += 1;
                        self.running.insert((pod, container), 1);
                    }
                    self.say(pod, container, ContainerEvent::Started);
                }
                MachineOrder::Stop { pod, container, .. } => {
                    self.running.remove(&(pod, container));
                    self.say(pod, container, ContainerEvent::Stopped);
                }
                MachineOrder::Probe {
                    pod,
                    container,
                    kind,
                    ..
                } => {
                    let is_success = !self.is_sick;
                    let probed = ContainerEvent::Probed { kind, is_success };
                    self.say(pod, Some(container), probed);
                }
            }
        }
    }

    /// Carries out orders, and all that follows from them.
    pub(super) fn work(&mut self, core: &mut NodeCore, now: Instant, orders: Vec<MachineOrder>) {
        self.obey(orders);
        let orders = core.woken(now);
        self.obey(orders);
        while let Some((pod, event)) = self.events.pop_front() {
            let orders = core.machine(now, pod, event);
            self.obey(orders);
        }
    }

    /// A process of a pod ends by itself.
    pub(super) fn exit(&mut self, pod: u32, code: i32) {
        let processes = self.running.keys().filter(|(known, _)| *known == pod);
        for (pod, container) in processes.copied().collect::<Vec<_>>() {
            self.running.remove(&(pod, container));
            self.say(pod, container, ContainerEvent::Exited { code });
        }
    }

    fn say(&mut self, pod: u32, container: Option<u16>, event: ContainerEvent) {
        let event = MachineEvent::of(container, event);
        self.events.push_back((pod, event));
    }
}

/// A host: a daemon that may be restarted, and a machine that is not.
pub(super) struct Host {
    pub(super) name: String,
    processes: u32,
    pub(super) core: NodeCore,
    pub(super) machine: Machine,
    /// `true` while nothing passes between the host and the control server.
    pub(super) is_cut: bool,
    /// `true` while answers get lost on their way to the host.
    pub(super) loses_answers: bool,
}

impl Host {
    fn new(number: usize) -> Self {
        let name = format!("n{number}");
        Self {
            core: NodeCore::new(registration(&name, 1), 0),
            name,
            processes: 1,
            machine: Machine::default(),
            is_cut: false,
            loses_answers: false,
        }
    }

    /// The daemon is killed and started again; what runs goes on.
    pub(super) fn restart(&mut self) {
        self.processes += 1;
        self.core = NodeCore::new(registration(&self.name, self.processes), 0);
        self.machine.events.clear();
    }

    fn work(&mut self, now: Instant) {
        self.machine.work(&mut self.core, now, Vec::new());
    }
}

pub(super) fn registration(name: &str, process: u32) -> Registration {
    Registration {
        node: name.to_owned(),
        machine: format!("machine-{name}"),
        process: format!("{name}-{process}"),
        declaration: Declaration::of(&[("cpu", "4"), ("memory", "8Gi"), ("pods", "110")])
            .labelled(labels(name)),
        address: Some("127.0.0.1".to_owned()),
        term: None,
        pressures: Vec::new(),
    }
}

/// A cluster.
pub(super) struct Bench {
    pub(super) control: Option<Control<MemoryJournal>>,
    pub(super) hosts: Vec<Host>,
    pub(super) now: Instant,
    /// The rule by which control servers make their logs short.
    pub(super) compaction: Compaction,
}

impl Bench {
    /// Cluster with a number of hosts, over a journal in memory.
    pub(super) fn new(hosts: usize, journal: &MemoryJournal) -> Self {
        Self::with_plane(hosts, journal, plane())
    }

    /// Cluster of a control plane.
    pub(super) fn with_plane(hosts: usize, journal: &MemoryJournal, plane: Plane) -> Self {
        let mut bench = Self {
            control: None,
            hosts: (0..hosts).map(Host::new).collect(),
            now: Instant::ZERO,
            compaction: Compaction::default(),
        };
        bench.open_with(journal.clone(), plane);
        bench
    }

    /// Cluster of an experiment's control plane.
    pub(super) fn with_header(
        hosts: usize,
        journal: &MemoryJournal,
        header: Header,
        plane: Plane,
    ) -> Self {
        let mut bench = Self {
            control: None,
            hosts: (0..hosts).map(Host::new).collect(),
            now: Instant::ZERO,
            compaction: Compaction::default(),
        };
        bench.open_of(journal.clone(), header, plane);
        bench
    }

    /// A control server opens the state.
    pub(super) fn open(&mut self, journal: MemoryJournal) {
        self.open_with(journal, plane());
    }

    pub(super) fn open_with(&mut self, journal: MemoryJournal, plane: Plane) {
        self.open_of(journal, header(), plane);
    }

    fn open_of(&mut self, journal: MemoryJournal, header: Header, plane: Plane) {
        let control = Control::open(header, plane, journal).expect("a state that opens");
        let mut control = control.with_compaction(self.compaction.clone());
        // One that can't begin is halted, and answers nothing.
        let _ = control.begin(self.now);
        self.control = Some(control);
    }

    /// A message to the control server; `None` if none is there.
    pub(super) fn send(&mut self, input: Input) -> Option<Answer> {
        let answers = self.control.as_mut()?.handle(self.now, vec![input]);
        answers.ok()?.pop()
    }

    pub(super) fn ask(&mut self, request: Request) -> Outcome {
        match self.send(Input::Ask { message: request }) {
            Some(Answer::User(outcome)) => outcome,
            other => panic!("no answer to a user: {other:?}"),
        }
    }

    pub(super) fn apply(&mut self, text: &str) {
        let outcome = self.ask(Request::Apply {
            file: "web.yaml".to_owned(),
            text: text.to_owned(),
        });
        assert_eq!(outcome.refused, Vec::<String>::new());
    }

    /// One second passes: daemons send what they have, machines work.
    pub(super) fn turn(&mut self) {
        self.turn_after(Duration::from_secs(1));
    }

    /// As above, after another time.
    pub(super) fn turn_after(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        for number in 0..self.hosts.len() {
            self.exchange(number);
            self.hosts[number].work(self.now);
        }
        if let Some(control) = &mut self.control {
            let _ = control.handle(self.now, Vec::new());
        }
    }

    /// One message of a daemon and its answer, if they pass.
    fn exchange(&mut self, number: usize) {
        let host = &self.hosts[number];
        if host.is_cut {
            return;
        }
        let input = match (host.core.registration(), host.core.update(true)) {
            (Some(message), _) => Input::Register {
                message: message.clone(),
            },
            (None, Some(message)) => Input::Update { message },
            (None, None) => return,
        };
        let Some(Answer::Node(answer)) = self.send(input) else {
            return;
        };
        let host = &mut self.hosts[number];
        if host.loses_answers {
            return;
        }
        // What goes over the wire is what its text says.
        let text = serde_json::to_string(&answer).expect("an answer in JSON");
        let answer: NodeAnswer = serde_json::from_str(&text).expect("the same answer");
        let orders = host
            .core
            .answered(self.now, answer)
            .expect("a known system");
        host.machine.obey(orders);
    }

    pub(super) fn turns(&mut self, turns: usize) {
        for _ in 0..turns {
            self.turn();
        }
    }

    pub(super) fn pods(&self) -> Vec<PodRow> {
        let control = self.control.as_ref().expect("a control server");
        control.driver().pod_rows()
    }

    /// Pods whose processes run, over all hosts.
    pub(super) fn running(&self) -> usize {
        let machines = self.hosts.iter().map(|host| host.machine.running.len());
        machines.sum()
    }

    /// Asserts that the processes of each pod were started on one host.
    pub(super) fn audit_hosts(&self) {
        let mut seen: SortedMap<(u32, Option<u16>), &str> = SortedMap::new();
        for host in &self.hosts {
            for &process in host.machine.starts.keys() {
                let other = seen.insert(process, &host.name);
                assert_eq!(other, None, "pod {process:?} ran on two hosts");
            }
        }
    }

    /// As above, and where no container ended by itself, each was started once.
    pub(super) fn audit(&self) {
        self.audit_hosts();
        for host in &self.hosts {
            for (&process, &starts) in &host.machine.starts {
                assert_eq!(starts, 1, "pod {process:?} was started {starts} times");
            }
        }
    }

    /// The cluster and the machines agree: the wanted number of pods runs, each where it is believed
    /// to be, and nothing else does.
    pub(super) fn agrees(&self, wanted: usize) {
        let pods = self.pods();
        let phases: Vec<&str> = pods.iter().map(|pod| pod.phase.as_str()).collect();
        assert_eq!(pods.len(), wanted, "{phases:?}");
        for pod in &pods {
            assert!(pod.ready, "{pod:?}");
            let host = self
                .hosts
                .iter()
                .find(|host| Some(&host.name) == pod.node.as_ref());
            let host = host.expect("a known host");
            let mut processes = host.machine.running.keys();
            assert!(
                processes.any(|&(known, _)| known == pod.pod),
                "{pod:?} runs"
            );
        }
        assert_eq!(self.running(), wanted);
    }
}
