//! The fast form of the Kubernetes scheduler decides as the plain one: outcome, draw among equals,
//! message, preemption, and where the next search begins, after every change of the cluster.

use std::sync::Arc;

use windtunnel::model::SchedulerConfig;
use windtunnel::model::scheduler_config::{FitStrategy, PluginSet, SchedulerProfile};
use windtunnel::model::{Changes, Release, Text};
use windtunnel::policy::Setup;
use windtunnel::policy::kube_profiles::{add_machine, build_kube_profiles};
use windtunnel::policy::registered::{Registration, add_registered};
use windtunnel::scheduler::kube::cycle::{Failure, Nomination, Outcome, Round};
use windtunnel::scheduler::kube::{Cache, KubeProfile, PodClass, PodInfo, TieBreak};
use windtunnel::scheduler::pipeline::evaluate::Form;

use super::deciders::{self, Change};
use super::objects;
use super::{World, clusters};

/// How many clusters are tried, and how many decisions each sees.
const SMALL: (u64, usize) = (40, 400);
/// The same for clusters in which a search ends before every node was looked at.
const LARGE: (u64, usize) = (6, 250);

/// A cluster, and two schedulers that look at it.
struct Forms {
    world: World,
    cache: Cache,
    plain: Round,
    fast: Round,
    classes: Vec<Arc<PodClass>>,
    profiles: Vec<KubeProfile>,
}

#[derive(Default)]
struct Tally {
    decided: u64,
    fast: u64,
    placed: u64,
    preempting: u64,
    /// Failed and were decided fast.
    failed_fast: u64,
    /// Times that nodes left and came back.
    losses: u64,
}

/// The default profile, two that differ in everything that can be configured, and one with policies
/// of the registry.
fn profiles(changes: Changes) -> Vec<KubeProfile> {
    let named = |name: &str| SchedulerProfile {
        scheduler_name: name.into(),
        ..SchedulerProfile::default()
    };
    let mut packing = named("packing");
    packing.arguments.fit.strategy = FitStrategy::MostAllocated;
    packing.arguments.default_spread = Some(Vec::new());
    packing.points.insert(
        "multiPoint".to_owned(),
        PluginSet {
            enabled: vec![("NodeResourcesFit".to_owned(), 7)],
            disabled: vec!["NodeResourcesBalancedAllocation".to_owned()],
        },
    );
    let mut sparse = named("sparse");
    sparse.percentage_of_nodes_to_score = Some(100);
    sparse.arguments.fit.strategy =
        FitStrategy::RequestedToCapacityRatio(vec![(0, 0), (70, 10), (100, 3)]);
    sparse.arguments.ignore_preferred_terms_of_existing_pods = true;
    for point in ["filter", "score"] {
        let disabled = ["PodTopologySpread", "TaintToleration"];
        sparse.points.insert(
            point.to_owned(),
            PluginSet {
                enabled: Vec::new(),
                disabled: disabled.map(str::to_owned).into(),
            },
        );
    }
    let config = SchedulerConfig {
        profiles: vec![
            named("default-scheduler"),
            packing,
            sparse,
            named("registered"),
        ],
        ..SchedulerConfig::default()
    };
    let mut profiles = build_kube_profiles(&config, changes).unwrap();
    add_machine(&mut profiles[1]);
    // Policies of the pipeline beside the original's plugins.
    let registered = |name: &str, weight| Registration {
        name: name.to_owned(),
        weight: Some(weight),
        ..Registration::default()
    };
    let registrations = [
        registered("fgd", 2),
        registered("worst-fit", 3),
        registered("gpu-clustering", 1),
        registered("node-resources-fit", 1),
    ];
    add_registered(&mut profiles[3], &registrations, &Setup::default()).unwrap();
    profiles
}

impl Forms {
    fn new(seed: u64, nodes: usize) -> Self {
        let ties = match seed % 4 {
            0 => TieBreak::HeapRoot,
            1 => TieBreak::First,
            _ => TieBreak::random(seed, 0),
        };
        let release = Release::ALL[(seed / 4) as usize % Release::ALL.len()];
        // A small budget drops what is kept again and again.
        let budget = if seed.is_multiple_of(3) {
            20_000
        } else {
            1 << 28
        };
        let mut forms = Self {
            world: World::new(30_000 + seed),
            cache: Cache::default(),
            plain: Round::new(ties.clone(), Form::Plain),
            fast: Round::with_budget(ties, budget),
            classes: Vec::new(),
            profiles: profiles(release.changes()),
        };
        for change in forms.world.begin() {
            forms.apply(change);
        }
        while forms.world.nodes.len() < nodes {
            let change = forms.world.join();
            forms.apply(change);
        }
        forms
    }

    fn apply(&mut self, change: Change) {
        deciders::apply(&mut self.cache, change);
    }

    /// What happens to the cluster.
    fn happen(&mut self) {
        let world = &mut self.world;
        match world.dice.below(100) {
            40..70 => {
                if let Some(Change::PodLeft(pod, node)) = world.departure() {
                    self.apply(Change::PodLeft(pod, node));
                }
            }
            70..74 => self.terminate(),
            74..76 if world.dice.chance(20) => {
                if let Some(change) = world.relabel() {
                    self.apply(change);
                }
            }
            76..78 if world.dice.chance(20) => {
                if let Some(change) = world.taint() {
                    self.apply(change);
                }
            }
            78..80 if world.dice.chance(30) => self.set_down(),
            80..82 if world.dice.chance(20) => {
                let change = world.join();
                self.apply(change);
            }
            82..84 if world.dice.chance(20) && world.nodes.len() > 3 => {
                let change = world.loss();
                self.apply(change);
            }
            84..85 => {
                let change = world.nominate();
                self.apply(change);
            }
            85..95 => {
                for pod in std::mem::take(&mut world.nominated) {
                    self.apply(Change::Withdrawn(pod));
                }
            }
            95..96 if world.dice.chance(20) => {
                let objects = objects::objects(&mut world.dice);
                self.apply(Change::Objects(Box::new(objects)));
            }
            // A copy is somebody else to whoever follows the cache.
            96..97 if world.dice.chance(20) => self.cache = self.cache.clone(),
            _ => {}
        }
    }

    fn set_down(&mut self) {
        let node = self.world.dice.pick(&self.world.nodes);
        let is_down = self.world.dice.chance(50);
        self.cache.set_down(&node.name, is_down);
    }

    /// A pod is told to end and stays for now.
    fn terminate(&mut self) {
        let count = self.world.placed.len();
        if count == 0 {
            return;
        }
        let index = self.world.dice.below(count);
        let (pod, node) = self.world.placed[index].clone();
        let ending = Arc::new(PodInfo {
            is_terminating: true,
            is_preempted: self.world.dice.chance(50),
            ..PodInfo::clone(&pod)
        });
        self.cache.replace_pod(&ending, &node);
        self.world.placed[index] = (ending, node);
    }

    /// A pod of a class that was there before, most often.
    fn pod(&mut self) -> PodInfo {
        let is_new = self.classes.len() < 12 || self.world.dice.chance(4);
        if is_new {
            let mut spec = objects::pod_spec(&mut self.world.dice);
            if !self.world.dice.chance(5) {
                spec.volumes.clear();
            }
            spec.scheduling_gates.clear();
            let class = self.cache.class(&Arc::new(spec)).unwrap();
            self.classes.push(class);
        }
        self.world.made += 1;
        PodInfo {
            class: self.world.dice.pick(&self.classes),
            name: format!("pod-{}", self.world.made).into(),
            ..PodInfo::default()
        }
    }

    /// Nodes leave, pods look for places, and all is taken back, as in a trial of a planner.
    fn lose_for_a_while(&mut self, place: &str, depth: usize, tally: &mut Tally) {
        let dice = &mut self.world.dice;
        let count = 1 + dice.below(4);
        let lost = (0..count).map(|_| dice.pick(&self.world.nodes).name.clone());
        let lost: Vec<Text> = lost.collect();
        let nodes = self.cache.take_nodes(&lost);
        let mut placed = Vec::new();
        for _ in 0..=self.world.dice.below(6) {
            if depth > 0 && self.world.dice.chance(15) {
                self.lose_for_a_while(place, depth - 1, tally);
            }
            let (pod, outcome) = self.decide(place, tally);
            if let Outcome::Placed(slot) = outcome {
                let pod = Arc::new(pod);
                self.cache.add_pod_in(pod.clone(), slot);
                placed.push((pod, slot));
            }
        }
        while let Some((pod, slot)) = placed.pop() {
            self.cache.remove_pod_in(&pod, slot);
        }
        self.cache.put_back(nodes);
        tally.losses += 1;
    }

    fn step(&mut self, place: &str, tally: &mut Tally) {
        if self.world.dice.chance(5) {
            self.lose_for_a_while(place, 1, tally);
        } else {
            self.happen();
        }
        let (pod, outcome) = self.decide(place, tally);
        match outcome {
            Outcome::Placed(slot) => {
                let node = self.cache.node_in(slot).expect("a node").name().clone();
                let pod = Arc::new(pod);
                self.world.placed.push((pod.clone(), node.clone()));
                self.apply(Change::PodBound(pod, node));
            }
            Outcome::Failed(failure) => self.preempt(pod, failure, tally),
        }
    }

    /// Has both forms decide on a pod, which have to agree.
    fn decide(&mut self, place: &str, tally: &mut Tally) -> (PodInfo, Outcome) {
        let pod = self.pod();
        let profile = self.world.dice.pick(&self.profiles);
        let taken = self.fast.taken_fast();
        let fast = self.fast.decide(&profile, &self.cache, &pod);
        let is_fast = self.fast.taken_fast() > taken;
        let plain = self.plain.decide(&profile, &self.cache, &pod);
        assert_eq!(told(&fast), told(&plain), "{place}: {pod:?}");
        assert_eq!(self.fast.start, self.plain.start, "{place}");
        tally.decided += 1;
        match &plain {
            Outcome::Placed(_) => tally.placed += 1,
            Outcome::Failed(_) => tally.failed_fast += u64::from(is_fast),
        }
        (pod, plain)
    }

    fn preempt(&mut self, mut pod: PodInfo, failure: Failure, tally: &mut Tally) {
        let Nomination::Make(candidate) = failure.nomination else {
            return;
        };
        tally.preempting += 1;
        for victim in &candidate.victims {
            self.world.placed.retain(|(own, _)| !own.is(victim));
            self.apply(Change::PodLeft(victim.clone(), candidate.node.clone()));
        }
        pod.set_nominated_node(Some(candidate.node));
        let pod = Arc::new(pod);
        self.world.nominated.push(pod.clone());
        self.apply(Change::Nominated(pod));
    }
}

/// An outcome in a form that can be compared.
fn told(outcome: &Outcome) -> Result<usize, String> {
    match outcome {
        Outcome::Placed(slot) => Ok(*slot),
        Outcome::Failed(failure) => {
            let nomination = match &failure.nomination {
                Nomination::Make(candidate) => {
                    let victims = candidate.victims.iter();
                    let victims: Vec<String> = victims.map(|pod| pod.full_name()).collect();
                    format!("{} {victims:?}", candidate.node)
                }
                other => format!("{other:?}"),
            };
            let Failure {
                rejected_by,
                message,
                ..
            } = failure;
            Err(format!("{rejected_by:?} {message} {nomination}"))
        }
    }
}

#[track_caller]
fn check((usual, steps): (u64, usize), nodes: impl Fn(u64) -> usize) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..clusters(usual) {
        let mut forms = Forms::new(seed, nodes(seed));
        for step in 0..steps {
            forms.step(&format!("seed {seed} step {step}"), &mut tally);
        }
        tally.fast += forms.fast.taken_fast();
    }
    let Tally {
        decided,
        fast,
        placed,
        preempting,
        failed_fast,
        losses,
    } = tally;
    println!(
        "{decided} decided, {fast} of them fast, {placed} placed, {preempting} preempting, \
         {failed_fast} failed fast, {losses} losses taken back"
    );
    tally
}

#[test]
fn the_fast_form_decides_as_the_plain_one() {
    let tally = check(SMALL, |seed| 4 + seed as usize % 20);
    assert!(3 * tally.fast > tally.placed && tally.preempting > 50);
    assert!(tally.failed_fast > 100 && tally.losses > 300);
}

#[test]
fn the_fast_form_decides_as_the_plain_one_where_a_search_ends_early() {
    let tally = check(LARGE, |seed| 110 + 60 * (seed % LARGE.0) as usize);
    assert!(2 * tally.fast > tally.placed && tally.placed > 1_000);
}
