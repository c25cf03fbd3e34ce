//! What autoscalers of nodes simulate comes to the same in a cluster that takes changes back, hides
//! nodes and remembers what they refused as in one that is copied, loses nodes and is asked every
//! time: packings, estimates, growth, scale-down and consolidation, after every change.

use std::sync::Arc;

use windtunnel::autoscale::cluster_autoscaler::{
    GroupSize, GrowSettings, GrowView, Grower, Growth, Health, NodeGroup, PendingPod, PodGroup,
    ShrinkNode, ShrinkSettings, ShrinkView, Shrinker, Template, estimate, fits_template,
};
use windtunnel::autoscale::nodes::Daemons;
use windtunnel::autoscale::nodes::drain::{Budgets, NodeAmounts, NodePod, PodController, PodEnd};
use windtunnel::autoscale::provisioner::{
    Applicant, Consolidation, Leaver, Market, Offering, ReplacedNode, pack,
};
use windtunnel::autoscale::snapshot::{ClusterSnapshot, KubeSnapshot};
use windtunnel::model::{Changes, Node, PodRef, PodSpec, Text};
use windtunnel::policy::kube_profiles::add_machine;
use windtunnel::rng::Stream;
use windtunnel::scheduler::kube::{Cache, KubeProfile, PodClass, PodInfo};
use windtunnel::units::{Duration, Instant, NodeId, PodId, PodSlot, SortedMap};

use super::copied::{Plain, state};
use super::dice::Dice;
use super::{clusters, objects, profile};

/// How many clusters are tried, and how many questions each is asked.
const CLUSTERS: u64 = 24;
const STEPS: usize = 60;

/// A cluster in both forms, and what is asked of them.
struct Asked {
    dice: Dice,
    profile: Arc<KubeProfile>,
    /// The cluster as it is, kept by changes alone.
    cache: Cache,
    /// The fast form, kept by changes and asked.
    fast: KubeSnapshot,
    classes: Vec<Arc<PodClass>>,
    nodes: Vec<Arc<Node>>,
    placed: Vec<(PodRef, Arc<PodInfo>, Text)>,
    made: u32,
    offerings: Vec<Offering>,
    daemons: Daemons,
    shrinkers: [Shrinker; 2],
    growers: [Grower; 2],
    now: Instant,
}

#[derive(Debug, Default)]
struct Tally {
    local: usize,
    others: usize,
    bought: usize,
    gone: usize,
    merged: usize,
    unneeded: usize,
    grown: usize,
}

impl Asked {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(70_000 + seed);
        let mut profile = profile();
        if seed.is_multiple_of(2) {
            add_machine(&mut profile);
        }
        let profile = Arc::new(profile);
        let mut cache = Cache::default();
        *cache.objects = objects::objects(&mut dice);
        let shrink = ShrinkSettings {
            unneeded: Duration::from_secs(60),
            recheck: Duration::from_secs(30),
            ..ShrinkSettings::default()
        };
        let mut asked = Self {
            fast: KubeSnapshot::new(cache.clone(), profile.clone()),
            dice,
            profile,
            cache,
            classes: Vec::new(),
            nodes: Vec::new(),
            placed: Vec::new(),
            made: 0,
            offerings: Vec::new(),
            daemons: Daemons::default(),
            shrinkers: [Shrinker::new(shrink.clone()), Shrinker::new(shrink)],
            growers: [
                Grower::new(GrowSettings::default()),
                Grower::new(GrowSettings::default()),
            ],
            now: Instant::ZERO,
        };
        for _ in 0..asked.dice.between(3, 30) {
            asked.join();
        }
        for number in 0..asked.dice.between(1, 6) {
            let mut node = objects::node(&mut asked.dice, "offered");
            node.unschedulable = false;
            asked.offerings.push(Offering {
                instance_type: format!("t{}", number / 2).into(),
                node: Arc::new(node),
                price: asked.dice.between(1, 40),
                priced_as: "".into(),
                is_spot: asked.dice.chance(30),
                pool: 0,
            });
        }
        if asked.dice.chance(40) {
            let spec = Arc::new(asked.spec());
            let pod = PodInfo {
                class: Arc::new(PodClass::derive(spec.clone(), Changes::default()).unwrap()),
                name: "daemon".into(),
                ..PodInfo::default()
            };
            asked.daemons = Daemons::new(vec![(spec, Arc::new(pod))]);
        }
        asked
    }

    fn spec(&mut self) -> PodSpec {
        let mut spec = objects::pod_spec(&mut self.dice);
        spec.scheduling_gates.clear();
        if !self.dice.chance(10) {
            spec.volumes.clear();
        }
        if self.dice.chance(60) {
            spec.topology_spread.clear();
            spec.affinity.required_pod_affinity.clear();
            spec.affinity.required_pod_anti_affinity.clear();
        }
        spec
    }

    fn pod(&mut self) -> (PodRef, Arc<PodInfo>) {
        if self.classes.len() < 8 || self.dice.chance(3) {
            let class = PodClass::derive(Arc::new(self.spec()), Changes::default()).unwrap();
            self.classes.push(Arc::new(class));
        }
        self.made += 1;
        let pod = PodInfo {
            class: self.dice.pick(&self.classes),
            uid: u64::from(self.made),
            name: format!("pod-{}", self.made).into(),
            ..PodInfo::default()
        };
        let reference = PodRef {
            id: PodId(self.made),
            slot: PodSlot(self.made),
        };
        (reference, Arc::new(pod))
    }

    fn pods(&mut self, most: i64) -> Vec<(PodRef, Arc<PodInfo>)> {
        (0..self.dice.between(1, most))
            .map(|_| self.pod())
            .collect()
    }

    fn join(&mut self) {
        self.made += 1;
        let node = objects::node(&mut self.dice, &format!("node-{}", self.made));
        let node = Arc::new(node);
        self.cache.add_node(node.clone()).unwrap();
        self.fast.follow_nodes(&[], [node.clone()]).unwrap();
        self.nodes.push(node);
    }

    /// What happens to the cluster.
    fn happen(&mut self) {
        match self.dice.below(100) {
            0..55 => {
                let (id, pod) = self.pod();
                let start = self.dice.below(self.nodes.len());
                let fitting = self.plain().first_round(&pod, start);
                let place = fitting.unwrap_or(start);
                if fitting.is_some() || self.dice.chance(20) {
                    let name = self.fast.nodes()[place].clone();
                    self.cache.add_pod(pod.clone(), &name).unwrap();
                    self.fast.place(&pod, place);
                    self.placed.push((id, pod, name));
                }
            }
            55..80 if !self.placed.is_empty() => {
                let index = self.dice.below(self.placed.len());
                let (_, pod, name) = self.placed.swap_remove(index);
                self.cache.remove_pod(&pod, &name);
                let place = self.fast.place_of(&name).unwrap();
                self.fast.displace(&pod, place);
            }
            80..85 => self.join(),
            85..90 if self.nodes.len() > 2 => {
                let index = self.dice.below(self.nodes.len());
                let name = self.nodes.swap_remove(index).name.clone();
                self.placed.retain(|own| own.2 != name);
                self.cache.remove_node(&name);
                self.fast.follow_nodes(&[name], []).unwrap();
            }
            90..96 => {
                let index = self.dice.below(self.nodes.len());
                let mut node = Node::clone(&self.nodes[index]);
                node.taints = objects::taints(&mut self.dice);
                let is_down = self.dice.chance(20);
                let node = Arc::new(node);
                self.cache.update_node(node.clone()).unwrap();
                self.cache.set_down(&node.name, is_down);
                self.fast.follow_node(&node, is_down).unwrap();
                self.nodes[index] = node;
            }
            _ => {}
        }
    }

    fn plain(&self) -> Plain {
        Plain::new(self.cache.clone(), self.profile.clone())
    }

    /// The same question to both; all is as before after it.
    fn ask<T: PartialEq + std::fmt::Debug>(
        &mut self,
        place: &str,
        fast: impl FnOnce(&mut KubeSnapshot) -> T,
        plain: impl FnOnce(&mut Plain) -> T,
    ) -> T {
        let known = state(&self.cache);
        self.fast.mark();
        let answer = fast(&mut self.fast);
        self.fast.undo();
        assert_eq!(state(self.fast.cache()), known, "{place}: taken back");
        assert_eq!(answer, plain(&mut self.plain()), "{place}");
        answer
    }

    fn step(&mut self, place: &str, tally: &mut Tally) {
        self.now = self
            .now
            .saturating_add(Duration::from_secs(self.dice.between(5, 40)));
        for _ in 0..self.dice.between(1, 8) {
            self.happen();
        }
        for class in self.classes.clone() {
            let pod = PodInfo {
                class,
                ..PodInfo::default()
            };
            let is_local = self.fast.is_local(&Arc::new(pod));
            tally.local += usize::from(is_local);
            tally.others += usize::from(!is_local);
        }
        match self.dice.below(5) {
            0 => self.packs(place, tally),
            1 => self.consolidates(place, tally),
            2 => self.estimates(place),
            3 => self.shrinks(place, tally),
            _ => self.grows(place, tally),
        }
    }

    fn packs(&mut self, place: &str, tally: &mut Tally) {
        let pods = self.pods(25);
        let (offerings, daemons) = (self.offerings.clone(), self.daemons.clone());
        let open: Vec<usize> = (0..offerings.len()).collect();
        let market = || Market::new(&offerings, &open, &daemons);
        let pods = pods.iter().map(|(pod, info)| (*pod, wanted(info)));
        let wanted: Vec<(PodRef, Applicant)> = pods.collect();
        let packed = self.ask(
            place,
            |fast| pack(&mut market(), fast, &wanted).unwrap(),
            |plain| pack(&mut market(), plain, &wanted).unwrap(),
        );
        tally.bought += packed.new.len();
    }

    /// Nodes that might go, in any order, each as if it were of one of the offerings.
    fn leavers(&mut self) -> Vec<Leaver> {
        let mut nodes = self.nodes.clone();
        let mut leavers = Vec::new();
        while !nodes.is_empty() && leavers.len() < 8 {
            let index = self.dice.below(nodes.len());
            let node = nodes.swap_remove(index);
            let own = self.dice.pick(&self.offerings);
            let place = self.nodes.iter().position(|own| own.name == node.name);
            leavers.push(Leaver {
                node: NodeId(place.unwrap() as u32),
                name: node.name.clone(),
                replaced: ReplacedNode {
                    instance_type: own.instance_type,
                    price: own.price,
                    is_spot: own.is_spot,
                },
            });
        }
        leavers
    }

    fn consolidates(&mut self, place: &str, tally: &mut Tally) {
        let leavers = self.leavers();
        let (offerings, daemons) = (self.offerings.clone(), self.daemons.clone());
        let open: Vec<usize> = (0..offerings.len()).collect();
        let (spot_to_spot, room) = (self.dice.chance(50), self.dice.below(9).min(leavers.len()));
        let (nodes, placed) = (self.nodes.clone(), self.placed.clone());
        let pods_of = |node: NodeId| {
            let name = &nodes[node.index()].name;
            let own = placed.iter().filter(|own| own.2 == *name);
            own.map(|own| (own.0, wanted(&own.1))).collect()
        };
        macro_rules! found {
            ($cluster:expr) => {{
                let mut market = Market::new(&offerings, &open, &daemons);
                let mut look = Consolidation {
                    cluster: $cluster,
                    market: &mut market,
                    pods: &mut |node| pods_of(node),
                    waiting: &[],
                    going: &[],
                    spot_to_spot,
                    daemons_repel: daemons.repel(),
                };
                let found = look.find(&leavers[..room], &leavers).unwrap();
                let alone = leavers.iter().map(|own| {
                    let own = std::slice::from_ref(own);
                    let packed = look.without(own).unwrap();
                    (packed, look.replacement(own).unwrap())
                });
                let alone: Vec<_> = alone.collect();
                (found, alone)
            }};
        }
        let (found, _) = self.ask(place, |fast| found!(fast), |plain| found!(plain));
        tally.gone += usize::from(found.is_some());
        tally.merged += usize::from(found.is_some_and(|own| own.nodes.len() > 1));
    }

    fn template(&mut self) -> Template {
        let node = self.dice.pick(&self.offerings).node;
        Template {
            daemons: self.daemons.on(&node),
            node,
        }
    }

    fn estimates(&mut self, place: &str) {
        let template = self.template();
        let mut groups: Vec<PodGroup> = Vec::new();
        for (_, pod) in self.pods(20) {
            let own = groups
                .iter_mut()
                .find(|own| Arc::ptr_eq(&own.pods[0].class, &pod.class));
            match own {
                Some(own) => own.pods.push(pod),
                None => groups.push(PodGroup { pods: vec![pod] }),
            }
        }
        let most = self.dice.below(6);
        macro_rules! estimated {
            ($cluster:expr) => {{
                let fits = groups
                    .iter()
                    .map(|own| fits_template($cluster, &template, &own.pods[0]).unwrap());
                let fits: Vec<bool> = fits.collect();
                let fitting = groups.iter().zip(&fits).filter(|(_, fits)| **fits);
                let fitting: Vec<PodGroup> = fitting.map(|(own, _)| own.clone()).collect();
                (fits, estimate($cluster, &template, &fitting, most).unwrap())
            }};
        }
        self.ask(place, |fast| estimated!(fast), |plain| estimated!(plain));
    }

    fn grows(&mut self, place: &str, tally: &mut Tally) {
        let templates = [self.template(), self.template()];
        let groups = templates.into_iter().enumerate();
        let groups: Vec<NodeGroup> = groups
            .map(|(number, template)| NodeGroup {
                id: format!("g{number}").into(),
                min: 0,
                max: 6,
                target: 1,
                unready: 0,
                template: Some(template),
                instance_type: None,
                quota: None,
            })
            .collect();
        let pending: Vec<PendingPod> = self
            .pods(15)
            .into_iter()
            .map(|(_, info)| PendingPod {
                info,
                age: Duration::from_secs(60),
            })
            .collect();
        let health = Health {
            nodes: self.nodes.len(),
            unready: 0,
        };
        let now = self.now;
        let [mut first, mut second] = self.growers.clone();
        let rng = || Stream::new(now.as_nanos() as u64, "expander", 0);
        let view = GrowView {
            groups: &groups,
            health,
            pending: &pending,
        };
        let growth = self.ask(
            place,
            |fast| first.plan(now, fast, &view, &mut rng()).unwrap(),
            |plain| second.plan(now, plain, &view, &mut rng()).unwrap(),
        );
        for grower in [&mut first, &mut second] {
            grower.expire(now, &SortedMap::new());
            grower.registered("g0");
        }
        self.growers = [first, second];
        tally.grown += usize::from(matches!(growth, Growth::Grow { .. }));
    }

    fn shrink_nodes(&mut self) -> Vec<ShrinkNode> {
        let nodes = self.nodes.iter().map(|node| {
            let own = self.placed.iter().filter(|own| own.2 == node.name);
            let own: Vec<&Arc<PodInfo>> = own.map(|(_, pod, _)| pod).collect();
            let pods = own.iter().map(|pod| NodePod {
                name: pod.name.text(),
                namespace: pod.spec().namespace.clone(),
                controller: PodController::Replicating,
                end: PodEnd::Running,
                age: Duration::from_secs(600),
                deletion: None,
                safe_to_evict: None,
                local_volumes: windtunnel::units::SortedSet::new(),
                budgets: Vec::new(),
                requests: NodeAmounts {
                    cpu_milli: pod.class.requests.cpu_milli,
                    memory_bytes: pod.class.requests.memory,
                    gpus: 0,
                },
            });
            let info = self.cache.node(&node.name).unwrap();
            ShrinkNode {
                name: node.name.clone(),
                group: Some("g".into()),
                amounts: NodeAmounts {
                    cpu_milli: info.allocatable.cpu_milli,
                    memory_bytes: info.allocatable.memory,
                    gpus: 0,
                },
                is_ready: !info.is_down,
                is_kept: false,
                pods: Arc::new(pods.collect()),
            }
        });
        nodes.collect()
    }

    fn shrinks(&mut self, place: &str, tally: &mut Tally) {
        let nodes = self.shrink_nodes();
        let size = GroupSize {
            nodes: nodes.len(),
            min: 1,
        };
        let groups = SortedMap::from([("g".into(), size)]);
        let view = ShrinkView {
            nodes: &nodes,
            groups: &groups,
            budgets: &Budgets::default(),
            going: (0, 0),
        };
        let now = self.now;
        let [mut first, mut second] = self.shrinkers.clone();
        let plan = self.ask(
            place,
            |fast| first.plan(now, fast, &view),
            |plain| second.plan(now, plain, &view),
        );
        self.shrinkers = [first, second];
        tally.unneeded += plan.unneeded.len();
    }
}

#[test]
fn what_is_simulated_fast_comes_to_the_same_as_plainly() {
    let mut tally = Tally::default();
    for seed in 0..clusters(CLUSTERS) {
        let mut asked = Asked::new(seed);
        for step in 0..STEPS {
            asked.step(&format!("seed {seed} step {step}"), &mut tally);
        }
    }
    assert!(tally.local > 500 && tally.others > 500, "{tally:?}");
    assert!(
        tally.bought > 100 && tally.gone > 20 && tally.merged > 5,
        "{tally:?}"
    );
    assert!(tally.unneeded > 50 && tally.grown > 50, "{tally:?}");
}

fn wanted(info: &Arc<PodInfo>) -> Applicant {
    Applicant::of(info.clone(), Changes::default())
}
