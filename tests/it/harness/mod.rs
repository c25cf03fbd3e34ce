//! Holds two ways of deciding like the Kubernetes scheduler to each other: random clusters and
//! pods with all features mixed, arrivals, departures, changes of labels and taints, nodes that
//! join and leave, and after each change the whole decision about a pod must be the same, every
//! verdict, score, total, the message and the preemption.

mod autoscaling;
mod copied;
mod deciders;
mod decision;
pub(crate) mod dice;
mod forms;
mod objects;
mod placing;

use std::sync::Arc;

use windtunnel::model::Changes;
use windtunnel::model::{Node, SchedulerConfig, Text};
use windtunnel::policy::kube_profiles::build_kube_profiles;
use windtunnel::scheduler::kube::{KubeProfile, PodClass, PodInfo};

use deciders::{Change, Decider, Fresh, Kept};
use decision::{Decision, Question};
use dice::Dice;

/// How many random clusters are tried usually.
const CLUSTERS: u64 = 16;
/// Cases that a property test has usually.
const USUAL_CASES: u64 = 256;
/// How many changes and decisions each sees.
const STEPS: usize = 300;

/// As many more random clusters than usual as property tests are to try more cases than usual.
fn clusters(usual: u64) -> u64 {
    let cases = u64::from(proptest::test_runner::Config::default().cases);
    (usual * cases).div_ceil(USUAL_CASES)
}

fn profile() -> KubeProfile {
    let profiles = build_kube_profiles(&SchedulerConfig::default(), Changes::default());
    profiles.unwrap().remove(0)
}

/// A cluster as it is, and the choices of what happens to it.
struct World {
    dice: Dice,
    nodes: Vec<Arc<Node>>,
    placed: Vec<(Arc<PodInfo>, Text)>,
    nominated: Vec<Arc<PodInfo>>,
    /// How many nodes and pods there ever were.
    made: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            nodes: Vec::new(),
            placed: Vec::new(),
            nominated: Vec::new(),
            made: 0,
        }
    }

    /// The changes that make the cluster at the start.
    fn begin(&mut self) -> Vec<Change> {
        let objects = objects::objects(&mut self.dice);
        let mut changes = vec![Change::Objects(Box::new(objects))];
        for _ in 0..self.dice.between(4, 14) {
            changes.push(self.join());
        }
        changes
    }

    fn join(&mut self) -> Change {
        // Names of nodes that left come back.
        let free = (0..).map(|index| format!("node-{index}"));
        let name = { free }.find(|name| self.nodes.iter().all(|own| *own.name != **name));
        let node = Arc::new(objects::node(&mut self.dice, &name.unwrap()));
        self.nodes.push(node.clone());
        Change::NodeJoined(node)
    }

    /// A pod that wants a place.
    fn pod(&mut self) -> PodInfo {
        let spec = Arc::new(objects::pod_spec(&mut self.dice));
        self.made += 1;
        let mut pod = PodInfo {
            class: Arc::new(PodClass::derive(spec, Changes::default()).unwrap()),
            name: format!("pod-{}", self.made).into(),
            ..PodInfo::default()
        };
        if self.dice.chance(3) {
            pod.set_nominated_node(Some(self.dice.pick(&self.nodes).name.clone()));
        }
        pod
    }

    /// What happens next besides arrivals.
    fn next(&mut self) -> Option<Change> {
        match self.dice.below(100) {
            0..30 => self.departure(),
            30..40 => self.relabel(),
            40..48 => self.taint(),
            48..52 if self.nodes.len() < 24 => Some(self.join()),
            52..55 if self.nodes.len() > 2 => Some(self.loss()),
            55..60 => self.terminate(),
            60..64 => Some(self.nominate()),
            64..68 => self.nominated.pop().map(Change::Withdrawn),
            68..70 => Some(Change::Objects(Box::new(objects::objects(&mut self.dice)))),
            _ => None,
        }
    }

    fn departure(&mut self) -> Option<Change> {
        if self.placed.is_empty() {
            return None;
        }
        let index = self.dice.below(self.placed.len());
        let (pod, node) = self.placed.swap_remove(index);
        Some(Change::PodLeft(pod, node))
    }

    fn change_node(&mut self, change: impl FnOnce(&mut Dice, &mut Node)) -> Option<Change> {
        let index = self.dice.below(self.nodes.len());
        let mut node = Node::clone(self.nodes.get(index)?);
        change(&mut self.dice, &mut node);
        self.nodes[index] = Arc::new(node);
        Some(Change::NodeChanged(self.nodes[index].clone()))
    }

    fn relabel(&mut self) -> Option<Change> {
        self.change_node(|dice, node| node.labels = objects::node_labels(dice, &node.name))
    }

    fn taint(&mut self) -> Option<Change> {
        self.change_node(|dice, node| {
            node.taints = objects::taints(dice);
            node.unschedulable = dice.chance(10);
        })
    }

    fn loss(&mut self) -> Change {
        let index = self.dice.below(self.nodes.len());
        let node = self.nodes.remove(index);
        self.placed.retain(|(_, own)| *own != node.name);
        Change::NodeLeft(node.name.clone())
    }

    /// A pod that leaves and comes back as one that is about to end.
    fn terminate(&mut self) -> Option<Change> {
        let change = self.departure();
        if let Some(Change::PodLeft(pod, node)) = &change {
            let ending = PodInfo {
                name: format!("{}-ending", pod.name).into(),
                is_terminating: true,
                is_preempted: self.dice.chance(50),
                ..PodInfo::clone(pod)
            };
            self.placed.push((Arc::new(ending), node.clone()));
        }
        change
    }

    fn nominate(&mut self) -> Change {
        let mut pod = self.pod();
        pod.set_nominated_node(Some(self.dice.pick(&self.nodes).name.clone()));
        let pod = Arc::new(pod);
        self.nominated.push(pod.clone());
        Change::Nominated(pod)
    }
}

/// What a run came to, so that a test can say that it tested something.
#[derive(Default)]
struct Tally {
    placed: usize,
    waiting: usize,
    preempting: usize,
    refused: usize,
}

/// Runs one cluster through both deciders.
fn run(seed: u64, first: &mut dyn Decider, second: &mut dyn Decider, tally: &mut Tally) {
    let profile = profile();
    let mut world = World::new(seed);
    for change in world.begin() {
        first.change(&change);
        second.change(&change);
    }
    for step in 0..STEPS {
        let mut changes: Vec<Change> = world.next().into_iter().collect();
        if let [Change::PodLeft(pod, _)] = changes.as_slice() {
            let back = world.placed.last().cloned();
            let is_back =
                |(own, _): &(Arc<PodInfo>, Text)| own.name == format!("{}-ending", pod.name).into();
            changes.extend(
                back.filter(is_back)
                    .map(|(pod, node)| Change::PodBound(pod, node)),
            );
        }
        let pod = world.pod();
        let start = world.dice.below(world.nodes.len());
        let wanted = world.dice.pick(&[1, 3, usize::MAX, usize::MAX, usize::MAX]);
        for change in &changes {
            first.change(change);
            second.change(change);
        }
        let question = Question {
            profile: &profile,
            pod: &pod,
            start,
            wanted,
        };
        let place = format!("seed {seed} step {step} after {changes:?}");
        assert_eq!(first.order(), second.order(), "{place}");
        let decision = first.decide(&question);
        assert_eq!(decision, second.decide(&question), "{place}: {pod:?}");
        for change in settle(&mut world, pod, &decision, step, tally) {
            first.change(&change);
            second.change(&change);
        }
    }
}

/// What follows from a decision: the pod takes its place, or its victims go.
fn settle(
    world: &mut World,
    mut pod: PodInfo,
    decision: &Decision,
    step: usize,
    tally: &mut Tally,
) -> Vec<Change> {
    if decision.refusal.is_some() || decision.gate.is_some() {
        tally.refused += 1;
        return Vec::new();
    }
    if let Some(node) = decision.best.first() {
        tally.placed += 1;
        pod.set_started_secs(Some(step as i64));
        let pod = Arc::new(pod);
        world.placed.push((pod.clone(), node.clone()));
        return vec![Change::PodBound(pod, node.clone())];
    }
    let Some(node) = decision.nominated.first() else {
        tally.waiting += 1;
        return Vec::new();
    };
    tally.preempting += 1;
    let found = &decision.aftermath.preemption.candidates;
    let candidate = found.iter().find(|own| own.node == *node).unwrap();
    let mut changes = Vec::new();
    for victim in &candidate.victims {
        world.placed.retain(|(own, _)| !own.is(victim));
        changes.push(Change::PodLeft(victim.clone(), node.clone()));
    }
    pod.set_nominated_node(Some(node.clone()));
    let pod = Arc::new(pod);
    world.nominated.push(pod.clone());
    changes.push(Change::Nominated(pod));
    changes
}

#[test]
fn a_cache_kept_by_changes_decides_like_one_built_anew() {
    let mut tally = Tally::default();
    for seed in 0..clusters(CLUSTERS) {
        run(
            seed,
            &mut Kept::default(),
            &mut Fresh::default(),
            &mut tally,
        );
    }
    let Tally {
        placed,
        waiting,
        preempting,
        refused,
    } = tally;
    println!("{placed} placed, {waiting} waiting, {preempting} preempting, {refused} refused");
    assert!(placed > 100 && waiting > 100 && preempting > 10 && refused > 5);
}
